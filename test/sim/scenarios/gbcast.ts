/** Gbcasts: the same casts before one at all who stay together, whatever the order of the group. */
import { channel } from './channel.ts'
import type { Script } from './script.ts'
import type { Stage } from './stage.ts'
import { words } from './words.ts'

const BJ = 'Birman, Joseph, Reliable communication in the presence of failures, ACM TOCS 5(1), 1987'
const CKV = 'Chockler, Keidar, Vitenberg, ACM Computing Surveys 33(4), 2001'

/** Each of these has delivered exactly these casts before the gbcast, in whatever order, and it once. */
function splits(s: Stage, ids: string, group: string, gbcast: string, before: string): void {
  for (const id of words(ids)) {
    const delivered = words(s.deliveredBy(id, group))
    const found = delivered.slice(0, delivered.indexOf(gbcast)).sort().join(' ')
    if (found !== before || delivered.filter((each) => each === gbcast).length !== 1) {
      throw new Error(`${id} has delivered ${delivered.join(' ')}, not ${before} before ${gbcast}`)
    }
  }
}

/** The scenarios. */
export const gbcast: readonly Script[] = [
  {
    name: 'vsync: gbcast: what was sent before the cut comes before it, also where it comes late (n=3)',
    cites: [BJ],
    on: { groups: { notes: channel('fifo') } },
    async play(s) {
      await s.together('a b c')
      const view = s.viewOf('a', 'notes')
      // What c has cast, b gets long after the gbcast of a; a gets it before.
      s.hold('c>b')
      s.cast('c', 'notes', 'x')
      s.on({ e: 'deliver', p: 'a' }, () => s.gbcast('a', 'notes', 'cut'))
      await s.run(300)
      s.delivered('b', 'notes', '')
      s.cast('c', 'notes', 'y')
      s.release()
      await s.settle()
      splits(s, 'a b c', 'notes', 'cut', 'x')
      s.fate('cut', 'stable')
      s.happened({ e: 'view', g: 'notes', id: view }, 3)
      if (s.viewOf('a', 'notes') !== view) throw new Error('a cut for a gbcast is no view')
    },
  },
  {
    name: 'vsync: gbcast: two at once come in one order (n=4)',
    cites: [BJ],
    on: { groups: { notes: channel('causal') } },
    async play(s) {
      await s.together('a b c d')
      s.slow('b>d', 60)
      s.slow('c>a', 60)
      s.cast('b', 'notes', 'x')
      s.gbcast('b', 'notes', 'first')
      s.cast('c', 'notes', 'y')
      s.gbcast('c', 'notes', 'second')
      await s.settle()
      splits(s, 'a b c d', 'notes', 'first', 'x y')
      splits(s, 'a b c d', 'notes', 'second', 'first x y')
    },
  },
  {
    name: 'vsync: gbcast: its sender dies before anybody is asked to cut (n=4)',
    cites: [BJ, CKV],
    on: { groups: { notes: channel('fifo') } },
    async play(s) {
      await s.together('a b c d')
      s.cast('b', 'notes', 'x')
      s.cast('d', 'notes', 'y')
      s.hold('b>a c')
      s.gbcast('b', 'notes', 'cut')
      await s.run(100)
      s.delivered('d', 'notes', 'y x')
      s.crash('b')
      s.release()
      await s.settle()
      s.happened({ e: 'groupInstall', g: 'notes', isCut: true }, 0)
      splits(s, 'a c d', 'notes', 'cut', 'x y')
    },
  },
  {
    name: 'vsync: gbcast: the coordinator dies after half of the cut is told (n=4)',
    cites: [BJ, CKV],
    on: { groups: { notes: channel('causal') } },
    async play(s) {
      await s.together('a b c d')
      s.crashSending('a', 'groupInstall', { after: 1 })
      s.cast('c', 'notes', 'x')
      s.gbcast('d', 'notes', 'cut')
      // Whoever hears of the cut goes on, and is heard by the others before they have.
      s.on({ e: 'deliver', p: 'b', g: 'notes', nth: 2 }, () => s.cast('b', 'notes', 'after'))
      await s.settle()
      splits(s, 'b c d', 'notes', 'cut', 'x')
      splits(s, 'b c d', 'notes', 'after', 'cut x')
    },
  },
  {
    name: 'vsync: gbcast: in the round of a newcomer, who finds it in its state (n=3)',
    cites: [BJ, 'Glade, Birman, Cooper, van Renesse 1993'],
    on: { groups: { log: channel('total') } },
    async play(s) {
      await s.together('a b')
      s.start('c', '')
      await s.settle()
      s.cast('b', 'log', 'x')
      s.open('c', 'log')
      s.gbcast('a', 'log', 'cut')
      await s.settle()
      splits(s, 'a b', 'log', 'cut', 'x')
      s.delivered('c', 'log', '')
      s.inGroup('a b c', 'log', 'a b c')
      s.holds('a b c', 'log', 'x cut')
    },
  },
  {
    name: 'vsync: gbcast: uniform, held by all before anybody has it (n=3)',
    cites: [BJ, 'corosync/corosync#86'],
    on: { groups: { safe: channel('total', { uniform: true, consistency: 'consistent' }) } },
    async play(s) {
      await s.together('a b c')
      s.cast('b', 'safe', 'x')
      await s.run(200)
      // Data is held up, not the round.
      s.onSend({ from: 'a', to: 'c', kind: 'cast' }, () => s.hold('a>c'))
      s.gbcast('a', 'safe', 'cut')
      await s.run(300)
      s.delivered('a b c', 'safe', 'x')
      s.release()
      await s.settle()
      s.delivered('a b c', 'safe', 'x cut')
      s.fate('cut', 'stable')
    },
  },
  {
    name: 'vsync: gbcast: cut off with it, the minority does not know its fate (n=3)',
    cites: [CKV, 'Derecho-Project/derecho#143'],
    on: { groups: { safe: channel('total', { uniform: true, consistency: 'consistent' }) } },
    async play(s) {
      await s.together('a b c')
      s.hold('c>b')
      s.gbcast('c', 'safe', 'cut')
      await s.run(100)
      s.cut('a b | c')
      await s.settle()
      s.fate('cut', 'unknown-outcome')
      s.delivered('a b', 'safe', 'cut')
      s.release()
      s.heal()
      await s.settle()
      s.delivered('c', 'safe', '')
      s.holds('a b c', 'safe', 'cut')
    },
  },
  {
    name: 'vsync: gbcast: uniform, held by all when one is cut off who lacks what comes before it (n=4)',
    cites: [BJ, CKV],
    on: { groups: { notes: channel('causal', { uniform: true }) } },
    async play(s) {
      await s.together('a b c d')
      s.hold('a>d')
      s.cast('a', 'notes', 'x')
      s.gbcast('c', 'notes', 'cut')
      await s.run(300)
      s.delivered('a b c d', 'notes', '')
      s.cut('a b c | d')
      await s.settle()
      splits(s, 'a b c', 'notes', 'cut', 'x')
      // Alone, it delivers what it has: after the signal, since somebody may have got it after what is not here.
      s.delivered('d', 'notes', 'cut')
      s.happened({ e: 'trans', g: 'notes', p: 'd' }, 1)
    },
  },
]
