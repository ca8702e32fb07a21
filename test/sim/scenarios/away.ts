/** Away: tabs that say that they are about to be frozen. */
import assert from 'node:assert/strict'
import { channel } from './channel.ts'
import type { Script } from './script.ts'

const on = { groups: { notes: channel('causal'), log: channel('total', { consistency: 'consistent', uniform: true }) } }
/** Two round trips and a half for the flush, half of one for the word that it sleeps, and the time in which failures are gathered. */
const FLUSH_MS = 60 + 50 + 10

/** The scenarios. */
export const away: readonly Script[] = [
  {
    name: 'vsync: away: the coordinator says so, and the others go on after three round trips (n=4)',
    cites: ['JGroups FrozenCoordinatorTest', 'corosync/corosync#347'],
    on,
    async play(s) {
      await s.together('a b c d')
      const { now } = s
      await s.suspend('a')
      await s.until(() => s.isIn('d', 'b c d'), 'the others have their view')
      s.within(now, 0, FLUSH_MS)
      s.inView('b c d', 'b c d', { primary: true })
      s.told('b c d', {})
      for (const id of ['b', 'c', 'd']) assert.equal(s.awayAt(id), 'a')
      s.cast('b', 'log', 'x')
      await s.run(20_000)
      s.fate('x', 'stable')
      s.resume('a')
      s.cast('a', 'notes', 'y')
      await s.settle()
      s.inView('a b c d', 'b c d a', { primary: true })
      for (const id of ['a', 'b', 'c', 'd']) assert.equal(s.awayAt(id), '')
      s.holds('a b c d', 'notes', 'y')
      s.holds('a b c d', 'log', 'x')
      // It is told that it was away, never that the others failed.
      s.never({ e: 'view', g: '', p: 'a' }, (line) => (line['expelled'] as readonly string[]).length > 0)
      const back = s.lines({ e: 'view', g: '', p: 'a' }).at(-1)
      assert.ok(Number(back?.['wasAwayMs']) > 20_000)
    },
  },
  {
    name: 'vsync: away: a junior that nobody waits for stays, and nothing happens (n=3)',
    cites: ['akka/akka-core#21999', 'hashicorp/consul#5567'],
    on: { groups: { notes: channel('causal') } },
    async play(s) {
      await s.together('a b c')
      const { now } = s
      await s.suspend('c')
      await s.run(4_000)
      s.resume('c')
      s.cast('c', 'notes', 'x')
      await s.settle()
      s.happened({ e: 'view', g: '' }, 0, now)
      s.fate('x', 'stable')
    },
  },
  {
    name: 'vsync: away: a junior is put out at once when a uniform cast waits for it (n=3)',
    cites: ['JGroups FrozenCoordinatorTest', 'Derecho-Project/derecho#157'],
    on,
    async play(s) {
      await s.together('a b c')
      await s.suspend('c')
      await s.run(2_000)
      s.inView('a b', 'a b c', { primary: true })
      const { now } = s
      s.cast('b', 'log', 'x')
      await s.until(() => s.isIn('b', 'a b'), 'c is put out')
      s.within(now, 0, FLUSH_MS + 20)
      await s.run(100)
      s.fate('x', 'stable')
      s.resume('c')
      await s.settle()
      s.inView('a b c', 'a b c', { primary: true })
      s.holds('c', 'log', 'x')
    },
  },
  {
    name: 'vsync: away: frozen without a word past exclusion, the one who slept accuses nobody (n=4)',
    cites: ['corosync/corosync#347', 'hazelcast/hazelcast#11403'],
    on,
    async play(s) {
      await s.together('a b c d')
      s.freeze('c')
      await s.until(() => s.isIn('a', 'a b d'), 'c is excluded')
      await s.run(60_000)
      s.told('a b d', { expelled: 'c' })
      s.thaw('c')
      s.cast('c', 'notes', 'x')
      await s.settle()
      s.inView('a b c d', 'a b d c', { primary: true })
      s.holds('a b c d', 'notes', 'x')
      s.never({ e: 'view', g: '', p: 'c' }, (line) => (line['expelled'] as readonly string[]).length > 0)
    },
  },
  {
    name: 'vsync: away: a laptop sleeps with two of five, and both come back in one view (n=5)',
    cites: ['hazelcast/hazelcast#11403', 'hashicorp/consul#1337'],
    on,
    async play(s) {
      await s.together('a b c d e')
      await s.suspend('a d')
      await s.until(() => s.isIn('e', 'b c e'), 'both are away')
      assert.equal(s.awayAt('e'), 'a d')
      s.start('f')
      await s.settle()
      assert.equal(s.awayAt('f'), 'a d')
      const { now } = s
      s.resume('a d')
      await s.settle()
      s.inView('a b c d e f', s.membersOf('b'), { primary: true })
      s.happened({ e: 'view', g: '', p: 'b' }, 1, now)
      for (const id of ['a', 'd'])
        s.never({ e: 'view', g: '', p: id }, (line) => (line['expelled'] as readonly string[]).length > 0)
    },
  },
  {
    name: 'vsync: away: all tabs of a computer say so and sleep, and nothing has happened (n=3)',
    cites: ['hazelcast/hazelcast#11403', 'hashicorp/consul#5567'],
    on: { ...on, origins: 'tabs' },
    async play(s) {
      await s.together('a b c')
      const { now } = s
      await s.suspend('a b c')
      await s.run(3_600_000)
      s.resume('a b c')
      s.cast('b', 'log', 'x')
      await s.settle()
      s.inView('a b c', s.membersOf('a'), { primary: true })
      s.holds('a b c', 'log', 'x')
      s.never({ e: 'view', g: '' }, (line) => line.t > now && (line['expelled'] as readonly string[]).length > 0)
    },
  },
  {
    name: 'vsync: away: a tab that is away is closed, which gives the other one the quorum (n=2)',
    cites: ['etcd-io/etcd#20418', 'hashicorp/consul#1337'],
    on: { ...on, origins: 'tabs' },
    async play(s) {
      await s.together('a b')
      await s.suspend('a')
      await s.settle()
      s.inView('b', 'b', { primary: false })
      assert.equal(s.awayAt('b'), 'a')
      s.cast('b', 'log', 'x')
      s.crash('a')
      await s.settle()
      s.inView('b', 'b', { primary: true })
      assert.equal(s.awayAt('b'), '')
      s.told('b', { dead: 'a' })
      s.fate('x', 'stable')
    },
  },
  {
    name: 'vsync: away: one that is away wakes only to leave (n=3)',
    cites: ['belaban/JGroups#36', 'prometheus/alertmanager#1909'],
    on,
    async play(s) {
      await s.together('a b c')
      await s.suspend('a')
      await s.settle()
      assert.equal(s.awayAt('c'), 'a')
      s.thaw('a')
      s.leave('a', 'quickly')
      await s.settle()
      s.inView('b c', 'b c', { primary: true })
      assert.equal(s.awayAt('b'), '')
    },
  },
]
