/** Strict groups: what comes before a cast in another group is not lost, or the cast is not sent. */
import { channel } from './channel.ts'
import type { Script } from './script.ts'

const ISIS = 'Birman, Schiper, Stephenson, ACM TOCS 9(3), 1991'
const MULTICAST = 'Group and Multicast Semantics, Cornell, hdl:1813/7025'

const groups = { ask: channel('causal'), tell: channel('causal', { strict: true }), free: channel('causal') }

/** The scenarios. */
export const strict: readonly Script[] = [
  {
    name: 'vsync: order: strict, question and answer are lost with whoever made both (n=4)',
    cites: [ISIS, MULTICAST],
    on: { groups },
    async play(s) {
      await s.together('a b c d', '')
      for (const id of ['a', 'b', 'c']) s.open(id, 'ask')
      for (const name of ['tell', 'free']) for (const id of ['a', 'c', 'd']) s.open(id, name)
      await s.settle()
      s.hold('a>b c')
      s.cast('a', 'ask', 'question')
      s.cast('a', 'free', 'aside')
      s.cast('a', 'tell', 'answer')
      await s.run(500)
      s.delivered('d', 'free', 'aside')
      s.delivered('d', 'tell', '')
      s.crash('a')
      await s.settle()
      s.delivered('b c', 'ask', '')
      // Of a group that is not strict, it is there without what came before it.
      s.delivered('c d', 'free', 'aside')
      s.delivered('c d', 'tell', '')
    },
  },
  {
    name: "vsync: order: strict, an answer to somebody else's question waits until all have that (n=4)",
    cites: [ISIS, MULTICAST],
    on: { groups },
    async play(s) {
      await s.together('a b c d', '')
      for (const id of ['a', 'b', 'c']) s.open(id, 'ask')
      for (const id of ['b', 'c', 'd']) s.open(id, 'tell')
      await s.settle()
      s.slow('a>c', 400)
      s.cast('a', 'ask', 'question')
      await s.run(15)
      s.cast('b', 'tell', 'answer')
      await s.run(300)
      s.delivered('b', 'ask', 'question')
      s.delivered('d', 'tell', '')
      await s.run(200)
      s.delivered('c', 'ask', 'question')
      s.delivered('b c d', 'tell', 'answer')
      // Within its own group nothing is waited for.
      s.cast('b', 'tell', 'more')
      await s.run(15)
      s.delivered('b c d', 'tell', 'answer more')
      await s.settle()
      s.fate('question answer more', 'stable')
    },
  },
  {
    name: 'vsync: order: strict, whoever waits is told at once, though nothing else is said (n=4)',
    cites: [ISIS],
    on: { groups },
    async play(s) {
      await s.together('a b c d', '')
      for (const id of ['a', 'b', 'c']) s.open(id, 'ask')
      for (const id of ['b', 'd']) s.open(id, 'tell')
      await s.settle()
      const since = s.world.now
      s.cast('a', 'ask', 'question')
      await s.run(15)
      s.cast('b', 'tell', 'answer')
      await s.until(() => s.deliveredBy('d', 'tell') === 'answer', 'd has the answer')
      // Three delays of 10 ms, one for the answer, and the acknowledgement that waits for company for 25 ms.
      s.within(since, 40, 80)
      await s.settle()
      // The next one need not ask again.
      s.cast('a', 'ask', 'another')
      await s.run(15)
      s.cast('b', 'tell', 'reply')
      await s.run(60)
      s.delivered('d', 'tell', 'answer reply')
      await s.settle()
      s.fate('question answer another reply', 'stable')
    },
  },
  {
    name: 'vsync: order: strict, a silent member holds up what is cast elsewhere until it is excluded (n=4)',
    cites: [ISIS],
    on: { groups },
    async play(s) {
      await s.together('a b c d', '')
      for (const id of ['a', 'b', 'c']) s.open(id, 'ask')
      for (const id of ['a', 'd']) s.open(id, 'tell')
      await s.settle()
      s.freeze('c')
      s.cast('a', 'ask', 'question')
      s.cast('a', 'tell', 'answer')
      await s.run(2_000)
      s.delivered('d', 'tell', '')
      await s.settle()
      s.inView('a b d', 'a b d', { primary: true })
      s.delivered('a d', 'tell', 'answer')
      s.fate('question answer', 'stable')
    },
  },
]
