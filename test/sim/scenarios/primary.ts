/** The primary component: at most one part of a split acts, and one does if it can. */
import { channel } from './channel.ts'
import type { Script } from './script.ts'

const on = {
  groups: { log: channel('total', { consistency: 'consistent', uniform: true }), notes: channel('causal') },
}

/** The scenarios. */
export const primary: readonly Script[] = [
  {
    name: 'vsync: primary: the larger part goes on, the other waits (n=5)',
    cites: ['corosync/corosync#182', 'Yeger Lotem, Keidar, Dolev, PODC 1997'],
    on,
    async play(s) {
      await s.together('a b c d e')
      s.cut('a b | c d e')
      await s.settle()
      s.inView('a b', 'a b', { primary: false })
      s.inView('c d e', 'c d e', { primary: true })
      s.cast('a', 'log', 'waits')
      s.cast('c', 'log', 'goes')
      await s.settle()
      s.fate('waits', 'sent')
      s.fate('goes', 'stable')
      s.delivered('a b', 'log', '')
      s.heal()
      await s.settle()
      s.fate('waits', 'stable')
      s.delivered('c d e', 'log', 'goes waits')
      s.holds('a b c d e', 'log', 'goes waits')
    },
  },
  {
    name: 'vsync: primary: exactly half goes on with the most senior (n=4)',
    cites: ['Yeger Lotem, Keidar, Dolev, PODC 1997'],
    on,
    async play(s) {
      await s.together('a b c d')
      s.cut('a d | b c')
      await s.settle()
      s.inView('a d', 'a d', { primary: true })
      s.inView('b c', 'b c', { primary: false })
      s.heal()
      await s.settle()
      s.inView('a b c d', 'a d b c', { primary: true })
    },
  },
  {
    name: 'vsync: primary: five become three become two (n=5)',
    cites: ['Yeger Lotem, Keidar, Dolev, PODC 1997', 'Derecho-Project/derecho#132'],
    on,
    async play(s) {
      await s.together('a b c d e')
      s.cut('a b c | d e')
      await s.settle()
      s.cut('a | b c | d e')
      await s.settle()
      // Two of the last three, though not of the first five.
      s.inView('b c', 'b c', { primary: true })
      s.inView('a', 'a', { primary: false })
      s.inView('d e', 'd e', { primary: false })
      s.cast('b', 'log', 'x')
      await s.settle()
      s.fate('x', 'stable')
      // All others together are more, and know nothing of x.
      s.cut('a d e | b c')
      await s.settle()
      s.inView('a d e', 'd e a', { primary: false })
      s.heal()
      await s.settle()
      s.holds('a b c d e', 'log', 'x')
    },
  },
  {
    name: 'vsync: primary: leavers are not missed (n=5)',
    cites: ['Derecho-Project/derecho#129', 'Derecho-Project/derecho#132'],
    on,
    async play(s) {
      await s.together('a b c d e')
      s.leave('c')
      s.leave('d')
      s.leave('e')
      await s.settle()
      s.inView('a b', 'a b', { primary: true })
      s.cut('a | b')
      await s.settle()
      s.inView('a', 'a', { primary: true })
      s.inView('b', 'b', { primary: false })
    },
  },
  {
    name: 'vsync: primary: the winner of a split dies, the loser waits and then goes on when told (n=5)',
    cites: ['keycloak/keycloak#46298', 'keycloak/keycloak#47970'],
    on,
    async play(s) {
      await s.together('a b c d e')
      s.cast('a', 'log', 'x')
      await s.settle()
      s.cut('a b c | d e')
      await s.settle()
      s.crash('a b c')
      s.heal()
      s.cast('d', 'log', 'y')
      await s.settle()
      // Nothing proves that they are dead.
      s.inView('d e', 'd e', { primary: false })
      s.fate('y', 'sent')
      s.refound('e')
      await s.settle()
      s.inView('d e', 'd e', { primary: true })
      s.fate('y', 'stable')
      s.holds('d e', 'log', 'x y')
    },
  },
  {
    name: 'vsync: primary: one of the winners comes back, the loser goes on with it (n=5)',
    cites: ['keycloak/keycloak#46298'],
    on,
    async play(s) {
      await s.together('a b c d e')
      s.cut('a b c | d e')
      await s.settle()
      s.cast('a', 'log', 'x')
      await s.settle()
      s.crash('a')
      s.heal()
      await s.settle()
      s.inView('b c d e', 'b c d e', { primary: true })
      s.holds('b c d e', 'log', 'x')
    },
  },
  {
    name: 'vsync: primary: of two tabs of one origin either may crash (n=2)',
    cites: ['keycloak/keycloak#47970', 'corosync/corosync#182'],
    on: { ...on, origins: 'tabs' },
    async play(s) {
      await s.together('a b')
      s.cast('b', 'log', 'x')
      await s.settle()
      s.crash('a')
      await s.settle()
      s.told('b', { dead: 'a' })
      s.inView('b', 'b', { primary: true })
      s.start('c')
      await s.settle()
      s.inView('b c', 'b c', { primary: true })
      s.crash('b')
      s.cast('c', 'log', 'y')
      await s.settle()
      s.inView('c', 'c', { primary: true })
      s.holds('c', 'log', 'x y')
      s.fate('y', 'stable')
    },
  },
  {
    name: 'vsync: primary: who was left behind tells that the one who went on is dead, for the one who cannot know (n=5)',
    cites: ['mixed seed 230', 'docs/decisions/012'],
    on: { ...on, votes: { a: { origin: 'https://a.example' }, b: { origin: 'https://a.example' } } },
    async play(s) {
      await s.together('b c d a')
      s.cut('a | b c d')
      await s.settle()
      // b was never in a primary view with a again, when that one goes on with e alone.
      s.cut('a c d | b')
      await s.settle()
      s.inView('a c d', 'c d a', { primary: true })
      s.leave('c')
      s.leave('d')
      await s.settle()
      s.cut('a e | b')
      s.start('e')
      await s.settle()
      s.inView('a e', 'a e', { primary: true })
      s.crash('a')
      await s.settle()
      s.inView('e', 'e', { primary: false })
      s.heal()
      await s.settle()
      s.inView('b e', 'b e', { primary: true })
    },
  },
  {
    name: 'vsync: primary: of two devices the survivor waits (n=2)',
    cites: ['corosync/corosync#182'],
    on,
    async play(s) {
      await s.together('a b')
      s.crash('a')
      await s.settle()
      s.told('b', { expelled: 'a' })
      s.inView('b', 'b', { primary: false })
      s.cast('b', 'log', 'x')
      await s.settle()
      s.fate('x', 'sent')
    },
  },
  {
    name: 'vsync: primary: an attempt that one has installed is cut off with it (n=5)',
    cites: ['Yeger Lotem, Keidar, Dolev, PODC 1997', 'Derecho-Project/derecho#126'],
    on,
    async play(s) {
      await s.together('a b c d e')
      s.crash('e')
      // a has installed {a b c d}; b, c and d are ready for it and do not know what became of it.
      s.onSend({ from: 'a', kind: 'install' }, () => s.cut('a | b c d'))
      await s.settle()
      s.inView('a', 'a', { primary: false })
      s.inView('b c d', 'b c d', { primary: true })
      s.cast('c', 'log', 'x')
      await s.settle()
      s.heal()
      await s.settle()
      s.inView('a b c d', 'b c d a', { primary: true })
      s.holds('a b c d', 'log', 'x')
    },
  },
  {
    name: 'vsync: primary: of five tabs that are closed at once the last goes on, though two leaders died in its view (n=5)',
    cites: ['Yeger Lotem, Keidar, Dolev, PODC 1997', 'docs/decisions/016'],
    on: { ...on, origins: 'tabs' },
    async play(s) {
      await s.together('a b c d e')
      // d and e are ready for {a b d e}, b never is; a takes that in when it proposes again, and nobody hears of its verdict.
      s.onSend({ from: 'a', to: 'b', kind: 'cut' }, () => s.crash('b'))
      s.onSend({ from: 'e', to: 'a', kind: 'row', nth: 2 }, () => s.crash('a d'))
      s.crash('c')
      await s.settle()
      s.inView('e', 'e', { primary: true })
    },
  },
  {
    name: 'vsync: primary: two lines that never met (n=5)',
    cites: ['keycloak/keycloak#41290', 'keycloak/keycloak#38550', 'ostinelli/syn#66'],
    on,
    async play(s) {
      s.cut('a b c | d e')
      for (const id of ['a', 'b', 'c', 'd', 'e']) s.start(id)
      await s.settle()
      s.cast('a', 'log', 'x')
      s.cast('d', 'log', 'y')
      s.cast('b', 'notes', 'p')
      s.cast('e', 'notes', 'q')
      await s.settle()
      s.fate('x y', 'stable')
      s.heal()
      await s.settle()
      // The one with more members goes on; the other is told, and its consistent state is never mixed in.
      s.happened({ e: 'lineLost', p: 'd' }, 1)
      s.happened({ e: 'lineLost', p: 'e' }, 1)
      s.happened({ e: 'lineLost', p: 'a' }, 0)
      s.holds('a b c d e', 'log', 'x')
      s.holds('a b c d e', 'notes', 'p q')
    },
  },
  {
    name: 'vsync: primary: two start in the same moment and found one line (n=2)',
    cites: ['keycloak/keycloak#41290', 'JGroups ConcurrentConnectTest'],
    on,
    async play(s) {
      s.start('a')
      s.start('b')
      await s.settle()
      s.inView('a b', s.isIn('a', 'a b') ? 'a b' : 'b a', { primary: true })
      s.happened({ e: 'found' }, 1)
    },
  },
]
