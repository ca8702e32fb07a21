/** Strong groups: a cast is delivered in the view in which it was made, or its sender is told that it was not sent. */
import { channel } from './channel.ts'
import type { Script } from './script.ts'

const FvR = 'Friedman, van Renesse, Strong and weak virtual synchrony in Horus, SRDS 1996'
const CKV = 'Chockler, Keidar, Vitenberg, ACM Computing Surveys 33(4), 2001'

const on = { groups: { log: channel('total', { strong: true }) } }

/** The scenarios. */
export const strong: readonly Script[] = [
  {
    name: 'vsync: strong: a cast during the flush is refused with the next view (n=3)',
    cites: [FvR, CKV],
    on,
    async play(s) {
      await s.together('a b c')
      s.cast('b', 'log', 'early')
      s.crash('c')
      s.on({ e: 'row', p: 'b' }, () => s.cast('b', 'log', 'late'))
      s.on({ e: 'settle', p: 'b', outcome: 'view-changed' }, () => {
        // Whoever casts again at once casts in the view that it was told of.
        s.inGroup('b', 'log', 'a b')
        s.cast('b', 'log', 'again')
      })
      await s.settle()
      s.fate('early', 'stable')
      s.fate('late', 'view-changed')
      s.fate('again', 'stable')
      s.holds('a b', 'log', 'early again')
    },
  },
  {
    name: 'vsync: strong: without the option, it is sent in the next view (n=3)',
    cites: [FvR],
    on: { groups: { log: channel('total') } },
    async play(s) {
      await s.together('a b c')
      s.crash('c')
      s.on({ e: 'row', p: 'b' }, () => s.cast('b', 'log', 'late'))
      await s.settle()
      s.fate('late', 'stable')
      s.holds('a b', 'log', 'late')
      s.happened({ e: 'block' }, 0)
    },
  },
  {
    name: 'vsync: strong: a cast of a page that was not told of the new view (n=3)',
    cites: [FvR],
    on,
    async play(s) {
      await s.together('a b c')
      s.stall('b', 3_000)
      s.leave('c', 'quickly')
      await s.run(1_000)
      s.inGroup('a', 'log', 'a b')
      // Its kernel is in the next view, and open.
      s.inGroup('b', 'log', 'a b c')
      s.cast('b', 'log', 'outdated')
      await s.settle()
      s.fate('outdated', 'view-changed')
      s.cast('b', 'log', 'told')
      await s.settle()
      s.holds('a b', 'log', 'told')
    },
  },
  {
    name: 'vsync: strong: a cast while a newcomer joins the group (n=3)',
    cites: ['Glade, Birman, Cooper, van Renesse 1993', FvR],
    on,
    async play(s) {
      await s.together('a b c')
      s.start('d', '')
      await s.settle()
      s.cast('c', 'log', 'before')
      s.on({ e: 'block', p: 'c', g: 'log' }, () => s.cast('c', 'log', 'late'))
      s.open('d', 'log')
      await s.settle()
      s.inGroup('a b c d', 'log', 'a b c d')
      s.fate('before', 'stable')
      s.fate('late', 'view-changed')
      s.holds('a b c d', 'log', 'before')
    },
  },
  {
    name: 'vsync: strong: nothing comes of the change, and the cast is sent after all (n=4)',
    cites: ['infinispan/infinispan#1054', CKV],
    on,
    async play(s) {
      s.start('a', '')
      await s.settle()
      for (const id of ['b', 'c']) s.start(id)
      await s.until(() => s.isIn('c', 'a b c'), 'they are together')
      s.start('d', '')
      await s.settle()
      s.inGroup('b c', 'log', 'b c')
      const view = s.viewOf('c', 'log')
      // The coordinator asks the members to close their view, and dies.
      s.hold('b c>a')
      s.on({ e: 'block', p: 'c', g: 'log' }, () => {
        s.crash('a')
        s.cast('c', 'log', 'patient')
      })
      s.open('d', 'log')
      await s.until(() => s.lines({ e: 'settle', outcome: 'delivered', p: 'c' }).length > 0, 'it is delivered')
      await s.settle()
      s.fate('patient', 'stable')
      s.happened({ e: 'deliver', g: 'log', p: 'b', view }, 1)
      s.happened({ e: 'unblock', g: 'log', p: 'c', view }, 3)
      s.inGroup('b c d', 'log', 'b c d')
      s.holds('b c d', 'log', 'patient')
    },
  },
  {
    name: 'vsync: strong: a large cast that is not out when the view closes (n=3)',
    cites: ['belaban/JGroups#1048', FvR],
    on: { groups: { log: channel('causal', { strong: true }) } },
    async play(s) {
      await s.together('a b c')
      const large = 'x'.repeat(2_000_000)
      // It grants no more than what it has granted.
      s.hold('c>a')
      s.cast('a', 'log', large)
      s.cast('a', 'log', 'behind')
      await s.run(200)
      s.happened({ e: 'ahead', p: 'a' }, 1)
      s.crash('c')
      await s.settle()
      s.fate(large, 'view-changed')
      s.fate('behind', 'view-changed')
      s.never({ e: 'send' }, ({ p }) => p === 'a')
      s.cast('a', 'log', `${large}y after`)
      await s.settle()
      s.fate('after', 'stable')
      s.delivered('a b', 'log', `${large}y after`)
    },
  },
  {
    name: 'vsync: strong: outside the primary component nothing waits (n=3)',
    cites: [FvR, CKV],
    on: { groups: { log: channel('total', { strong: true, uniform: true, consistency: 'consistent' }) } },
    async play(s) {
      await s.together('a b c')
      s.cut('a b | c')
      await s.settle()
      s.cast('c', 'log', 'alone')
      await s.run(100)
      // It could only be sent in another view.
      s.fate('alone', 'not-primary')
      s.heal()
      await s.settle()
      s.cast('c', 'log', 'back')
      await s.settle()
      s.holds('a b c', 'log', 'back')
    },
  },
]
