/** Order: fifo, causal and total, within a view and across its end. */
import { channel } from './channel.ts'
import type { Script } from './script.ts'

const CKV = 'Chockler, Keidar, Vitenberg, ACM Computing Surveys 33(4), 2001'
const TACAS = 'Hickey, Lynch, van Renesse, TACAS 1999'

/** The scenarios. */
export const order: readonly Script[] = [
  {
    name: 'vsync: order: crossing casts, one order (n=4)',
    cites: [CKV],
    on: { groups: { log: channel('total') } },
    async play(s) {
      await s.together('a b c d')
      s.slow('b>c', 40)
      s.slow('d>b', 60)
      s.cast('b', 'log', 'b1')
      s.cast('c', 'log', 'c1')
      s.cast('d', 'log', 'd1')
      s.cast('b', 'log', 'b2')
      await s.settle()
      // As they came to the sequencer.
      s.delivered('a b c d', 'log', 'b1 b2 c1 d1')
    },
  },
  {
    name: 'vsync: order: sequencer dies between order and stability (n=4)',
    cites: [TACAS, 'JGroups SequencerFailoverTest'],
    on: { groups: { log: channel('total') } },
    async play(s) {
      await s.together('a b c d')
      s.cast('b', 'log', 'x')
      s.cast('c', 'log', 'y')
      // One member alone gets the numbers before their author dies.
      s.crashSending('a', 'order', { after: 1 })
      await s.settle()
      s.inView('b c d', 'b c d', { primary: true })
      s.delivered('b c d', 'log', 'x y')
      s.fate('x y', 'stable')
    },
  },
  {
    name: 'vsync: order: sequencer dies before it has numbered anything (n=4)',
    cites: [TACAS, 'JGroups SequencerFailoverTest'],
    on: { groups: { log: channel('total') } },
    async play(s) {
      await s.together('a b c d')
      s.hold('*>a')
      s.cast('b', 'log', 'b1')
      s.cast('c', 'log', 'c1')
      s.cast('d', 'log', 'd1')
      await s.run(50)
      s.delivered('b c d', 'log', '')
      s.crash('a')
      await s.settle()
      s.delivered('b c d', 'log', 'b1 c1 d1')
    },
  },
  {
    name: 'vsync: order: what the sequencer alone had delivered goes with it (n=4)',
    cites: [TACAS],
    on: { groups: { log: channel('total') } },
    async play(s) {
      await s.together('a b c d')
      s.hold('a>*')
      s.cast('a', 'log', 'a1')
      s.cast('b', 'log', 'b1')
      await s.run(15)
      s.delivered('a', 'log', 'a1 b1')
      s.crash('a')
      await s.settle()
      // The order of a1 and b1 died with a, and so did a1.
      s.delivered('b c d', 'log', 'b1')
    },
  },
  {
    name: 'vsync: order: numbers of a view that is over, in the next one (n=4)',
    cites: [TACAS, 'Derecho-Project/derecho#216'],
    on: { groups: { log: channel('total') } },
    async play(s) {
      await s.together('a b c d')
      s.cast('b', 'log', 'b1')
      s.crash('d')
      s.on({ e: 'row', p: 'b' }, () => s.cast('b', 'log', 'b2'))
      s.on({ e: 'row', p: 'c' }, () => s.cast('c', 'log', 'c2'))
      s.on({ e: 'row', p: 'a' }, () => s.cast('a', 'log', 'a2'))
      await s.settle()
      s.delivered('a', 'log', s.deliveredBy('c', 'log'))
      s.delivered('b', 'log', s.deliveredBy('c', 'log'))
      s.holds('a b c', 'log', s.deliveredBy('c', 'log'))
      s.fate('b1 a2 b2 c2', 'stable')
    },
  },
  {
    name: 'vsync: order: an answer overtakes its question (n=3)',
    cites: [CKV, 'Group and Multicast Semantics, Cornell, hdl:1813/7025'],
    on: { groups: { log: channel('causal') } },
    async play(s) {
      await s.together('a b c')
      s.slow('a>c', 200)
      s.cast('a', 'log', 'question')
      await s.run(15)
      s.cast('b', 'log', 'answer')
      await s.run(50)
      s.delivered('b', 'log', 'question answer')
      // c has the answer and keeps it back.
      s.delivered('c', 'log', '')
      await s.settle()
      s.delivered('c', 'log', 'question answer')
    },
  },
  {
    name: 'vsync: order: an answer in another group overtakes its question (n=3)',
    cites: ['Group and Multicast Semantics, Cornell, hdl:1813/7025', 'belaban/JGroups#893'],
    on: { groups: { ask: channel('causal'), tell: channel('total') } },
    async play(s) {
      await s.together('a b c')
      s.slow('a>c', 200)
      s.cast('a', 'ask', 'question')
      await s.run(15)
      s.cast('b', 'tell', 'answer')
      await s.run(100)
      s.delivered('b', 'ask', 'question')
      s.delivered('c', 'tell', '')
      await s.settle()
      s.delivered('c', 'ask', 'question')
      s.delivered('a b c', 'tell', 'answer')
      s.precedes('c', 'question', 'answer')
    },
  },
  {
    name: 'vsync: order: a chain over three groups and three members (n=4)',
    cites: ['Group and Multicast Semantics, Cornell, hdl:1813/7025'],
    on: { groups: { f: channel('fifo'), c: channel('causal'), t: channel('total') } },
    async play(s) {
      await s.together('a b c d')
      s.slow('a>d', 300)
      s.slow('b>d', 150)
      s.cast('a', 'c', 'one')
      await s.run(15)
      s.cast('b', 't', 'two')
      await s.run(40)
      s.delivered('c', 't', 'two')
      s.cast('c', 'c', 'three')
      await s.settle()
      s.precedes('d', 'one', 'two')
      s.precedes('d', 'two', 'three')
    },
  },
  {
    name: 'vsync: order: two sequencers, each with a cast that waits for the other (n=4)',
    cites: ['belaban/JGroups#893'],
    on: { groups: { p: channel('total'), q: channel('total') } },
    async play(s) {
      await s.together('a b c', '')
      // The sequencer of p is a, that of q is b.
      s.open('a', 'p')
      await s.settle()
      s.open('b', 'q')
      await s.settle()
      for (const id of ['b', 'c']) s.open(id, 'p')
      for (const id of ['a', 'c']) s.open(id, 'q')
      await s.settle()
      s.inGroup('a b c', 'p', 'a b c')
      s.inGroup('a b c', 'q', 'b a c')
      s.cast('a', 'q', 'q1')
      s.cast('a', 'p', 'p1')
      s.cast('b', 'p', 'p2')
      s.cast('b', 'q', 'q2')
      await s.settle()
      s.fate('q1 p1 p2 q2', 'stable')
      s.delivered('b c', 'p', s.deliveredBy('a', 'p'))
      s.delivered('b c', 'q', s.deliveredBy('a', 'q'))
    },
  },
  {
    name: 'vsync: order: a burst in one frame and one beside it (n=3)',
    cites: ['JGroups doc/design/LatencyVersusThroughput.txt'],
    on: { groups: { log: channel('fifo'), other: channel('fifo') } },
    async play(s) {
      await s.together('a b c')
      s.cast('a', 'log', '1 2 3 4 5 6 7 8 9')
      s.cast('a', 'other', 'x')
      s.reset('a', 'b')
      s.cast('a', 'log', '10')
      await s.settle()
      s.delivered('a b c', 'log', '1 2 3 4 5 6 7 8 9 10')
      s.delivered('a b c', 'other', 'x')
    },
  },
]
