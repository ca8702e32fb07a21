/** A browser of before `AbortSignal.any` (Safari before 17.4). */
import type { TestContext } from 'node:test'

/** Takes it away until the test ends. */
export function withoutAbortSignalAny(t: TestContext): void {
  const any = Object.getOwnPropertyDescriptor(AbortSignal, 'any')
  Reflect.deleteProperty(AbortSignal, 'any')
  t.after(() => any && Object.defineProperty(AbortSignal, 'any', any))
}
