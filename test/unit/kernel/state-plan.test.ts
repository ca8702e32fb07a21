/** Who takes whose state, where the only one who had it is gone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GroupOptions } from '../../../lib/kernel/api.ts'
import type { StateStatus, StateTask } from '../../../lib/kernel/frame.ts'
import type { Group } from '../../../lib/kernel/group.ts'
import { statusAfter } from '../../../lib/kernel/rounds.ts'
import { noStatus, type PlanRule, planStates } from '../../../lib/kernel/state-plan.ts'

const options = {
  order: 'fifo',
  uniform: false,
  strong: false,
  consistency: 'available',
  state: true,
  kind: 'map',
} as const

/** The status after a view in which everybody takes the state of `w`. */
function awaiting(status: StateStatus, viewId: string, prev: string | null): StateStatus {
  const plan: StateTask[] = ['x', 'y', 'z'].map((need) => ({
    need,
    mode: 'replace',
    sources: [{ donor: 'w', subview: '1.w' }],
  }))
  return statusAfter({ options, status, viewId } as Group, plan, 'x', prev === null, prev)
}

const consistent: GroupOptions = { ...options, order: 'total', uniform: true, consistency: 'consistent' }

const rule: PlanRule = { line: 'L', avoid: null, salt: 0, isAnew: false }

const modes = (tasks: readonly StateTask[]): string[] => tasks.map(({ need, mode }) => `${need} ${mode}`)

test('state plan › newcomers who entered together and wait in vain have the same', () => {
  const status = awaiting(awaiting(noStatus, '1.w.1', null), '1.w.2', '1.w.1')
  const entries = ['x', 'y'].map((id) => ({ id, prev: '1.w.2', status }))
  assert.deepEqual(planStates(options, entries, rule), [])
})

test('state plan › one who has waited longer has what came meanwhile, a newcomer has not', () => {
  const longer = awaiting(awaiting(noStatus, '1.w.1', null), '1.w.2', '1.w.1')
  const newcomer = awaiting(noStatus, '1.w.2', null)
  const entries = [
    { id: 'x', prev: '1.w.2', status: longer },
    { id: 'z', prev: '1.w.2', status: newcomer },
  ]
  assert.deepEqual(modes(planStates(options, entries, rule)), ['x merge', 'z merge'])
})

test('state plan › whoever has the state gives it to those who have waited, however long', () => {
  const longer = awaiting(awaiting(noStatus, '1.w.1', null), '1.w.2', '1.w.1')
  const entries = [
    { id: 'w', prev: '1.w.2', status: { ...noStatus, isWhole: true } },
    { id: 'x', prev: '1.w.2', status: longer },
    { id: 'z', prev: '1.w.2', status: awaiting(noStatus, '1.w.2', null) },
  ]
  assert.deepEqual(modes(planStates(options, entries, rule)), ['x replace', 'z replace'])
})

test('state plan › a consistent group waits for a whole state, unless whoever has it is given up', () => {
  const entries = ['x', 'y'].map((id) => ({ id, prev: '1.w.2', status: awaiting(noStatus, '1.w.2', null) }))
  assert.deepEqual(modes(planStates(consistent, entries, rule)), ['x replace', 'y replace'])
  const anew = planStates(consistent, entries, { ...rule, isAnew: true })
  assert.deepEqual(anew, [
    { need: 'x', mode: 'own', sources: [] },
    { need: 'y', mode: 'replace', sources: [{ donor: 'x', subview: '1.w.2' }] },
  ])
})

const whole = (acted: number, line: string): StateStatus => ({ ...noStatus, isWhole: true, acted, line })

test('state plan › whoever awaits a later state of the line keeps its own while only earlier ones are here', () => {
  const waits = awaiting(whole(5, 'L'), '6.w.0', '5.w.0')
  const lost = [
    { id: 'y', prev: '9.y.0', status: whole(9, 'M') },
    { id: 'z', prev: '1.z.1', status: whole(0, 'M') },
  ]
  const met = [{ id: 'x', prev: '6.w.0', status: waits }, ...lost]
  assert.deepEqual(planStates(consistent, met, rule), [
    { need: 'x', mode: 'replace', sources: [] },
    { need: 'z', mode: 'replace', sources: [{ donor: 'y', subview: '9.y.0' }] },
  ])
  // In the view after that, too, though those who are whole come from the same one.
  const next = met.map(({ id, status }) => ({ id, prev: '10.x.0', status: id === 'z' ? whole(9, 'M') : status }))
  assert.deepEqual(planStates(consistent, next, rule), [{ need: 'x', mode: 'replace', sources: [] }])
})

test('state plan › whoever awaits a state takes that which acted later in the line', () => {
  for (const status of [awaiting(whole(5, 'L'), '6.w.0', '5.w.0'), awaiting(whole(9, 'M'), '6.w.0', '5.w.0')]) {
    const entries = [
      { id: 'x', prev: '7.w.0', status },
      { id: 'w', prev: '7.w.0', status: whole(7, 'L') },
    ]
    const sources = [{ donor: 'w', subview: '7.w.0' }]
    assert.deepEqual(planStates(consistent, entries, rule), [{ need: 'x', mode: 'replace', sources }])
  }
})

test('state plan › a line that takes the place of another goes on from the state that acted last in that', () => {
  const waits = awaiting(whole(5, 'L'), '6.w.0', '5.w.0')
  const others = [
    { id: 'y', prev: '10.x.0', status: whole(9, 'M') },
    { id: 'z', prev: '10.x.0', status: awaiting(noStatus, '6.w.0', null) },
  ]
  const sources = [{ donor: 'x', subview: '10.x.0' }]
  for (const entries of [others, others.slice(1)]) {
    const all = [...entries, { id: 'x', prev: '10.x.0', status: waits }]
    assert.deepEqual(planStates(consistent, all, { ...rule, isAnew: true }), [
      ...entries.map(({ id }) => ({ need: id, mode: 'replace', sources })),
      { need: 'x', mode: 'own', sources: [] },
    ])
  }
})
