/** State transfer: who comes gets the state as it was at the cut, and everything after it once. */
import { channel } from './channel.ts'
import type { Script } from './script.ts'
import type { Stage } from './stage.ts'

/** A state of several chunks. */
const on = { groups: { log: channel('causal', { ballast: 100_000 }) } }
/** Chunks of such a state. */
const CHUNKS = 7

/** A state that is announced. */
const large = { groups: { log: channel('causal', { ballast: 1_000_000 }) } }

/** Bytes that a process said it lacked of the state that was announced to it last. */
function wantedLast(s: Stage, p: string): number {
  return Number(s.lines({ e: 'want', p }).at(-1)?.['wanted'])
}

/** Members a, b and c, and d, which is about to open the group. */
async function withNewcomers(s: Stage, newcomers: string): Promise<void> {
  await s.together('a b c')
  for (const id of newcomers.split(' ')) s.start(id, '')
  await s.settle()
}

/** The scenarios. */
export const transfer: readonly Script[] = [
  {
    name: 'vsync: xfer: casts in flight during the snapshot (n=3)',
    cites: ['Spread users list, February 2008 (003720)', 'corosync/corosync#466'],
    on,
    async play(s) {
      await withNewcomers(s, 'd')
      s.cast('a', 'log', 'before')
      await s.settle()
      s.on({ e: 'groupInstall', g: 'log' }, () => s.cast('b', 'log', 'during'))
      s.onSend({ kind: 'chunk', nth: 2 }, () => s.cast('c', 'log', 'beside'))
      s.open('d', 'log')
      await s.until(() => s.lines({ e: 'stateIn', p: 'd' }).length === 1, 'd has the state')
      s.cast('d', 'log', 'after')
      await s.settle()
      s.holds('a b c d', 'log', 'before during beside after')
      s.happened({ e: 'stateIn', p: 'd' }, 1)
      // What the state covers is not delivered again.
      s.delivered('d', 'log', 'during beside after')
    },
  },
  {
    name: 'vsync: xfer: donor dies at the first chunk (n=3)',
    cites: ['JGroups StateTransferTest2'],
    on,
    async play(s) {
      await withNewcomers(s, 'd')
      s.cast('b', 'log', 'x')
      await s.settle()
      let donor = ''
      s.on({ e: 'transfer' }, () => {
        donor = s.donorOf('d')
        s.crashSending(donor, 'chunk', { after: 1 })
      })
      s.open('d', 'log')
      await s.settle()
      s.holds('d', 'log', 'x')
      s.inGroup('d', 'log', s.membersOf('d'))
      s.happened({ e: 'stateIn', p: 'd' }, 1)
      s.happened({ e: 'stateIn', p: 'd', from: donor }, 0)
    },
  },
  {
    name: 'vsync: xfer: donor dies at the last chunk (n=4)',
    cites: ['JGroups StateTransferTest2'],
    on,
    async play(s) {
      await withNewcomers(s, 'd')
      s.cast('b', 'log', 'x')
      await s.settle()
      let donor = ''
      s.onSend({ to: 'd', kind: 'chunk' }, () => {
        donor = s.donorOf('d')
        s.crashSending(donor, 'chunk', { after: CHUNKS - 2 })
      })
      s.open('d', 'log')
      await s.settle()
      s.holds('d', 'log', 'x')
      s.happened({ e: 'stateIn', p: 'd' }, 1)
      s.happened({ e: 'stateIn', p: 'd', from: donor }, 0)
    },
  },
  {
    name: 'vsync: xfer: joiner dies in the middle (n=3)',
    cites: ['JGroups StateTransferTest2', 'corosync/corosync#828'],
    on,
    async play(s) {
      await withNewcomers(s, 'd')
      s.onSend({ to: 'd', kind: 'chunk', nth: 3 }, () => s.crash('d'))
      s.open('d', 'log')
      await s.settle()
      s.inView('a b c', 'a b c', { primary: true })
      s.inGroup('a b c', 'log', 'a b c')
      s.cast('a', 'log', 'x')
      await s.settle()
      s.fate('x', 'stable')
      s.happened({ e: 'stateIn', p: 'd' }, 0)
    },
  },
  {
    name: 'vsync: xfer: donor and joiner die together (n=4)',
    cites: ['JGroups StateTransferTest2', 'corosync/corosync#828'],
    on,
    async play(s) {
      await withNewcomers(s, 'd e')
      s.onSend({ to: 'd', kind: 'chunk', nth: 3 }, () => {
        s.crash('d')
        s.crash(s.donorOf('d'))
      })
      s.open('d', 'log')
      await s.settle()
      s.open('e', 'log')
      await s.settle()
      s.inGroup('e', 'log', s.membersOf('e'))
      s.happened({ e: 'stateIn', p: 'e' }, 1)
    },
  },
  {
    name: 'vsync: xfer: the view changes at every second chunk (n=3)',
    cites: ['JGroups StateTransferTest2', 'Derecho-Project/derecho#213'],
    on,
    async play(s) {
      await withNewcomers(s, 'd')
      s.cast('c', 'log', 'x')
      await s.settle()
      s.slow('a b c>d', 100)
      s.onSend({ to: 'd', kind: 'chunk', nth: 2 }, () => s.start('e', ''))
      s.onSend({ to: 'd', kind: 'chunk', nth: 4 }, () => s.close('b', 'log'))
      s.onSend({ to: 'd', kind: 'chunk', nth: 6 }, () => s.cast('c', 'log', 'y'))
      s.open('d', 'log')
      await s.settle()
      s.inGroup('a c d', 'log', 'a c d')
      s.holds('a c d', 'log', 'x y')
      s.happened({ e: 'stateIn', p: 'd' }, 1)
    },
  },
  {
    name: 'vsync: xfer: who comes has a state of its own, both are united (n=4)',
    cites: ['hazelcast/hazelcast#12234', 'keycloak/keycloak#31634'],
    on,
    async play(s) {
      await s.together('a b c')
      s.cast('a', 'log', 'x')
      await s.settle()
      s.start('d')
      s.cast('d', 'log', 'y')
      await s.settle()
      s.holds('a b c d', 'log', 'x y')
      s.happened({ e: 'stateIn', p: 'd' }, 0)
      for (const p of ['a', 'b', 'c', 'd']) s.happened({ e: 'merge', p }, 1, s.now - 10_000)
    },
  },
  {
    name: "vsync: xfer: the donor's page does not answer, another one gives (n=3)",
    cites: ['JGroups BARRIER (STATE_TRANSFER stops delivery at the provider)'],
    on,
    async play(s) {
      await withNewcomers(s, 'd')
      s.cast('a', 'log', 'x')
      await s.settle()
      let donor = ''
      s.on({ e: 'transfer', g: 'log' }, () => {
        donor = s.donorOf('d')
        s.stall(donor, 20_000)
      })
      const { now } = s
      s.open('d', 'log')
      await s.until(() => s.lines({ e: 'stateIn', p: 'd' }).length === 1, 'd has the state')
      s.within(now, 1_500, 4_000)
      s.happened({ e: 'stateIn', p: 'd', from: donor }, 0)
      await s.run(20_000)
      await s.settle()
      s.holds('a b c d', 'log', 'x')
    },
  },
  {
    name: 'vsync: xfer: nobody waits while a slow joiner gets its state (n=4)',
    cites: ['Derecho-Project/derecho#157', 'belaban/JGroups#893'],
    on,
    async play(s) {
      await withNewcomers(s, 'd')
      s.onSend({ to: 'd', kind: 'chunk' }, () => s.slow('a b c>d', 1_000))
      s.open('d', 'log')
      await s.until(() => s.lines({ e: 'stateOut', to: 'd' }).length === 1, 'a donor is asked')
      const { now } = s
      s.cast('b', 'log', 'x y z')
      await s.until(() => s.lines({ e: 'deliver', p: 'c' }).length === 3, 'c has what b casts')
      s.within(now, 10, 30)
      await s.settle()
      s.holds('a b c d', 'log', 'x y z')
      s.happened({ e: 'stateIn', p: 'd' }, 1)
    },
  },
  {
    name: 'vsync: xfer: the donor leaves during the transfer (n=3)',
    cites: ['JGroups StateTransferTest2'],
    on,
    async play(s) {
      await withNewcomers(s, 'd')
      s.cast('a', 'log', 'x')
      await s.settle()
      s.open('d', 'log')
      await s.until(() => s.lines({ e: 'stateOut', to: 'd' }).length === 1, 'a donor is asked')
      s.leave(s.donorOf('d'), 'quickly')
      await s.settle()
      s.holds('d', 'log', 'x')
      s.happened({ e: 'stateIn', p: 'd' }, 1)
    },
  },
  {
    name: 'vsync: xfer: three join at once (n=6)',
    cites: ['kronosnet/kronosnet#218', 'corosync/corosync#466'],
    on,
    async play(s) {
      await withNewcomers(s, 'd e f')
      s.cast('a', 'log', 'x')
      await s.settle()
      const states = s.lines({ e: 'stateIn' }).length
      const { now } = s
      for (const id of ['d', 'e', 'f']) s.open(id, 'log')
      await s.settle()
      s.holds('a b c d e f', 'log', 'x')
      // A state for each that came, not one from each to each.
      s.happened({ e: 'stateIn' }, states + 3)
      s.happened({ e: 'merge' }, 0, now)
    },
  },
  {
    name: 'vsync: xfer: a large state goes on at another donor, from what is missing (n=4)',
    cites: ['JGroups StateTransferTest2', 'Derecho-Project/derecho#157'],
    on: large,
    async play(s) {
      await withNewcomers(s, 'd')
      s.cast('b', 'log', 'x')
      await s.settle()
      s.onSend({ to: 'd', kind: 'chunk', nth: 60 }, () => s.crash(s.donorOf('d')))
      // A cast meanwhile changes the state a little.
      s.onSend({ to: 'd', kind: 'chunk', nth: 30 }, () => s.cast('c', 'log', 'y'))
      s.open('d', 'log')
      await s.settle()
      s.holds('d', 'log', 'x y')
      s.happened({ e: 'stateIn', p: 'd' }, 1)
      s.happened({ e: 'want', p: 'd' }, 2)
      s.atMost(wantedLast(s, 'd'), 350_000, 'bytes are wanted of the second donor')
    },
  },
  {
    name: 'vsync: xfer: a donor whose page stalls in the middle is replaced, and what it sent is kept (n=4)',
    cites: ['JGroups StateTransferTest2', 'Galera IST (incremental state transfer)'],
    on: large,
    async play(s) {
      await withNewcomers(s, 'd')
      s.cast('b', 'log', 'x')
      await s.settle()
      s.onSend({ to: 'd', kind: 'chunk', nth: 50 }, () => s.freeze(s.donorOf('d')))
      s.open('d', 'log')
      await s.until(() => s.lines({ e: 'stateIn', p: 'd' }).length === 1, 'd has the state')
      s.atMost(wantedLast(s, 'd'), 600_000, 'bytes are wanted of the second donor')
      s.holds('d', 'log', 'x')
      s.thaw('a b c')
      await s.settle()
      s.holds('a b c d', 'log', 'x')
    },
  },
  {
    name: 'vsync: xfer: who comes back after a split gets what has changed (n=4)',
    cites: ['Galera IST (incremental state transfer)', 'infinispan/infinispan#1307'],
    on: large,
    async play(s) {
      await s.together('a b c d')
      s.cast('a', 'log', 'x')
      await s.settle()
      s.cut('a b c | d')
      await s.until(() => s.isIn('a', 'a b c') && s.isIn('d', 'd'), 'they part')
      s.cast('a', 'log', 'y')
      s.cast('d', 'log', 'z')
      await s.run(500)
      s.heal()
      await s.settle()
      s.holds('a b c d', 'log', 'x y z')
      for (const p of ['a', 'b', 'c', 'd']) s.atMost(wantedLast(s, p), 20_000, `bytes are wanted by ${p}`)
    },
  },
  {
    name: 'vsync: xfer: the last who has the state leaves while a newcomer joins (n=2)',
    cites: ['JGroups StateTransferTest2', 'infinispan/infinispan#1054'],
    on: { groups: { log: channel('total', { consistency: 'consistent', ballast: 2_000_000 }) } },
    async play(s) {
      s.start('a')
      s.start('b', '')
      await s.settle()
      s.cast('a', 'log', 'x')
      await s.settle()
      // It may leave as soon as its own casts are held by all, and they are.
      s.on({ e: 'groupPrepare', g: 'log' }, () => s.leave('a'))
      s.open('b', 'log')
      await s.settle()
      s.inGroup('b', 'log', 'b')
      s.holds('b', 'log', 'x')
      s.cast('b', 'log', 'y')
      await s.settle()
      s.fate('y', 'stable')
      s.holds('b', 'log', 'x y')
    },
  },
]
