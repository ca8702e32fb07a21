/** The reach matrix: phases as the trace tells them, and a list of infeasible cells that stays short and honest. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addReach, emptyCells, infeasible, PHASES, printReach, Reach, wronglyListed } from './reach.ts'
import { runSeed } from './run-seed.ts'
import { DEFAULT_OPTIONS, FAULT_KINDS } from './scenario.ts'
import type { AnyLine } from './trace.ts'

test('reach › the phases of a process follow its flush', () => {
  const reach = new Reach()
  const seen = (line: Omit<AnyLine, 't'>): (string | undefined)[] => {
    reach.notice({ t: 0, ...line } as AnyLine)
    return ['a', 'b'].map((id) => reach.phasesOf(id).join('+'))
  }
  const both = { g: '', members: ['a', 'b'] }
  assert.deepEqual(seen({ p: 'a', e: 'propose', view: '2.a', parts: [['a'], ['b']] }), [
    'proposed+joining',
    'proposed+joining',
  ])
  assert.deepEqual(seen({ p: 'a', e: 'row', view: '2.a' }), ['row+joining', 'proposed+joining'])
  assert.deepEqual(seen({ p: 'a', e: 'restart', view: '2.a' }), ['row+joining', 'joining'])
  seen({ p: 'a', e: 'propose', view: '3.a', parts: [['a'], ['b']] })
  seen({ p: 'a', e: 'row', view: '3.a' })
  seen({ p: 'b', e: 'row', view: '3.a' })
  assert.deepEqual(seen({ p: 'b', e: 'cutAgreed', view: '3.a' }), ['row+joining', 'cut+joining'])
  seen({ p: 'a', e: 'cutAgreed', view: '3.a' })
  assert.deepEqual(seen({ p: 'b', e: 'ready', view: '3.a' }), ['cut+joining', 'ready+joining'])
  assert.deepEqual(seen({ p: 'a', e: 'install', view: '3.a', members: ['a', 'b'] }), [
    'installing+joining',
    'installing+joining',
  ])
  assert.deepEqual(seen({ p: 'a', e: 'view', ...both }), ['idle', 'installing+joining'])
  seen({ p: 'b', e: 'install', view: '3.a', members: ['a', 'b'] })
  assert.deepEqual(seen({ p: 'b', e: 'view', ...both }), ['idle', 'idle'])

  assert.deepEqual(seen({ p: 'a', e: 'groupPrepare', g: 'x' }), ['group', 'group'])
  assert.deepEqual(seen({ p: 'a', e: 'groupInstall', g: 'x' }), ['idle', 'idle'])
  assert.deepEqual(seen({ p: 'a', e: 'transfer', g: 'x', view: '3.a.1', to: ['b'] }), ['transfer', 'transfer'])
  assert.deepEqual(seen({ p: 'b', e: 'stateIn', g: 'x' }), ['idle', 'idle'])
  assert.deepEqual(seen({ p: 'b', e: 'join', g: 'y' }), ['idle', 'joining'])
  assert.deepEqual(seen({ p: 'b', e: 'settle', of: 'join:y' }), ['idle', 'idle'])
})

test('reach › a state that a faster donor began to give in the new view is under way', () => {
  const reach = new Reach()
  const lines: readonly Omit<AnyLine, 't'>[] = [
    { p: 'a', e: 'view', g: '', members: ['a', 'b'] },
    { p: 'b', e: 'view', g: '', members: ['a', 'b'] },
    { p: 'a', e: 'install', view: '12.a', members: ['a', 'b'] },
    { p: 'a', e: 'transfer', g: 'x', view: '12.a.0', to: ['b'] },
    { p: 'b', e: 'install', view: '12.a', members: ['a', 'b'] },
  ]
  for (const line of lines) reach.notice({ t: 0, ...line } as AnyLine)
  assert.ok(reach.phasesOf('b').includes('transfer'))
  reach.notice({ t: 1, p: 'b', e: 'install', view: '13.a', members: ['a', 'b'] })
  assert.ok(!reach.phasesOf('b').includes('transfer'))
})

test('reach › every fault that strikes is counted in a phase, and empty cells are named', async () => {
  const sum: Record<string, Record<string, number>> = {}
  for (const seed of [5, 12]) addReach(sum, (await runSeed(seed, DEFAULT_OPTIONS)).reach)
  for (const [kind, row] of Object.entries(sum)) {
    assert.ok(FAULT_KINDS.some((each) => each === kind))
    for (const [phase, count] of Object.entries(row)) {
      assert.ok(PHASES.some((each) => each === phase) && count > 0, `${kind} × ${phase}`)
    }
  }
  assert.ok(Object.keys(sum).length > 3)
  const empty = emptyCells(sum, FAULT_KINDS)
  assert.ok(empty.length > 0 && empty.length < FAULT_KINDS.length * PHASES.length - infeasible.length)
  assert.equal(printReach(sum).split('\n').length, FAULT_KINDS.length + 1)
  assert.deepEqual(
    emptyCells({}, ['crash']).length,
    PHASES.length - infeasible.filter((c) => c.fault === 'crash').length,
  )
})

test('reach › at most a tenth of the cells are listed as infeasible, each with a reason', () => {
  assert.ok(infeasible.length <= (FAULT_KINDS.length * PHASES.length) / 10)
  for (const { fault, phase, reason } of infeasible) {
    assert.ok(
      FAULT_KINDS.some((each) => each === fault),
      fault,
    )
    assert.ok(
      PHASES.some((each) => each === phase),
      phase,
    )
    assert.ok(reason.length > 20, `${fault} × ${phase}`)
  }
  assert.equal(new Set(infeasible.map(({ fault, phase }) => `${fault} ${phase}`)).size, infeasible.length)
  const [first] = infeasible
  if (first !== undefined) assert.equal(wronglyListed({ [first.fault]: { [first.phase]: 1 } }).length, 1)
})
