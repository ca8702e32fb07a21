/**
 * What one process takes of a queue, and has in hand.
 *
 * The state is deterministic (`queue-machine.ts`), and requests reach it exactly once (`machine-replica.ts`). Here is what a
 * clock decides: whether a grant is handed out, and when what is in hand may no longer be this process's.
 */

import { BusyError, ClosedError, StaleTokenError, UnknownOutcomeError, UsageError } from '../errors.ts'
import { encodeValue } from '../values.ts'
import { type AtomicOptions, atomicReplica } from './atomic.ts'
import type { DeepReadonly } from './events.ts'
import { Leases } from './leases.ts'
import type { MachineHooks, MachineReplica, MachineSettings } from './machine-replica.ts'
import { QueueClock } from './queue-clock.ts'
import { DELAY_MS_MAX, FAILURE_MAX, type Grant, type QueueItem } from './queue-items.ts'
import { type Happening, OP, QueueMachine, type QueueTerms, TIMED_OUT } from './queue-machine.ts'
import type { GroupPort } from './replica.ts'
import { fits, type StandardSchemaV1 } from './schema.ts'
import type { Machine } from './state-machine.ts'
import { StraySweep } from './stray-sweep.ts'
import { type FailOptions, type ItemActions, TakenItem } from './taken-item.ts'
import type { Token } from './token.ts'

/** Before what could not be asked, or is not confirmed, is looked at again, in ms. */
const RETRY_MS = 50

/** How an item is taken. */
interface TakeTerms {
  readonly signal: AbortSignal | undefined
  /** How long the work may take, in ms; 0: for ever. */
  readonly limitMs: number
}

/** An item was granted to this process. */
interface Granted {
  readonly id: number
  readonly token: Token
  /** When it was asked for, by this process's clock. */
  readonly since: number
}

/** What a queue is opened with, checked. */
export interface HandsSettings extends MachineSettings {
  readonly terms: QueueTerms
  readonly schema: StandardSchemaV1 | undefined
  /** Whether it takes part in transactions. */
  readonly options: AtomicOptions
}

/** One process's hands. */
export class QueueHands implements ItemActions {
  readonly port: GroupPort
  readonly machine: QueueMachine
  readonly replica: MachineReplica<Machine>
  /** Told of what happens, as the machine does it. */
  watch: (happening: Happening) => void = () => undefined
  /** Told, at most once a batch, that something may have happened. */
  changed: () => void = () => undefined

  readonly #schema: StandardSchemaV1 | undefined
  readonly #clock: QueueClock
  readonly #leases: Leases<string, TakenItem<unknown>>
  /** What this process has been granted and knows of, by token; null: it is not handed out, or is being given back. */
  readonly #inHand = new Map<string, TakenItem<unknown> | null>()
  /** What stops the timers of those that must be back some time. */
  readonly #limits = new Map<string, () => void>()
  /** When this process's kernel was told of each grant, from which the others count; absent: it came with a state. */
  readonly #grantedAt = new Map<string, number>()
  /** When the last word on more time was sent. */
  readonly #extendedAt = new Map<string, number>()
  /** What ends pauses when the clock does. */
  readonly #pauses = new Set<() => void>()
  readonly #sweep: StraySweep
  #isStopped = false

  constructor(port: GroupPort, { terms, schema, options, ...settings }: HandsSettings) {
    const machine = new QueueMachine(terms)
    this.port = port
    this.machine = machine
    this.#schema = schema
    this.#leases = new Leases(port, settings.leaseMs, 'the item')
    machine.watch = (happening) => this.#observe(happening)
    const hooks: MachineHooks = {
      toError: (code, message) => toError(code, `queue "${port.name}": ${message}`),
      unwanted: (body, value) => {
        if ((body as readonly unknown[])[0] !== OP.take) return
        const [id, token] = value as [number, Token]
        this.#giveBack(id, token, false)
      },
      strayed: () => this.#sweep.soon(),
      settled: (isLoaded) => this.#settled(isLoaded),
      changed: () => this.changed(),
    }
    this.replica = atomicReplica(port, machine, { settings, hooks, options })
    this.#sweep = new StraySweep(port, { find: () => this.#strays() })
    this.#clock = new QueueClock(port, machine, {
      ask: (body) => this.replica.call(body, { isPatient: true }),
      isActing: () => this.replica.sessions.isActingIn(port.view),
    })
  }

  // Taking

  /** Waits for an item and takes it. */
  async take({ signal, limitMs }: TakeTerms): Promise<TakenItem<unknown>> {
    for (;;) {
      const granted = await this.#ask({ signal, limitMs })
      const taken = await this.#receive(granted, signal)
      if (taken !== null) return taken
    }
  }

  async #ask({ signal, limitMs }: TakeTerms): Promise<Granted> {
    for (;;) {
      let since = this.port.now()
      const sent = (now: number): void => {
        since = now
      }
      try {
        const [id, token] = (await this.replica.call([OP.take, limitMs], { signal, sent })) as [number, Token]
        return { id, token, since }
      } catch (error) {
        // What is granted for it after all is given back: it is asked anew, which is refused if it must be.
        if (!(error instanceof UnknownOutcomeError)) throw error
        if (this.#isStopped) throw this.#closedError()
      }
    }
  }

  /** Null if it was lost before it could be handed out. */
  async #receive(granted: Granted, signal: AbortSignal | undefined): Promise<TakenItem<unknown> | null> {
    const { id, token, since } = granted
    const key = keyOf(token)
    this.#inHand.set(key, null)
    if (!this.#leases.isFresh(since)) await this.#untilConfirmed(granted, signal)
    if (this.#isStopped) throw this.#closedError()
    const item = this.machine.heldBy(this.port.self, id, token)
    if (item === null) {
      this.#inHand.delete(key)
      return null
    }
    if (signal?.aborted) {
      this.#giveBack(id, token, false)
      throw signal.reason
    }
    const grantedAt = this.#grantedAt.get(key)
    if (item.grant?.limit && grantedAt === undefined) {
      // It came with a state: since when its time runs, nobody here knows.
      this.#giveBack(id, token, false)
      return null
    }
    if (!fits(this.#schema, item.value)) {
      // Whoever takes it finds the same: it is put aside, and can be looked at.
      this.#tell([OP.fail, id, [...token], 'it does not fit the schema', 0, true])
      return null
    }
    const { attempts, priority } = item
    const value = item.value as DeepReadonly<unknown>
    const taken = new TakenItem<unknown>({ id: String(id), item: value, token, attempts, priority }, this)
    this.#inHand.set(key, taken)
    this.#leases.hold(key, { thing: taken, token, since })
    if (item.grant !== null) this.#watchLimit(item.grant, grantedAt)
    return taken
  }

  /**
   * It waited here, while this process slept or was cut off: it is handed out when the others have answered since, and this
   * state is still the one in force (seed 883292).
   */
  async #untilConfirmed({ id, token }: Granted, signal: AbortSignal | undefined): Promise<void> {
    const from = this.port.now()
    while (!this.#isStopped && !signal?.aborted && this.machine.heldBy(this.port.self, id, token) !== null) {
      const start = this.port.leaseStart()
      if (start !== null && start > from && this.replica.sessions.isActingIn(this.port.view)) return
      await this.pause(signal)
    }
  }

  /** Waits a little, or until the signal aborts, or all ends. */
  pause(signal?: AbortSignal): Promise<void> {
    if (this.#isStopped || signal?.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const end = (): void => {
        cancel()
        signal?.removeEventListener('abort', end)
        this.#pauses.delete(end)
        resolve()
      }
      const cancel = this.port.after(RETRY_MS, end)
      signal?.addEventListener('abort', end)
      this.#pauses.add(end)
    })
  }

  // What is in hand

  /** @param isPatient waits outside the primary component even where calls reject: the work is done, and must be told. */
  async done(taken: TakenItem<unknown>, result: unknown, isPatient = false): Promise<void> {
    const bytes = result === undefined ? null : encodeValue(result)
    await this.replica.call([OP.done, Number(taken.id), [...taken.token], bytes], { isPatient })
  }

  /** As `done`. */
  async fail(
    taken: TakenItem<unknown>,
    reason: unknown,
    { delay = 0, dead = false }: FailOptions,
    isPatient = false,
  ): Promise<void> {
    const body = [OP.fail, Number(taken.id), [...taken.token], textOf(reason), checkWait('delay', delay), dead === true]
    await this.replica.call(body, { isPatient })
  }

  async extend(taken: TakenItem<unknown>, ms: number | undefined): Promise<void> {
    const limitMs = ms === undefined ? 0 : checkLimit('the time', ms)
    if (taken.isLost) throw new StaleTokenError('the item may be somebody else’s by now')
    const key = keyOf(taken.token)
    const sent = (now: number): void => void this.#extendedAt.set(key, now)
    sent(this.port.now())
    await this.replica.call([OP.extend, Number(taken.id), [...taken.token], limitMs], { sent })
  }

  /** Its holder has done with it, and has not said how that ended. Nobody waits for it. */
  giveBack({ id, token }: TakenItem<unknown>): void {
    this.#giveBack(Number(id), token, true)
  }

  /** Gives back until it is back: nobody else can, as long as this process is a member. */
  #giveBack(id: number, token: Token, wasInHand: boolean): void {
    this.#inHand.set(keyOf(token), null)
    this.#tell([OP.giveBack, id, [...token], wasInHand])
  }

  /** Until it is told, or need not be. */
  #tell(body: readonly unknown[]): void {
    this.replica.call(body, { isPatient: true }).catch((error: unknown) => {
      if (error instanceof BusyError) this.port.after(RETRY_MS, () => this.#tell(body))
    })
  }

  /**
   * It must be back some time: its holder stops by its own clock, before the others give it away by theirs. `since`: the others
   * count from then at the earliest, though this page may have been blocked, and hear of it late.
   */
  #watchLimit({ token, limit }: Grant, since = Number.POSITIVE_INFINITY): void {
    const key = keyOf(token)
    this.#limits.get(key)?.()
    this.#limits.delete(key)
    if (limit === null) return
    const elapsed = Math.max(this.#clock.elapsed(limit.key), this.port.now() - since)
    const left = Math.max(0, limit.ms - elapsed)
    const over = (): void => this.#inHand.get(key)?.abort(new StaleTokenError(TIMED_OUT))
    this.#limits.set(key, this.port.after(left, over))
  }

  // What the group delivers

  #observe(happening: Happening): void {
    this.watch(happening)
    if (!('grant' in happening) || happening.grant.taker !== this.port.self) return
    const { type, grant } = happening
    const key = keyOf(grant.token)
    if (type === 'taken') this.#grantedAt.set(key, this.port.heardAt())
    if (type === 'extended' && this.#inHand.has(key)) this.#watchLimit(grant, this.#extendedAt.get(key))
    if (type !== 'done' && type !== 'returned' && type !== 'dead') return
    this.#leases.end(key, grant.token, type !== 'done' && happening.by !== this.port.self)
    this.#forget(key)
  }

  #forget(key: string): void {
    this.#limits.get(key)?.()
    this.#limits.delete(key)
    this.#extendedAt.delete(key)
    this.#grantedAt.delete(key)
    this.#inHand.delete(key)
  }

  #settled(isLoaded: boolean): void {
    if (isLoaded) {
      const held = new Set(this.#own().map(({ grant }) => keyOf(grant.token)))
      this.#leases.loseUnless((key) => held.has(key))
      for (const key of [...this.#inHand.keys(), ...this.#grantedAt.keys()]) if (!held.has(key)) this.#forget(key)
      this.#sweep.soon()
    }
    this.#leases.watchLine()
    this.#clock.settled(isLoaded)
  }

  #own(): (QueueItem & { readonly grant: Grant })[] {
    return this.machine.held().filter(({ grant }) => grant.taker === this.port.self)
  }

  /** What a state that was taken over says is this process's, and nobody here knows of. */
  #strays(): Map<string, () => void> {
    const unknown = this.#own().filter(({ grant }) => !this.#inHand.has(keyOf(grant.token)))
    return new Map(unknown.map(({ id, grant }) => [keyOf(grant.token), () => this.#giveBack(id, grant.token, true)]))
  }

  // The end

  #closedError(): ClosedError {
    return new ClosedError(`queue "${this.port.name}" is closed`)
  }

  /** The group is being left: ends timers, takes, and what is held. */
  stop(): void {
    if (this.#isStopped) return
    this.#isStopped = true
    this.#sweep.stop()
    this.#clock.stop()
    for (const cancel of this.#limits.values()) cancel()
    this.#leases.stop(new StaleTokenError('the queue was closed'))
    this.replica.stop()
    for (const end of [...this.#pauses]) end()
  }
}

/** A time that something waits for, in whole ms. Throws a UsageError. */
export function checkWait(what: string, ms: unknown): number {
  if (typeof ms === 'number' && ms >= 0 && ms <= DELAY_MS_MAX) return Math.ceil(ms)
  throw new UsageError(`${what} must be 0 to ${DELAY_MS_MAX} ms`)
}

/** A time that the work on an item may take, in whole ms. Throws a UsageError. */
export function checkLimit(what: string, ms: unknown): number {
  if (typeof ms === 'number' && ms > 0 && ms <= DELAY_MS_MAX) return Math.ceil(ms)
  throw new UsageError(`${what} must be above 0 and at most ${DELAY_MS_MAX} ms`)
}

function toError(code: string, message: string): Error {
  if (code === 'stale-token') return new StaleTokenError(message)
  return code === 'busy' ? new BusyError(message) : new UsageError(message)
}

/** What a failure says, if it says anything. */
function textOf(reason: unknown): string {
  if (reason === undefined) return ''
  try {
    const text = reason instanceof Error ? reason.message : reason
    return String(text).slice(0, FAILURE_MAX)
  } catch {
    return ''
  }
}

/** The same for the same grant alone. */
function keyOf([line, view, n]: Token): string {
  return `${n} ${view} ${line}`
}
