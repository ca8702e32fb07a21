/**
 * A queue at one process: the delivered state, and this process's open calls and takes.
 *
 * The state is deterministic. What reads a clock, the leases of held items and the watch over orphans, stands in files
 * of its own, and only decides when to cast an operation or when to abort a signal.
 */
import { BusyError, ClosedError, NotPrimaryError, StaleTokenError, UnknownOutcomeError } from '../errors.ts'
import { decodeValue, encodeValue } from '../values.ts'
import { Coalescer, type DeepReadonly } from './events.ts'
import { Leases } from './leases.ts'
import { OrphanWatch } from './orphan-watch.ts'
import {
  FAILURE_MAX,
  type Grant,
  type Happening,
  OP,
  QUEUE_TAKES_MAX,
  type QueueItem,
  QueueState,
} from './queue-state.ts'
import type { CastFate, GroupPort, GroupView, OpInfo, Receipt, Replica } from './replica.ts'
import { type ItemActions, TakenItem } from './taken-item.ts'
import { sameToken, type Token } from './token.ts'

/** How long a holder may act on what it last heard, in ms. */
const LEASE_MS = 10_000

/** Before what could not be sent, or may be lost, is sent again, in ms. */
export const RETRY_MS = 50

/** What a queue is opened with, checked. */
export interface QueueSettings {
  readonly whenNotPrimary: 'wait' | 'reject'
  readonly leaseMs: number
}

/** The settings that the options leave open. */
export const QUEUE_DEFAULTS: QueueSettings = { whenNotPrimary: 'wait', leaseMs: LEASE_MS }

/** A promise of the application. */
interface Call {
  readonly resolve: (id: number) => void
  readonly reject: (reason: unknown) => void
  /** The cast was delivered, but its effect has not been seen: it may be part of a state that was loaded. */
  isDelivered: boolean
}

interface OpenTake {
  readonly resolve: (item: TakenItem<unknown>) => void
  readonly reject: (reason: unknown) => void
  readonly signal: AbortSignal | undefined
  /** When it was asked for, or asked for again. */
  since: number
  /** It has been seen waiting in the state. */
  isRegistered: boolean
  /** When what was granted for it came, if no lease was left then. */
  lateSince: number | null
}

/** The deterministic half of a queue with what this process wants of it. */
export class QueueReplica implements Replica, ItemActions {
  readonly port: GroupPort
  readonly state: QueueState = new QueueState()
  /** Where happenings go, once a batch, for the handle to make events of; `isReplaced`: so was the whole state. */
  emit: (happened: readonly Happening[], isReplaced: boolean) => void = () => undefined

  readonly #settings: QueueSettings
  readonly #changes = new Coalescer(() => this.#emitHappened())
  #happened: Happening[] = []
  #isReplaced = false
  #lastCall = 0
  readonly #calls = new Map<number, Call>()
  #lastTake = 0
  readonly #takes = new Map<number, OpenTake>()
  /** Casts of open calls; those that are lost are dropped by everybody, and what they ask is asked again. */
  readonly #sent = new Map<number, 'open' | 'lost'>()
  readonly #held: Leases<number, TakenItem<unknown>>
  readonly #orphans: OrphanWatch<number>
  #lastPrimary: readonly string[] = []
  /** Where calls reject outside the primary component: takes back those that have not been sent when it is lost. */
  #primacy = new AbortController()
  #isLoaded = false
  #isStopped = false
  #isEnded = false

  constructor(port: GroupPort, settings: QueueSettings) {
    this.port = port
    this.#settings = settings
    this.#held = new Leases(port, settings.leaseMs, 'the item')
    this.#orphans = new OrphanWatch(port, settings.leaseMs, {
      orphans: () => this.state.orphans(),
      expire: (ids, view) => this.#castQuietly([OP.expire, ids, view]),
    })
  }

  // What the application asks

  add(bytes: Uint8Array, signal: AbortSignal | undefined): Promise<number> {
    return this.#call((call) => [OP.add, call, bytes], signal)
  }

  /** @param isPatient waits outside the primary component even where calls reject: the work is done, and must be told. */
  async done(taken: TakenItem<unknown>, result: unknown, isPatient = false): Promise<void> {
    const bytes = result === undefined ? null : encodeValue(result)
    await this.#call((call) => [OP.done, call, Number(taken.id), [...taken.token], bytes], undefined, isPatient)
  }

  async fail(taken: TakenItem<unknown>, reason: unknown, isPatient = false): Promise<void> {
    const text = reason instanceof Error ? reason.message : reason === undefined ? '' : String(reason)
    const failure = text.slice(0, FAILURE_MAX)
    await this.#call((call) => [OP.fail, call, Number(taken.id), [...taken.token], failure], undefined, isPatient)
  }

  take(signal: AbortSignal | undefined): Promise<TakenItem<unknown>> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted()
      this.#requirePrimary()
      if (this.#takes.size >= QUEUE_TAKES_MAX) throw new BusyError(`more than ${QUEUE_TAKES_MAX} open takes`)
      const onAbort = (): void => this.#abandon(open)
      const end = <Arg>(settle: (arg: Arg) => void): ((arg: Arg) => void) => {
        return (arg) => {
          signal?.removeEventListener('abort', onAbort)
          settle(arg)
        }
      }
      const open: OpenTake = {
        resolve: end(resolve),
        reject: end(reject),
        signal,
        since: 0,
        isRegistered: false,
        lateSince: null,
      }
      this.#castTake(open)
      signal?.addEventListener('abort', onAbort)
    })
  }

  #call(makeOp: (call: number) => unknown, signal: AbortSignal | undefined, isPatient = false): Promise<number> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted()
      if (!isPatient) this.#requirePrimary()
      const number = this.#lastCall + 1
      const call: Call = { resolve, reject, isDelivered: false }
      this.#castCall(number, call, { op: makeOp(number), signal: isPatient ? signal : this.#untilCutOff(signal) })
      this.#lastCall = number
    })
  }

  #castCall(number: number, call: Call, { op, signal }: { op: unknown; signal: AbortSignal | undefined }): void {
    const receipt = this.#cast(op, signal)
    this.#calls.set(number, call)
    this.#sent.set(receipt.n, 'open')
    receipt.delivered.then(
      () => {
        this.#sent.delete(receipt.n)
        call.isDelivered = true
        if (this.#isEnded) this.#endCall(number, call)
      },
      (reason: unknown) => {
        this.#calls.delete(number)
        const isLost = this.#sent.get(receipt.n) === 'lost'
        this.#sent.delete(receipt.n)
        if (!isLost || this.#isStopped) return call.reject(reason)
        try {
          this.#castCall(number, call, { op, signal })
        } catch (error) {
          call.reject(error)
        }
      },
    )
  }

  #castTake(open: OpenTake): void {
    const number = this.#lastTake + 1
    const receipt = this.#cast([OP.take, number], this.#untilCutOff(open.signal))
    this.#lastTake = number
    open.isRegistered = false
    open.lateSince = null
    open.since = this.port.now()
    this.#takes.set(number, open)
    receipt.delivered.catch((reason: unknown) => {
      if (!this.#takes.delete(number)) return
      // If the lost cast took effect after all, its grant answers a take that nobody knows, and goes back.
      if (reason instanceof UnknownOutcomeError && !this.#isStopped) this.#retake(open)
      else open.reject(reason)
    })
  }

  #retake(open: OpenTake): void {
    try {
      this.#requirePrimary()
      this.#castTake(open)
    } catch (error) {
      open.reject(error)
    }
  }

  /** The application no longer wants the item. */
  #abandon(open: OpenTake): void {
    for (const [number, each] of this.#takes) {
      if (each !== open) continue
      this.#takes.delete(number)
      if (open.isRegistered) this.#castQuietly([OP.untake, number])
    }
    open.reject(open.signal?.reason)
  }

  #requirePrimary(): void {
    const refusal = this.#refusal()
    if (refusal !== null) throw refusal
  }

  /** Why calls reject now, if they do. */
  #refusal(): NotPrimaryError | null {
    const { view } = this.port
    if (this.#settings.whenNotPrimary !== 'reject' || view === null || view.primary) return null
    const missing =
      view.missing.length > 0 ? view.missing : this.#lastPrimary.filter((member) => !view.members.includes(member))
    return new NotPrimaryError(`queue "${this.port.name}" is not in the primary component`, missing)
  }

  /** A cast that waits for the primary component, instead of being sent, is taken back with this signal. */
  #untilCutOff(signal: AbortSignal | undefined): AbortSignal | undefined {
    if (this.#settings.whenNotPrimary !== 'reject') return signal
    return signal === undefined ? this.#primacy.signal : AbortSignal.any([signal, this.#primacy.signal])
  }

  /** In `settle`, not in `view`: of some views outside the primary component the replica is told later, or never. */
  #watchPrimacy(): void {
    const refusal = this.#refusal()
    if (refusal === null) return
    const lost = this.#primacy
    this.#primacy = new AbortController()
    lost.abort(refusal)
  }

  #cast(op: unknown, signal?: AbortSignal): Receipt {
    return this.port.cast(op, signal === undefined ? undefined : { signal })
  }

  /** For what nobody waits for; false if it could not be sent. */
  #castQuietly(op: unknown): boolean {
    try {
      this.#cast(op)
      return true
    } catch {
      return false
    }
  }

  // What the group delivers

  apply(op: unknown, info: OpInfo): boolean {
    const happened = this.state.apply(op, info.author)
    if (happened === null) return false
    this.#observe(happened)
    return true
  }

  lost(n: number, fate: CastFate): void {
    if (fate === 'lost' && this.#sent.has(n)) this.#sent.set(n, 'lost')
  }

  view(view: GroupView): void {
    if (view.primary) this.#lastPrimary = view.members
    this.#observe(this.state.install(view))
    this.#orphans.watch()
  }

  settle(): void {
    this.#changes.flush()
    this.#watchPrimacy()
    this.#held.watchLine()
    if (!this.#isLoaded) return
    this.#isLoaded = false
    // A cast of this process that the loaded state covers is never applied here: nobody can tell how it ended.
    for (const [number, call] of this.#calls) {
      if (!call.isDelivered) continue
      this.#calls.delete(number)
      call.reject(new UnknownOutcomeError(`queue "${this.port.name}" was replaced while the call was under way`))
    }
  }

  save(): unknown {
    return this.state.save()
  }

  load(saved: unknown): void {
    this.state.load(saved)
    this.#isLoaded = true
    this.#isReplaced = true
    this.#changes.mark()
    this.#held.loseUnless((id, token) => this.#isGranted(id, token))
    for (const item of this.state.held()) {
      if (item.grant?.taker === this.port.self && !this.#held.has(item.id)) this.#receive(item, item.grant)
    }
    for (const [number, open] of this.#takes) {
      if (!open.isRegistered || this.state.isWaiting(this.port.self, number) || this.#isAnswered(number)) continue
      this.#takes.delete(number)
      this.#retake(open)
    }
    this.#orphans.watch()
  }

  #observe(happened: readonly Happening[]): void {
    if (happened.length === 0) return
    this.#happened.push(...happened)
    this.#changes.mark()
    for (const each of happened) this.#observeOne(each)
  }

  #observeOne(each: Happening): void {
    const { self } = this.port
    switch (each.type) {
      case 'added':
        if (each.by === self) this.#resolve(each.call, each.item.id)
        return
      case 'full':
        if (each.by === self) this.#reject(each.call, new BusyError(`queue "${this.port.name}" is full`))
        return
      case 'refused':
        if (each.by === self)
          this.#reject(each.call, new StaleTokenError('the item is no longer held under this token'))
        return
      case 'waiting':
        if (each.by === self) this.#register(each.take)
        return
      case 'overmuch':
        if (each.by === self) this.#refuseTake(each.take)
        return
      case 'taken':
        if (each.grant.taker === self) this.#receive(each.item, each.grant)
        return
      case 'done':
      case 'returned':
        if (each.grant.taker === self) this.#release(each)
    }
  }

  #resolve(number: number, id: number): void {
    const call = this.#calls.get(number)
    this.#calls.delete(number)
    call?.resolve(id)
  }

  #reject(number: number, reason: unknown): void {
    const call = this.#calls.get(number)
    this.#calls.delete(number)
    call?.reject(reason)
  }

  #register(number: number): void {
    const open = this.#takes.get(number)
    if (open !== undefined) open.isRegistered = true
    else this.#castQuietly([OP.untake, number])
  }

  #refuseTake(number: number): void {
    const open = this.#takes.get(number)
    this.#takes.delete(number)
    open?.reject(new BusyError(`more than ${QUEUE_TAKES_MAX} open takes`))
  }

  /** An item was granted to this process. */
  #receive(item: QueueItem, grant: Grant): void {
    const open = this.#takes.get(grant.take)
    if (open === undefined) {
      // Nobody here waits for it any more.
      this.#giveBack(item.id, grant)
      return
    }
    if (!this.#held.isFresh(open.since) && open.lateSince === null) open.lateSince = this.port.now()
    if (open.lateSince !== null && !this.#isConfirmed(open.lateSince)) {
      // It waited here, while this process slept or was cut off: it is handed out when the others have answered, and this
      // state is still theirs (seed 883292).
      this.port.after(RETRY_MS, () => {
        if (!this.#held.has(item.id) && this.#isGranted(item.id, grant.token)) this.#receive(item, grant)
      })
      return
    }
    this.#takes.delete(grant.take)
    const { attempts, id } = item
    const about = { id: String(id), item: item.value as DeepReadonly<unknown>, token: grant.token, attempts }
    const taken = new TakenItem<unknown>(about, this)
    this.#held.hold(id, { thing: taken, token: grant.token, since: open.since })
    open.resolve(taken)
  }

  /** Gives back what nobody here wants, until it is back: nobody else may, as long as this process is a member. */
  #giveBack(id: number, grant: Grant): void {
    if (this.#isStopped || !this.#isGranted(id, grant.token)) return
    const retry = (): void => {
      if (!this.#isStopped) this.port.after(RETRY_MS, () => this.#giveBack(id, grant))
    }
    this.#lastCall += 1
    try {
      this.#cast([OP.giveBack, this.#lastCall, id, [...grant.token]]).delivered.catch(retry)
    } catch {
      retry()
    }
  }

  /** Have the others answered since, and is this state still the one in force? */
  #isConfirmed(since: number): boolean {
    const start = this.port.leaseStart()
    return start !== null && start > since && this.state.isActingIn(this.port.view)
  }

  /** Is an item granted to that take of this process? */
  #isAnswered(take: number): boolean {
    return this.state.held().some(({ grant }) => grant?.taker === this.port.self && grant.take === take)
  }

  #isGranted(id: number, token: Token): boolean {
    const grant = this.state.items.get(id)?.grant
    return grant !== null && grant !== undefined && sameToken(grant.token, token)
  }

  /** A grant of this process has ended. */
  #release(each: Extract<Happening, { type: 'done' | 'returned' }>): void {
    const { id } = each.item
    const open = this.#takes.get(each.grant.take)
    if (open !== undefined) {
      // Given back before it could be handed out.
      this.#takes.delete(each.grant.take)
      this.#retake(open)
    }
    this.#held.end(id, each.grant.token, each.type === 'returned' && each.by !== this.port.self)
    if (each.type === 'done' || each.by === this.port.self) this.#resolve(each.call, id)
  }

  #emitHappened(): void {
    const happened = this.#happened
    this.#happened = []
    const isReplaced = this.#isReplaced
    this.#isReplaced = false
    this.emit(happened, isReplaced)
  }

  // The end

  /** The group is being left: ends timers, takes and what is held. Open calls end with their receipts. */
  stop(): void {
    if (this.#isStopped) return
    this.#isStopped = true
    this.#orphans.stop()
    this.#held.stop(new StaleTokenError('the queue was closed'))
    const takes = [...this.#takes.values()]
    this.#takes.clear()
    for (const open of takes) open.reject(new ClosedError(`queue "${this.port.name}" is closed`))
  }

  /** Nothing is delivered any more. */
  end(): void {
    this.stop()
    this.#isEnded = true
    for (const [number, call] of this.#calls) if (call.isDelivered) this.#endCall(number, call)
  }

  /** A call whose cast was delivered, but never applied here. */
  #endCall(number: number, call: Call): void {
    if (!this.#calls.delete(number)) return
    call.reject(new UnknownOutcomeError(`queue "${this.port.name}" was closed while the call was under way`))
  }
}

/** The result of a completion, decoded for an event. */
export function readResult(result: Uint8Array | null): unknown {
  return result === null ? undefined : decodeValue(result)
}
