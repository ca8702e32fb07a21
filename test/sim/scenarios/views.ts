/** Views: who is told of whom, and how often. */
import assert from 'node:assert/strict'
import { channel } from './channel.ts'
import type { Script } from './script.ts'

const on = { groups: { log: channel('causal') } }

/** The scenarios. */
export const views: readonly Script[] = [
  {
    name: 'vsync: views: a leaver is told to have left, a crashed member is not (n=4)',
    cites: ['Derecho-Project/derecho#132'],
    on,
    async play(s) {
      await s.together('a b c d')
      s.leave('b')
      await s.settle()
      s.told('a c d', { left: 'b' })
      s.crash('c')
      await s.settle()
      s.told('a d', { expelled: 'c' })
      s.inView('a d', 'a d', { primary: true })
    },
  },
  {
    name: 'vsync: views: two crash at once, one view tells of both (n=6)',
    cites: ['corosync/corosync#466', 'kronosnet/kronosnet#218'],
    on,
    async play(s) {
      await s.together('a b c d e f')
      const { now } = s
      s.crash('c e')
      await s.settle()
      s.inView('a b d f', 'a b d f', { primary: true })
      s.told('a b d f', { expelled: 'c e' })
      for (const p of ['a', 'b', 'd', 'f']) s.happened({ e: 'view', g: '', p }, 1, now)
    },
  },
  {
    name: 'vsync: views: one leaves and one crashes in the same moment (n=5)',
    cites: ['JGroups ConcurrentLeaversTest'],
    on,
    async play(s) {
      await s.together('a b c d e')
      s.leave('c')
      s.crash('e')
      await s.settle()
      s.inView('a b d', 'a b d', { primary: true })
      s.happened({ e: 'departed', q: 'e' }, 0)
      s.happened({ e: 'suspect', q: 'c' }, 0)
    },
  },
  {
    name: 'vsync: views: all leave at once but one (n=5)',
    cites: ['JGroups ConcurrentLeaversTest', 'Derecho-Project/derecho#129'],
    on,
    async play(s) {
      await s.together('a b c d e')
      for (const id of ['a', 'b', 'c', 'd']) s.leave(id)
      await s.settle()
      s.inView('e', 'e', { primary: true })
    },
  },
  {
    name: 'vsync: views: coordinator leaves, the next in rank leads (n=3)',
    cites: ['JGroups LeaveTest'],
    on,
    async play(s) {
      await s.together('a b c')
      s.leave('a')
      await s.settle()
      s.told('b c', { left: 'a' })
      s.inView('b c', 'b c', { primary: true })
      s.start('d')
      await s.settle()
      s.inView('b c d', 'b c d', { primary: true })
    },
  },
  {
    name: 'vsync: views: back in a group that all had left, and cut off: it has not left again (n=3)',
    cites: ['seed 453 of churn, mended by a23ee2a', 'belaban/JGroups#1024'],
    on,
    async play(s) {
      await s.together('a b c', '')
      for (const id of ['b', 'c']) s.open(id, 'log')
      await s.settle()
      for (const id of ['b', 'c']) {
        s.close(id, 'log')
        await s.settle()
      }
      // Of the view of b alone nobody else is told.
      for (const id of ['b', 'c']) {
        s.open(id, 'log')
        await s.settle()
      }
      s.inGroup('b c', 'log', 'b c')
      s.cut('a c | b')
      await s.settle()
      const gone = s.lines({ e: 'view', p: 'c', g: 'log' }).at(-1)
      assert.deepEqual([gone?.['left'], gone?.['expelled']], [[], ['b']])
    },
  },
  {
    name: 'vsync: views: a page is closed with a cast on its way (n=3)',
    cites: ['Chockler, Keidar, Vitenberg, ACM Computing Surveys 33(4), 2001'],
    on,
    async play(s) {
      await s.together('a b c')
      s.cast('b', 'log', 'x')
      s.leave('b', 'quickly')
      await s.settle()
      s.delivered('a c', 'log', 'x')
      s.inView('a c', 'a c', { primary: true })
    },
  },
  {
    name: 'vsync: views: a path breaks and comes back, nobody is excluded (n=3)',
    cites: ['FeatureBaseDB/featurebase#1993', 'corosync/corosync#506'],
    on,
    async play(s) {
      await s.together('a b c')
      const { now } = s
      s.cast('b', 'log', 'x y')
      s.reset('b', 'c')
      s.cast('b', 'log', 'z')
      await s.settle()
      s.delivered('a b c', 'log', 'x y z')
      s.happened({ e: 'view', g: '' }, 0, now)
    },
  },
  {
    name: 'vsync: views: a member crashes without a sign, heartbeats decide (n=3)',
    cites: ['hazelcast/hazelcast#5609'],
    on,
    async play(s) {
      await s.together('a b c')
      s.wire.crashNoticeMs = Number.POSITIVE_INFINITY
      const { now } = s
      // Others' casts are no sign of life of the silent one.
      s.crash('c')
      s.cast('a', 'log', 'x')
      await s.until(
        () => s.lines({ e: 'view', g: '', p: 'b' }).at(-1)?.['expelled']?.toString() === 'c',
        'c is excluded',
      )
      s.within(now, 2_400, 4_000)
      await s.settle()
      s.inView('a b', 'a b', { primary: true })
      s.delivered('a b', 'log', 'x')
    },
  },
]
