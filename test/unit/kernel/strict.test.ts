/** What the casts of strict groups wait for, and whom they ask. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ViewInfo } from '../../../lib/kernel/api.ts'
import type { Core } from '../../../lib/kernel/core.ts'
import { Era, streamKey } from '../../../lib/kernel/era.ts'
import type { Message } from '../../../lib/kernel/frame.ts'
import type { Group } from '../../../lib/kernel/group.ts'
import { Strictness } from '../../../lib/kernel/strict.ts'

const noReasons = { joined: [], left: [], dead: [], expelled: [], away: [], wasAwayMs: 0, missing: [], subviews: [] }

function makeEra(id: string): Era {
  const members = ['a', 'b', 'c'].map((each) => ({ id: each, name: '', origin: '', weight: 1, witness: false }))
  const view: ViewInfo = { id, spaceView: id, members, primary: true, line: 'L', prev: null, trans: [], ...noReasons }
  return new Era(view, 2, 'b')
}

/** `b`, in the groups 1 (strict, of a and b) and 2 (of b and c); it does not know the group 3. */
function makeMember() {
  const groups = [
    { gid: 1, members: ['a', 'b'] },
    { gid: 2, members: ['b', 'c'] },
  ] as unknown as readonly [Group, Group]
  const told: string[] = []
  const tell = (peer: string, message: Message): void => void told.push(`${peer} ${message.k}`)
  const core = { era: makeEra('2.a'), self: 'b', tell }
  const begin = (id: string): void => {
    core.era = makeEra(id)
    for (const group of groups) core.era.groups.set(group.gid, group)
  }
  begin('2.a')
  /** A cast of a (rank 0) in that group is in its causal past; or a record of one. */
  const past = (gid: number, seq: number, isRecord = false): void => {
    core.era.deps.set(streamKey(0, gid * 2 + (isRecord ? 1 : 0)), seq)
  }
  return { core, strictness: new Strictness(core as unknown as Core), strict: groups[0], told, begin, past }
}

test('strict › a cast waits for what comes before it in other groups, until that is delivered by all', () => {
  const { core, strictness, strict, past } = makeMember()
  assert.equal(strictness.isWaiting(strict), false)
  past(2, 4)
  assert.equal(strictness.isWaiting(strict), true)
  // Held by all is not enough.
  core.era.learnStable(0, 4)
  assert.equal(strictness.isWaiting(strict), true)
  core.era.learnSettled(0, 4)
  assert.equal(strictness.isWaiting(strict), false)
  assert.equal(core.era.deps.size, 0)
})

test('strict › it waits for nothing of its own group, nor for records', () => {
  const { strictness, strict, told, past } = makeMember()
  past(1, 4)
  past(2, 5, true)
  assert.equal(strictness.isWaiting(strict), false)
  assert.equal(strictness.isHeldUpBy('a'), false)
  assert.deepEqual(told, [])
})

test('strict › whoever waits asks all others to tell at once, once in a view', () => {
  const { strictness, strict, told, begin, past } = makeMember()
  past(2, 4)
  strictness.isWaiting(strict)
  strictness.isWaiting(strict)
  assert.deepEqual(told, ['a hasten', 'c hasten'])
  begin('3.a')
  assert.equal(strictness.isWaiting(strict), false)
  past(2, 1)
  strictness.isWaiting(strict)
  assert.equal(told.length, 4)
})

test('strict › it is held up by those who have to deliver what it waits for, in a group that is not known here by anybody', () => {
  const { core, strictness, strict, past } = makeMember()
  past(1, 9)
  past(2, 4)
  assert.equal(strictness.isHeldUpBy('c'), false, 'before it waits')
  strictness.isWaiting(strict)
  assert.deepEqual([strictness.isHeldUpBy('a'), strictness.isHeldUpBy('c')], [false, true])
  past(3, 6)
  assert.equal(strictness.isHeldUpBy('a'), true)
  core.era.learnSettled(0, 6)
  strictness.isWaiting(strict)
  assert.equal(strictness.isHeldUpBy('c'), false)
})
