/** Transactions that were overtaken: what one request takes, and how many wait. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BusyError } from '../../../lib/errors.ts'
import { OvertakenTransactions } from '../../../lib/objects/overtaken.ts'
import { STEPS_MAX } from '../../../lib/objects/total-map-machine.ts'
import { Transaction } from '../../../lib/objects/transaction.ts'
import { encodeValue } from '../../../lib/values.ts'
import { asked, settled } from './requests.ts'

/** Of a map in which there is nothing, and whose answers are given by the test. */
function made() {
  const requests: { readonly steps: number; answer(committed: unknown): void }[] = []
  const overtaken = new OvertakenTransactions<unknown>({
    self: 'a',
    versionNow: () => 0,
    entry: () => undefined,
    begin: (entry) =>
      new Transaction({
        read: entry,
        isShown: (each) => each !== undefined,
        value: (each) => each?.value as never,
        encode: encodeValue,
      }),
    call: (body) =>
      new Promise((resolve) => {
        const [op, ...steps] = body as unknown[]
        requests.push({ steps: op === 0 ? 1 : steps.length, answer: resolve })
      }),
  })
  const add = (value: unknown = 1) => asked(overtaken.add((view) => view.set('k', value)))
  const sizes = () => requests.map(({ steps }) => steps)
  return { overtaken, requests, add, sizes }
}

test('overtaken › a request has so many steps at most, and those that find no room come with the next', async () => {
  const { requests, add, sizes } = made()
  const all = Array.from({ length: STEPS_MAX + 1 }, () => add())
  await settled()
  assert.deepEqual(sizes(), [STEPS_MAX])
  requests[0]?.answer(Array.from({ length: STEPS_MAX }, (_, i) => (i === 1 ? null : [i + 1, 0])))
  await settled()
  assert.deepEqual(sizes(), [STEPS_MAX, 2])
  requests[1]?.answer([
    [65, 0],
    [66, 0],
  ])
  await settled()
  assert.deepEqual(
    [0, 1, STEPS_MAX].map((i) => (all[i]?.result as { version: number } | undefined)?.version),
    [1, 66, 65],
  )
})

test('overtaken › a request of several steps is no larger than 64 KiB', async () => {
  // Twice what is written, which takes three bytes more, and its key.
  for (const [size, steps] of [
    [32_764, 2],
    [32_765, 1],
  ] as const) {
    const { add, sizes } = made()
    add(new Uint8Array(size))
    add(new Uint8Array(size))
    await settled()
    assert.deepEqual(sizes(), [steps], `${size}`)
  }
  const { add, sizes } = made()
  add(new Uint8Array(100_000))
  await settled()
  assert.deepEqual(sizes(), [1])
})

test('overtaken › 1,024 wait, and no more', async () => {
  const { requests, add } = made()
  const all = Array.from({ length: 1_024 }, () => add())
  const late = add()
  await settled()
  assert.ok(late.result instanceof BusyError)
  assert.ok(all.every(({ result }) => result === 'pending'))
  requests[0]?.answer(Array.from({ length: STEPS_MAX }, (_, i) => [i + 1, 0]))
  await settled()
  const next = add()
  await settled()
  assert.equal(next.result, 'pending')
})
