/** Uniform casts: whoever delivers one knows that all will. */
import { channel } from './channel.ts'
import type { Script } from './script.ts'

const CKV = 'Chockler, Keidar, Vitenberg, ACM Computing Surveys 33(4), 2001'
const on = { groups: { safe: channel('total', { uniform: true, consistency: 'consistent' }) } }

/** The scenarios. */
export const uniform: readonly Script[] = [
  {
    name: 'vsync: uniform: not before all hold it (n=3)',
    cites: ['corosync/corosync#86', CKV],
    on,
    async play(s) {
      await s.together('a b c')
      s.hold('a>c')
      s.cast('a', 'safe', 'x')
      await s.run(300)
      s.delivered('a b c', 'safe', '')
      s.fate('x', 'sent')
      s.release()
      await s.settle()
      s.delivered('a b c', 'safe', 'x')
      s.fate('x', 'stable')
    },
  },
  {
    name: 'vsync: uniform: last acker leaves (n=3)',
    cites: ['corosync/corosync#86', 'Derecho-Project/derecho#132'],
    on,
    async play(s) {
      await s.together('a b c')
      s.hold('a b>c')
      s.cast('a', 'safe', 'x')
      await s.run(100)
      s.delivered('a b', 'safe', '')
      s.release()
      s.leave('c', 'quickly')
      await s.settle()
      s.inView('a b', 'a b', { primary: true })
      s.delivered('a b', 'safe', 'x')
      s.fate('x', 'stable')
    },
  },
  {
    name: 'vsync: uniform: last acker dies (n=3)',
    cites: ['corosync/corosync#86', CKV],
    on,
    async play(s) {
      await s.together('a b c')
      s.hold('a b>c')
      s.cast('b', 'safe', 'x')
      await s.run(100)
      s.crash('c')
      await s.settle()
      s.delivered('a b', 'safe', 'x')
    },
  },
  {
    name: 'vsync: uniform: one has released it and dies (n=5)',
    cites: [CKV, 'Derecho-Project/derecho#104'],
    on,
    async play(s) {
      await s.together('a b c d e')
      s.cast('a', 'safe', 'x')
      s.on({ e: 'deliver', p: 'a' }, () => s.crash('a'))
      await s.settle()
      s.delivered('b c d e', 'safe', 'x')
    },
  },
  {
    name: 'vsync: uniform: sender dies, all but one hold it (n=4)',
    cites: [CKV],
    on,
    async play(s) {
      await s.together('a b c d')
      s.hold('b>d')
      s.cast('b', 'safe', 'x')
      await s.run(100)
      s.crash('b')
      await s.settle()
      s.inView('a c d', 'a c d', { primary: true })
      s.delivered('a c d', 'safe', 'x')
    },
  },
  {
    name: 'vsync: uniform: cut off before it is stable, its fate is unknown (n=3)',
    cites: ['Derecho-Project/derecho#143', 'corosync/corosync#182'],
    on,
    async play(s) {
      await s.together('a b c')
      s.hold('c>b')
      s.cast('c', 'safe', 'x')
      await s.run(100)
      s.cut('a b | c')
      await s.settle()
      s.fate('x', 'unknown-outcome')
      s.delivered('c', 'safe', '')
      s.inView('a b', 'a b', { primary: true })
      // Those who go on hold it, so it counts.
      s.delivered('a b', 'safe', 'x')
      s.release()
      s.heal()
      await s.settle()
      s.holds('a b c', 'safe', 'x')
    },
  },
  {
    name: 'vsync: uniform: cut off unseen, it never was (n=3)',
    cites: ['Derecho-Project/derecho#143', 'corosync/corosync#182'],
    on,
    async play(s) {
      await s.together('a b c')
      s.hold('c>*')
      s.cast('c', 'safe', 'x')
      await s.run(100)
      s.cut('a b | c')
      await s.settle()
      s.release()
      s.fate('x', 'unknown-outcome')
      s.cast('a', 'safe', 'y')
      await s.settle()
      s.heal()
      await s.settle()
      s.holds('a b c', 'safe', 'y')
    },
  },
  {
    name: 'vsync: uniform: the signal comes before what only the survivors are sure of (n=3)',
    cites: [CKV, 'Spread users list, July 2005 (002601)'],
    on: { groups: { safe: channel('total', { uniform: true }) } },
    async play(s) {
      await s.together('a b c')
      s.hold('a b>c')
      s.cast('a', 'safe', 'x')
      await s.run(100)
      s.cut('a b | c')
      await s.settle()
      s.happened({ e: 'trans', g: 'safe', p: 'a' }, 1)
      s.happened({ e: 'trans', g: 'safe', p: 'b' }, 1)
      s.delivered('a b', 'safe', 'x')
      s.delivered('c', 'safe', '')
      s.release()
      s.heal()
      await s.settle()
      s.holds('a b c', 'safe', 'x')
    },
  },
]
