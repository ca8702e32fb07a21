/** Join: newcomers, one and many, with the old ones failing meanwhile. */
import { channel } from './channel.ts'
import type { Script } from './script.ts'

const on = { groups: { notes: channel('causal') } }

/** The scenarios. */
export const join: readonly Script[] = [
  {
    name: 'vsync: join: same site, older incarnation still suspected (n=3)',
    cites: ['belaban/JGroups#1024', 'belaban/JGroups#1032', 'belaban/JGroups#396'],
    on,
    async play(s) {
      await s.together('a b c')
      s.wire.crashNoticeMs = Number.POSITIVE_INFINITY
      s.crash('c')
      await s.run(500)
      // Its successor is there before anybody knows of its end: it must not keep the dead one alive.
      s.start('c2', 'notes', 's-c')
      const { now } = s
      await s.until(() => s.isIn('a', 'a b c2'), 'the new one is in, the old one is out')
      s.within(now, 100, 6_000)
      await s.settle()
      s.inView('a b c2', 'a b c2', { primary: true })
    },
  },
  {
    name: 'vsync: join: 32 at once (n=33)',
    cites: ['JGroups LargeJoinTest', 'corosync/corosync#736', 'Derecho-Project/derecho#213'],
    on: { ...on, delayMs: 40 },
    async play(s) {
      await s.together('a')
      const { now } = s
      for (let i = 1; i <= 32; i += 1) s.start(`n${i}`)
      await s.settle()
      s.inView('a n1 n16 n32', s.membersOf('a'), { primary: true })
      s.happened({ e: 'found' }, 1)
      const views = s.lines({ e: 'view', g: '', p: 'a' }).filter(({ t }) => t >= now).length
      s.atMost(views, 6, 'views for 32 newcomers')
    },
  },
  {
    name: 'vsync: join: joiner dies before its row (n=3)',
    cites: ['corosync/corosync#828', 'belaban/JGroups#36'],
    on,
    async play(s) {
      await s.together('a b c')
      s.onSend({ from: 'd', kind: 'row' }, () => s.crash('d'))
      s.start('d')
      await s.settle()
      s.inView('a b c', 'a b c', { primary: true })
      // A joiner that dies mid-join leaves no trace, and the next one is taken in.
      s.start('e')
      await s.settle()
      s.inView('a b c e', 'a b c e', { primary: true })
      for (const p of ['a', 'b', 'c', 'e'])
        s.never({ e: 'view', p }, (line) => (line['members'] as readonly string[]).includes('d'))
    },
  },
  {
    name: 'vsync: join: joiner dies after its ready (n=3)',
    cites: ['corosync/corosync#828'],
    on,
    async play(s) {
      await s.together('a b c')
      s.on({ e: 'ready', p: 'd' }, () => s.crash('d'))
      s.start('d')
      await s.settle()
      s.inView('a b c', 'a b c', { primary: true })
      s.cast('b', 'notes', 'x')
      await s.settle()
      s.fate('x', 'stable')
    },
  },
  {
    name: 'vsync: join: coordinator dies between proposal and cut (n=3)',
    cites: ['infinispan/infinispan#1054', 'belaban/JGroups#36'],
    on,
    async play(s) {
      await s.together('a b c')
      s.crashSending('a', 'cut', { after: 1 })
      s.start('d')
      await s.settle()
      s.inView('b c d', 'b c d', { primary: true })
    },
  },
  {
    name: 'vsync: join: coordinator is frozen (n=3)',
    cites: ['akka/akka-core#21999', 'akka/akka-core#18067'],
    on,
    async play(s) {
      await s.together('a b c')
      s.freeze('a')
      s.start('d')
      await s.settle()
      s.inView('b c d', 'b c d', { primary: true })
      s.thaw('a')
      await s.settle()
      s.inView('a b c d', 'b c d a', { primary: true })
    },
  },
  {
    name: 'vsync: join: during a flush that excludes another (n=4)',
    cites: ['Derecho-Project/derecho#213', 'Derecho-Project/derecho#132'],
    on,
    async play(s) {
      await s.together('a b c d')
      s.on({ e: 'row', p: 'b' }, () => s.start('e'))
      s.crash('d')
      await s.settle()
      s.inView('a b c e', 'a b c e', { primary: true })
    },
  },
  {
    name: 'vsync: join: leaves before it is in (n=2)',
    cites: ['Derecho-Project/derecho#257'],
    on,
    async play(s) {
      await s.together('a b')
      s.on({ e: 'row', p: 'c' }, () => s.leave('c'))
      s.start('c')
      await s.settle()
      s.inView('a b', 'a b', { primary: true })
    },
  },
  {
    name: 'vsync: join: a group, as the coordinator that was asked dies (n=4)',
    cites: ['infinispan/infinispan#1054', 'Light-weight process groups in the Isis system, 1993'],
    on: { groups: { ...on.groups, log: channel('total') } },
    async play(s) {
      await s.together('a b c d', 'notes')
      s.open('b', 'log')
      await s.settle()
      s.cast('b', 'log', 'x')
      await s.settle()
      s.crashSending('a', 'groupPrepare', { after: 0 })
      s.open('c', 'log')
      await s.settle()
      s.inGroup('b c', 'log', 'b c')
      s.holds('b c', 'log', 'x')
      s.inGroup('b c d', 'notes', 'b c d')
    },
  },
  {
    name: 'vsync: join: a group, installed by one member before the coordinator dies (n=4)',
    cites: ['Derecho-Project/derecho#126', 'Light-weight process groups in the Isis system, 1993'],
    on: { groups: { ...on.groups, log: channel('total') } },
    async play(s) {
      await s.together('a b c d', 'notes')
      s.open('b', 'log')
      s.open('c', 'log')
      await s.settle()
      s.crashSending('a', 'groupInstall', { after: 1 })
      s.open('d', 'log')
      s.cast('b', 'log', 'x')
      await s.settle()
      s.inGroup('b c d', 'log', 'b c d')
      s.holds('b c d', 'log', 'x')
    },
  },
  {
    name: 'vsync: join: a group is left and joined again at once (n=3)',
    cites: ['belaban/JGroups#1024', 'jgroups-extras/jgroups-raft#259'],
    on: { groups: { log: channel('total') } },
    async play(s) {
      await s.together('a b c')
      s.cast('a', 'log', 'x')
      await s.settle()
      s.close('b', 'log')
      s.on({ e: 'groupInstall', g: 'log' }, () => s.cast('a', 'log', 'y'))
      await s.until(() => s.hasLeft('b', 'log'), 'b has left')
      s.open('b', 'log')
      await s.settle()
      s.inGroup('a b c', 'log', 'a c b')
      s.holds('a b c', 'log', 'x y')
    },
  },
  {
    name: 'vsync: join: leaves the group before it is in, and comes back (n=3)',
    cites: ['yjs/y-webrtc#47', 'belaban/JGroups#311'],
    on: { groups: { notes: channel('causal') } },
    async play(s) {
      await s.together('a b')
      s.start('c', '')
      await s.settle()
      s.open('c', 'notes')
      // It asks, and thinks better of it before there is an answer.
      await s.run(15)
      s.close('c', 'notes')
      await s.settle()
      s.inGroup('a b', 'notes', 'a b')
      s.open('c', 'notes')
      s.cast('a', 'notes', 'x')
      await s.settle()
      s.inGroup('a b c', 'notes', 'a b c')
      s.holds('a b c', 'notes', 'x')
    },
  },
  {
    name: 'vsync: join: from outside the view, what it casts waits (n=3)',
    cites: ['belaban/JGroups#311'],
    on,
    async play(s) {
      await s.together('a b')
      s.hold('a b>c')
      s.start('c')
      s.hold('a b>c')
      s.cast('c', 'notes', 'x')
      await s.run(3_000)
      s.delivered('a b', 'notes', '')
      s.release()
      await s.settle()
      s.inView('a b c', 'a b c', { primary: true })
      s.holds('a b c', 'notes', 'x')
    },
  },
]
