/** The machine of an audit log: what it answers, what it keeps, and what states it takes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Token } from '../../../lib/objects/token.ts'
import { AUDIT_ENTRY_MAX, AUDIT_OP, AUDIT_TRIGGERS_MAX, AuditMachine } from '../../../lib/tools/audit-machine.ts'
import { encodeValue } from '../../../lib/values.ts'

const caller = { process: 'a', call: 1 }
const old: Token = ['l', '1.a.0', 1]
const young: Token = ['l', '2.a.0', 1]

function make(entries: number, keep = 5) {
  const machine = new AuditMachine(keep)
  const ask = (...body: unknown[]) => {
    const [kind, , , position] = body
    const isJudged = kind === AUDIT_OP.fire || kind === AUDIT_OP.pass
    return machine.apply(isJudged ? [...body, machine.at(position as number)?.digest ?? ''] : body, caller)
  }
  for (let i = 1; i <= entries; i += 1) ask(AUDIT_OP.append, encodeValue(i))
  return { machine, ask }
}

test('an audit machine › a record counts once, in order, and under no token older than the last', () => {
  const { machine, ask } = make(4)
  const result = encodeValue('done')
  const fire = (token: Token, position: number) => ask(AUDIT_OP.fire, 't', [...token], position, result)
  assert.deepEqual(fire(old, 1), [true, false])
  assert.deepEqual(ask(AUDIT_OP.watch, 't', 1), [true, 1])
  assert.deepEqual(ask(AUDIT_OP.watch, 't', 3), [true, 1])
  assert.deepEqual(
    [fire(young, 2), fire(young, 2), fire(young, 1), fire(old, 3), fire(young, 5)].map((each) => each?.[1]),
    [true, false, false, false, false],
  )
  assert.deepEqual(ask(AUDIT_OP.pass, 't', [...young], 3), [true, true])
  // Of a line that is lost: tokens of two lines cannot be compared.
  assert.deepEqual(fire(['m', '1.a.0', 1], 4), [true, true])
  assert.deepEqual(
    machine.firings.map(({ position, by, value }) => [position, by, value]),
    [
      [2, 'a', 'done'],
      [4, 'a', 'done'],
    ],
  )
  assert.deepEqual(
    [ask(AUDIT_OP.forget, 't'), ask(AUDIT_OP.forget, 't')],
    [
      [true, true],
      [true, false],
    ],
  )
})

test('an audit machine › keeps the last entries and firings; what is dropped unjudged is missed', () => {
  const { machine, ask } = make(3, 2)
  assert.deepEqual([machine.first, machine.last, machine.at(1), machine.at(2)?.value], [2, 3, undefined, 2])
  assert.deepEqual(ask(AUDIT_OP.watch, 'early', 1), [true, 2])
  assert.deepEqual(ask(AUDIT_OP.watch, 'late', null), [true, 4])
  assert.deepEqual(ask(AUDIT_OP.watch, 'far', 99), [true, 4])
  for (let position = 4; position <= 7; position += 1) {
    ask(AUDIT_OP.append, encodeValue(position))
    ask(AUDIT_OP.fire, 'late', [...old], position, encodeValue(null))
  }
  assert.deepEqual(machine.triggers.get('early'), { next: 6, missed: 4, token: null })
  assert.deepEqual(
    machine.firings.map(({ position }) => position),
    [6, 7],
  )
  for (let i = 3; i < AUDIT_TRIGGERS_MAX; i += 1) ask(AUDIT_OP.watch, `t${i}`, null)
  assert.equal(ask(AUDIT_OP.watch, 'one more', null)?.[1], 'busy')
})

test('an audit machine › a state that is saved and loaded is the same; a malformed one, or request, is refused', () => {
  const { machine, ask } = make(4, 3)
  ask(AUDIT_OP.watch, 'b', null)
  ask(AUDIT_OP.watch, 'a', 1)
  ask(AUDIT_OP.fire, 'a', [...old], 3, encodeValue(7))
  const saved = machine.save() as unknown[]
  const copy = new AuditMachine(3)
  copy.load(structuredClone(saved))
  assert.deepEqual(copy.save(), saved)
  assert.deepEqual([copy.first, copy.last, copy.at(4)?.value], [2, 4, 4])
  const [last, entries, triggers, firings, before] = saved as [number, unknown[], unknown[], unknown[], string]
  const malformed = [
    ...[
      null,
      [],
      [last, entries, triggers, firings],
      [1, entries, triggers, firings, ''],
      [last, ['a'], triggers, firings, ''],
    ],
    ...[
      [last, ['', entries[1]], triggers, firings, before],
      [last, entries, triggers, firings, 1],
      [last, ['a', new Uint8Array([255])], triggers, firings, before],
    ],
    ...[
      [last, entries, ['', 1, 0, null], firings, before],
      [last, entries, triggers, ['a', 0, 'a', [...old], encodeValue(1)], before],
    ],
  ]
  for (const each of malformed) assert.throws(() => copy.load(each), { code: 'value' })
  assert.deepEqual(copy.save(), saved)
  const large = new Uint8Array(AUDIT_ENTRY_MAX + 1)
  const requests = [
    ...[null, [], [AUDIT_OP.append, 1], [AUDIT_OP.append, large], [AUDIT_OP.append, new Uint8Array([255])]],
    ...[
      [AUDIT_OP.watch, '', null],
      [AUDIT_OP.watch, 'a', 0],
      [AUDIT_OP.watch, 'a'],
      [AUDIT_OP.forget, 'a', 1],
      [9, 'a'],
    ],
    ...[
      [AUDIT_OP.fire, 'a', ['l'], 4, encodeValue(1)],
      [AUDIT_OP.fire, 'a', [...old], 0, encodeValue(1)],
    ],
    ...[
      [AUDIT_OP.fire, 'a', [...old], 4, large],
      [AUDIT_OP.pass, 'a', [...old], 4, 1],
    ],
  ]
  for (const each of requests) assert.equal(machine.apply(each, caller), null, JSON.stringify(each))
  assert.deepEqual(machine.save(), saved)
})

test('an audit machine › what was judged in another line counts for nothing, be it at the same position', () => {
  const { machine: lost } = make(3)
  const { machine, ask } = make(2)
  ask(AUDIT_OP.append, encodeValue('another third'))
  ask(AUDIT_OP.watch, 't', 1)
  const fire = (position: number, digest: unknown) =>
    machine.apply([AUDIT_OP.fire, 't', ['m', '1.a.0', 1], position, encodeValue(1), digest], caller)
  const pass = (digest: unknown) => machine.apply([AUDIT_OP.pass, 't', ['m', '1.a.0', 1], 3, digest], caller)
  assert.deepEqual(fire(3, lost.at(3)?.digest), [true, false])
  assert.deepEqual(pass(lost.at(3)?.digest), [true, false])
  assert.deepEqual([fire(3, undefined), pass(7)], [null, null])
  // Up to there both are one.
  assert.deepEqual(fire(2, lost.at(2)?.digest), [true, true])
})
