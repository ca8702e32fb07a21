/** Lagging: pages that do nothing for long while their kernels go on, and hold others up. */
import assert from 'node:assert/strict'
import { LAG_LIMITS } from '../scenario.ts'
import { channel } from './channel.ts'
import type { Script } from './script.ts'

const on = {
  lags: true,
  groups: {
    notes: channel('causal'),
    log: channel('total', { consistency: 'consistent', uniform: true }),
    jobs: 'queue',
  },
} as const
/** More than a page may leave unconsumed and a window besides. */
const many = (name: string): string => Array.from({ length: 100 }, (_, i) => `${name}${i}`).join(' ')
/** It is found out with a heartbeat; then three round trips for the flush, and the time in which failures are gathered. */
const OUT_MS = LAG_LIMITS.lagMs + 500 + 60 + 50 + 20

const spread = 'spread-users 2009-May/004148 (clients are killed when 1000 messages queue for them)'

/** The scenarios. */
export const lagging: readonly Script[] = [
  {
    name: 'vsync: lagging: a page that does nothing for a minute is put out of the way, not killed, and is back by itself (n=4)',
    cites: [spread, 'Derecho-Project/derecho#157'],
    on,
    async play(s) {
      await s.together('a b c d')
      const { now } = s
      s.cast('c', 'notes', 'before')
      await s.run(50)
      s.lag('c', 60_000)
      s.cast('b', 'notes', many('x'))
      await s.until(() => s.isIn('b', 'a b d'), 'c is put out')
      s.within(now, LAG_LIMITS.lagMs, OUT_MS + 200)
      await s.run(500)
      s.inView('a b d', 'a b d', { primary: true })
      s.told('a b d', {})
      for (const id of ['a', 'b', 'd']) assert.equal(s.awayAt(id), 'c')
      s.fate(many('x'), 'stable')
      s.cast('d', 'log', 'y')
      await s.run(now + 60_000 - s.now + 60)
      s.cast('c', 'notes', 'z')
      await s.settle()
      s.inView('a b c d', 'a b d c', { primary: true })
      s.fate('before y z', 'stable')
      assert.equal(s.stateOf('a', 'notes').split(' ').length, 102)
      s.holds('b c d', 'notes', s.stateOf('a', 'notes'))
      s.holds('a b c d', 'log', 'y')
      // It was away; nobody has failed.
      s.never({ e: 'view', g: '', p: 'c' }, (line) => (line['expelled'] as readonly string[]).length > 0)
      const back = s.lines({ e: 'view', g: '', p: 'c' }).at(-1)
      assert.ok(Number(back?.['wasAwayMs']) > 50_000)
    },
  },
  {
    name: 'vsync: lagging: the coordinator and sequencer is put out as anybody (n=3)',
    cites: [spread, 'JGroups FrozenCoordinatorTest'],
    on,
    async play(s) {
      await s.together('a b c')
      s.lag('a', 20_000)
      s.cast('c', 'log', 'x')
      s.cast('b', 'notes', many('y'))
      await s.until(() => s.isIn('b', 'b c'), 'a is put out')
      await s.run(200)
      s.fate(`x ${many('y')}`, 'stable')
      s.cast('c', 'log', 'z')
      await s.run(100)
      s.fate('z', 'stable')
      await s.run(20_000)
      await s.settle()
      s.inView('a b c', 'b c a', { primary: true })
      s.holds('a b c', 'log', 'x z')
      s.holds('a b', 'notes', s.stateOf('c', 'notes'))
    },
  },
  {
    name: 'vsync: lagging: the coordinator is told of it by whoever waits before it hears of it (n=3)',
    cites: [spread, 'JGroups FrozenCoordinatorTest'],
    on,
    async play(s) {
      await s.together('a b c')
      s.slow('c>a', 200)
      const { now } = s
      s.lag('c', 20_000)
      s.cast('b', 'notes', many('x'))
      await s.until(() => s.isIn('b', 'a b'), 'c is put out')
      // It is told once more, with a heartbeat.
      s.within(now, LAG_LIMITS.lagMs, OUT_MS + 400 + 500)
      await s.run(100)
      s.fate(many('x'), 'stable')
      await s.run(20_000)
      await s.settle()
      s.inView('a b c', 'a b c', { primary: true })
    },
  },
  {
    name: 'vsync: lagging: a page that nobody waits for stays, however long it does nothing (n=3)',
    cites: [spread, 'akka/akka-core#21999'],
    on,
    async play(s) {
      await s.together('a b c')
      const { now } = s
      s.lag('c', 40_000)
      s.cast('a', 'notes', 'x y z')
      await s.run(41_000)
      await s.settle()
      s.happened({ e: 'view', g: '' }, 0, now)
      s.holds('a b c', 'notes', 'x y z')
    },
  },
  {
    name: 'vsync: lagging: what its page holds of a queue is taken by another, and its completion is refused (n=3)',
    cites: [spread, 'hashicorp/consul#1337'],
    on,
    async play(s) {
      await s.together('a b c')
      s.add('a', 'jobs', 'job')
      const first = s.take('c', 'jobs')
      await s.run(500)
      s.got(first, 'ok', 'job')
      s.lag('c', 30_000)
      s.cast('b', 'notes', many('x'))
      const second = s.take('b', 'jobs')
      await s.run(10_000)
      s.got(second, 'ok', 'job')
      s.later(second, first)
      await s.run(20_100)
      const late = s.done(first)
      const done = s.done(second)
      await s.settle()
      s.got(late, 'stale-token')
      s.got(done, 'ok')
      s.inView('a b c', 'a b c', { primary: true })
    },
  },
  {
    name: 'vsync: lagging: all who listen to one cast are blocked, and it goes on alone; with both back there is one state (n=3)',
    cites: [spread, 'hazelcast/hazelcast#11403'],
    on,
    async play(s) {
      await s.together('a b c')
      s.lag('a', 30_000)
      s.lag('c', 20_000)
      s.cast('b', 'notes', many('x'))
      await s.until(() => s.isIn('b', 'b'), 'both are put out')
      await s.run(100)
      s.fate(many('x'), 'stable')
      assert.equal(s.awayAt('b'), 'a c')
      await s.run(30_000)
      await s.settle()
      s.inView('a b c', s.membersOf('b'), { primary: true })
      s.holds('a c', 'notes', s.stateOf('b', 'notes'))
    },
  },
]
