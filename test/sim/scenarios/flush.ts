/** Flush: the coordinator and others die, leave or freeze at every step of it. */
import { channel } from './channel.ts'
import type { Script } from './script.ts'

const on = { groups: { log: channel('total') } }

/** Members a to e, a cast of `b` on its way, `e` has crashed: a flush is about to begin. */
const n5 = 'a b c d e'

/** The scenarios. */
export const flush: readonly Script[] = [
  {
    name: 'vsync: flush: coordinator dies after half the proposals (n=5)',
    cites: ['belaban/JGroups#36', 'Birman, Joseph 1987'],
    on,
    async play(s) {
      await s.together(n5)
      s.cast('b', 'log', 'x')
      s.crash('e')
      s.crashSending('a', 'propose', { after: 2 })
      await s.settle()
      s.inView('b c d', 'b c d', { primary: true })
      s.delivered('b c d', 'log', 'x')
    },
  },
  {
    name: 'vsync: flush: coordinator dies after half the cuts (n=5)',
    cites: ['Derecho-Project/derecho#126'],
    on,
    async play(s) {
      await s.together(n5)
      s.crash('e')
      s.crashSending('a', 'cut', { after: 2 })
      s.onSend({ from: 'a', kind: 'cut' }, () => s.cast('d', 'log', 'x'))
      await s.settle()
      s.inView('b c d', 'b c d', { primary: true })
      s.delivered('b c d', 'log', 'x')
      s.fate('x', 'stable')
    },
  },
  {
    name: 'vsync: flush: coordinator dies before any install (n=5)',
    cites: ['Derecho-Project/derecho#126'],
    on,
    async play(s) {
      await s.together(n5)
      s.cast('c', 'log', 'x')
      s.crash('e')
      s.crashSending('a', 'install', { after: 0 })
      await s.settle()
      s.inView('b c d', 'b c d', { primary: true })
      // What all were ready for is completed before anybody goes on without its leader.
      s.happened({ e: 'adopt' }, 1)
      for (const p of ['b', 'c', 'd']) s.happened({ e: 'view', g: '', p, id: s.viewBefore('b') }, 1)
      s.delivered('b c d', 'log', 'x')
    },
  },
  {
    name: 'vsync: flush: coordinator dies after half the installs (n=5)',
    cites: ['Derecho-Project/derecho#126', 'JGroups doc/design/ReliableViewInstallation.txt'],
    on,
    async play(s) {
      await s.together(n5)
      s.cast('b', 'log', 'x')
      s.crash('e')
      s.crashSending('a', 'install', { after: 2 })
      await s.settle()
      s.inView('b c d', 'b c d', { primary: true })
      // Also d, which was not told, has been in the view that two were told of.
      for (const p of ['b', 'c', 'd']) s.happened({ e: 'view', g: '', p, id: s.viewBefore('b') }, 1)
      s.delivered('b c d', 'log', 'x')
    },
  },
  {
    name: 'vsync: flush: two coordinators in turn (n=5)',
    cites: ['Derecho-Project/derecho#126'],
    on,
    async play(s) {
      await s.together(n5)
      s.cast('c', 'log', 'x')
      s.crash('e')
      s.crashSending('a', 'cut', { after: 1 })
      s.crashSending('b', 'cut', { after: 1 })
      await s.settle()
      s.inView('c d', 'c d')
      s.delivered('c d', 'log', 'x')
    },
  },
  {
    name: 'vsync: flush: all die in turn but one (n=5)',
    cites: ['belaban/JGroups#36'],
    on,
    async play(s) {
      await s.together(n5)
      s.cast('d', 'log', 'x')
      s.crash('e')
      s.crashSending('a', 'cut', { after: 2 })
      s.crashSending('b', 'propose', { after: 1 })
      s.crashSending('c', 'install', { after: 0 })
      await s.settle()
      s.inView('d', 'd')
      s.delivered('d', 'log', 'x')
    },
  },
  {
    name: 'vsync: flush: a member dies after its row (n=4)',
    cites: ['akka/akka-core#21999', 'Birman, Joseph 1987'],
    on,
    async play(s) {
      await s.together('a b c d')
      s.crash('d')
      s.on({ e: 'row', p: 'c' }, () => s.crash('c'))
      s.cast('c', 'log', 'x')
      await s.settle()
      s.inView('a b', 'a b', { primary: true })
      s.delivered('a b', 'log', 'x')
    },
  },
  {
    name: 'vsync: flush: a member dies after its ready (n=4)',
    cites: ['Derecho-Project/derecho#126'],
    on,
    async play(s) {
      await s.together('a b c d')
      s.crash('d')
      s.on({ e: 'ready', p: 'c' }, () => s.crash('c'))
      await s.settle()
      s.inView('a b', 'a b', { primary: true })
      s.told('a b', { expelled: 'c' })
    },
  },
  {
    name: 'vsync: flush: a member leaves during the flush (n=4)',
    cites: ['JGroups ConcurrentLeaversTest'],
    on,
    async play(s) {
      await s.together('a b c d')
      s.crash('d')
      s.on({ e: 'row', p: 'b' }, () => s.leave('b'))
      await s.settle()
      s.inView('a c', 'a c', { primary: true })
    },
  },
  {
    name: 'vsync: flush: the dead sender has reached one survivor only (n=4)',
    cites: ['Chockler, Keidar, Vitenberg, ACM Computing Surveys 33(4), 2001'],
    on: { groups: { log: channel('causal') } },
    async play(s) {
      await s.together('a b c d')
      s.hold('d>a b')
      s.cast('d', 'log', 'x')
      await s.run(15)
      s.delivered('c', 'log', 'x')
      s.delivered('a b', 'log', '')
      s.crash('d')
      await s.settle()
      s.delivered('a b c', 'log', 'x')
      s.inView('a b c', 'a b c', { primary: true })
    },
  },
  {
    name: 'vsync: flush: a cast depends on one that died with its sender (n=4)',
    cites: ['Chockler, Keidar, Vitenberg, ACM Computing Surveys 33(4), 2001'],
    on: { groups: { log: channel('causal') } },
    async play(s) {
      await s.together('a b c d')
      // d has x, answers with y, which reaches the others; x does not: both of its holders die.
      s.hold('c>a b')
      s.cast('c', 'log', 'x')
      await s.run(15)
      s.cast('d', 'log', 'y')
      await s.run(15)
      s.delivered('a b', 'log', '')
      s.crash('c d')
      await s.settle()
      s.inView('a b', 'a b', { primary: true })
      // Without its past nobody delivers it, and nobody had.
      s.delivered('a b', 'log', '')
      s.holds('a b', 'log', '')
    },
  },
  {
    name: 'vsync: flush: the last cast of a burst is lost, and no traffic comes after it (n=3)',
    cites: ['JGroups LastMessageDroppedTest'],
    on: { groups: { log: channel('fifo') } },
    async play(s) {
      await s.together('a b c')
      s.cast('c', 'log', 'x y')
      await s.run(1)
      s.hold('c>b')
      s.cast('c', 'log', 'z')
      await s.run(15)
      s.delivered('a', 'log', 'x y z')
      s.delivered('b', 'log', 'x y')
      s.crash('c')
      await s.settle()
      s.delivered('a b', 'log', 'x y z')
    },
  },
  {
    name: 'vsync: flush: coordinator freezes before its installs leave, and thaws in a later view (n=5)',
    cites: ['infinispan/infinispan#15070', 'JGroups FrozenCoordinatorTest'],
    on,
    async play(s) {
      await s.together(n5)
      s.crash('e')
      // All are ready; the installs stay where they are until the others have gone on.
      s.onSend({ from: 'a', kind: 'install' }, () => s.hold('a>b c d'))
      s.on({ e: 'install', p: 'a' }, () => s.freeze('a'))
      await s.until(() => s.isIn('c', 'b c d'), 'a is excluded')
      await s.run(1_000)
      s.inView('b c d', 'b c d', { primary: true })
      const { now } = s
      s.release()
      await s.run(100)
      // An install of before moves nobody.
      s.happened({ e: 'view', g: '' }, 0, now)
      s.thaw('a')
      await s.settle()
      s.inView('a b c d', 'b c d a', { primary: true })
    },
  },
  {
    name: 'vsync: flush: a row is two seconds late (n=4)',
    cites: ['corosync/corosync#736', 'corosync/corosync#776'],
    on,
    async play(s) {
      await s.together('a b c d')
      const { now } = s
      s.crash('d')
      s.onSend({ from: 'c', kind: 'row' }, () => s.hold('c>a'))
      await s.run(2_200)
      s.release()
      await s.settle()
      s.inView('a b c', 'a b c', { primary: true })
      // Late is not gone.
      for (const p of ['a', 'b', 'c']) s.happened({ e: 'view', g: '', p }, 1, now)
    },
  },
  {
    name: 'vsync: flush: casts made while the view is closed go to the next (n=3)',
    cites: ['belaban/JGroups#36', 'Strong and Weak Virtual Synchrony in Horus, Cornell, hdl:1813/7194'],
    on,
    async play(s) {
      await s.together('a b c d')
      s.crash('d')
      s.on({ e: 'row', p: 'b' }, () => s.cast('b', 'log', 'x'))
      s.on({ e: 'row', p: 'c' }, () => s.cast('c', 'log', 'y'))
      await s.settle()
      s.fate('x y', 'stable')
      const view = s.viewOf('a', 'log')
      for (const p of ['a', 'b', 'c']) s.happened({ e: 'deliver', p, g: 'log', view }, 2)
    },
  },
]
