/** The machines of transactions, by themselves: what is malformed, what waits, what is remembered. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ValueError } from '../../../lib/errors.ts'
import { ATOMIC_ANSWER, AtomicMachine } from '../../../lib/objects/atomic-machine.ts'
import { BoundedMachine } from '../../../lib/objects/bounded-counter.ts'
import { LEDGER_MAX, LedgerMachine } from '../../../lib/objects/ledger-machine.ts'
import { QueueMachine } from '../../../lib/objects/queue-machine.ts'
import { RegisterMachine } from '../../../lib/objects/register-machine.ts'
import type { Answer, Caller, MachineContext } from '../../../lib/objects/state-machine.ts'
import { TotalMapMachine } from '../../../lib/objects/total-map-machine.ts'

const KEY = ['p', 0, 1]
const OTHER = ['q', 0, 1]
const VALUE = Uint8Array.of(0)

/** A context that notes what is answered late. */
function contextOf(members: readonly string[] = ['p', 'q']): MachineContext & { readonly late: [Caller, Answer][] } {
  const late: [Caller, Answer][] = []
  let n = 0
  return {
    late,
    view: '1.p.0',
    line: 'L',
    isPrimary: true,
    members: new Set(members),
    ranked: members,
    nextToken: () => {
      n += 1
      return ['L', '1.p.0', n]
    },
    answer: (caller, answer) => void late.push([caller, answer]),
  }
}

const by = (call: number, process = 'p'): Caller => ({ process, call })

test('atomic machine › while it is held all wait, in their order, and go on when it is let go', () => {
  const machine = new AtomicMachine(new BoundedMachine(0, 10))
  const context = contextOf()
  assert.deepEqual(machine.apply([1, 4], by(1), context), [true, 4])
  assert.deepEqual(machine.apply(['prepare', KEY, ['a'], [4, 5]], by(2), context), [true, ATOMIC_ANSWER.held])
  assert.equal(machine.apply([0], by(1, 'q'), context), 'waits')
  assert.equal(machine.apply(['prepare', OTHER, ['a'], [9, -9]], by(2, 'q'), context), 'waits')
  assert.equal(machine.apply([0], by(3, 'q'), context), 'waits')
  machine.cancel(by(3, 'q'), context)
  const copy = new AtomicMachine(new BoundedMachine(0, 10))
  copy.load(machine.save())
  for (const each of [machine, copy]) {
    const heard = contextOf()
    assert.deepEqual(each.apply(['end', OTHER, true], by(9), heard), [true, null], 'nothing is held for that one')
    assert.deepEqual(each.apply(['end', KEY, true], by(3), heard), [true, null])
    assert.deepEqual(heard.late, [
      [by(1, 'q'), [true, 9]],
      [by(2, 'q'), [true, ATOMIC_ANSWER.held]],
    ])
    assert.deepEqual(each.held?.key, OTHER)
    assert.deepEqual(each.apply(['end', OTHER, false], by(4), heard), [true, null])
    assert.deepEqual(each.apply([0], by(5), heard), [true, 9])
  }
  assert.deepEqual(machine.save(), copy.save())
})

test('atomic machine › what was read and has changed is refused, and so is what passes a bound', () => {
  const machine = new AtomicMachine(new BoundedMachine(0, 10))
  const context = contextOf()
  assert.deepEqual(machine.apply(['prepare', KEY, ['a'], [1, 5]], by(1), context), [true, ATOMIC_ANSWER.stale])
  assert.equal((machine.apply(['prepare', KEY, ['a'], [0, 11]], by(2), context) as Answer)[1], 'out-of-bounds')
  assert.equal(machine.held, null)
  assert.deepEqual(machine.apply(['alone', [0, 3]], by(3), context), [true, ATOMIC_ANSWER.done])
  assert.deepEqual(machine.apply(['alone', [0, 3]], by(4), context), [true, ATOMIC_ANSWER.stale])
})

test('atomic machine › a queue goes on while items are about to be added, and keeps room for them', () => {
  const queue = new QueueMachine({ maxTries: 0, maxSize: 2 })
  const machine = new AtomicMachine(queue)
  const context = contextOf()
  machine.apply([0, VALUE, 0, 0, true], by(1), context)
  assert.deepEqual(machine.apply(['prepare', KEY, ['a'], [[VALUE, 0, 0]]], by(2), context), [true, ATOMIC_ANSWER.held])
  assert.equal(machine.apply([1, 0], by(3), context), 'waits')
  assert.deepEqual(context.late, [[by(3), [true, [1, ['L', '1.p.0', 1]]]]], 'a take is answered at once')
  assert.equal(machine.apply([0, VALUE, 0, 0, false], by(4), context), 'waits', 'an add waits')
  machine.apply(['end', KEY, true], by(5), context)
  assert.equal(queue.items.size, 2)
  assert.deepEqual(context.late.at(-1), [by(4), [false, 'busy', 'the queue is full']])
  assert.equal((machine.apply(['alone', [[VALUE, 0, 0]]], by(6), context) as Answer)[1], 'busy')
})

test('atomic machine › malformed requests and states change nothing', () => {
  const makers = [
    { make: () => new TotalMapMachine(), good: [[], ['k', VALUE]], bad: [null, [[]], [['k'], []], [[], ['k', 1]]] },
    { make: () => new RegisterMachine(), good: [0, VALUE], bad: [null, [0], [-1, VALUE], [0, 'x']] },
    { make: () => new BoundedMachine(0, 9), good: [0, 1], bad: [null, [0], ['0', 1], [0, 0.5]] },
    {
      make: () => new QueueMachine({ maxTries: 0, maxSize: 9 }),
      good: [[VALUE, 0, 0]],
      bad: [null, [1], [[1, 0, 0]], [[VALUE, 0.5, 0]], [[VALUE, 0, -1]]],
    },
  ]
  for (const { make, good, bad } of makers) {
    const machine = new AtomicMachine(make())
    const context = contextOf()
    const before = JSON.stringify(machine.save())
    for (const part of bad) {
      assert.equal(machine.apply(['prepare', KEY, ['a'], part], by(1), context), null, JSON.stringify(part))
      assert.equal(machine.apply(['alone', part], by(1), context), null, JSON.stringify(part))
    }
    for (const body of [
      ['prepare', ['', 0, 1], ['a'], good],
      ['prepare', ['p', 0, 0], ['a'], good],
      ['prepare', KEY, [], good],
      ['prepare', KEY, Array.from({ length: 65 }, () => 'a'), good],
      ['prepare', KEY, ['a'], good, 1],
      ['alone', good, 1],
      ['end', KEY],
      ['end', KEY, 1],
      ['end', 'x', true],
    ])
      assert.equal(machine.apply(body, by(1), context), null, JSON.stringify(body))
    assert.equal(JSON.stringify(machine.save()), before)
    const [saved] = machine.save() as unknown[]
    for (const state of [
      null,
      [saved],
      [saved, 1, []],
      [saved, [KEY, ['a']], []],
      [saved, null, [['p', 1]]],
      [saved, null, [['p', 0, []]]],
    ])
      assert.throws(() => machine.load(state), ValueError, JSON.stringify(state))
    assert.deepEqual(machine.apply(['prepare', KEY, Array.from({ length: 64 }, () => 'a'), good], by(1), context), [
      true,
      ATOMIC_ANSWER.held,
    ])
  }
})

test('ledger › the first decision counts, and what is given up takes all before it along', () => {
  const ledger = new LedgerMachine()
  const context = contextOf()
  const decide = (n: number, isCommitted: boolean, process = 'p'): unknown =>
    ledger.apply([0, ['p', 0, n], isCommitted, ['a', 'b']], by(n, process), context)
  assert.deepEqual(decide(1, true), [true, true])
  assert.deepEqual(decide(1, false, 'q'), [true, true])
  assert.deepEqual(decide(3, false, 'q'), [true, false])
  assert.deepEqual(decide(3, true), [true, false])
  assert.deepEqual(decide(2, true), [true, false])
  assert.deepEqual(decide(4, true), [true, true])
  assert.equal(decide(5, true, 'q'), null, 'nobody commits what is another’s')
  // All have ended it: nobody asks any more.
  ledger.apply([1, ['p', 0, 1], ['a', 'b']], by(9), context)
  ledger.apply([1, ['p', 0, 4], ['a']], by(9), context)
  assert.deepEqual(ledger.save(), [[[['p', 0, 4], ['b']]], [['p', 0, 3]]])
  const copy = new LedgerMachine()
  copy.load(ledger.save())
  assert.deepEqual(copy.save(), ledger.save())
  ledger.release('p')
  assert.deepEqual((ledger.save() as unknown[])[1], [])
  for (const body of [
    null,
    [],
    [0, ['p', 0, 1], true],
    [0, ['p', 0, 1], 1, ['a']],
    [0, ['p', 0, 1], true, []],
    [1, ['p', 0, 1]],
    [1, ['p', 0, 1], 'a'],
    [2, ['p', 0, 1], ['a']],
  ])
    assert.equal(ledger.apply(body, by(1), context), null, JSON.stringify(body))
  for (const state of [null, [[]], [[[['p', 0, 1], []]], []], [[], [['', 0, 1]]], [[], [['p', 0]]]])
    assert.throws(() => ledger.load(state), ValueError, JSON.stringify(state))
})

test('ledger › of makers that are not there, the oldest are forgotten beyond the limit', () => {
  const ledger = new LedgerMachine()
  const context = contextOf(['q'])
  const aborted = (): string[] => ((ledger.save() as unknown[][])[1] as [string][]).map(([process]) => process)
  ledger.apply([0, ['q', 0, 1], false, ['a']], by(1, 'q'), context)
  for (let i = 1; i < LEDGER_MAX; i += 1) ledger.apply([0, [`p${i}`, 0, 1], false, ['a']], by(1, 'q'), context)
  assert.equal(aborted().length, LEDGER_MAX)
  assert.equal(aborted()[1], 'p1')
  ledger.apply([0, ['last', 0, 1], false, ['a']], by(1, 'q'), context)
  assert.equal(aborted().length, LEDGER_MAX)
  assert.deepEqual(aborted().slice(0, 2), ['q', 'p2'])
})
