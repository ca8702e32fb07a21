/**
 * T7 One outcome: of each call of a service there is one recorded outcome in a line, the same at all who serve; a member that
 * has it recorded does not run the call again; a client is told that outcome. Runs of one call have tokens that grow.
 */
import type { TraceToken } from '../../../lib/testing/trace.ts'
import { parseViewId } from '../../../lib/testing/trace-names.ts'
import { type Checker, type Result, Verdict } from './checker.ts'
import type { Located } from './model.ts'
import type { Run } from './run.ts'

/** The errors of calls that say nothing of an outcome. */
const REMOTE = 'remote'

export const checker: Checker = {
  property: 'T7',
  check(run: Run): Result {
    const verdict = new Verdict('T7')
    const recorded = checkRecords(run, verdict)
    checkRuns(run, verdict)
    const asked = new Map(run.of('invoke').map(({ data }) => [`${data.p} ${data.id}`, data]))
    for (const { data, line } of run.of('return')) {
      const call = asked.get(`${data.p} ${data.id}`)
      if (call?.f !== 'callService' || (!data.ok && data.value !== REMOTE)) continue
      const [value] = call.args as [number]
      const outcomes = recorded.get(`${call.obj} ${value}`) ?? []
      const isRecorded = outcomes.some(({ data: { ok, by } }) =>
        data.ok ? ok && JSON.stringify(data.value) === JSON.stringify([by, value]) : !ok,
      )
      verdict.expect(
        isRecorded,
        () => `${data.p} is told ${JSON.stringify(data.value)} of call ${value}, which nobody has recorded`,
        line,
      )
    }
    return verdict
  },
}

/** All that is recorded, by service and call. */
function checkRecords(run: Run, verdict: Verdict): Map<string, Located<'outcome'>[]> {
  const byCall = new Map<string, Located<'outcome'>[]>()
  for (const outcome of run.of('outcome')) {
    const { data, space, line } = outcome
    const key = `${data.obj} ${data.call}`
    const known = byCall.get(key) ?? []
    byCall.set(key, known)
    const other = known.find((each) => each.space?.data.line === space?.data.line)
    verdict.expect(
      other === undefined || (other.data.by === data.by && other.data.ok === data.ok),
      () =>
        `${data.p} records what ${data.by} brings of call ${data.call}, ${other?.data.p} what ${other?.data.by} does`,
      line,
    )
    known.push(outcome)
  }
  return byCall
}

function checkRuns(run: Run, verdict: Verdict): void {
  const recorded = new Map<string, string>()
  /** By call and line: the highest token, and who ran it. */
  const last = new Map<string, { readonly p: string; readonly token: TraceToken }>()
  const all = [...run.of('outcome'), ...run.of('ran')].sort((a, b) => a.line - b.line)
  for (const { data, line, space } of all) {
    const key = `${data.p} ${data.obj} ${data.call} ${space?.data.line}`
    if (data.e === 'outcome') {
      recorded.set(key, data.by)
      continue
    }
    verdict.expect(
      !recorded.has(key),
      () => `${data.p} runs call ${data.call}, and has the outcome of ${recorded.get(key)} recorded`,
      line,
    )
    const place = `${data.obj} ${data.call} ${data.token[0]}`
    const before = last.get(place)
    if (before !== undefined && before.p !== data.p)
      verdict.expect(
        compare(before.token, data.token) !== 0,
        () => `${data.p} and ${before.p} run call ${data.call} under one token`,
        line,
      )
    last.set(place, { p: data.p, token: data.token })
  }
}

function compare(a: TraceToken, b: TraceToken): number {
  const x = parseViewId(a[1])
  const y = parseViewId(b[1])
  return x.epoch - y.epoch || x.n - y.n || a[2] - b[2]
}
