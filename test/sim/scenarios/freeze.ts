/** Freeze: tabs that sleep, and wake up believing that no time has passed. */
import { channel } from './channel.ts'
import type { Script } from './script.ts'

const on = { groups: { notes: channel('causal'), log: channel('total', { consistency: 'consistent', uniform: true }) } }
const HOUR_MS = 3_600_000
const SUSPECT_MS = 3_000
const STALL_MS = 1_600

/** The scenarios. */
export const freeze: readonly Script[] = [
  {
    name: 'vsync: freeze: two seconds, nobody is excluded (n=3)',
    cites: ['akka/akka-core#21999', 'corosync/corosync#729'],
    on,
    async play(s) {
      await s.together('a b c')
      const { now } = s
      s.freeze('b')
      await s.run(2_000)
      s.cast('a', 'notes', 'x')
      s.thaw('b')
      await s.settle()
      s.delivered('b', 'notes', 'x')
      s.happened({ e: 'view', g: '' }, 0, now)
    },
  },
  {
    name: 'vsync: freeze: past exclusion, back as the same one with what it wrote (n=4)',
    cites: ['corosync/corosync#347', 'akka/akka-core#21999'],
    on,
    async play(s) {
      await s.together('a b c d')
      s.freeze('c')
      await s.until(() => s.isIn('a', 'a b d'), 'c is excluded')
      s.cast('a', 'notes', 'x')
      await s.run(60_000)
      s.thaw('c')
      s.cast('c', 'notes', 'y')
      const { now } = s
      await s.settle()
      s.inView('a b c d', 'a b d c', { primary: true })
      s.holds('a b c d', 'notes', 'x y')
      // It is told that it was away, never that all others failed: it does not see itself alone and primary.
      s.happened({ e: 'view', g: '', p: 'c', primary: true }, 1, now)
      s.happened({ e: 'view', g: '', p: 'a' }, 1, now)
    },
  },
  {
    name: 'vsync: freeze: 8 h, coordinator (n=3)',
    cites: ['corosync/corosync#347', 'JGroups FrozenCoordinatorTest'],
    on,
    async play(s) {
      await s.together('a b c')
      s.cast('a', 'log', 'x')
      await s.settle()
      s.freeze('a')
      await s.until(() => s.isIn('b', 'b c'), 'a is excluded')
      s.breakPaths('a')
      s.cast('b', 'log', 'y')
      await s.run(8 * HOUR_MS)
      s.inView('b c', 'b c', { primary: true })
      s.thaw('a')
      s.cast('a', 'log', 'z')
      s.mendPaths()
      await s.settle()
      s.inView('a b c', 'b c a', { primary: true })
      s.holds('a b c', 'log', s.stateOf('b', 'log'))
      s.delivered('b c', 'log', s.deliveredBy('b', 'log'))
    },
  },
  {
    name: 'vsync: freeze: the laptop sleeps with all tabs, nobody accuses anybody (n=3)',
    cites: ['hazelcast/hazelcast#11403', 'hashicorp/consul#5567'],
    on: { ...on, origins: 'tabs' },
    async play(s) {
      await s.together('a b c')
      const { now } = s
      s.freeze('a b c')
      await s.run(HOUR_MS)
      s.thaw('c')
      await s.run(300)
      s.thaw('a b')
      s.cast('b', 'log', 'x')
      await s.settle()
      s.fate('x', 'stable')
      s.inView('a b c', 'a b c', { primary: true })
      s.happened({ e: 'view', g: '' }, 0, now)
    },
  },
  {
    name: 'vsync: freeze: all but one, and they come back one by one (n=4)',
    cites: ['hashicorp/consul#1337', 'prometheus/alertmanager#1909'],
    on,
    async play(s) {
      await s.together('a b c d')
      s.freeze('a b c')
      await s.settle()
      s.inView('d', 'd', { primary: false })
      s.cast('d', 'notes', 'd1')
      for (const id of ['c', 'a', 'b']) {
        s.thaw(id)
        s.cast(id, 'notes', `${id}1`)
        await s.run(4_000)
      }
      await s.settle()
      s.inView('a b c d', s.membersOf('a'), { primary: true })
      s.holds('a b c d', 'notes', 'a1 b1 c1 d1')
    },
  },
  {
    name: 'vsync: freeze: a member between its row and its ready (n=4)',
    cites: ['belaban/JGroups#36', 'akka/akka-core#21999'],
    on,
    async play(s) {
      await s.together('a b c d e')
      s.crash('e')
      s.on({ e: 'row', p: 'c' }, () => s.freeze('c'))
      s.cast('c', 'notes', 'x')
      await s.settle()
      s.inView('a b d', 'a b d', { primary: true })
      s.thaw('c')
      await s.settle()
      s.inView('a b c d', 'a b d c', { primary: true })
      s.holds('a b c d', 'notes', 'x')
    },
  },
  {
    name: 'vsync: freeze: the donor (n=3)',
    cites: ['JGroups StateTransferTest2', 'Derecho-Project/derecho#157'],
    on: { groups: { log: channel('causal', { ballast: 100_000 }) } },
    async play(s) {
      await s.together('a b c')
      s.start('d', '')
      await s.settle()
      s.cast('a', 'log', 'x')
      await s.settle()
      s.on({ e: 'transfer' }, () => s.freeze(s.donorOf('d')))
      s.open('d', 'log')
      await s.until(() => s.lines({ e: 'stateIn', p: 'd' }).length === 1, 'd has the state')
      s.holds('d', 'log', 'x')
      s.thaw('a b c')
      await s.settle()
      s.inView('a b c d', s.membersOf('a'), { primary: true })
      s.holds('a b c d', 'log', 'x')
    },
  },
  {
    name: 'vsync: freeze: sequencer, with casts that it has not numbered (n=4)',
    cites: ['JGroups FrozenCoordinatorTest', 'etcd-io/etcd#20418'],
    on,
    async play(s) {
      await s.together('a b c d')
      s.freeze('a')
      s.cast('b', 'log', 'b1')
      s.cast('c', 'log', 'c1')
      await s.run(1_000)
      s.delivered('b c d', 'log', '')
      await s.settle()
      s.inView('b c d', 'b c d', { primary: true })
      s.fate('b1 c1', 'stable')
      s.thaw('a')
      s.cast('a', 'log', 'a1')
      await s.settle()
      s.holds('a b c d', 'log', s.stateOf('b', 'log'))
      s.delivered('c d', 'log', s.deliveredBy('b', 'log'))
    },
  },
  {
    name: 'vsync: freeze: coordinator, with a cast that only one has: one suspicion, though its successor stalls (n=4)',
    cites: ['JGroups FrozenCoordinatorTest', 'hashicorp/consul#1337'],
    on: { groups: { ...on.groups, jobs: 'queue' } },
    async play(s) {
      await s.together('a b c d')
      s.hold('a>c d')
      s.cast('a', 'notes', 'x')
      await s.run(50)
      s.freeze('a')
      const { now } = s
      // What depends on it waits, and so does whatever all must hold.
      s.cast('b', 'notes', 'b1')
      const added = s.add('c', 'jobs', 'item')
      await s.run(SUSPECT_MS - 700)
      s.delivered('d', 'notes', '')
      // A busy machine: this gap is longer than two heartbeats, so nobody is accused for it, and no later.
      s.freeze('b')
      await s.run(STALL_MS)
      s.thaw('b')
      await s.until(
        () => s.deliveredBy('c', 'notes') === 'x b1' && s.deliveredBy('d', 'notes') === 'x b1',
        'they go on',
      )
      s.within(now, SUSPECT_MS - 700, SUSPECT_MS + STALL_MS + 300)
      await s.until(() => added.outcome === 'ok', 'the item is added')
      s.within(now, SUSPECT_MS - 700, SUSPECT_MS + STALL_MS + 300)
      s.inView('b c d', 'b c d', { primary: true })
      s.happened({ e: 'restart' }, 0, now)
      s.release()
      s.thaw('a')
      await s.settle()
      s.inView('a b c d', 'b c d a', { primary: true })
      s.holds('a b c d', 'notes', 'x b1')
    },
  },
  {
    name: 'vsync: freeze: coordinator in the midst of the flush that it leads: one suspicion (n=4)',
    cites: ['JGroups FrozenCoordinatorTest', 'belaban/JGroups#36'],
    on: { groups: { ...on.groups, jobs: 'queue' } },
    async play(s) {
      await s.together('a b c d')
      const before = s.lines({ e: 'ready', p: 'a' }).length
      s.start('e')
      // All will say READY to it: they complete its view without it, and must not wait for it once more there.
      s.on({ e: 'ready', p: 'a' }, () => s.freeze('a'))
      await s.until(() => s.lines({ e: 'ready', p: 'a' }).length > before, 'it stops')
      const { now } = s
      s.cast('b', 'notes', 'b1')
      const added = s.add('c', 'jobs', 'item')
      await s.until(() => added.outcome === 'ok' && s.deliveredBy('d', 'notes') === 'b1', 'they go on')
      s.within(now, 0, SUSPECT_MS + 500)
      s.thaw('a')
      await s.settle()
      s.inView('a b c d e', s.membersOf('b'), { primary: true })
      s.holds('a b c d e', 'notes', 'b1')
    },
  },
]
