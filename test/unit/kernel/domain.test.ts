/** One order over two groups, seen from the member that is in both: what it says, and what it waits for. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GroupOptions, ViewInfo } from '../../../lib/kernel/api.ts'
import type { Core } from '../../../lib/kernel/core.ts'
import { Domains } from '../../../lib/kernel/domain.ts'
import { Era, type Held } from '../../../lib/kernel/era.ts'
import type { Cast, GroupInstall } from '../../../lib/kernel/frame.ts'
import { type Group, newTotal } from '../../../lib/kernel/group.ts'
import { noStatus } from '../../../lib/kernel/state-plan.ts'

const noReasons = { joined: [], left: [], dead: [], expelled: [], away: [], wasAwayMs: 0, missing: [], subviews: [] }
const view: ViewInfo = {
  id: '2.a',
  spaceView: '2.a',
  members: ['a', 'b', 'c'].map((id) => ({ id, name: '', origin: '', weight: 1, witness: false })),
  primary: true,
  line: 'L',
  prev: null,
  trans: [],
  ...noReasons,
}
/** Ranks. */
const [a, b, c] = [0, 1, 2]

function makeGroup(gid: number, members: readonly string[], uniform: boolean): Group {
  const kind = { order: 'total', strong: false, consistency: 'available', state: true, kind: 'log' } as const
  const options: GroupOptions = { ...kind, uniform, domain: 'd' }
  return {
    ...{ name: `g${gid}`, options, gid, gn: 0, viewId: '2.a.0', untold: null, members, isClosed: false, install: null },
    ...{ laterInstalls: [], deferredPrepare: null, lastOrderSeq: 0, installs: [], baseMembers: members },
    ...{ baseViewId: '2.a.0', total: newTotal(options, members, 'b'), ownLast: 0, deliveredN: new Map() },
    ...{ status: noStatus, missing: null, isTransSignalled: false, gbcasts: [] },
  }
}

/** `b`, in the group `p` of a and b, and in `q` of b and c. */
class Member {
  readonly era = new Era(view, 2, 'b')
  readonly p: Group
  readonly q: Group
  readonly core: { era: Era; self: string; lamport: number }
  readonly domains: Domains
  /** Own casts that have got their place. */
  placed = 0
  /** Is what comes before its casts held by all? */
  isPastStable = true
  /** Does it hold all that was counted of the views that end? */
  holdsAll = false
  readonly #seqs = [0, 0, 0]

  constructor(uniform = false) {
    this.p = makeGroup(0, ['a', 'b'], uniform)
    this.q = makeGroup(1, ['b', 'c'], uniform)
    this.era.groups.set(0, this.p)
    this.era.groups.set(1, this.q)
    this.core = { era: this.era, self: 'b', lamport: 0 }
    this.domains = new Domains(this.core as unknown as Core, {
      placedOwn: () => {
        this.placed += 1
      },
      isReleased: ({ rank, cast }) => this.isPastStable && this.era.isStable(rank, cast.seq),
      holdsAllCounted: () => this.holdsAll,
      addDep: () => undefined,
    })
  }

  take(group: Group, rank: number, lamport: number): Held {
    const held = this.#hold(group, rank, lamport, null)
    this.domains.take(group, held)
    return held
  }

  /** A record of somebody's comes, which says that stamp of these. */
  hear(group: Group, rank: number, stamp: number, ...casts: readonly Held[]): void {
    const order = [stamp, ...casts.flatMap(({ rank, cast }) => [rank, cast.seq])]
    this.domains.takeRecord(group, this.#hold(group, rank, stamp, order), order)
  }

  /** It says its own, and hears it. Returns the stamp. */
  say(group: Group): number {
    let stamp = 0
    for (const order of this.domains.speak(group)) {
      stamp = order[0] ?? 0
      this.domains.takeRecord(group, this.#hold(group, b, stamp, order), order)
    }
    return stamp
  }

  /** Delivers what comes first, if anything does: its sender's rank and number. */
  next(): string | null {
    for (const group of [this.p, this.q]) {
      const held = this.domains.first(group)
      if (held === null) continue
      held.isDelivered = true
      this.domains.done(group, held)
      return `${group.name} ${held.rank}#${held.cast.seq}`
    }
    return null
  }

  cut(last: readonly (readonly [rank: number, place: number])[]): void {
    const released = new Map([[0, { installed: 0, whole: new Map(), next: new Map(), last: new Map(last) }]])
    this.era.cut = { isPrimary: true, released, stable: [], lastTold: new Map() }
  }

  #hold({ gid }: Group, rank: number, lamport: number, order: readonly number[] | null): Held {
    const seq = (this.#seqs[rank] ?? 0) + 1
    this.#seqs[rank] = seq
    const n = order === null ? seq : 0
    const cast: Cast = { seq, n, gid, gn: 0, lamport, deps: [], payload: new Uint8Array(0), order, isGbcast: false }
    return { cast, rank, isDelivered: false, isDropped: false }
  }
}

const installOf = ({ gid, options, members }: Group): GroupInstall => ({
  ...{ gid, gn: 1, name: 'g', options, members, joined: [], left: [], counts: [] },
  ...{ orderEnd: 0, orderBy: 0, orderSeq: 0, past: [], plan: [], missing: null },
})

test('domain › what is said late, because one was fenced, is said above all that was delivered since', () => {
  const member = new Member()
  member.take(member.p, a, 5)
  // Its own cast to q is placed meanwhile, and what it casts to p next comes after that.
  const y = member.take(member.q, c, 6)
  member.say(member.q)
  member.hear(member.q, c, 90, y)
  const z = member.take(member.p, b, 91)
  assert.ok(member.say(member.p) > 91, `${z.cast.seq} would come before what it depends on`)
})

test('domain › a cast is delivered when all members of its group have said a stamp of it, and not before', () => {
  const member = new Member()
  const x = member.take(member.p, a, 5)
  assert.ok(member.say(member.p) > 5, 'later than the cast')
  assert.equal(member.next(), null)
  member.hear(member.p, a, 9, x)
  assert.equal(member.core.lamport, 9)
  assert.equal(member.next(), 'g0 0#1')
  assert.equal(member.domains.reachedIn(member.q), 9 * 1_024 + a)
  assert.equal(member.next(), null)
  assert.deepEqual([member.p.total.held.size, member.p.total.next, member.placed], [0, 1, 0])
  // In whatever order they say theirs, the highest counts.
  const z = member.take(member.p, a, 10)
  member.hear(member.p, a, 50, z)
  assert.ok(member.say(member.p) < 50)
  member.next()
  assert.equal(member.domains.reachedIn(member.q), 50 * 1_024 + a)
  member.domains.reset()
  assert.equal(member.domains.reachedIn(member.p), 0)
})

test('domain › what it has said nothing of yet gets a stamp later than all that it has heard', () => {
  const member = new Member()
  const x = member.take(member.p, a, 1)
  member.say(member.p)
  member.hear(member.p, a, 40, x)
  member.next()
  member.take(member.q, c, 2)
  assert.ok(member.say(member.q) > 40)
})

test('domain › a cast waits for one of another group that may still come before it, and for no other', () => {
  const member = new Member()
  const x = member.take(member.p, a, 1)
  member.say(member.p)
  const y = member.take(member.q, c, 1)
  member.say(member.q)
  // y is complete, with a higher place than x may yet get.
  member.hear(member.q, c, 20, y)
  assert.equal(member.next(), null)
  member.hear(member.p, a, 30, x)
  assert.deepEqual([member.next(), member.next(), member.next()], ['g1 2#1', 'g0 0#1', null])
})

test('domain › equal stamps go by rank, and equal places by the casts', () => {
  const member = new Member()
  const y = member.take(member.q, c, 1)
  const x = member.take(member.p, a, 1)
  const z = member.take(member.p, a, 2)
  member.say(member.p)
  member.say(member.q)
  member.hear(member.q, c, 20, y)
  member.hear(member.p, a, 20, z, x)
  assert.deepEqual([member.next(), member.next(), member.next()], ['g0 0#1', 'g0 0#2', 'g1 2#1'])
})

test('domain › of what it has not said yet, it knows what it will say', () => {
  const member = new Member()
  const y = member.take(member.q, c, 1)
  member.say(member.q)
  member.hear(member.q, c, 5, y)
  const x = member.take(member.p, a, 1)
  member.hear(member.p, a, 2, x)
  assert.equal(member.next(), 'g1 2#1')

  const other = new Member()
  other.domains.begin(18 * 1_024)
  const first = other.take(other.p, a, 5)
  other.say(other.p)
  // 20 of rank 1, where the other one is at 20 of rank 0.
  other.take(other.q, c, 1)
  other.hear(other.p, a, 20, first)
  assert.equal(other.next(), 'g0 0#1')
})

test('domain › many casts of one step are in few records, and an own one is told when it has its place', () => {
  const member = new Member()
  for (let i = 0; i < 600; i += 1) member.take(member.p, a, 1)
  assert.deepEqual(
    member.domains.speak(member.p).map(({ length }) => length),
    [1 + 2 * 512, 1 + 2 * 88],
  )
  assert.equal(member.domains.speak(member.p).length, 0)
  const own = member.take(member.p, b, 3)
  member.say(member.p)
  assert.equal(member.placed, 0)
  member.hear(member.p, a, 9, own)
  assert.equal(member.placed, 1)
})

test('domain › a uniform cast waits until all hold it, and what was said of it', () => {
  const member = new Member(true)
  const x = member.take(member.p, a, 1)
  member.say(member.p)
  member.hear(member.p, a, 9, x)
  assert.equal(member.next(), null)
  member.era.learnStable(a, 2)
  assert.equal(member.next(), null)
  member.era.learnStable(b, 1)
  member.isPastStable = false
  assert.equal(member.next(), null)
  member.isPastStable = true
  assert.equal(member.next(), 'g0 0#1')
})

test('domain › while a view of one group ends, the others go on up to what was promised, until all of it is here', () => {
  const member = new Member()
  const x = member.take(member.q, c, 1)
  member.say(member.q)
  const end = member.domains.close(member.p)
  member.hear(member.q, c, 50, x)
  assert.ok(50 * 1_024 > end)
  assert.equal(member.next(), null)
  member.p.install = installOf(member.p)
  assert.equal(member.next(), null)
  // What still comes of the old view gets the promised stamp, however late it is.
  member.take(member.p, a, 60)
  assert.equal(member.domains.speak(member.p)[0]?.[0], Math.floor(end / 1_024))
  const other = new Member()
  const y = other.take(other.q, c, 1)
  other.say(other.q)
  other.domains.close(other.p)
  other.hear(other.q, c, 50, y)
  other.p.install = installOf(other.p)
  other.holdsAll = true
  assert.equal(other.next(), 'g1 2#1')
})

test('domain › the places of a view are above those of the one before it', () => {
  const member = new Member()
  member.domains.begin(70 * 1_024 + c)
  member.take(member.p, a, 1)
  assert.ok(member.say(member.p) > 70)
})

test('domain › at a cut, what is open comes after all that somebody has delivered, and after what its sender cast before', () => {
  const member = new Member()
  const early = member.take(member.p, a, 1)
  member.take(member.p, a, 2)
  const y = member.take(member.q, c, 3)
  member.say(member.p)
  member.say(member.q)
  member.hear(member.q, c, 30, y)
  // Somebody has delivered up to there: early is said to be at 40, the one after it was never spoken of by a.
  member.hear(member.p, a, 40, early)
  member.era.isClosed = true
  member.cut([[a, 35 * 1_024]])
  assert.deepEqual([member.next(), member.next(), member.next()], ['g1 2#1', 'g0 0#1', 'g0 0#2'])

  const alone = new Member()
  const z = alone.take(alone.q, c, 3)
  alone.take(alone.p, a, 1)
  alone.say(alone.q)
  alone.hear(alone.q, c, 30, z)
  alone.era.isClosed = true
  // That of z, which is later than the other by its own stamp.
  alone.cut([[a, 30 * 1_024 + c]])
  assert.deepEqual([alone.next(), alone.next()], ['g1 2#1', 'g0 0#1'])
})

test('domain › at a cut, what a member has told nobody counts for nothing', () => {
  const member = new Member()
  const y = member.take(member.q, c, 1)
  member.say(member.q)
  member.hear(member.q, c, 5, y)
  member.take(member.p, a, 2)
  member.era.isClosed = true
  member.cut([])
  assert.deepEqual([member.next(), member.next()], ['g0 0#1', 'g1 2#1'])
})

test('domain › at a cut, the next view of a group begins before the order goes on', () => {
  const member = new Member()
  const y = member.take(member.q, c, 1)
  member.say(member.q)
  member.hear(member.q, c, 5, y)
  member.p.install = installOf(member.p)
  member.era.isClosed = true
  member.cut([])
  assert.equal(member.next(), null)
  member.p.install = null
  assert.equal(member.next(), 'g1 2#1')
})

test('domain › at a cut, what is dropped holds nobody up', () => {
  const member = new Member()
  const x = member.take(member.p, a, 1)
  const y = member.take(member.q, c, 3)
  member.say(member.q)
  member.hear(member.q, c, 30, y)
  assert.equal(member.next(), null)
  member.era.isClosed = true
  x.isDropped = true
  member.cut([])
  assert.deepEqual([member.next(), member.next()], ['g1 2#1', null])
})

test('domain › at a cut, what is open of a uniform group comes after all that somebody who is gone may have delivered', () => {
  const order = (uniform: boolean): readonly (string | null)[] => {
    const member = new Member(uniform)
    const y = member.take(member.p, b, 1)
    assert.ok(member.say(member.p) < 50)
    const x = member.take(member.p, a, 5)
    member.say(member.p)
    member.hear(member.p, a, 50, x)
    // What a says of y is not here. It may be later than the place of x, which a then has delivered first.
    assert.deepEqual([y.isDelivered, member.next()], [false, null])
    member.era.isClosed = true
    member.cut([])
    return [member.next(), member.next()]
  }
  assert.deepEqual(order(false), ['g0 1#1', 'g0 0#1'])
  assert.deepEqual(order(true), ['g0 0#1', 'g0 1#1'])
})

test('domain › the sender of a uniform cast is told of its place once it is released: so nothing it casts elsewhere is open', () => {
  const member = new Member(true)
  const y = member.take(member.p, b, 1)
  member.say(member.p)
  member.hear(member.p, a, 9, y)
  assert.deepEqual([member.next(), member.placed], [null, 0])
  member.era.learnStable(a, 9)
  member.era.learnStable(b, 9)
  assert.deepEqual([member.next(), member.placed], ['g0 1#1', 1])
})
