/**
 * A reporter for Node's test runner that writes one JSON line: how many tests passed and failed.
 *
 * Suites are not tests; a failed suite counts only when none of its tests did (a hook failed, say).
 */

/** Named by `--test-reporter`, which takes a default export. */
export default async function* countReporter(source) {
  let passed = 0
  let failed = 0
  let failedSuites = 0
  for await (const event of source) {
    if (event.type !== 'test:pass' && event.type !== 'test:fail') continue
    const { data } = event
    if (data.skip !== undefined || data.todo !== undefined) continue
    const isSuite = data.details?.type === 'suite'
    if (event.type === 'test:fail') isSuite ? failedSuites++ : failed++
    else if (!isSuite) passed++
  }
  if (failed === 0) failed = failedSuites
  yield `${JSON.stringify({ passed, failed })}\n`
}
