/**
 * What the tools cost: the delays from a call to its end, and the messages that it takes, in virtual time at a constant
 * delay of 40 ms. Each is done some times by a member that is not first in its group, with nothing else under way.
 */
import { boundedCounterKind } from '../../../lib/objects/bounded-counter.ts'
import { mapKind } from '../../../lib/objects/map.ts'
import { presenceKind } from '../../../lib/objects/presence.ts'
import { queueKind } from '../../../lib/objects/queue.ts'
import { registerKind } from '../../../lib/objects/register.ts'
import type { ObjectKind } from '../../../lib/objects/replica.ts'
import { totalMapKind } from '../../../lib/objects/total-map.ts'
import { Registry } from '../../../lib/registry.ts'
import { auditKind } from '../../../lib/tools/audit.ts'
import { ballotsKind } from '../../../lib/tools/ballot.ts'
import { barrierKind } from '../../../lib/tools/barrier.ts'
import { latchKind } from '../../../lib/tools/latch.ts'
import { leadersKind } from '../../../lib/tools/leader.ts'
import { locksKind } from '../../../lib/tools/lock-replica.ts'
import { LockManager } from '../../../lib/tools/locks.ts'
import { onceKind } from '../../../lib/tools/once.ts'
import { semaphoreKind } from '../../../lib/tools/semaphore.ts'
import { snapshotsKind } from '../../../lib/tools/snapshots.ts'
import type { SimProcess } from '../process.ts'
import { hostOf } from '../tools/snapshots.ts'
import { at, countFrames, later, measureRounds, ROUNDS, type ToolFigures } from './counting.ts'
import { Stage } from './stage.ts'

/** One measured call. `begin` prepares a round; `call` is measured from when it is made until its promise resolves. */
interface Case<Handle> {
  readonly call: string
  begin?(handles: readonly Handle[], round: number): unknown
  run(handles: readonly Handle[], round: number): Promise<unknown>
  /** What gives back what the call was given: not measured. */
  end?(handles: readonly Handle[], round: number): unknown
}

interface Measured<Handle> {
  readonly tool: string
  readonly kind: ObjectKind<Handle, never>
  options(members: readonly SimProcess[], process: SimProcess): object
  readonly cases: readonly Case<Handle>[]
}

/** The member that calls, and another one. Neither is first. */
const CALLER = 2
const OTHER = 1

/** Keeps the types of one tool together, which a list forgets. */
function measured<Handle, Options extends object>(
  tool: string,
  kind: ObjectKind<Handle, Options>,
  options: Options | ((members: readonly SimProcess[], process: SimProcess) => Options),
  cases: readonly Case<Handle>[],
): Measured<unknown> {
  const make = typeof options === 'function' ? options : () => options
  return { tool, kind, options: make, cases } as unknown as Measured<unknown>
}

/** What a promise gives, kept for the next step of a round. */
class Kept<T> {
  #value: T | undefined

  set = (value: T): T => {
    this.#value = value
    return value
  }

  get(): T {
    if (this.#value === undefined) throw new Error('nothing was kept')
    return this.#value
  }
}

function cases(): readonly Measured<unknown>[] {
  const release = new Kept<() => void>()
  const permit = new Kept<{ release(): Promise<void> }>()
  const item = new Kept<{ done(): Promise<void> }>()
  const stop = new Kept<AbortController>()
  const next = new Kept<Promise<unknown>>()
  const managers = new WeakMap<object, LockManager>()
  const managerOf = (handle: object): LockManager => {
    const known = managers.get(handle) ?? new LockManager(() => Promise.resolve(handle as never))
    managers.set(handle, known)
    return known
  }
  const lock = (handle: object, name: string): Promise<void> =>
    new Promise((granted, rejected) => {
      managerOf(handle)
        .request(name, () => new Promise<void>((done) => granted(void release.set(() => done()))))
        .catch(rejected)
    })
  return [
    measured('map', mapKind, {}, [
      {
        call: 'set, until another has it',
        run: (maps, round) =>
          new Promise<void>((resolve) => {
            const stopListening = at(maps, OTHER).subscribe(() => {
              stopListening()
              resolve()
            })
            at(maps, CALLER).set('k', round)
          }),
      },
    ]),
    measured('presence', presenceKind, {}, [
      {
        call: 'set, until another has it',
        run: (all, round) =>
          new Promise<void>((resolve) => {
            const stopListening = at(all, OTHER).subscribe(() => {
              stopListening()
              resolve()
            })
            at(all, CALLER).set(round)
          }),
      },
    ]),
    measured('register', registerKind, {}, [
      { call: 'set', run: (registers, round) => at(registers, CALLER).set(round) },
      {
        call: 'compareAndSet',
        run: (registers, round) => at(registers, CALLER).compareAndSet(at(registers, CALLER).version, round),
      },
      { call: 'read', run: (registers) => at(registers, CALLER).read() },
    ]),
    measured('total map', totalMapKind, { consistency: 'total' }, [
      { call: 'set', run: (maps, round) => at(maps, CALLER).set('k', round) },
      {
        call: 'transaction of two keys',
        run: (maps, round) =>
          at(maps, CALLER).transaction((view) => {
            view.set('a', view.get('b'))
            view.set('b', round)
          }),
      },
    ]),
    measured('bounded counter', boundedCounterKind, { min: 0 }, [
      { call: 'add', run: (counters) => at(counters, CALLER).add(1) },
    ]),
    measured('queue', queueKind, {}, [
      { call: 'add', run: (queues, round) => at(queues, CALLER).add(round) },
      {
        call: 'take',
        run: async (queues) => item.set((await at(queues, CALLER).take()) as { done(): Promise<void> }),
        end: () => item.get().done(),
      },
      {
        call: 'done',
        begin: async (queues, round) => {
          await at(queues, OTHER).add(round)
          item.set((await at(queues, CALLER).take()) as { done(): Promise<void> })
        },
        run: () => item.get().done(),
      },
    ]),
    measured('locks', locksKind, {}, [
      {
        call: 'request, if it is free',
        run: (handles) => lock(at(handles, CALLER), 'l'),
        end: () => release.get()(),
      },
      {
        call: 'from one to the next in line',
        begin: async (handles) => {
          await lock(at(handles, OTHER), 'm')
          const give = release.get()
          next.set(lock(at(handles, CALLER), 'm'))
          release.set(give)
        },
        run: () => {
          release.get()()
          return next.get()
        },
        end: () => release.get()(),
      },
    ]),
    measured('semaphore', semaphoreKind, { permits: 2 }, [
      {
        call: 'acquire',
        run: async (semaphores) => permit.set(await at(semaphores, CALLER).acquire()),
        end: () => permit.get().release(),
      },
    ]),
    measured('barrier', barrierKind, (members) => ({ parties: members.length }), [
      {
        call: 'arrive, the last of all',
        begin: (barriers) => {
          for (const [rank, barrier] of barriers.entries()) if (rank !== CALLER) void barrier.arrive()
        },
        run: (barriers) => at(barriers, CALLER).arrive(),
      },
    ]),
    measured('latch', latchKind, { count: ROUNDS }, [
      { call: 'countDown', run: (latches) => at(latches, CALLER).countDown() },
    ]),
    measured('leader', leadersKind, {}, [
      {
        call: 'whenLeader, if nobody leads',
        run: (leaders) =>
          new Promise<void>((resolve) => {
            const abort = stop.set(new AbortController())
            void at(leaders, CALLER)
              .whenLeader(
                'n',
                () =>
                  new Promise<void>((done) => {
                    resolve()
                    abort.signal.addEventListener('abort', () => done())
                  }),
                {},
              )
              .catch(() => undefined)
          }),
        end: () => stop.get().abort(),
      },
    ]),
    measured('once', onceKind, {}, [
      { call: 'once, the first', run: (all, round) => at(all, CALLER).run(`k${round}`, () => round, {}) },
      {
        call: 'once, when it is done',
        begin: (all, round) => at(all, OTHER).run(`d${round}`, () => round, {}),
        run: (all, round) => at(all, CALLER).run(`d${round}`, () => round, {}),
      },
      { call: 'propose', run: (all, round) => at(all, CALLER).propose(`p${round}`, round, {}) },
    ]),
    measured(
      'audit log',
      auditKind(() => new Promise(() => undefined)),
      {},
      [{ call: 'append', run: (logs, round) => at(logs, CALLER).append(round) }],
    ),
    measured('snapshot', snapshotsKind, (_members, process) => ({ host: hostOf(process) }), [
      { call: 'of a space in which its taker holds everything', run: (all) => at(all, CALLER).take() },
    ]),
    measured(
      'ballot',
      ballotsKind,
      (members) => ({ electorate: () => members.map(({ id }) => id), follow: () => undefined }),
      [
        {
          call: 'all vote at once, until it is decided',
          begin: async (all, round) => {
            await at(all, 0).open(`b${round}`, { choices: ['yes', 'no'] } as never, {})
          },
          run: async (all, round) => {
            const ballots = await Promise.all(all.map((each) => each.open(`b${round}`, undefined, {})))
            for (const ballot of ballots) ballot.vote('yes').catch(() => undefined)
            return ballots[CALLER]?.decision
          },
        },
      ],
    ),
  ]
}

/** Measures all tools in groups of `n`. */
export async function measureTools(n: number): Promise<readonly ToolFigures[]> {
  const figures: ToolFigures[] = []
  for (const each of cases()) figures.push(...(await measureTool(each, n)))
  return figures
}

async function measureTool({ tool, kind, options, cases }: Measured<unknown>, n: number): Promise<ToolFigures[]> {
  const stage = new Stage(1)
  stage.joinAll(n, 500)
  await stage.pass(1_000)
  await stage.settle(20_000)
  const members = Array.from({ length: n }, (_, rank) => stage.ranked(rank))
  const handles: unknown[] = []
  for (const process of members) {
    const registry = new Registry(process.app)
    const request = { kind, name: 'g', options: options(members, process) as never, hasState: true }
    handles.push(await later(stage, process, () => registry.open(request)))
  }
  const count = countFrames(stage)
  const figures: ToolFigures[] = []
  const by = at(members, CALLER)
  for (const { call, begin, run, end } of cases) {
    const round = {
      ...(begin === undefined ? {} : { begin: (i: number) => begin(handles, i) }),
      run: (i: number) => run(handles, i),
      ...(end === undefined ? {} : { end: (i: number) => end(handles, i) }),
    }
    figures.push({ tool, call, ...(await measureRounds({ stage, by, count }, round)) })
  }
  return figures
}
