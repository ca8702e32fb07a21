/**
 * Dependencies that are covered: each of these goes wrong if a cast names only what came last, because that went to all
 * who have to wait for the rest (decision 019; `planted.test.ts` sees them go wrong).
 */
import { channel } from './channel.ts'
import type { Script } from './script.ts'

const KS = 'Kshemkalyani, Singhal, Distributed Computing 11(2), 1998'
const ISIS = 'Birman, Schiper, Stephenson, ACM TOCS 9(3), 1991'
const CKV = 'Chockler, Keidar, Vitenberg, ACM Computing Surveys 33(4), 2001'

/** The scenarios. */
export const coverage: readonly Script[] = [
  {
    name: 'vsync: order: coverage, a question is lost, and with it what follows in its group, though others have what covers it (n=4)',
    cites: [KS, ISIS],
    on: { groups: { inner: channel('causal'), outer: channel('causal') } },
    async play(s) {
      await s.together('d c b a', 'outer')
      for (const id of ['a', 'b', 'c']) s.open(id, 'inner')
      await s.settle()
      s.hold('a>c')
      s.cast('a', 'inner', 'question')
      await s.run(15)
      s.delivered('b', 'inner', 'question')
      s.cast('b', 'outer', 'cover')
      await s.run(2)
      s.cast('b', 'inner', 'answer')
      await s.run(15)
      s.delivered('d', 'outer', 'cover')
      s.delivered('c', 'inner', '')
      s.crash('a b')
      await s.settle()
      s.delivered('c d', 'outer', 'cover')
      s.delivered('c', 'inner', '')
    },
  },
  {
    name: 'vsync: order: coverage, a fifo cast tells somebody of the cover, who answers in the group of the lost question (n=5)',
    cites: [KS, ISIS],
    on: {
      groups: {
        inner: channel('causal'),
        outer: channel('causal'),
        side: channel('causal'),
        board: channel('fifo'),
      },
    },
    async play(s) {
      await s.together('e d c b a', '')
      for (const id of ['a', 'b', 'c']) s.open(id, 'inner')
      for (const id of ['a', 'b', 'c', 'e']) s.open(id, 'outer')
      for (const id of ['a', 'd']) s.open(id, 'side')
      for (const id of ['b', 'd']) s.open(id, 'board')
      await s.settle()
      s.hold('a>b c')
      s.cast('a', 'inner', 'question')
      await s.run(2)
      s.cast('a', 'outer', 'cover')
      await s.run(2)
      s.cast('a', 'side', 'hint')
      await s.run(15)
      s.delivered('e', 'outer', 'cover')
      s.cast('d', 'board', 'note')
      await s.run(15)
      // Its past has not come, and a fifo cast does not wait.
      s.delivered('b', 'board', 'note')
      s.cast('b', 'inner', 'answer')
      await s.run(15)
      s.delivered('b c', 'inner', '')
      s.crash('a')
      await s.settle()
      s.delivered('b c e', 'outer', 'cover')
      s.delivered('b c', 'inner', '')
      s.fate('answer', 'unknown-outcome')
    },
  },
  {
    name: 'vsync: order: coverage, what covers a cast is lost, and that comes first all the same (n=4)',
    cites: [KS, CKV],
    on: {
      groups: { inner: channel('causal'), outer: channel('causal'), side: channel('causal'), last: channel('causal') },
    },
    async play(s) {
      await s.together('d c b a', '')
      for (const name of ['inner', 'outer']) for (const id of ['a', 'b', 'c']) s.open(id, name)
      for (const id of ['b', 'd']) s.open(id, 'side')
      for (const id of ['c', 'd']) s.open(id, 'last')
      await s.settle()
      s.hold('b>c')
      s.cast('b', 'inner', 'aside')
      s.gbcast('a', 'inner', 'question')
      await s.until(() => s.deliveredBy('b', 'inner') === 'aside question', 'b has the question')
      s.cast('b', 'outer', 'cover')
      await s.run(2)
      s.cast('b', 'side', 'hint')
      await s.run(15)
      s.delivered('d', 'side', 'hint')
      s.cast('d', 'last', 'answer')
      await s.run(15)
      // The question waits for what was cast before its cut, the answer for the cover.
      s.delivered('c', 'inner', '')
      s.delivered('c', 'last', '')
      s.crash('a b')
      await s.settle()
      s.delivered('c', 'inner', 'question')
      s.delivered('c', 'last', 'answer')
      s.delivered('c', 'outer', '')
      s.precedes('c', 'question', 'answer')
    },
  },
  {
    name: 'vsync: order: coverage, a uniform cast is not released before all hold what comes before it (n=6)',
    cites: [KS, CKV],
    on: {
      groups: { inner: channel('causal'), outer: channel('causal'), safe: channel('causal', { uniform: true }) },
    },
    async play(s) {
      await s.together('f e d c b a', '')
      for (const name of ['inner', 'outer']) for (const id of ['a', 'b', 'c']) s.open(id, name)
      for (const id of ['b', 'e', 'f']) s.open(id, 'safe')
      await s.settle()
      s.hold('a>c')
      s.cast('a', 'inner', 'question')
      await s.run(15)
      s.delivered('b', 'inner', 'question')
      s.cast('b', 'outer', 'cover')
      await s.run(2)
      s.cast('b', 'safe', 'answer')
      await s.run(15)
      // That all hold the cover and the answer, f does not hear.
      s.hold('b>f')
      await s.run(100)
      s.cast('b', 'safe', 'more')
      await s.run(100)
      s.crash('a b e')
      await s.settle()
      s.delivered('f', 'safe', '')
    },
  },
  {
    name: 'vsync: order: coverage, who is about to leave a group waits for what was cast in it (n=4)',
    cites: [KS, ISIS],
    on: { groups: { inner: channel('causal'), outer: channel('causal'), last: channel('causal') } },
    async play(s) {
      await s.together('d a b c', '')
      for (const id of ['a', 'b', 'c']) s.open(id, 'inner')
      for (const id of ['a', 'b']) s.open(id, 'outer')
      for (const id of ['b', 'c']) s.open(id, 'last')
      await s.settle()
      s.slow('a>c', 800)
      s.cast('a', 'inner', 'question')
      s.close('c', 'inner')
      await s.until(
        () => String(s.lines({ e: 'view', p: 'b', g: 'inner' }).at(-1)?.['members']) === 'a,b',
        'b sees c leave',
      )
      s.cast('b', 'outer', 'cover')
      await s.run(2)
      s.cast('b', 'last', 'answer')
      await s.run(100)
      s.delivered('c', 'last', '')
      await s.settle()
      s.precedes('c', 'question', 'answer')
    },
  },
  {
    name: 'vsync: order: coverage, a fifo cast that has come first covers nothing (n=3)',
    cites: [KS, ISIS],
    on: { groups: { inner: channel('causal'), outer: channel('fifo'), last: channel('causal') } },
    async play(s) {
      await s.together('a b c')
      s.slow('a>c', 400)
      s.cast('a', 'inner', 'question')
      await s.run(15)
      s.delivered('b', 'inner', 'question')
      s.cast('b', 'outer', 'cover')
      await s.run(2)
      s.cast('b', 'last', 'answer')
      await s.run(100)
      s.delivered('c', 'outer', 'cover')
      s.delivered('c', 'last', '')
      await s.settle()
      s.precedes('c', 'question', 'answer')
    },
  },
]
