/** Merge: parts of a network come together again. */
import { channel } from './channel.ts'
import type { Script } from './script.ts'

const on = { groups: { log: channel('total'), notes: channel('causal') } }

/** The scenarios. */
export const merge: readonly Script[] = [
  {
    name: 'vsync: merge: two halves with casts of their own (n=6)',
    cites: ['keycloak/keycloak#31634', 'hazelcast/hazelcast#11542'],
    on,
    async play(s) {
      await s.together('a b c d e f')
      s.cast('a', 'notes', 'x')
      await s.settle()
      s.cut('a b c | d e f')
      await s.settle()
      s.inView('a b c', 'a b c', { primary: true })
      s.inView('d e f', 'd e f', { primary: false })
      s.cast('b', 'notes', 'left')
      s.cast('e', 'notes', 'right')
      s.cast('b', 'log', 'l1')
      s.cast('e', 'log', 'r1')
      await s.settle()
      s.heal()
      await s.settle()
      s.inView('a b c d e f', 'a b c d e f', { primary: true })
      // Nobody delivers what was sent in a view it was not in; all have it by the merge.
      s.delivered('a b c', 'notes', 'x left')
      s.delivered('d e f', 'notes', 'x right')
      s.holds('a b c d e f', 'notes', 'x left right')
      s.holds('a b c d e f', 'log', 'r1 l1')
    },
  },
  {
    name: 'vsync: merge: within two seconds of the contact (n=10)',
    cites: ['belaban/JGroups#389', 'keycloak/keycloak#41390'],
    on: { ...on, delayMs: 40 },
    async play(s) {
      const all = 'a b c d e f g h i j'
      await s.together(all)
      s.cut('a b c d e | f g h i j')
      await s.settle()
      s.inView('f g h i j', 'f g h i j')
      const { now } = s
      s.heal()
      await s.until(() => all.split(' ').every((id) => s.isIn(id, all)), 'all are in one view')
      s.within(now, 0, 2_000)
      await s.settle()
      s.happened({ e: 'view', g: '' }, 10, now)
    },
  },
  {
    name: 'vsync: merge: three parts at once (n=6)',
    cites: ['JGroups MergeTest4', 'keycloak/keycloak#45980'],
    on,
    async play(s) {
      await s.together('a b c d e f')
      s.cut('a b c d | e | f')
      await s.settle()
      s.cast('e', 'notes', 'x')
      s.cast('f', 'notes', 'y')
      await s.settle()
      s.inView('e', 'e', { primary: false })
      const { now } = s
      s.heal()
      await s.settle()
      s.inView('a b c d e f', 'a b c d e f', { primary: true })
      s.holds('a b c d e f', 'notes', 'x y')
      s.happened({ e: 'view', g: '', p: 'a' }, 1, now)
    },
  },
  {
    name: 'vsync: merge: one that left a group and is on its way back into it gives no state of it (n=5)',
    cites: ['JGroups MergeTest4', 'hazelcast/hazelcast#11542'],
    on,
    async play(s) {
      await s.together('a b c d e')
      s.cut('a b c | d e')
      await s.settle()
      s.close('e', 'notes')
      await s.settle()
      s.cast('d', 'notes', 'right')
      s.cast('a', 'notes', 'left')
      await s.settle()
      // It does not hear that it is a member again: the flush tells it.
      s.onSend({ from: 'd', to: 'e', kind: 'groupInstall' }, () => {
        s.hold('d>e')
        s.heal()
      })
      s.open('e', 'notes')
      await s.until(() => s.isIn('a', 'a b c d e'), 'all are together')
      s.release()
      await s.settle()
      s.holds('a b c d e', 'notes', 'left right')
    },
  },
  {
    name: 'vsync: merge: overlapping views {a,b} {a,b} {a,b,c}',
    cites: ['JGroups OverlappingMergeTest', 'JGRP-940'],
    on,
    async play(s) {
      await s.together('a b c')
      // c hears nothing and is heard by nobody: it still has the old view when the others take it in again.
      s.freeze('c')
      await s.until(() => s.isIn('a', 'a b'), 'c is excluded')
      s.cast('a', 'notes', 'x')
      await s.run(200)
      s.thaw('c')
      s.cast('c', 'notes', 'y')
      await s.settle()
      s.inView('a b c', 'a b c', { primary: true })
      s.holds('a b c', 'notes', 'x y')
    },
  },
  {
    name: 'vsync: merge: merge leader dies after half the installs (n=6)',
    cites: ['belaban/JGroups#200', 'JGroups OverlappingMergeTest'],
    on,
    async play(s) {
      await s.together('a b c d e f')
      s.cut('a b c d | e f')
      await s.settle()
      s.cast('e', 'notes', 'x')
      await s.settle()
      s.crashSending('a', 'install', { after: 2 })
      s.heal()
      await s.settle()
      s.inView('b c d e f', 'b c d e f', { primary: true })
      s.holds('b c d e f', 'notes', 'x')
    },
  },
  {
    name: 'vsync: merge: leader of the part that is taken in dies after its row (n=6)',
    cites: ['belaban/JGroups#200'],
    on,
    async play(s) {
      await s.together('a b c d e f')
      s.cut('a b c | d e f')
      await s.settle()
      s.cast('d', 'notes', 'x')
      await s.settle()
      s.on({ e: 'row', p: 'd' }, () => s.crash('d'))
      s.heal()
      await s.settle()
      s.inView('a b c e f', 'a b c e f', { primary: true })
      s.holds('a b c e f', 'notes', 'x')
    },
  },
  {
    name: 'vsync: merge: merge leader frozen, thaws after the merge (n=6)',
    cites: ['JGroups FrozenCoordinatorTest'],
    on,
    async play(s) {
      await s.together('a b c d e f')
      s.cut('a b c d | e f')
      await s.settle()
      s.on({ e: 'propose', p: 'a' }, () => s.freeze('a'))
      s.heal()
      await s.until(() => s.isIn('f', 'b c d e f'), 'the others merge without it')
      await s.run(3_000)
      s.inView('b c d e f', 'b c d e f', { primary: true })
      s.thaw('a')
      await s.settle()
      s.inView('a b c d e f', 'b c d e f a', { primary: true })
    },
  },
  {
    name: 'vsync: merge: cut again while the merge is under way (n=5)',
    cites: ['corosync/corosync#506', 'hashicorp/consul#5567'],
    on,
    async play(s) {
      await s.together('a b c d e')
      s.cut('a b c | d e')
      await s.settle()
      s.cast('d', 'notes', 'x')
      await s.settle()
      s.on({ e: 'ready', p: 'd' }, () => s.cut('a b c | d e'))
      s.heal()
      await s.settle()
      s.inView('a b c', 'a b c', { primary: true })
      s.cast('e', 'notes', 'y')
      await s.settle()
      s.heal()
      await s.settle()
      s.inView('a b c d e', 'a b c d e', { primary: true })
      s.holds('a b c d e', 'notes', 'x y')
    },
  },
  {
    name: 'vsync: merge: a member dies as the parts meet (n=5)',
    cites: ['JGroups MergeTest4'],
    on,
    async play(s) {
      await s.together('a b c d e')
      s.cut('a b c | d e')
      await s.settle()
      s.cast('e', 'notes', 'x')
      await s.settle()
      s.heal()
      s.crash('c')
      await s.settle()
      s.inView('a b d e', 'a b d e', { primary: true })
      s.holds('a b d e', 'notes', 'x')
    },
  },
  {
    name: 'vsync: merge: frames of before the split come in a burst after it (n=4)',
    cites: ['corosync/corosync#660', 'belaban/JGroups#1024'],
    on,
    async play(s) {
      await s.together('a b c d')
      s.cut('a b c | d', 'kept')
      s.cast('d', 'notes', 'x')
      await s.until(() => s.isIn('a', 'a b c'), 'd is excluded')
      await s.run(3_000)
      s.heal()
      await s.settle()
      s.inView('a b c d', 'a b c d', { primary: true })
      // It was sent in a view that is over for the others: they have it by the merge.
      s.holds('a b c d', 'notes', 'x')
    },
  },
  {
    name: 'vsync: merge: five splits in a row (n=4)',
    cites: ['corosync/corosync#506'],
    on,
    async play(s) {
      await s.together('a b c d')
      for (let i = 0; i < 5; i += 1) {
        s.cut(i % 2 === 0 ? 'a b c | d' : 'a c d | b')
        await s.until(() => s.isIn(i % 2 === 0 ? 'd' : 'b', i % 2 === 0 ? 'd' : 'b'), 'one is alone')
        s.cast('a', 'notes', `a${i}`)
        s.cast(i % 2 === 0 ? 'd' : 'b', 'notes', `x${i}`)
        s.heal()
        await s.settle()
      }
      s.inView('a b c d', s.membersOf('a'), { primary: true })
      s.holds('a b c d', 'notes', 'a0 a1 a2 a3 a4 x1 x3 x0 x2 x4')
    },
  },
  {
    name: 'vsync: merge: the group was opened on one side only (n=4)',
    cites: ['ostinelli/syn#44', 'elixir-horde/horde#186'],
    on,
    async play(s) {
      await s.together('a b c d', 'notes')
      s.cut('a b | c d')
      await s.settle()
      s.open('c', 'log')
      s.open('d', 'log')
      await s.settle()
      s.cast('d', 'log', 'x')
      await s.settle()
      s.heal()
      await s.settle()
      s.inGroup('c d', 'log', 'c d')
      s.open('a', 'log')
      await s.settle()
      s.inGroup('a c d', 'log', 'c d a')
      s.holds('a c d', 'log', 'x')
    },
  },
]
