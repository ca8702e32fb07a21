/** Domains: groups that share one total order, though nobody need be in all of them. */
import assert from 'node:assert/strict'
import { channel } from './channel.ts'
import type { Script } from './script.ts'
import type { Stage } from './stage.ts'

const SKEEN = 'Birman, Joseph, ACM TOCS 5(1), 1987'
const GENUINE = 'Guerraoui, Schiper, ICDCS 1997'
const DSU = 'Défago, Schiper, Urbán, ACM Computing Surveys 36(4), 2004'

const plain = channel('total', { domain: 'd' })
const safe = channel('total', { domain: 'd', uniform: true, consistency: 'consistent' })

/** Opens groups, each at those named. */
async function open(s: Stage, groups: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, ids] of Object.entries(groups)) {
    for (const id of ids.split(' ')) {
      s.open(id, name)
      await s.settle()
    }
  }
}

/** The casts of some groups that a process has delivered, in order. */
function sequence(s: Stage, id: string, groups: string): string {
  const of = groups.split(' ')
  const lines = s.lines({ e: 'deliver', p: id }).filter(({ g }) => of.includes(String(g)))
  return lines.map((line) => s.castNamed(String(line['m']))).join(' ')
}

/** All of these have delivered the casts of these groups in one order; returns it. */
function agree(s: Stage, ids: string, groups: string): string {
  const [first = '', ...others] = ids.split(' ')
  const found = sequence(s, first, groups)
  for (const id of others)
    assert.equal(sequence(s, id, groups), found, `the order of ${groups} at ${id}, and at ${first}`)
  return found
}

/** The scenarios. */
export const domains: readonly Script[] = [
  {
    name: 'vsync: order: domain, casts of two groups cross, nobody is in all of both but two (n=4)',
    cites: [SKEEN, GENUINE],
    on: { groups: { p: plain, q: plain } },
    async play(s) {
      await s.together('a b c d', '')
      await open(s, { p: 'a b c', q: 'b c d' })
      // b hears of a first, c of d.
      s.slow('a>c', 60)
      s.slow('d>b', 60)
      s.cast('a', 'p', 'p1 p2')
      s.cast('d', 'q', 'q1 q2')
      s.cast('b', 'q', 'q3')
      await s.settle()
      agree(s, 'b c', 'p q')
      s.fate('p1 p2 q1 q2 q3', 'stable')
    },
  },
  {
    name: 'vsync: order: domain, three groups in a ring have one order, though no two share more than one (n=3)',
    cites: [GENUINE, DSU],
    on: { groups: { p: safe, q: safe, r: safe } },
    async play(s) {
      await s.together('a b c', '')
      await open(s, { p: 'a b', q: 'b c', r: 'c a' })
      s.slow('a>b', 50)
      s.slow('b>c', 50)
      s.slow('c>a', 50)
      s.cast('a', 'p', 'p1')
      s.cast('b', 'q', 'q1')
      s.cast('c', 'r', 'r1')
      await s.settle()
      // Each has one before the other; that they go round, O5 would tell.
      s.fate('p1 q1 r1', 'stable')
      s.delivered('a b', 'p', 'p1')
      s.delivered('b c', 'q', 'q1')
      s.delivered('a c', 'r', 'r1')
    },
  },
  {
    name: 'vsync: order: domain, two delays; of a group with one member none, once its clock is ahead (n=4)',
    cites: [SKEEN],
    on: { groups: { p: plain, own: plain } },
    async play(s) {
      await s.together('a b c d', '')
      await open(s, { p: 'a b c d', own: 'b' })
      s.cast('b', 'p', 'p1')
      s.cast('c', 'p', 'p2')
      await s.run(25)
      assert.equal(agree(s, 'a b c d', 'p').split(' ').length, 2, 'casts in 25 ms')
      s.cast('b', 'own', 'o1')
      await s.run(1)
      s.delivered('b', 'own', 'o1')
    },
  },
  ...([plain, safe] as const).map(
    (kind): Script => ({
      name: `vsync: order: domain, whoever alone knew the places dies${kind.uniform ? ', uniform' : ''} (n=4)`,
      cites: [SKEEN, 'JGroups SequencerFailoverTest'],
      on: { groups: { p: kind, q: kind } },
      async play(s) {
        await s.together('a b c d', '')
        await open(s, { p: 'a b c', q: 'b c d' })
        // What a says of p1 gets to nobody; b and c say theirs, to a too.
        s.hold('a>b c')
        s.cast('b', 'p', 'p1')
        s.cast('c', 'p', 'p2')
        s.cast('d', 'q', 'q1')
        await s.run(40)
        s.delivered('a', 'p', kind.uniform ? '' : s.deliveredBy('a', 'p'))
        s.delivered('b c', 'p', '')
        s.crash('a')
        await s.settle()
        s.inView('b c d', 'b c d', { primary: true })
        agree(s, 'b c', 'p q')
        s.fate('p1 p2 q1', 'stable')
      },
    }),
  ),
  {
    name: 'vsync: order: domain, what one has delivered elsewhere comes before what it has said nothing of (n=4)',
    cites: [SKEEN, 'Hickey, Lynch, van Renesse, TACAS 1999'],
    on: { groups: { p: plain, q: plain } },
    async play(s) {
      await s.together('a b c d', '')
      await open(s, { p: 'a b c', q: 'b c d' })
      // c gets p1 only from b, at the cut; before that both have said theirs of q1, and only c has heard all.
      s.hold('a>c')
      s.hold('d>b')
      s.cast('a', 'p', 'p1')
      await s.run(15)
      s.cast('c', 'q', 'q1')
      await s.run(30)
      s.delivered('c', 'q', 'q1')
      s.delivered('b', 'q', '')
      s.crash('a')
      s.crash('d')
      await s.settle()
      assert.equal(agree(s, 'b c', 'p q'), 'q1 p1', 'what both have')
    },
  },
  {
    name: 'vsync: order: domain, the view of one group changes while casts of the others go on (n=5)',
    cites: [GENUINE],
    on: { groups: { p: plain, q: plain } },
    async play(s) {
      await s.together('a b c d e', '')
      await open(s, { p: 'a b c', q: 'b c d' })
      s.slow('a>c', 80)
      s.slow('c>b', 40)
      s.cast('a', 'p', 'p1')
      s.cast('d', 'q', 'q1')
      s.open('e', 'p')
      s.close('b', 'q')
      await s.run(12)
      s.cast('b', 'p', 'p2')
      s.cast('c', 'q', 'q2')
      await s.run(12)
      s.cast('a', 'p', 'p3')
      s.cast('d', 'q', 'q3')
      await s.settle()
      s.cast('e', 'p', 'p4')
      s.cast('c', 'q', 'q4')
      await s.settle()
      s.inGroup('a b c e', 'p', 'a b c e')
      s.inGroup('c d', 'q', 'c d')
      s.fate('p1 p2 p3 p4 q1 q2 q3 q4', 'stable')
      agree(s, 'a b c', 'p')
      agree(s, 'c d', 'q')
      s.holds('a b c e', 'p', s.deliveredBy('a', 'p'))
    },
  },
  {
    name: 'vsync: order: domain, the coordinator dies when one member alone knows the end of a group view (n=5)',
    cites: [GENUINE, 'Hickey, Lynch, van Renesse, TACAS 1999'],
    on: { groups: { p: plain, q: plain } },
    async play(s) {
      await s.together('a b c d e', '')
      await open(s, { p: 'b c d', q: 'c d e' })
      s.slow('b>d', 70)
      s.cast('b', 'p', 'p1')
      s.cast('e', 'q', 'q1')
      s.open('e', 'p')
      s.crashSending('a', 'groupInstall', { after: 1 })
      await s.run(30)
      s.cast('c', 'q', 'q2')
      s.cast('d', 'q', 'q3')
      await s.settle()
      s.inView('b c d e', 'b c d e', { primary: true })
      agree(s, 'c d', 'p q')
      s.fate('p1 q1 q2 q3', 'stable')
    },
  },
  {
    name: 'vsync: order: domain, a member is silent until it is excluded, and holds up the others where it is known (n=5)',
    cites: [DSU],
    on: { groups: { p: plain, q: plain, r: plain } },
    async play(s) {
      await s.together('a b c d e', '')
      await open(s, { p: 'a b c', q: 'b c d', r: 'd e' })
      s.freeze('a')
      s.cast('b', 'p', 'p1')
      await s.run(15)
      s.cast('d', 'q', 'q1')
      s.cast('e', 'r', 'r1')
      await s.run(1_000)
      s.delivered('b c', 'p', '')
      // b and c cannot yet tell whether p1 comes before it; d, who is not in p, can.
      s.delivered('b c', 'q', '')
      s.delivered('d', 'q', 'q1')
      s.delivered('d e', 'r', 'r1')
      await s.settle()
      assert.equal(agree(s, 'b c', 'p q'), 'p1 q1', 'what both have')
      s.fate('p1 q1 r1', 'stable')
    },
  },
  {
    name: 'vsync: order: domain, two halves go on, and meet (n=4)',
    cites: [GENUINE, 'Moser, Amir, Melliar-Smith, Agarwal, ICDCS 1994'],
    on: { groups: { p: plain, q: plain } },
    async play(s) {
      await s.together('a b c d', '')
      await open(s, { p: 'a b c', q: 'b c d' })
      s.cast('a', 'p', 'p1')
      s.cast('d', 'q', 'q1')
      s.cut('a b | c d')
      s.cast('b', 'q', 'q2')
      s.cast('c', 'p', 'p2')
      await s.settle()
      s.cast('a', 'p', 'p3')
      s.cast('c', 'q', 'q3')
      await s.settle()
      s.heal()
      await s.settle()
      s.cast('b', 'p', 'p4')
      s.cast('c', 'q', 'q4')
      await s.settle()
      s.inGroup('a b c', 'p', 'a b c')
      s.fate('p1 p2 p3 p4 q1 q2 q3 q4', 'stable')
    },
  },
]
