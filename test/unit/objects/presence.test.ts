/** Presence: entries live as long as their members are there, through splits, heals, losses and joins. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BusyError, ClosedError, SchemaError, ValueError } from '../../../lib/errors.ts'
import {
  type Presence,
  type PresenceChange,
  type PresenceOptions,
  PresenceReplica,
  presenceKind,
} from '../../../lib/objects/presence.ts'
import type { CastFate, GroupView } from '../../../lib/objects/replica.ts'
import { Cluster, makeRandom, pick } from './cluster.ts'
import { settled, strings } from './requests.ts'

function made(count: number, options: PresenceOptions<unknown> = {}, seed = 1) {
  const cluster = new Cluster(presenceKind, options, count, seed)
  return { cluster, of: (index: number) => cluster.members[index]?.handle as Presence }
}

/** The view after this one. */
function viewOf(members: readonly string[], why: Partial<GroupView> = {}): GroupView {
  const none = { missing: [], joined: [], left: [], dead: [], expelled: [] }
  return { id: '99.p0.0', members, primary: true, line: 'line', ...none, ...why }
}

test('presence › what a member says shows here at once, and everywhere by rank', () => {
  const { cluster, of } = made(3)
  of(2).set({ cursor: 3 })
  assert.deepEqual([...of(2)], [['p2', { cursor: 3 }]])
  of(0).set('first')
  of(1).set('second')
  of(1).set(undefined)
  cluster.drain()
  for (const { handle } of cluster.members) {
    const expected = [
      ['p0', 'first'],
      ['p1', undefined],
      ['p2', { cursor: 3 }],
    ]
    assert.deepEqual([...handle], expected)
    assert.deepEqual([...handle.entries()], expected)
    assert.deepEqual([...handle.keys()], ['p0', 'p1', 'p2'])
    assert.deepEqual([...handle.values()], ['first', undefined, { cursor: 3 }])
    const each: unknown[] = []
    handle.forEach((value, id) => void each.push([id, value]))
    assert.deepEqual(each, expected)
    assert.deepEqual([handle.size, handle.has('p1'), handle.get('p1'), handle.has('p9')], [3, true, undefined, false])
  }
  of(2).clear()
  assert.deepEqual([of(2).has('p2'), of(2).size], [false, 2])
  cluster.drain()
  assert.deepEqual([of(0).has('p2'), of(0).size], [false, 2])
})

test('presence › an entry is gone with its member, in the event of the view, however it went', async () => {
  for (const how of ['left', 'dead', 'expelled'] as const) {
    const { cluster, of } = made(3)
    for (const { id, handle } of cluster.members) handle.set(id)
    cluster.drain()
    const changes: PresenceChange<unknown>[][] = []
    of(0).addEventListener('change', (event) => changes.push([...event.changes]))
    const { snapshot } = of(0)
    const [member] = cluster.members
    assert.ok(member)
    member.replica.view(viewOf(['p0', 'p2'], { [how]: ['p1'] }))
    assert.deepEqual(
      [...of(0)],
      [
        ['p0', 'p0'],
        ['p2', 'p2'],
      ],
    )
    member.replica.settle()
    assert.deepEqual(changes, [
      [{ type: 'gone', id: 'p1', value: undefined, previous: 'p1', author: null, local: false }],
    ])
    assert.equal(snapshot.size, 3)
    assert.equal(JSON.stringify(member.replica.save()).includes('p1'), false, 'something of it is kept')
    await settled()
    assert.equal(changes.length, 1)
  }
})

test('presence › who was cut off is back with what it said last, and newcomers learn everything', () => {
  const { cluster, of } = made(2)
  of(0).set('a')
  of(1).set('b')
  cluster.drain()
  cluster.split()
  assert.deepEqual([...of(0)], [['p0', 'a']])
  assert.deepEqual([...of(1)], [['p1', 'b']])
  of(1).set('c')
  cluster.drain()
  assert.deepEqual([...of(0)], [['p0', 'a']])
  cluster.healAll()
  const both = new Map([
    ['p0', 'a'],
    ['p1', 'c'],
  ])
  assert.deepEqual(of(0).snapshot, both)
  assert.deepEqual(of(1).snapshot, both)
  const joiner = cluster.join('j')
  assert.deepEqual(joiner.handle.snapshot, both)
})

test('presence › what was cleared does not come back with the state of another part', () => {
  const { cluster, of } = made(2)
  of(1).set('old')
  cluster.drain()
  const [first, second] = cluster.members
  const before = first?.replica.save()
  of(1).clear()
  cluster.drain()
  for (const member of [first, second]) {
    member?.replica.merge?.(before)
    assert.deepEqual([...(member?.handle ?? [])], [])
  }
})

test('presence › a state of before somebody left brings nothing of it back', () => {
  const { cluster, of } = made(3)
  of(1).set('b')
  cluster.drain()
  const [member] = cluster.members
  assert.ok(member)
  const before = member.replica.save()
  member.replica.view(viewOf(['p0', 'p2'], { left: ['p1'] }))
  member.replica.merge?.(before)
  assert.deepEqual(member.replica.save(), [])
})

test('presence › of who is in no view nothing shows: neither from a state nor of a cast', () => {
  const { cluster, of } = made(1)
  const [member] = cluster.members
  assert.ok(member)
  member.replica.load(['p9', 1, Uint8Array.of(0)])
  assert.deepEqual([of(0).get('p9'), of(0).has('p9'), of(0).size], [undefined, false, 0])
  member.replica.view(viewOf(['p0']))
  const info = { author: 'client', local: false, n: 1, view: '1', index: 1 }
  assert.ok(member.replica.apply([1, Uint8Array.of(0)], info))
  assert.deepEqual(member.replica.save(), [])
})

test('presence › a change names its member; own ones come once, and the snapshot stays until one comes', async () => {
  const { cluster, of } = made(2)
  const changes: PresenceChange<unknown>[] = []
  of(1).addEventListener('change', (event) => changes.push(...event.changes))
  of(1).set('mine')
  await settled()
  cluster.drain()
  of(0).set('theirs')
  cluster.drain()
  const { snapshot } = of(1)
  const [, member] = cluster.members
  member?.replica.view(viewOf(['p0', 'p1']))
  member?.replica.settle()
  assert.equal(of(1).snapshot, snapshot)
  of(0).clear()
  cluster.drain()
  assert.notEqual(of(1).snapshot, snapshot)
  // Nothing was said: nothing is cleared.
  const { casts = 0 } = cluster.members[0] ?? {}
  of(0).clear()
  assert.equal(cluster.members[0]?.casts, casts)
  assert.deepEqual(changes, [
    { type: 'set', id: 'p1', value: 'mine', previous: undefined, author: 'p1', local: true },
    { type: 'set', id: 'p0', value: 'theirs', previous: undefined, author: 'p0', local: false },
    { type: 'clear', id: 'p0', value: undefined, previous: 'theirs', author: 'p0', local: false },
  ])
})

test('presence › when the ranks change, so does the order', () => {
  const { cluster, of } = made(2)
  of(0).set('a')
  of(1).set('b')
  cluster.drain()
  assert.deepEqual([...of(0).keys()], ['p0', 'p1'])
  cluster.members[0]?.replica.view(viewOf(['p1', 'p0']))
  assert.deepEqual([...of(0).keys()], ['p1', 'p0'])
})

test('presence › what was lost is said again if nothing was said after it, and taken back if it cannot be sent', () => {
  for (const fate of ['lost', 'unknown', 'refused'] as const satisfies readonly CastFate[]) {
    const { cluster, of } = made(2)
    of(0).set('kept')
    cluster.drain()
    const [member] = cluster.members
    assert.ok(member)
    cluster.toggleLosses(member)
    of(0).set('one')
    of(0).set('two')
    assert.equal(of(0).get('p0'), 'two')
    const { casts } = member
    cluster.tellLost(member, fate)
    assert.equal(member.casts, fate === 'refused' ? casts : casts + 1)
    cluster.drain()
    for (const { handle } of cluster.members) assert.equal(handle.get('p0'), fate === 'refused' ? 'kept' : 'two')
  }
})

test('presence › what was lost while there is no room for a cast is said again once there is', () => {
  for (const end of ['room', 'closed'] as const) {
    const { cluster, of } = made(2)
    const [member] = cluster.members
    assert.ok(member?.replica instanceof PresenceReplica)
    const { port } = member.replica
    const { cast } = port
    const later: (() => void)[] = []
    port.after = (_, fn) => {
      later.push(fn)
      return () => undefined
    }
    cluster.toggleLosses(member)
    of(0).set('mine')
    port.cast = () => {
      throw new BusyError('full')
    }
    cluster.tellLost(member, 'lost')
    member.replica.settle()
    assert.equal(of(0).get('p0'), 'mine')
    // Still none.
    for (const fn of later.splice(0)) fn()
    assert.equal(of(0).get('p0'), 'mine')
    assert.equal(later.length, 1)
    port.cast =
      end === 'room'
        ? cast
        : () => {
            throw new ClosedError('closed')
          }
    for (const fn of later.splice(0)) fn()
    cluster.drain()
    for (const { handle } of cluster.members) assert.equal(handle.get('p0'), end === 'room' ? 'mine' : undefined)
    assert.equal(later.length, 0)
  }
})

test('presence › a state that does not know what this process says is told of it, as soon as it can be', () => {
  const { cluster, of } = made(2)
  of(0).set('mine')
  cluster.drain()
  for (const { replica } of cluster.members) replica.load([])
  const [member] = cluster.members
  assert.ok(member?.replica instanceof PresenceReplica)
  const { port } = member.replica
  const { cast } = port
  const later: (() => void)[] = []
  port.after = (_, fn) => {
    later.push(fn)
    return () => undefined
  }
  port.cast = () => {
    throw new BusyError('full')
  }
  member.replica.settle()
  assert.equal(of(0).get('p0'), 'mine')
  port.cast = cast
  for (const fn of later) fn()
  cluster.drain()
  assert.equal(of(1).get('p0'), 'mine')
})

test('presence › what is refused at the call changes nothing', () => {
  const { cluster, of } = made(1, { schema: strings })
  assert.throws(() => of(0).set(1), SchemaError)
  const { cluster: plain, of: plainly } = made(1)
  assert.throws(() => plainly(0).set(() => 1), ValueError)
  plainly(0).set('kept')
  plain.drain()
  const [member] = plain.members
  assert.ok(member?.replica instanceof PresenceReplica)
  member.replica.port.cast = () => {
    throw new ClosedError('closed')
  }
  assert.throws(() => plainly(0).set('late'), ClosedError)
  assert.throws(() => plainly(0).clear(), ClosedError)
  assert.equal(plainly(0).get('p0'), 'kept')
  assert.equal(of(0).size, 0)
  assert.deepEqual(cluster.faults, [])
})

test('presence › a peer’s value that does not fit the schema is hidden but kept', () => {
  const { cluster, of } = made(2, { schema: strings })
  const { cluster: plain, of: plainly } = made(2)
  plainly(0).set(1)
  plainly(1).set('text')
  plain.drain()
  cluster.members[0]?.replica.load(plain.members[0]?.replica.save())
  assert.deepEqual([...of(0)], [['p1', 'text']])
  assert.deepEqual([of(0).has('p0'), of(0).size], [false, 1])
  assert.deepEqual(cluster.members[0]?.replica.save(), plain.members[0]?.replica.save())
})

test('presence › malformed operations and states change nothing', () => {
  const { cluster } = made(1)
  const [member] = cluster.members
  assert.ok(member)
  const info = { author: 'p0', local: false, n: 1, view: '1', index: 1 }
  const good = Uint8Array.of(0)
  for (const op of [null, [], [1], [0, good], [1, 'x'], [1, Uint8Array.of(255)], [1, good, 1]]) {
    assert.equal(member.replica.apply(op, info), false, JSON.stringify(op))
  }
  for (const state of [1, ['p0'], ['', 1, null], ['p0', 0, null], ['p0', 1, 'x'], ['b', 1, null, 'a', 1, null]]) {
    assert.throws(() => member.replica.load(state), ValueError, JSON.stringify(state))
    assert.throws(() => member.replica.merge?.(state), ValueError)
  }
  assert.deepEqual(member.replica.save(), [])
})

test('presence › in any course each shows who is with it and nobody else, and at rest what everybody said last', () => {
  for (let seed = 1; seed <= 120; seed++) {
    const { cluster } = made(3, {}, seed)
    const random = makeRandom(seed * 7919)
    /** What each has said, in its order; null: nothing any more. */
    const said = new Map<string, (number | null)[]>()
    let last = 0
    const act = ({ id, handle }: { id: string; handle: Presence }): void => {
      last += 1
      const isClear = random() < 0.25
      if (isClear) handle.clear()
      else handle.set(last)
      assert.equal(handle.get(id), isClear ? undefined : last)
      said.set(id, [...(said.get(id) ?? []), isClear ? null : last])
    }
    const check = (): void => {
      for (const { id, part, handle } of cluster.members) {
        for (const [who, value] of handle) {
          assert.ok(part.view.members.includes(who), `seed ${seed}: ${who} is not with ${id}`)
          assert.ok(said.get(who)?.includes(value as number), `seed ${seed}: ${who} never said ${value}`)
        }
      }
    }
    for (let step = 0; step < 120; step++) {
      const dice = random()
      if (dice < 0.35) act(pick(random, cluster.members))
      else if (dice < 0.82) cluster.deliverOne()
      else if (dice < 0.88) cluster.toggleLosses(pick(random, cluster.members))
      else if (dice < 0.93) cluster.split()
      else if (dice < 0.98) cluster.heal((member) => act(member), Math.floor(random() * 4))
      else if (cluster.members.length < 5) cluster.join(`j${step}`)
      check()
    }
    cluster.healAll()
    for (const member of cluster.members) if (member.lost !== null) cluster.tellLost(member, 'unknown')
    cluster.drain()
    assert.deepEqual(cluster.faults, [])
    assert.equal(new Set(cluster.states()).size, 1, `seed ${seed}: states differ`)
    for (const { handle } of cluster.members) {
      for (const { id } of cluster.members) {
        const now = said.get(id)?.at(-1) ?? undefined
        assert.deepEqual([handle.get(id), handle.has(id)], [now, now !== undefined], `seed ${seed}: ${id}`)
      }
      const ranks = [...handle.keys()].map((id) => cluster.members[0]?.part.view.members.indexOf(id) ?? -1)
      assert.deepEqual(
        ranks,
        [...ranks].sort((a, b) => a - b),
      )
    }
  }
})
