/**
 * Locks and permits that are asked for one inside the other, in any order, so that processes come to wait for each other in
 * circles, within the table of locks and over several groups. Each says what it holds meanwhile, so that all circles are
 * seen and broken. Two semaphores come with the locks, as tools of their own (`gate`, `pool`).
 */
import type { AppGroup } from '../../../lib/app-group.ts'
import type { Token } from '../../../lib/objects/token.ts'
import type { Lock } from '../../../lib/tools/lock.ts'
import type { LockReplica } from '../../../lib/tools/lock-replica.ts'
import type { LockManager } from '../../../lib/tools/locks.ts'
import type { Permit, SharedSemaphore } from '../../../lib/tools/semaphore.ts'
import type { SimProcess } from '../process.ts'
import type { Random } from '../random.ts'
import { BOUNDS } from '../scenario.ts'
import { type Holds, type OpenTool, type SimTool, ToolCalls } from './tool.ts'

/** Semaphores, by name: how many permits they have. */
export const PERMITS: Readonly<Record<string, number>> = { gate: 1, pool: 2 }
const LOCKS = ['a', 'b']
/** How often a lock is shared; the inner request is taken back a moment later, if it waits; a third thing is asked for. */
const CHANCES = { shared: 0.3, abort: 0.25, third: 0.3, again: 0.05 }
/** For how long something is held before the next one is asked for, and the last one, in ms, at most. */
const HOLD_MS = 80

/** Before a request is looked at that waits, in ms: where its group is not primary, others would wait with it for ever. */
const LOOK_MS = 1_500

/** Something held: what stands for it, and how it is given up. */
interface InHand {
  readonly thing: Lock | Permit
  release(): void
}

/** How something is asked for. */
interface Asking {
  readonly mode: 'exclusive' | 'shared'
  readonly holding: readonly (Lock | Permit)[]
  readonly signal: AbortSignal
}

/** A group, and how something is had of it. */
interface Source {
  readonly calls: ToolCalls
  group: AppGroup | null
  take(what: string, asking: Asking): Promise<InHand>
}

/** What one process has of all groups. */
class Hands {
  locks: Source | null = null
  table: LockReplica | null = null
  readonly semaphores = new Map<string, Source>()

  sourceOf(what: string): Source | null {
    return PERMITS[what] === undefined ? this.locks : (this.semaphores.get(what) ?? null)
  }
}

const handsOf = new WeakMap<SimProcess, Hands>()

function hands(process: SimProcess): Hands {
  const known = handsOf.get(process) ?? new Hands()
  handsOf.set(process, known)
  return known
}

/** One thing to be asked for. */
interface Aim {
  readonly what: string
  readonly mode: 'exclusive' | 'shared'
  readonly ms: number
  /** It is taken back after so many ms. */
  readonly abortAfter: number | null
}

/** The locks in the hands of one process, and what it does with them and the semaphores. */
class OpenCircles implements OpenTool {
  readonly #calls: ToolCalls
  readonly #locks: LockManager
  readonly #hands: Hands
  readonly #leave: () => Promise<void>
  #isBusy = false

  constructor(calls: ToolCalls, locks: LockManager, mine: Hands, leave: () => Promise<void>) {
    this.#calls = calls
    this.#locks = locks
    this.#hands = mine
    this.#leave = leave
    mine.locks = { calls, group: null, take: (what, asking) => this.#takeLock(what, asking) }
  }

  #takeLock(what: string, options: Asking): Promise<InHand> {
    return new Promise((resolve, reject) => {
      const callback = (lock: Lock | null): unknown => {
        if (lock === null) return null
        return new Promise<void>((end) => resolve({ thing: lock, release: end }))
      }
      this.#locks.request(what, options, callback).catch(reject)
    })
  }

  act(random: Random): boolean {
    if (this.#isBusy) return true
    const things = random.shuffle([...LOCKS, ...this.#hands.semaphores.keys()])
    const count = random.chance(CHANCES.third) ? 3 : 2
    const aims = things.slice(0, count).map((what, i): Aim => {
      const mode = random.chance(CHANCES.shared) ? 'shared' : 'exclusive'
      const abortAfter = i > 0 && random.chance(CHANCES.abort) ? random.between(0, 900) : null
      return { what, mode, ms: random.between(0, HOLD_MS), abortAfter }
    })
    // What it has already.
    if (random.chance(CHANCES.again) && aims[0] !== undefined) aims[1] = { ...aims[0], abortAfter: null }
    this.#isBusy = true
    void this.#nest(aims).finally(() => {
      this.#isBusy = false
    })
    return true
  }

  /** One inside the other, until one is not to be had. */
  async #nest(aims: readonly Aim[]): Promise<void> {
    const held: InHand[] = []
    for (const aim of aims) {
      const inHand = await this.#take(aim, held)
      if (inHand === null) break
      held.push(inHand)
      await this.#calls.pause(aim.ms)
    }
    for (const each of held.reverse()) each.release()
  }

  async #take({ what, mode, abortAfter }: Aim, held: readonly InHand[]): Promise<InHand | null> {
    const source = this.#hands.sourceOf(what)
    if (source === null) return null
    const abort = new AbortController()
    if (abortAfter !== null) this.#calls.after(abortAfter, () => abort.abort())
    const asking = { mode, holding: held.map(({ thing }) => thing), signal: abort.signal }
    let inHand: InHand | null = null
    let isOver = false
    const look = (wasPrimary: boolean): void => {
      if (isOver) return
      const isPrimary = source.group?.view?.primary === true
      if (isPrimary || wasPrimary) this.#calls.after(LOOK_MS, () => look(isPrimary))
      else abort.abort()
    }
    this.#calls.after(LOOK_MS, () => look(true))
    await source.calls.run('take', [what, mode], async () => {
      inHand = await source.take(what, asking)
      return [...inHand.thing.token]
    })
    isOver = true
    return inHand
  }

  close(): Promise<void> {
    this.#locks.close()
    this.#hands.locks = null
    this.#hands.table = null
    return this.#leave()
  }
}

const holds = (mode: string | null): Holds => ({
  granted(body, value) {
    const [kind, lock, asked] = body as [string, string, string]
    return kind === 'lock' && value !== null ? { lock, token: value as Token, mode: mode ?? asked } : null
  },
  released(body) {
    const [kind, lock, token] = body as [string, string, Token]
    return kind === 'unlock' ? { lock, token } : null
  },
})

export const circles: SimTool = {
  name: 'circles',
  async load() {
    const [{ locksKind }, { LockManager }] = await Promise.all([
      import('../../../lib/tools/lock-replica.ts'),
      import('../../../lib/tools/locks.ts'),
    ])
    return {
      holds: holds(null),
      open(place, use) {
        const mine = hands(place.process)
        const group = use(locksKind, { leaseMs: BOUNDS.lease }, (handle) => {
          const manager = new LockManager(() => Promise.resolve(handle))
          mine.table = handle
          return new OpenCircles(new ToolCalls(place), manager, mine, () => {
            handle.stop()
            return handle.replica.port.close()
          })
        })
        if (mine.locks !== null) mine.locks.group = group
        return group
      },
    }
  },
}

/** One that does nothing by itself. */
class OpenSemaphore implements OpenTool {
  readonly #name: string
  readonly #semaphore: SharedSemaphore
  readonly #hands: Hands

  constructor(calls: ToolCalls, semaphore: SharedSemaphore, mine: Hands) {
    const { name } = calls.place
    this.#name = name
    this.#semaphore = semaphore
    this.#hands = mine
    const take: Source['take'] = async (_, asking) => {
      const permit = await semaphore.acquire(asking)
      return { thing: permit, release: () => void permit.release() }
    }
    mine.semaphores.set(name, { calls, group: null, take })
    semaphore.tellWaitsTo(async () => {
      if (mine.table === null) throw new TypeError('the locks are not open here')
      return mine.table
    })
  }

  act(): boolean {
    return this.#hands.locks === null
  }

  close(): Promise<void> {
    this.#hands.semaphores.delete(this.#name)
    return this.#semaphore.close()
  }
}

/** The semaphores that come with the locks. */
export const semaphores: readonly SimTool[] = Object.entries(PERMITS).map(([name, permits]) => ({
  name,
  async load() {
    const { semaphoreKind } = await import('../../../lib/tools/semaphore.ts')
    return {
      // Several hold what has several permits.
      holds: holds(permits > 1 ? 'shared' : 'exclusive'),
      open(place, use) {
        const mine = hands(place.process)
        const group = use(
          semaphoreKind,
          { permits },
          (semaphore) => new OpenSemaphore(new ToolCalls(place), semaphore, mine),
        )
        const source = mine.semaphores.get(name)
        if (source !== undefined) source.group = group
        return group
      },
    }
  },
}))
