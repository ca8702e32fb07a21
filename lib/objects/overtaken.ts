/**
 * Transactions of one process on a total map that were overtaken. Those that were at one time are tried again together.
 *
 * Most of them have overtaken each other: each was made on what was there before the first. Tried again one by one, one of
 * n would take effect in each round, and n²/2 casts be needed. So they become steps of one request (`total-map-machine.ts`),
 * each of them run on what is there with what the steps before it write on top: all take effect at once, unless another
 * process comes in between, and then those that it has not touched.
 */
import { BusyError } from '../errors.ts'
import { readStored } from './agreed.ts'
import { CALLS_MAX } from './sessions.ts'
import { type Committed, STEPS_MAX, TOTAL_MAP_OP, type TotalEntry } from './total-map-machine.ts'
import type { SeenEntry, Transaction } from './transaction.ts'
import { unlessAborted } from './unless-aborted.ts'

/** So much is named and written by one request, at most, in bytes or characters, unless it has one step only. */
const SIZE_MAX = 65_536

/** What it needs of the map. */
export interface TriedMap<V> {
  readonly self: string
  /** How many commits have changed it. */
  versionNow(): number
  /** What is under a key. */
  entry(key: string): TotalEntry | undefined
  /** A transaction that sees what `entry` says. */
  begin(entry: (key: string) => SeenEntry | undefined): Transaction<V>
  /** Asks for it, as calls of the map are asked. */
  call(body: unknown, signal?: AbortSignal): Promise<unknown>
}

/** How a transaction has ended. */
export interface Outcome<Result> {
  readonly result: Result
  /** The commit. */
  readonly version: number
}

interface Overtaken<V> {
  readonly run: (view: Transaction<V>) => unknown
  readonly signal: AbortSignal | undefined
  readonly resolve: (outcome: Outcome<unknown>) => void
  readonly reject: (reason: unknown) => void
}

interface Step<V> {
  readonly of: Overtaken<V>
  readonly result: unknown
  readonly reads: readonly unknown[]
  readonly writes: readonly unknown[]
}

/** Those of one map that wait for their next try. */
export class OvertakenTransactions<V> {
  readonly #map: TriedMap<V>
  readonly #waiting: Overtaken<V>[] = []
  #underWay = 0
  #isDue = false

  constructor(map: TriedMap<V>) {
    this.#map = map
  }

  /**
   * Tries it again, until it takes effect. Rejects with what `run` throws on what was delivered, with what the call is
   * refused with, with the signal's reason, or with BusyError: too many wait.
   */
  add<Result>(run: (view: Transaction<V>) => Result, signal?: AbortSignal): Promise<Outcome<Result>> {
    const ended = new Promise<Outcome<unknown>>((resolve, reject) => {
      if (this.#waiting.length + this.#underWay < CALLS_MAX) this.#add({ run, signal, resolve, reject })
      else throw new BusyError(`more than ${CALLS_MAX} transactions of this process were overtaken`)
    })
    // What it is resolved with comes from `run`, of which the list forgets the type.
    return unlessAborted(ended as Promise<Outcome<Result>>, signal)
  }

  #add(...overtaken: readonly Overtaken<V>[]): void {
    this.#waiting.push(...overtaken)
    if (this.#isDue || this.#waiting.length === 0) return
    this.#isDue = true
    // All that one batch of deliveries has refused are told so in one task.
    queueMicrotask(() => {
      this.#isDue = false
      this.#tryAgain()
    })
  }

  #tryAgain(): void {
    const request = new Request(this.#map)
    const later = this.#waiting.splice(0).filter((each) => each.signal?.aborted !== true && !request.take(each))
    if (request.steps.length === 0) return
    const count = request.steps.length + later.length
    this.#underWay += count
    request.send().then(
      (committed) => {
        this.#underWay -= count
        const again = request.steps.flatMap(({ of, result }, i) => {
          const version = committed[i]?.[0]
          if (version === undefined) return [of]
          of.resolve({ result, version })
          return []
        })
        this.#add(...later, ...again)
      },
      (error: unknown) => {
        this.#underWay -= count
        for (const { of } of request.steps) of.reject(error)
        this.#add(...later)
      },
    )
  }
}

/** Steps of one request. */
class Request<V> {
  readonly steps: Step<V>[] = []
  readonly #map: TriedMap<V>
  /** By key: what the steps write; undefined: they delete it. */
  readonly #written = new Map<string, SeenEntry | undefined>()
  #size = 0
  /** The map's version after the steps, if all take effect and nobody comes in between. */
  #version: number

  constructor(map: TriedMap<V>) {
    this.#map = map
    this.#version = map.versionNow()
  }

  /** Runs it. False if it is for a later request. */
  take(of: Overtaken<V>): boolean {
    if (this.steps.length === STEPS_MAX) return false
    let isForetold = false
    const view = this.#map.begin((key) => {
      isForetold ||= this.#written.has(key)
      return this.#entry(key)
    })
    try {
      const result = view.run(of.run)
      const step = { of, result, reads: view.reads(), writes: view.writes() }
      const size = this.#size + sizeOf(step.reads) + sizeOf(step.writes)
      if (size > SIZE_MAX && this.steps.length > 0) return false
      this.#size = size
      this.steps.push(step)
      this.#write(step)
    } catch (error) {
      // What is foretold need not come.
      if (isForetold) return false
      of.reject(error)
    }
    return true
  }

  #entry(key: string): SeenEntry | undefined {
    return this.#written.has(key) ? this.#written.get(key) : this.#map.entry(key)
  }

  #write({ writes }: Step<V>): void {
    const changes = pairsOf(writes).filter(([key, bytes]) => bytes !== null || this.#entry(key) !== undefined)
    if (changes.length > 0) this.#version += 1
    for (const [key, bytes] of changes) {
      const stored = readStored(bytes)
      const own = { version: -this.steps.length, author: this.#map.self, foretold: this.#version }
      this.#written.set(key, stored === null ? undefined : { ...stored, ...own })
    }
  }

  /** Resolves with what each step has come to. */
  async send(): Promise<readonly Committed[]> {
    const [first, second] = this.steps
    if (first !== undefined && second === undefined) {
      const { of, reads, writes } = first
      return [(await this.#map.call([TOTAL_MAP_OP.commit, reads, writes], of.signal)) as Committed]
    }
    const steps = this.steps.map(({ reads, writes }) => [reads, writes])
    return (await this.#map.call([TOTAL_MAP_OP.steps, ...steps])) as Committed[]
  }
}

/** Of keys and what is written under them. */
function sizeOf(pairs: readonly unknown[]): number {
  return pairs.reduce((sum: number, each) => {
    return sum + (typeof each === 'string' || each instanceof Uint8Array ? each.length : 1)
  }, 0)
}

function pairsOf(writes: readonly unknown[]): [key: string, bytes: unknown][] {
  return writes.flatMap((each, i) => (i % 2 === 0 ? [[each as string, writes[i + 1]] as [string, unknown]] : []))
}
