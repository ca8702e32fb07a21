/** `group.owner` and `group.share`: a pure function of the view, with bounds of load and of movement. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryHub, memory } from '../../../adapters/memory/index.ts'
import { UsageError } from '../../../lib/errors.ts'
import { openSpace } from '../../../lib/open-space.ts'
import { assignSlots, roomOf, SLOTS, slotOf } from '../../../lib/tools/balance.ts'
import { makeRandom } from '../objects/cluster.ts'
import { until } from '../until.ts'

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** Ids as processes have them. */
function makeIds(count: number, seed: number): string[] {
  const random = makeRandom(seed)
  return Array.from({ length: count }, () =>
    Array.from({ length: 22 }, () => LETTERS[Math.floor(random() * 64)]).join(''),
  )
}

function loadsOf(slots: readonly string[]): Map<string, number> {
  const loads = new Map<string, number>()
  for (const member of slots) loads.set(member, (loads.get(member) ?? 0) + 1)
  return loads
}

/** How many slots of `before` that one who stays had are somebody else's now. */
function movedOf(before: readonly string[], after: readonly string[], gone: string | null): number {
  return before.filter((member, slot) => member !== gone && member !== after[slot]).length
}

test('balance › the same members have the same slots, whatever their ranks', () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const ids = makeIds(1 + (seed % 9), seed)
    const random = makeRandom(seed)
    const shuffled = ids.map((id) => [random(), id] as const).sort(([a], [b]) => a - b)
    assert.deepEqual(assignSlots(shuffled.map(([, id]) => id)), assignSlots(ids))
  }
  // Two that score alike in every slot, since their ids have one hash.
  assert.deepEqual(assignSlots(['pc2ad', 'q', 'p1uzx']), assignSlots(['p1uzx', 'pc2ad', 'q']))
  assert.deepEqual(assignSlots([]), [])
  assert.deepEqual(new Set(assignSlots(['a'])), new Set(['a']))
})

test('balance › no member has more than a quarter above its even share of the slots, and none is left out', () => {
  for (const count of [1, 2, 3, 4, 5, 7, 10, 16, 33, 64, 200]) {
    for (let seed = 1; seed <= 5; seed += 1) {
      const ids = makeIds(count, seed)
      const slots = assignSlots(ids)
      assert.equal(slots.length, SLOTS)
      const loads = loadsOf(slots)
      assert.equal(loads.size, count)
      assert.ok(Math.max(...loads.values()) <= roomOf(count), `${count} members`)
    }
  }
  assert.equal(roomOf(4), 1_280)
})

test('balance › keys are spread over the slots, and so over the members', () => {
  const ids = makeIds(10, 1)
  const slots = assignSlots(ids)
  const keys = 100_000
  const loads = loadsOf(Array.from({ length: keys }, (_, i) => slots[slotOf(`document/${i}`)] ?? ''))
  for (const load of loads.values()) {
    assert.ok(load <= 1.3 * (keys / 10), `${load}`)
    assert.ok(load >= 0.7 * (keys / 10), `${load}`)
  }
})

test('balance › when a member goes, what others have stays theirs, but for a few slots', () => {
  for (const count of [2, 3, 5, 10, 20, 64]) {
    for (let seed = 1; seed <= 5; seed += 1) {
      const ids = makeIds(count, seed)
      const [gone = '', ...rest] = ids
      const moved = movedOf(assignSlots(ids), assignSlots(rest), gone)
      assert.ok(moved <= SLOTS * 0.02, `${moved} of ${SLOTS} moved among ${count - 1} that stayed`)
    }
  }
})

test('balance › when a member comes, slots move to it, and few from one to another', () => {
  for (const count of [1, 2, 3, 5, 10, 20, 63]) {
    for (let seed = 1; seed <= 5; seed += 1) {
      const ids = makeIds(count + 1, seed)
      const [joiner = '', ...old] = ids
      const before = assignSlots(old)
      const after = assignSlots(ids)
      const toJoiner = after.filter((member) => member === joiner).length
      assert.ok(toJoiner <= roomOf(count + 1))
      assert.ok(toJoiner >= (0.5 * SLOTS) / (count + 1), `${toJoiner} slots for the newcomer among ${count}`)
      assert.ok(movedOf(before, after, null) - toJoiner <= SLOTS * 0.02)
    }
  }
})

test('balance › a key is a string', () => {
  for (const bad of [undefined, null, 7, {}]) assert.throws(() => slotOf(bad), UsageError)
  assert.equal(slotOf(''), slotOf(''))
})

test('group › all members name the same owner of a key, in each view; when it leaves, others have its keys', {
  timeout: 60_000,
}, async (t) => {
  const hub = new MemoryHub()
  const open = () => openSpace('balance', { worker: false, foundAfterMs: 20, transports: [memory({ hub })] })
  const spaces = await Promise.all([open(), open(), open()])
  t.after(() => {
    for (const space of spaces) space.kill()
  })
  await Promise.all(spaces.map((space) => until(space, 'view', () => space.members.length === 3 && space.view.primary)))
  const groups = await Promise.all(spaces.map((space) => space.group('work')))
  await Promise.all(groups.map((group) => until(group, 'view', () => group.view?.members.length === 3)))
  const keys = Array.from({ length: 300 }, (_, i) => `key ${i}`)
  const [a, b, c] = groups
  assert.ok(a && b && c)
  const before = keys.map((key) => a.owner(key))
  for (const group of groups)
    assert.deepEqual(
      keys.map((key) => group.owner(key)),
      before,
    )
  assert.deepEqual(new Set(before), new Set(spaces.map(({ self }) => self)))
  for (const key of keys) assert.equal(groups.filter((group) => group.owns(key)).length, 1)
  const shares = groups.map((group) => group.share)
  assert.deepEqual(shares.map((share) => [share?.rank, share?.of]).sort(), [
    [0, 3],
    [1, 3],
    [2, 3],
  ])
  assert.deepEqual(
    groups.map((group) => group.share?.rank),
    spaces.map(({ self }) => a.view?.members.indexOf(self)),
  )
  const gone = spaces[1]?.self
  await b.close()
  await Promise.all([a, c].map((group) => until(group, 'view', () => group.view?.members.length === 2)))
  const after = keys.map((key) => c.owner(key))
  assert.deepEqual(
    keys.map((key) => a.owner(key)),
    after,
  )
  for (const [i, owner] of before.entries()) {
    if (owner !== gone) assert.equal(after[i], owner)
    else assert.notEqual(after[i], gone)
  }
  assert.equal(b.owner('key'), null)
  assert.equal(b.owns('key'), false)
  assert.equal(b.share, null)
  assert.throws(() => a.owner(7 as unknown as string), UsageError)
})

test('group › a consistent group has no owners outside the primary component', { timeout: 60_000 }, async (t) => {
  const hub = new MemoryHub()
  const space = await openSpace('alone', { worker: false, found: false, transports: [memory({ hub })] })
  t.after(() => space.kill())
  const total = await space.group('agreed', { order: 'total' })
  const available = await space.group('open')
  assert.equal(total.view?.primary, false)
  assert.equal(total.owner('key'), null)
  assert.equal(total.share, null)
  assert.equal(available.owner('key'), space.self)
  assert.deepEqual(available.share, { rank: 0, of: 1 })
})
