/**
 * The few assertions that browser tests need.
 */

/** Fails with `message` unless `value` is true. */
export function assertTrue(value: boolean, message: string): asserts value {
  if (!value) throw new Error(message)
}

/** Fails unless both are the same as JSON. */
export function assertEqual(actual: unknown, expected: unknown, message = 'not equal'): void {
  const a = JSON.stringify(actual)
  const b = JSON.stringify(expected)
  if (a !== b) throw new Error(`${message}: got ${a}, expected ${b}`)
}

/** Fails unless the promise rejects with a message that matches. */
export async function assertRejects(promise: Promise<unknown>, message: RegExp): Promise<void> {
  let error: unknown
  try {
    await promise
  } catch (caught) {
    error = caught
  }
  if (!(error instanceof Error)) throw new Error('did not reject')
  if (!message.test(error.message)) throw new Error(`rejected with: ${error.message}`)
}
