/** Queues: every item is somebody's, and only one's. */
import { channel } from './channel.ts'
import type { Script } from './script.ts'
import type { Stage } from './stage.ts'

const on = { groups: { jobs: 'queue' } } as const
const KK = 'Keidar, Khazan, ICDCS 2000'
const hinted = { groups: { jobs: 'queue', talk: channel('causal') } } as const
/** The least that is agreed on: what is cast is what is held. */
const agreed = channel('total', { uniform: true, consistency: 'consistent' })
const plain = { groups: { jobs: agreed, talk: channel('causal') } } as const

/**
 * n enters the queue, hears from z elsewhere what comes after z's `j1`, and adds `j2`. Of `j1`, which was added before n was
 * there, p gets nothing: where w and z are not, `j1` is lost, and `j2` with it, if it was sent. Returns what `add` gives for
 * `j2`.
 */
async function addAfterLost<Added>(s: Stage, add: (id: string, item: string) => Added): Promise<Added> {
  await s.together('w z p v n', '')
  for (const [name, ids] of [
    ['jobs', 'w z p'],
    ['talk', 'z n'],
  ] as const) {
    for (const id of ids.split(' ')) {
      s.open(id, name)
      await s.settle()
    }
  }
  s.hold('z>p')
  add('z', 'j1')
  await s.run(50)
  s.open('n', 'jobs')
  await s.run(100)
  s.cast('z', 'talk', 'hint')
  await s.run(30)
  s.delivered('n', 'talk', 'hint')
  const added = add('n', 'j2')
  await s.run(30)
  return added
}

/**
 * The queue is open at all these but d, who opens it; as the state, in which others hold items, is sent to it, `go` has them
 * go. d gets the state, and hears of that, afterwards.
 */
async function goWhileJoining(s: Stage, members: string, go: () => void): Promise<void> {
  let isGone = false
  s.onSend({ kind: 'chunk', nth: 1 }, () => {
    s.hold(`${members}>d`)
    isGone = true
    go()
  })
  s.open('d', 'jobs')
  await s.until(() => isGone, 'the state is sent')
  await s.run(500)
  s.holds('d', 'jobs', '')
  s.release()
  await s.settle()
}

/** Each opens the queue, one after the other, and the first adds so many items. */
async function openAll(s: Stage, ids: readonly string[], items: number): Promise<void> {
  for (const id of ids) {
    s.open(id, 'jobs')
    await s.settle()
  }
  for (let i = 1; i <= items; i += 1) s.add(ids[0] ?? '', 'jobs', `j${i}`)
  await s.settle()
}

/** The scenarios. */
export const queue: readonly Script[] = [
  {
    name: 'vsync: queue: taker dies after take (n=3)',
    cites: ['Jepsen: Hazelcast 3.8.3', 'Jepsen total-queue'],
    on,
    async play(s) {
      await s.together('a b c')
      const add = s.add('a', 'jobs', 'j1')
      const first = s.take('b', 'jobs')
      await s.settle()
      s.got(add, 'ok')
      s.got(first, 'ok', 'j1')
      const second = s.take('c', 'jobs')
      await s.settle()
      s.got(second, 'pending')
      s.crash('b')
      await s.settle()
      s.got(second, 'ok', 'j1')
      s.later(second, first)
      const done = s.done(second)
      await s.settle()
      s.got(done, 'ok')
      s.holds('a c', 'jobs', '')
    },
  },
  {
    name: 'vsync: queue: taker of one origin dies, the item is free at once (n=3)',
    cites: ['Jepsen: Hazelcast 3.8.3'],
    on: { ...on, origins: 'tabs' },
    async play(s) {
      await s.together('a b c')
      s.add('a', 'jobs', 'j1')
      const first = s.take('b', 'jobs')
      await s.settle()
      s.got(first, 'ok', 'j1')
      const second = s.take('c', 'jobs')
      await s.run(100)
      const { now } = s
      s.crash('b')
      await s.until(() => second.outcome === 'ok', 'c has the item')
      // A proven death waits for no lease.
      s.within(now, 0, 1_000)
      s.later(second, first)
      await s.settle()
    },
  },
  {
    name: 'vsync: queue: all who had it are proven dead, it begins anew for who opens it then (n=3)',
    cites: ['hazelcast/hazelcast#11403', 'etcd-io/etcd#20418'],
    on: { ...on, origins: 'tabs' },
    async play(s) {
      await s.together('a b c', '')
      s.open('b', 'jobs')
      await s.settle()
      s.start('d', '')
      await s.settle()
      s.add('b', 'jobs', 'j1')
      await s.settle()
      s.crash('b')
      await s.settle()
      s.open('c', 'jobs')
      await s.settle()
      s.holds('c', 'jobs', '')
      const add = s.add('c', 'jobs', 'j2')
      await s.settle()
      s.got(add, 'ok')
    },
  },
  {
    name: 'vsync: queue: who had it dies while giving it, whoever awaits it begins anew (n=3)',
    cites: ['hazelcast/hazelcast#11403', 'etcd-io/etcd#20418'],
    on: { ...on, origins: 'tabs' },
    async play(s) {
      await s.together('a b c', '')
      s.open('b', 'jobs')
      await s.settle()
      s.start('d', '')
      await s.settle()
      s.hold('b>c')
      s.open('c', 'jobs')
      await s.run(300)
      s.crash('b')
      s.release('b>c')
      await s.settle()
      const add = s.add('c', 'jobs', 'j2')
      await s.settle()
      s.got(add, 'ok')
    },
  },
  {
    name: 'vsync: queue: who had it dies, and one who may have got it is cut off: it waits for that one (n=4)',
    cites: ['hazelcast/hazelcast#11403'],
    on: { ...on, origins: 'tabs' },
    async play(s) {
      await s.together('a b c d', '')
      s.open('b', 'jobs')
      await s.settle()
      s.start('e', '')
      await s.settle()
      s.open('c', 'jobs')
      await s.settle()
      const add = s.add('c', 'jobs', 'j1')
      await s.settle()
      s.got(add, 'ok')
      s.cut('c | a b d e')
      s.crash('b')
      await s.settle()
      s.open('d', 'jobs')
      const other = s.add('d', 'jobs', 'j2')
      await s.settle()
      s.got(other, 'pending')
      s.heal()
      await s.settle()
      s.got(other, 'ok')
      s.holds('c d', 'jobs', 'j1 j2')
    },
  },
  {
    name: 'vsync: queue: taker freezes past its lease, thaws and completes (n=3)',
    cites: ['Jepsen: etcd 3.4.3', 'etcd-io/etcd#20418'],
    on,
    async play(s) {
      await s.together('a b c')
      s.add('a', 'jobs', 'j1')
      const first = s.take('b', 'jobs')
      await s.settle()
      const second = s.take('c', 'jobs')
      s.freeze('b')
      await s.settle()
      s.got(second, 'ok', 'j1')
      s.thaw('b')
      // It knows that it may have been away: this waits until it has heard whether its view still stands, and is too late.
      const early = s.done(first)
      await s.settle()
      s.got(early, 'stale-token')
      const late = s.done(first)
      await s.settle()
      s.got(late, 'stale-token')
      s.holds('a b c', 'jobs', 'j1')
      const done = s.done(second)
      await s.settle()
      s.got(done, 'ok')
      s.holds('a b c', 'jobs', '')
    },
  },
  {
    name: 'vsync: queue: taker is cut off with the item, and comes back (n=3)',
    cites: ['Jepsen: etcd 3.4.3', 'corosync/corosync#182'],
    on,
    async play(s) {
      await s.together('a b c')
      s.add('a', 'jobs', 'j1')
      const first = s.take('c', 'jobs')
      await s.settle()
      s.got(first, 'ok', 'j1')
      s.cut('a b | c')
      const second = s.take('b', 'jobs')
      await s.settle()
      s.got(second, 'ok', 'j1')
      s.later(second, first)
      const late = s.done(first)
      await s.settle()
      s.heal()
      await s.settle()
      s.got(late, 'stale-token')
      s.holds('a b c', 'jobs', 'j1')
    },
  },
  {
    name: 'vsync: queue: taker leaves with the item (n=3)',
    cites: ['belaban/JGroups#311'],
    on,
    async play(s) {
      await s.together('a b c')
      s.add('a', 'jobs', 'j1')
      const first = s.take('b', 'jobs')
      await s.settle()
      const second = s.take('c', 'jobs')
      const { now } = s
      s.leave('b')
      await s.until(() => second.outcome === 'ok', 'c has the item')
      s.within(now, 0, 3_000)
      s.later(second, first)
      await s.settle()
    },
  },
  {
    name: 'vsync: queue: holder leaves while a joiner is given the state: the item is there once, for all (n=4)',
    cites: ['microsoft/FluidFramework#28040'],
    on,
    async play(s) {
      await s.together('a b c d', '')
      await openAll(s, ['a', 'b', 'c'], 3)
      const first = s.take('b', 'jobs')
      await s.settle()
      await goWhileJoining(s, 'a b c', () => s.leave('b'))
      s.inView('a c d', 'a c d', { primary: true })
      s.holds('a c d', 'jobs', 'j1 j2 j3')
      const newcomer = s.take('d', 'jobs')
      await s.settle()
      s.got(newcomer, 'ok', 'j1')
      s.later(newcomer, first)
      const second = s.take('a', 'jobs')
      const third = s.take('d', 'jobs')
      const none = s.take('c', 'jobs')
      await s.settle()
      s.got(second, 'ok', 'j2')
      s.got(third, 'ok', 'j3')
      s.got(none, 'pending')
      const ends = [newcomer, second, third].map((taken) => s.done(taken))
      await s.settle()
      for (const done of ends) s.got(done, 'ok')
      s.holds('a c d', 'jobs', '')
    },
  },
  {
    name: 'vsync: queue: what holders had goes back in one order, also for who was given the state meanwhile (n=5)',
    cites: ['microsoft/FluidFramework#28041'],
    on: { ...on, origins: 'tabs' },
    async play(s) {
      await s.together('a b c e d', '')
      await openAll(s, ['a', 'b', 'c', 'e'], 5)
      // Each of the two holds what is not in a row, and j5 was never taken.
      for (const id of ['b', 'c', 'b', 'c']) {
        const taken = s.take(id, 'jobs')
        await s.settle()
        s.got(taken, 'ok')
      }
      await goWhileJoining(s, 'a b c e', () => {
        s.crash('c')
        s.leave('b')
      })
      s.inView('a e d', 'a e d', { primary: true })
      s.holds('a e d', 'jobs', 'j1 j2 j3 j4 j5')
      // One after the other, by whoever was there, and by who was not.
      for (const [i, id] of ['d', 'a', 'd', 'e', 'd'].entries()) {
        const taken = s.take(id, 'jobs')
        await s.settle()
        s.got(taken, 'ok', `j${i + 1}`)
      }
    },
  },
  {
    name: 'vsync: queue: two take one item (n=3)',
    cites: ['Jepsen total-queue'],
    on,
    async play(s) {
      await s.together('a b c')
      const one = s.take('b', 'jobs')
      const two = s.take('c', 'jobs')
      s.add('a', 'jobs', 'j1')
      await s.settle()
      s.got(one, 'ok', 'j1')
      s.got(two, 'pending')
      s.add('a', 'jobs', 'j2')
      await s.settle()
      s.got(two, 'ok', 'j2')
    },
  },
  {
    name: 'vsync: queue: the sequencer dies as the item is completed (n=4)',
    cites: ['Jepsen total-queue', 'Hickey, Lynch, van Renesse, TACAS 1999'],
    on,
    async play(s) {
      await s.together('a b c d')
      s.add('b', 'jobs', 'j1')
      const taken = s.take('c', 'jobs')
      await s.settle()
      s.crashSending('a', 'order', { after: 1 })
      const done = s.done(taken)
      await s.settle()
      s.inView('b c d', 'b c d', { primary: true })
      s.got(done, 'ok')
      s.holds('b c d', 'jobs', '')
    },
  },
  {
    name: 'vsync: queue: who is told that it is done is not told wrong (n=5)',
    cites: ['Derecho-Project/derecho#143', 'Jepsen total-queue'],
    on,
    async play(s) {
      await s.together('a b c d e')
      s.add('a', 'jobs', 'j1')
      const taken = s.take('a', 'jobs')
      await s.settle()
      const done = s.done(taken)
      await s.until(() => done.outcome === 'ok', 'it is done')
      // Those who go on are others.
      s.cut('a b | c d e')
      s.crash('a b')
      await s.settle()
      s.inView('c d e', 'c d e', { primary: true })
      s.holds('c d e', 'jobs', '')
    },
  },
  {
    name: 'vsync: queue: outside of the primary component it says so (n=3)',
    cites: ['keycloak/keycloak#47970', 'belaban/JGroups#311'],
    on: { ...on, whenNotPrimary: 'reject' },
    async play(s) {
      await s.together('a b c')
      s.cut('a b | c')
      await s.settle()
      const no = s.add('c', 'jobs', 'j1')
      const none = s.take('c', 'jobs')
      const yes = s.add('a', 'jobs', 'j2')
      await s.settle()
      s.got(no, 'not-primary')
      s.got(none, 'not-primary')
      s.got(yes, 'ok')
      s.heal()
      await s.settle()
      const again = s.take('c', 'jobs')
      await s.settle()
      s.got(again, 'ok', 'j2')
    },
  },
  {
    name: 'vsync: queue: what waits for the primary component is done once it is there (n=3)',
    cites: ['keycloak/keycloak#46298'],
    on: { groups: { jobs: 'queue', log: channel('fifo') } },
    async play(s) {
      await s.together('a b c')
      s.cut('a b | c')
      await s.settle()
      const add = s.add('c', 'jobs', 'j1')
      const take = s.take('c', 'jobs')
      await s.settle()
      s.got(add, 'pending')
      s.got(take, 'pending')
      s.heal()
      await s.settle()
      s.got(add, 'ok')
      s.got(take, 'ok', 'j1')
      s.holds('a b c', 'jobs', 'j1')
    },
  },
  {
    name: 'vsync: queue: who is given the state of others goes on from it, whatever else it has been told (n=4)',
    cites: ['Jepsen: Hazelcast 3.8.3', 'Birman, Joseph 1987'],
    on: { ...on, origins: 'tabs' },
    async play(s) {
      await s.together('a b c')
      s.add('a', 'jobs', 'j1')
      const first = s.take('a', 'jobs')
      await s.settle()
      s.got(first, 'ok', 'j1')
      s.hold('a b|c')
      await s.until(() => s.isIn('c', 'c'), 'c is alone')
      s.leave('b')
      await s.settle()
      // d awaits the state from a, which dies without giving it; c has an older one, and has not been with a meanwhile.
      s.stall('a', 60_000)
      s.start('d')
      await s.until(() => s.isIn('d', 'a d'), 'd has joined a')
      s.crash('a')
      await s.settle()
      s.inView('c d', 'd c', { primary: true })
      s.told('d', { dead: 'a' })
      s.told('c', {})
      s.refound('c')
      await s.settle()
      s.holds('c d', 'jobs', 'j1')
      const second = s.take('c', 'jobs')
      await s.settle()
      s.got(second, 'ok', 'j1')
    },
  },
  {
    name: 'vsync: queue: what comes before a cast is lost, and so is the cast, where all is agreed on (n=5)',
    cites: [KK],
    on: plain,
    async play(s) {
      await addAfterLost(s, (id, item) => s.cast(id, 'jobs', item))
      s.crash('w z')
      await s.settle()
      s.inView('p v n', 'p v n', { primary: true })
      s.fate('j2', 'unknown-outcome')
      s.holds('p n', 'jobs', '')
    },
  },
  {
    name: 'vsync: queue: what comes before a cast is lost here, and others have both, where all is agreed on (n=5)',
    cites: [KK],
    on: plain,
    async play(s) {
      await addAfterLost(s, (id, item) => s.cast(id, 'jobs', item))
      s.cut('w z v | p n')
      await s.settle()
      s.inView('w z v', 'w z v', { primary: true })
      s.holds('w z', 'jobs', 'j1 j2')
      s.fate('j2', 'unknown-outcome')
      s.heal()
      s.release()
      await s.settle()
      s.inView('w z v p n', 'w z v p n', { primary: true })
      s.holds('w z p n', 'jobs', 'j1 j2')
    },
  },
  {
    name: 'vsync: queue: who has no state yet adds once it has one, though those that it came to are dead (n=5)',
    cites: [KK, 'Jepsen total-queue'],
    on: hinted,
    async play(s) {
      const add = await addAfterLost(s, (id, item) => s.add(id, 'jobs', item))
      s.got(add, 'pending')
      s.crash('w z')
      await s.settle()
      s.inView('p v n', 'p v n', { primary: true })
      s.got(add, 'ok')
      s.holds('p n', 'jobs', 'j2')
    },
  },
  {
    name: 'vsync: queue: who has no state yet, and is cut off, adds once when it is back (n=5)',
    cites: [KK, 'Jepsen total-queue'],
    on: hinted,
    async play(s) {
      const add = await addAfterLost(s, (id, item) => s.add(id, 'jobs', item))
      s.cut('w z v | p n')
      await s.settle()
      s.inView('w z v', 'w z v', { primary: true })
      s.holds('w z', 'jobs', 'j1')
      s.got(add, 'pending')
      s.heal()
      s.release()
      await s.settle()
      s.inView('w z v p n', 'w z v p n', { primary: true })
      s.got(add, 'ok')
      s.holds('w z p n', 'jobs', 'j1 j2')
    },
  },
]
