/** Votes: of different weights, a witness's, and those of a site that starts again. */
import { channel } from './channel.ts'
import type { Script } from './script.ts'

const groups = { log: channel('total', { consistency: 'consistent', uniform: true }), notes: channel('causal') }
const witness = { w: { isWitness: true } }

/** The scenarios. */
export const votes: readonly Script[] = [
  {
    name: 'vsync: votes: of two devices and a witness either device may crash (n=3)',
    cites: ['corosync/corosync#182', 'Paris, ICDCS 1986 (voting with witnesses)'],
    on: { groups, votes: witness },
    async play(s) {
      await s.together('a b w')
      s.cast('a', 'log', 'x')
      await s.settle()
      s.crash('a')
      await s.settle()
      s.inView('b w', 'b w', { primary: true })
      s.cast('b', 'log', 'y')
      await s.settle()
      s.fate('x y', 'stable')
      s.start('c')
      await s.settle()
      s.inView('b c w', 'b c w', { primary: true })
      s.holds('b c', 'log', 'x y')
    },
  },
  {
    name: 'vsync: votes: of two devices and a witness either device may fall silent, and comes back (n=3)',
    cites: ['corosync/corosync#182', 'Paris, ICDCS 1986 (voting with witnesses)'],
    on: { groups, votes: witness },
    async play(s) {
      await s.together('a b w')
      s.cut('a | b w')
      await s.settle()
      s.inView('a', 'a', { primary: false })
      s.inView('b w', 'b w', { primary: true })
      s.cast('a', 'log', 'waits')
      s.cast('b', 'log', 'goes')
      await s.settle()
      s.fate('waits', 'sent')
      s.fate('goes', 'stable')
      s.heal()
      await s.settle()
      s.inView('a b w', 'b a w', { primary: true })
      s.holds('a b', 'log', 'goes waits')
      s.cut('b | a w')
      await s.settle()
      s.inView('a w', 'a w', { primary: true })
      s.inView('b', 'b', { primary: false })
    },
  },
  {
    name: 'vsync: votes: a witness that came first founds nothing, and ranks last (n=3)',
    cites: ['Paris, ICDCS 1986 (voting with witnesses)'],
    on: { groups, votes: witness },
    async play(s) {
      s.start('w')
      await s.settle()
      s.inView('w', 'w', { primary: false })
      s.start('a')
      await s.settle()
      s.inView('a w', 'a w', { primary: true })
      s.start('b')
      await s.settle()
      s.inView('a b w', 'a b w', { primary: true })
      s.happened({ e: 'found' }, 1)
      s.happened({ e: 'found', p: 'w' }, 0)
    },
  },
  {
    name: 'vsync: votes: a witness alone with the vote waits for whoever has the state (n=3)',
    cites: ['keycloak/keycloak#46298', 'Paris, ICDCS 1986 (voting with witnesses)'],
    on: { groups, votes: { w: { isWitness: true, weight: 3 } } },
    async play(s) {
      await s.together('a b w')
      s.cut('a | b w')
      await s.settle()
      s.cast('b', 'log', 'x')
      await s.settle()
      s.cut('a w | b')
      await s.settle()
      // The votes are here, but b alone has x.
      s.inView('a w', 'a w', { primary: true })
      s.cast('a', 'log', 'y')
      await s.settle()
      s.fate('y', 'sent')
      s.heal()
      await s.settle()
      s.fate('x y', 'stable')
      s.holds('a b', 'log', 'x y')
    },
  },
  {
    name: 'vsync: votes: viewers of weight 0 hold nobody up (n=5)',
    cites: ['Gifford, SOSP 1979 (weighted voting)'],
    on: { groups, votes: { c: { weight: 0 }, d: { weight: 0 }, e: { weight: 0 } } },
    async play(s) {
      await s.together('a b c d e')
      s.cut('a b | c d e')
      await s.settle()
      s.inView('a b', 'a b', { primary: true })
      s.inView('c d e', 'c d e', { primary: false })
      s.crash('c d e')
      s.heal()
      s.cast('a', 'log', 'x')
      await s.settle()
      s.fate('x', 'stable')
    },
  },
  {
    name: 'vsync: votes: the most senior of weight 0 breaks no tie (n=3)',
    cites: ['Gifford, SOSP 1979 (weighted voting)', 'Yeger Lotem, Keidar, Dolev, PODC 1997'],
    on: { groups, votes: { a: { weight: 0 } } },
    async play(s) {
      await s.together('a b c')
      s.cut('a c | b')
      await s.settle()
      s.inView('a c', 'a c', { primary: false })
      s.inView('b', 'b', { primary: true })
      s.heal()
      await s.settle()
      s.inView('a b c', 'b a c', { primary: true })
    },
  },
  {
    name: 'vsync: votes: when all who had a vote have left, heads are counted (n=4)',
    cites: ['Derecho-Project/derecho#132', 'Gifford, SOSP 1979 (weighted voting)'],
    on: { groups, votes: { b: { weight: 0 }, c: { weight: 0 }, d: { weight: 0 } } },
    async play(s) {
      await s.together('a b c d')
      s.cast('a', 'log', 'x')
      await s.settle()
      s.leave('a')
      await s.settle()
      s.inView('b c d', 'b c d', { primary: true })
      s.cut('b | c d')
      await s.settle()
      s.inView('b', 'b', { primary: false })
      s.inView('c d', 'c d', { primary: true })
    },
  },
  {
    name: 'vsync: votes: one vote may weigh more than all others (n=3)',
    cites: ['Gifford, SOSP 1979 (weighted voting)'],
    on: { groups, votes: { c: { weight: 5 } } },
    async play(s) {
      await s.together('a b c')
      s.cut('a b | c')
      await s.settle()
      s.inView('a b', 'a b', { primary: false })
      s.inView('c', 'c', { primary: true })
    },
  },
  {
    name: 'vsync: votes: a browser that starts again proves that the one before it is dead (n=2)',
    cites: ['corosync/corosync#182', 'keycloak/keycloak#47970'],
    on: { groups },
    async play(s) {
      await s.together('a b')
      s.cast('a', 'log', 'x')
      await s.settle()
      s.crash('a')
      await s.settle()
      s.inView('b', 'b', { primary: false })
      s.startAgain('c', 'a')
      await s.settle()
      s.inView('b c', s.membersOf('b'), { primary: true })
      s.cast('c', 'log', 'y')
      await s.settle()
      s.holds('b c', 'log', 'x y')
    },
  },
  {
    name: 'vsync: votes: the proof of the one before it comes when the two are in one view already (n=2)',
    cites: ['corosync/corosync#182', 'keycloak/keycloak#47970'],
    on: { groups },
    async play(s) {
      await s.together('a b')
      s.crash('a')
      await s.settle()
      s.startAgain('c', 'a', { readMs: 8_000 })
      await s.run(6_000)
      s.inView('b c', s.membersOf('b'), { primary: false })
      await s.settle()
      s.inView('b c', s.membersOf('b'), { primary: true })
    },
  },
  {
    name: 'vsync: votes: what the dead process had agreed on comes first (n=3)',
    cites: ['Yeger Lotem, Keidar, Dolev, PODC 1997', 'Derecho-Project/derecho#126'],
    on: { groups },
    async play(s) {
      await s.together('a b c')
      s.cut('a b | c')
      await s.settle()
      s.cast('a', 'log', 'x')
      await s.settle()
      s.fate('x', 'stable')
      s.crash('a')
      // c knows of {a b c}, the record of a tells of {a b}: that one counts, and b is half of it, but not the senior.
      s.startAgain('d', 'a')
      s.cut('c d | b')
      await s.settle()
      s.inView('c d', s.membersOf('c'), { primary: false })
      s.heal()
      await s.settle()
      s.inView('b c d', s.membersOf('b'), { primary: true })
      s.holds('b c d', 'log', 'x')
    },
  },
  {
    name: 'vsync: votes: a tab that is expelled asleep and then killed is proven dead after all (n=2)',
    cites: ['keycloak/keycloak#47970'],
    on: { groups, origins: 'tabs' },
    async play(s) {
      await s.together('a b')
      s.freeze('a')
      await s.settle()
      s.inView('b', 'b', { primary: false })
      s.crash('a')
      await s.settle()
      s.inView('b', 'b', { primary: true })
    },
  },
]
