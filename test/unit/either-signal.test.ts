/** One signal of two, with the platform's means and without. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eitherSignal } from '../../lib/either-signal.ts'
import { withoutAbortSignalAny } from './without-any.ts'

for (const [mode, prepare] of [
  ['with AbortSignal.any', () => undefined],
  ['without it', withoutAbortSignalAny],
] as const) {
  test(`either signal › aborts with the reason of whichever does first, ${mode}`, (t) => {
    prepare(t)
    for (const first of [0, 1] as const) {
      const two = [new AbortController(), new AbortController()] as const
      const either = eitherSignal(two[0].signal, two[1].signal)
      assert.equal(either.aborted, false)
      two[first].abort('first')
      two[1 - first]?.abort('second')
      assert.deepEqual([either.aborted, either.reason], [true, 'first'])
    }
    assert.equal(eitherSignal(new AbortController().signal, AbortSignal.abort('before')).reason, 'before')
    assert.equal(eitherSignal(AbortSignal.abort('before'), new AbortController().signal).reason, 'before')
  })
}
