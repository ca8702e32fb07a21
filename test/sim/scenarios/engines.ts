/** Total order engines: the moving sequencer and round robin, when those that an order hangs on come and go. */
import { channel } from './channel.ts'
import type { Script } from './script.ts'

const DSU = 'Défago, Schiper, Urbán, ACM Computing Surveys 36(4), 2004'
const DERECHO = 'Jha et al. (Derecho), ACM TOCS 36(2), 2019'
const SPINDLE = 'Spindle, arXiv 2110.00886'

const moving = channel('total', { engine: 'moving' })
const robin = channel('total', { engine: 'round-robin' })
const safeMoving = channel('total', { engine: 'moving', uniform: true, consistency: 'consistent' })
const safeRobin = channel('total', { engine: 'round-robin', uniform: true, consistency: 'consistent' })

/** So many casts that the sequencer looks after who makes them. */
const MANY = Array.from({ length: 64 }, (_, i) => `c${i}`).join(' ')

/** The scenarios. */
export const engines: readonly Script[] = [
  {
    name: 'vsync: order: the role moves to whoever casts most (n=4)',
    cites: [DSU],
    on: { groups: { log: moving } },
    async play(s) {
      await s.together('a b c d')
      s.cast('c', 'log', MANY)
      await s.settle()
      s.happened({ e: 'sequencer', p: 'c' }, 1)
      s.cast('c', 'log', 'own')
      await s.run(15)
      // It is there after one delay, and at c at once.
      s.delivered('a b c d', 'log', `${MANY} own`)
      s.cast('a', 'log', 'a1')
      await s.settle()
      s.delivered('a b c d', 'log', `${MANY} own a1`)
    },
  },
  {
    name: 'vsync: order: a sequencer that is busy hands over, and so does its successor; a third keeps the role (n=3)',
    cites: [DSU],
    on: { groups: { log: moving } },
    async play(s) {
      await s.together('a b c')
      s.busy('a')
      s.busy('b')
      s.cast('c', 'log', '1')
      await s.settle()
      s.cast('a', 'log', '2')
      await s.settle()
      s.cast('b', 'log', '3')
      await s.settle()
      s.busy('c')
      s.cast('a', 'log', '4')
      await s.settle()
      s.cast('b', 'log', '5')
      await s.settle()
      // All are busy: whoever has it last keeps it, until the view changes.
      s.happened({ e: 'sequencer' }, 2)
      s.happened({ e: 'sequencer', p: 'c' }, 1)
      s.delivered('a b c', 'log', '1 2 3 4 5')
    },
  },
  ...(['its successor', 'another'] as const).map(
    (who): Script => ({
      name: `vsync: order: old sequencer dies when ${who} alone has its last record (n=4)`,
      cites: [DSU, 'JGroups SequencerFailoverTest'],
      on: { groups: { log: moving } },
      async play(s) {
        await s.together('a b c d')
        s.busy('a')
        // The role goes to c, who made the first cast that is numbered.
        s.hold(who === 'another' ? 'a>c d' : 'a>b d')
        s.cast('c', 'log', 'c1')
        await s.run(15)
        s.cast('d', 'log', 'd1')
        s.cast('b', 'log', 'b1')
        await s.run(15)
        s.happened({ e: 'sequencer' }, who === 'another' ? 0 : 1)
        s.crash('a')
        await s.settle()
        s.inView('b c d', 'b c d', { primary: true })
        s.delivered('b c d', 'log', s.deliveredBy('c', 'log'))
        s.fate('b1 c1 d1', 'stable')
      },
    }),
  ),
  {
    name: 'vsync: order: the records of the successor are here, those before them are lost (n=4)',
    cites: [DSU],
    on: { groups: { log: moving } },
    async play(s) {
      await s.together('a b c d')
      s.busy('a')
      // d alone has the last record of a, and gives the next positions; b and c have only the latter.
      s.hold('a>b c')
      s.cast('d', 'log', 'd1')
      await s.run(25)
      s.cast('c', 'log', 'c1')
      s.cast('d', 'log', 'd2')
      await s.run(25)
      s.happened({ e: 'sequencer', p: 'd' }, 1)
      s.delivered('d', 'log', 'd1 d2 c1')
      s.delivered('b c', 'log', '')
      s.crash('a d')
      await s.settle()
      // d2, which has a place, comes after d1, which has none any more.
      s.delivered('b c', 'log', 'c1 d1 d2')
      s.happened({ e: 'voidRecords', p: 'c' }, 1)
    },
  },
  {
    name: 'vsync: order: new sequencer dies before it has numbered anything (n=4)',
    cites: [DSU, 'JGroups SequencerFailoverTest'],
    on: { groups: { log: safeMoving } },
    async play(s) {
      await s.together('a b c d')
      s.busy('a')
      s.on({ e: 'sequencer', p: 'c' }, () => s.crash('c'))
      s.cast('c', 'log', 'c1')
      await s.run(30)
      s.cast('d', 'log', 'd1')
      s.cast('a', 'log', 'a1')
      await s.settle()
      s.inView('a b d', 'a b d', { primary: true })
      s.delivered('a b d', 'log', s.deliveredBy('a', 'log'))
      s.fate('d1 a1', 'stable')
    },
  },
  {
    name: 'vsync: order: a member joins and another leaves the group while the role moves (n=4)',
    cites: [DSU],
    on: { groups: { log: moving } },
    async play(s) {
      await s.together('a b c d')
      s.close('d', 'log')
      await s.settle()
      s.busy('a')
      s.slow('a>b', 60)
      s.cast('c', 'log', 'c1')
      s.cast('b', 'log', 'b1')
      s.open('d', 'log')
      s.close('c', 'log')
      await s.settle()
      s.cast('d', 'log', 'd1')
      await s.settle()
      s.inGroup('a b d', 'log', 'a b d')
      s.holds('a b d', 'log', s.deliveredBy('a', 'log'))
      s.fate('c1 b1 d1', 'stable')
    },
  },
  {
    name: 'vsync: order: round robin, all cast at once: one delay and nobody passes (n=4)',
    cites: [DERECHO],
    on: { groups: { log: robin } },
    async play(s) {
      await s.together('a b c d')
      for (const round of [1, 2]) for (const id of ['d', 'b', 'a', 'c']) s.cast(id, 'log', `${id}${round}`)
      await s.run(15)
      s.delivered('a b c d', 'log', 'a1 b1 c1 d1 a2 b2 c2 d2')
      await s.settle()
      s.happened({ e: 'pass' }, 0)
    },
  },
  {
    name: 'vsync: order: round robin, one casts and the others pass, once for many casts; then there is quiet (n=4)',
    cites: [DERECHO, SPINDLE],
    on: { groups: { log: robin } },
    async play(s) {
      await s.together('a b c d')
      s.cast('b', 'log', 'b1 b2 b3 b4 b5')
      await s.run(25)
      s.delivered('a b c d', 'log', 'b1 b2 b3 b4 b5')
      await s.settle()
      s.happened({ e: 'pass' }, 3)
      const since = s.world.now
      await s.run(20_000)
      s.happened({ e: 'pass' }, 0, since)
    },
  },
  {
    name: 'vsync: order: round robin, a member is silent until it is excluded (n=4)',
    cites: [DERECHO, 'Derecho-Project/derecho#216'],
    on: { groups: { log: robin, safe: safeRobin } },
    async play(s) {
      await s.together('a b c d')
      s.freeze('c')
      s.cast('a', 'log', 'a1')
      s.cast('d', 'log', 'd1')
      s.cast('b', 'safe', 'b1')
      await s.run(2_000)
      // a comes before c, d after it.
      s.delivered('a b d', 'log', 'a1')
      s.delivered('a b d', 'safe', '')
      await s.settle()
      s.inView('a b d', 'a b d', { primary: true })
      s.delivered('a b d', 'log', 'a1 d1')
      s.delivered('a b d', 'safe', 'b1')
      s.fate('a1 d1 b1', 'stable')
    },
  },
  {
    name: 'vsync: order: round robin, a member dies when one other alone has that it passes (n=4)',
    cites: [DERECHO],
    on: { groups: { log: robin, safe: safeRobin } },
    async play(s) {
      await s.together('a b c d')
      s.hold('a>c d')
      s.cast('b', 'log', 'b1')
      s.cast('d', 'safe', 'd1')
      await s.run(60)
      s.delivered('b', 'log', 'b1')
      s.delivered('c d', 'log', '')
      s.crash('a')
      await s.settle()
      s.delivered('b c d', 'log', 'b1')
      s.delivered('b c d', 'safe', 'd1')
      s.fate('b1 d1', 'stable')
    },
  },
  {
    name: 'vsync: order: round robin, a cast to another group waits until its predecessor has its place (n=3)',
    cites: ['Group and Multicast Semantics, Cornell, hdl:1813/7025', 'belaban/JGroups#893'],
    on: { groups: { p: robin, q: channel('total'), r: moving } },
    async play(s) {
      await s.together('a b c', '')
      for (const id of ['a', 'b', 'c']) s.open(id, 'p')
      await s.settle()
      for (const group of ['q', 'r']) for (const id of ['b', 'c', 'a']) s.open(id, group)
      await s.settle()
      s.cast('a', 'q', 'q1')
      s.cast('a', 'p', 'p1')
      s.cast('b', 'p', 'p2')
      s.cast('b', 'r', 'r2')
      s.cast('b', 'q', 'q2')
      s.cast('c', 'r', 'r3')
      s.cast('c', 'p', 'p3')
      await s.settle()
      s.fate('q1 p1 p2 q2 r2 r3 p3', 'stable')
      for (const group of ['p', 'q', 'r']) s.delivered('b c', group, s.deliveredBy('a', group))
    },
  },
  {
    name: 'vsync: order: round robin, members come and go while turns are open (n=4)',
    cites: [DERECHO],
    on: { groups: { log: robin } },
    async play(s) {
      await s.together('a b c d')
      s.close('d', 'log')
      await s.settle()
      s.slow('b>a', 80)
      s.cast('c', 'log', 'c1 c2')
      s.cast('a', 'log', 'a1')
      s.open('d', 'log')
      s.close('c', 'log')
      await s.settle()
      s.cast('d', 'log', 'd1')
      s.cast('b', 'log', 'b1')
      await s.settle()
      s.inGroup('a b d', 'log', 'a b d')
      s.holds('a b d', 'log', s.deliveredBy('a', 'log'))
      s.fate('c1 c2 a1 d1 b1', 'stable')
    },
  },
]
