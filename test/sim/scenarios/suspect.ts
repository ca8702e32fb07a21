/** Suspicion: silence in one direction, and suspicion that was wrong. */
import { channel } from './channel.ts'
import type { Script } from './script.ts'

const on = { groups: { notes: channel('causal') } }

/** The scenarios. */
export const suspect: readonly Script[] = [
  {
    name: 'vsync: suspect: asymmetric, send-only (n=3)',
    cites: [
      'tigerbeetle.com/blog/2023-07-06-simulation-testing-for-liveness',
      'Spread users list, November 2011 (004486)',
    ],
    on,
    async play(s) {
      await s.together('a b c')
      // c is heard and hears nothing.
      s.hold('*>c')
      await s.run(30_000)
      s.inView('a b', 'a b', { primary: true })
      // No view change without end: the others go on.
      s.atMost(s.lines({ e: 'view', g: '', p: 'a' }).length, 8, 'views of a')
      s.cast('a', 'notes', 'x')
      await s.run(1_000)
      s.fate('x', 'stable')
      s.release()
      await s.settle()
      s.inView('a b c', s.membersOf('a'), { primary: true })
      s.holds('a b c', 'notes', 'x')
    },
  },
  {
    name: 'vsync: suspect: asymmetric, receive-only (n=3)',
    cites: ['tigerbeetle.com/blog/2023-07-06-simulation-testing-for-liveness'],
    on,
    async play(s) {
      await s.together('a b c')
      s.hold('c>*')
      await s.run(30_000)
      s.inView('a b', 'a b', { primary: true })
      s.atMost(s.lines({ e: 'view', g: '', p: 'a' }).length, 8, 'views of a')
      s.cast('a', 'notes', 'x')
      await s.run(1_000)
      s.fate('x', 'stable')
      s.release()
      await s.settle()
      s.inView('a b c', s.membersOf('a'), { primary: true })
      s.holds('a b c', 'notes', 'x')
    },
  },
  {
    name: 'vsync: suspect: coordinator, receive-only (n=3)',
    cites: ['tigerbeetle.com/blog/2023-07-06-simulation-testing-for-liveness', 'jgroups-extras/jgroups-raft#20'],
    on,
    async play(s) {
      await s.together('a b c')
      s.hold('a>*')
      await s.run(30_000)
      s.inView('b c', 'b c', { primary: true })
      s.cast('b', 'notes', 'x')
      await s.run(1_000)
      s.fate('x', 'stable')
      s.release()
      await s.settle()
      s.inView('a b c', s.membersOf('b'), { primary: true })
      s.holds('a b c', 'notes', 'x')
    },
  },
  {
    name: 'vsync: suspect: coordinator, send-only (n=3)',
    cites: ['tigerbeetle.com/blog/2023-07-06-simulation-testing-for-liveness', 'jgroups-extras/jgroups-raft#20'],
    on,
    async play(s) {
      await s.together('a b c')
      s.hold('*>a')
      await s.run(30_000)
      s.inView('b c', 'b c', { primary: true })
      s.cast('b', 'notes', 'x')
      await s.run(1_000)
      s.fate('x', 'stable')
      s.release()
      await s.settle()
      s.inView('a b c', s.membersOf('b'), { primary: true })
      s.holds('a b c', 'notes', 'x')
    },
  },
  {
    name: 'vsync: suspect: wrongly, and taken back before the flush (n=3)',
    cites: ['JGroups FalseSuspicionTest', 'FeatureBaseDB/featurebase#1993'],
    on,
    async play(s) {
      await s.together('a b c')
      const { now } = s
      s.hold('c>*')
      await s.run(2_300)
      s.cast('c', 'notes', 'x')
      s.release()
      await s.settle()
      s.delivered('a b c', 'notes', 'x')
      s.happened({ e: 'view', g: '' }, 0, now)
    },
  },
  {
    name: 'vsync: suspect: the coordinator alone is not heard by one, while that one is silent to all (n=4)',
    cites: ['JGroups FalseSuspicionTest', 'akka/akka-core#25632'],
    on,
    async play(s) {
      await s.together('a b c d')
      s.hold('a|d')
      await s.run(4_500)
      s.release()
      await s.settle()
      s.inView('a b c d', s.membersOf('a'), { primary: true })
      s.cast('d', 'notes', 'x')
      await s.settle()
      s.fate('x', 'stable')
    },
  },
]
