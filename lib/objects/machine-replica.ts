/**
 * A replicated state machine at one process: the delivered state, and the calls of this process that are not settled.
 *
 * Calls are driven by what is, not by what has happened: after each batch of deliveries, and every {@link RETRY_MS} while
 * something is unsettled, each call of which the state knows nothing and that is not under way is cast, in order, under the
 * number that it had. The state counts each number once (`sessions.ts`). A call that nobody wants any more is driven as
 * well, until it has come to nothing or what it was granted is given back.
 */
import { BusyError, ClosedError, NotPrimaryError, UnknownOutcomeError } from '../errors.ts'
import { Coalescer } from './events.ts'
import { OrphanWatch } from './orphan-watch.ts'
import type { GroupPort, GroupView, OpInfo, Receipt, Replica } from './replica.ts'
import { CALLS_MAX, type CallRecord, SESSION_OP, Sessions } from './sessions.ts'
import { type Answer, CANCELLED, type Machine } from './state-machine.ts'

/** Before what is not settled is looked at again, in ms. */
const RETRY_MS = 50
/** Calls that are under way at a time, at most. */
const SENT_MAX = CALLS_MAX / 2
/** Of a call of which nobody can tell what became. */
const CUT_OFF = 'was cut off from the primary component'

/** What a machine is opened with, checked. */
export interface MachineSettings {
  /** What it is called in errors: `lock manager`. */
  readonly what: string
  readonly whenNotPrimary: 'wait' | 'reject'
  /** How long a holder may act on what it last heard, in ms. */
  readonly leaseMs: number
}

/** What its object does with what the machine says. */
export interface MachineHooks {
  /** The error for a code that the machine answered with. */
  toError(code: string, message: string): Error
  /** A call that nobody wants any more was answered: gives back what it was granted, if anything. */
  unwanted?(body: unknown, value: unknown): void
  /**
   * A call that nobody here knows, since it had its answer in a line that is lost, was answered once more: looks at what
   * the machine says is this process's.
   */
  strayed?(): void
  /** A batch of deliveries is over, and what it answered is told. `isLoaded`: the state was replaced. */
  settled?(isLoaded: boolean): void
  /** The machine may have changed: for events, at most once a batch. */
  changed?(): void
}

/** What a call may be given. */
export interface MachineCall {
  /** Takes the call back; its promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
  /** Waits outside the primary component even where calls reject: what is done must be told. */
  readonly isPatient?: boolean
  /**
   * When it was asked, by this process's clock: told as it is cast, and again when it is cast again where none of the casts
   * before can have counted.
   */
  readonly sent?: (now: number) => void
  /** Is what it says of its process still so? Of the claims in it, only these count. Asked by `stands`. */
  readonly stands?: (needed: ReadonlySet<string>) => boolean
}

interface Open {
  readonly body: unknown
  readonly options: MachineCall
  /** Its promise; null: nobody wants it any more. */
  wish: { readonly resolve: (value: unknown) => void; readonly reject: (reason: unknown) => void } | null
  /** Given when it is first cast. */
  number: number | null
  /** Takes back the cast that carries it, or its taking back, where that waits here unsent; null: none is under way. */
  underWay: AbortController | null
  /** It was settled here in a line that is lost, and waits in the state of the other one: it is only taken back. */
  readonly isStray: boolean
  /** It was passed over, and is not sent again as fast as it can be. */
  isResting: boolean
  /** How often it was cast. */
  casts: number
  /** Outside the primary component, where calls reject: what it rejects with if its only cast turns out to be unsent. */
  refusal: NotPrimaryError | null
  readonly stopListening: () => void
}

/** The state of a machine with what this process wants of it. */
export class MachineReplica<M extends Machine> implements Replica {
  readonly port: GroupPort
  readonly machine: M
  readonly sessions: Sessions

  readonly #settings: MachineSettings
  readonly #hooks: MachineHooks
  readonly #changes: Coalescer
  readonly #orphans: OrphanWatch<string>
  /** In the order in which they were made. */
  readonly #open = new Set<Open>()
  /** Openings of the same object at the same process grow: a session that was forgotten is begun anew as a later one. */
  #opening: number
  #born = 0
  #lastCall = 0
  #lastPrimary: readonly string[] = []
  #cancelRetry: (() => void) | null = null
  #isLoaded = false
  /** What the state knows of this process may be more than this process does. */
  #maybeStrays = false
  #isStopped = false

  constructor(port: GroupPort, machine: M, settings: MachineSettings, hooks: MachineHooks) {
    this.port = port
    this.machine = machine
    this.sessions = new Sessions(machine)
    this.#settings = settings
    this.#hooks = hooks
    this.#opening = port.opening
    this.#changes = new Coalescer(() => hooks.changed?.())
    this.#orphans = new OrphanWatch(port, settings.leaseMs, {
      orphans: () => this.sessions.orphans(),
      expire: (processes, view) => void this.#cast([SESSION_OP.expire, processes, view]),
    })
  }

  // What the application asks

  /**
   * Asks the machine for something. Resolves with its answer when every member of the group view holds the request.
   * Rejects with what the machine refuses it with; NotPrimaryError (where calls reject, and it cannot have taken effect);
   * UnknownOutcomeError (where calls reject, or it was forgotten or closed meanwhile); ClosedError; the signal's reason.
   */
  call(body: unknown, options: MachineCall = {}): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const { signal } = options
      signal?.throwIfAborted()
      if (this.#isStopped) throw this.#closedError()
      const refusal = options.isPatient === true ? null : this.#refusal()
      if (refusal !== null) throw refusal
      if (this.#open.size >= CALLS_MAX) throw new BusyError(`more than ${CALLS_MAX} calls of this process wait`)
      const onAbort = (): void => this.#giveUp(open, signal?.reason)
      const open: Open = {
        body,
        options,
        wish: { resolve, reject },
        number: null,
        underWay: null,
        isStray: false,
        isResting: false,
        casts: 0,
        refusal: null,
        stopListening: () => signal?.removeEventListener('abort', onAbort),
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#open.add(open)
      this.#drive()
    })
  }

  /** The number under which the call with this very body was cast; null if it is not under way. */
  numberOf(body: unknown): number | null {
    for (const open of this.#open) if (open.body === body) return open.number
    return null
  }

  /** Is that call of this process still wanted, and what it says still so? */
  stands(call: number, needed: ReadonlySet<string>): boolean {
    for (const { number, wish, options } of this.#open)
      if (number === call) return wish !== null && options.stands?.(needed) !== false
    return false
  }

  /** Nobody wants this call any more. */
  #giveUp(open: Open, reason: unknown): void {
    const { wish } = open
    if (wish === null) return
    open.wish = null
    open.stopListening()
    if (open.number === null) this.#open.delete(open)
    wish.reject(reason)
    open.underWay?.abort(reason)
    this.#drive()
  }

  /** Why calls reject now, if they do. */
  #refusal(): NotPrimaryError | null {
    const { view } = this.port
    if (this.#settings.whenNotPrimary !== 'reject' || view === null || view.primary) return null
    const missing =
      view.missing.length > 0 ? view.missing : this.#lastPrimary.filter((member) => !view.members.includes(member))
    return new NotPrimaryError(`${this.#settings.what} "${this.port.name}" is not in the primary component`, missing)
  }

  #closedError(): ClosedError {
    return new ClosedError(`${this.#settings.what} "${this.port.name}" is closed`)
  }

  // What is not settled

  /** Settles what is answered, and casts what is neither known to the state nor under way. */
  #drive(): void {
    if (this.#isStopped || !this.port.isWhole) return
    let sent = 0
    /** The number of one that is cast again: casts of later ones that are under way come before it, and are passed over. */
    let again = Number.POSITIVE_INFINITY
    for (const open of this.#open) {
      const record = this.#recordOf(open)
      if (record !== null && record !== 'waits') {
        // One that is asked anew comes again, behind those that have numbers.
        this.#settle(open, record)
        continue
      }
      // One that is being found out is taken back already, and does not come again.
      if (open.number !== null && open.number > again && record === null && open.refusal === null) withdraw(open)
      if (open.underWay !== null || open.isResting || (record === 'waits' && open.wish !== null)) continue
      if (open.number !== null && record === null) again = Math.min(again, open.number)
      sent += 1
      if (sent > SENT_MAX || !this.#trySend(open)) break
    }
    this.#retryLater()
  }

  /** As `#send`; a call that can never be sent, because it is too large, ends here: those after it are not held up. */
  #trySend(open: Open): boolean {
    try {
      return this.#send(open)
    } catch (error) {
      this.#open.delete(open)
      open.stopListening()
      open.wish?.reject(error)
      return true
    }
  }

  #recordOf({ number }: Open): CallRecord {
    return number === null ? null : this.sessions.recordOf(this.port.self, this.#opening, number)
  }

  #settle(open: Open, answer: Answer): void {
    const { wish, body } = open
    if (answer[0] === false && answer[1] === CANCELLED[1]) {
      // Its process was out of reach, and the others did not wait for it: it is asked anew, if it is still wanted.
      if (wish === null) this.#open.delete(open)
      else {
        this.#open.delete(open)
        this.#open.add(open)
        open.number = null
        open.casts = 0
      }
      return
    }
    this.#open.delete(open)
    open.stopListening()
    if (answer[0] === false) return wish?.reject(this.#hooks.toError(answer[1], answer[2]))
    if (wish !== null) wish.resolve(answer[1])
    else if (open.isStray) this.#hooks.strayed?.()
    else this.#hooks.unwanted?.(body, answer[1])
  }

  /** False if nothing can be sent now. */
  #send(open: Open): boolean {
    if (open.number === null) {
      if (this.#born === 0) this.#born = epochOf(this.port.view)
      this.#lastCall += 1
      open.number = this.#lastCall
    }
    const head = [this.#opening, this.#born, ...this.#seenBefore(open.number), open.number]
    const isWanted = open.wish !== null
    // Outside the primary component nobody here can tell: what answers it may be the cast before, of long ago (seed 500102).
    if (isWanted && (open.casts === 0 || this.sessions.isActingIn(this.port.view))) open.options.sent?.(this.port.now())
    const underWay = new AbortController()
    const op = isWanted ? [SESSION_OP.request, ...head, open.body] : [SESSION_OP.cancel, ...head]
    const receipt = this.#cast(op, underWay.signal)
    if (receipt === null) return false
    open.underWay = underWay
    open.casts += 1
    receipt.delivered.then(
      () => {
        if (open.underWay !== underWay) return
        open.underWay = null
        open.refusal = null
        open.isResting = this.#recordOf(open) === null
        if (open.isResting) this.#retryLater()
        else this.#driveAll()
      },
      (reason: unknown) => {
        if (open.underWay !== underWay) return
        open.underWay = null
        this.#endRefused(open, reason)
        this.#retryLater()
      },
    )
    return true
  }

  /** It could not be told whether it was sent, and now it can. */
  #endRefused(open: Open, reason: unknown): void {
    const { refusal } = open
    if (refusal === null) return
    open.refusal = null
    const isUnsent = reason === refusal
    if (isUnsent) open.number = null
    this.#giveUp(open, isUnsent ? refusal : this.#unknown(CUT_OFF))
  }

  /**
   * Up to which number answers have been seen here; which of the calls before it wait, so that theirs may yet come; and the
   * call before it.
   */
  #seenBefore(call: number): [floor: number, waiting: readonly number[], before: number] {
    const waiting: number[] = []
    let floor = call
    let before = 0
    for (const open of this.#open) {
      if (open.number === null || open.number >= call) continue
      before = Math.max(before, open.number)
      if (this.#recordOf(open) === 'waits') waiting.push(open.number)
      else floor = Math.min(floor, open.number)
    }
    return [floor, waiting.filter((number) => number < floor), before]
  }

  /** Null if it cannot be sent now. */
  #cast(op: unknown, signal?: AbortSignal): Receipt | null {
    try {
      return this.port.cast(op, signal === undefined ? {} : { signal })
    } catch (error) {
      if (error instanceof BusyError || error instanceof ClosedError) return null
      throw error
    }
  }

  #retryLater(): void {
    if (this.#isStopped || this.#cancelRetry !== null || ![...this.#open].some((open) => this.#isStuck(open))) return
    this.#cancelRetry = this.port.after(RETRY_MS, () => {
      this.#cancelRetry = null
      this.#driveAll()
    })
  }

  /** Those that were passed over, too: what they came before may have counted by now. */
  #driveAll(): void {
    for (const open of this.#open) open.isResting = false
    this.#drive()
  }

  /** Would nothing else have it looked at again? */
  #isStuck(open: Open): boolean {
    return open.underWay === null && !(open.wish !== null && this.#recordOf(open) === 'waits')
  }

  /** Where calls reject: those that wait for the primary component do, when it is lost. */
  #rejectOutside(): void {
    const refusal = this.#refusal()
    if (refusal === null) return
    for (const open of [...this.#open]) {
      if (open.options.isPatient === true || open.wish === null || open.refusal !== null) continue
      if (open.underWay !== null && open.casts === 1) {
        // Perhaps it waits here unsent: what becomes of the cast will tell.
        open.refusal = refusal
        open.underWay.abort(refusal)
      } else this.#giveUp(open, open.number === null ? refusal : this.#unknown(CUT_OFF))
    }
  }

  #unknown(what: string): UnknownOutcomeError {
    return new UnknownOutcomeError(`${this.#settings.what} "${this.port.name}" ${what} while the call was under way`)
  }

  /** Of this process's requests, the others know no longer which took effect. */
  #beginAnew(): void {
    for (const open of [...this.#open]) {
      if (open.number === null) continue
      this.#open.delete(open)
      open.stopListening()
      open.wish?.reject(this.#unknown('forgot this process, which was away for long,'))
    }
    this.#opening += 1
    this.#born = 0
    this.#lastCall = 0
  }

  // What the group delivers

  apply(op: unknown, info: OpInfo): boolean {
    const outcome = this.sessions.apply(op, info.author)
    if (outcome === 'malformed') return false
    if (info.author === this.port.self) {
      if (outcome === 'forgotten') this.#beginAnew()
      else this.#maybeStrays ||= !this.#isAboutOpen(op as readonly unknown[])
    }
    this.#changes.mark()
    return true
  }

  view(view: GroupView): void {
    if (view.primary) this.#lastPrimary = view.members
    this.sessions.install(view)
    this.#changes.mark()
    this.#orphans.watch()
  }

  settle(): void {
    const isLoaded = this.#isLoaded
    this.#isLoaded = false
    this.#changes.flush()
    this.#rejectOutside()
    const maybeStrays = this.#maybeStrays
    this.#maybeStrays = false
    if (isLoaded || maybeStrays) this.#findStrays()
    this.#drive()
    if (maybeStrays) this.#hooks.strayed?.()
    this.#hooks.settled?.(isLoaded)
  }

  /**
   * Is that a call which is not settled here? One that is, in a line that is lost, may come after the state of the other
   * line: what was kept with it is delivered once there is a primary component (seed 400209).
   */
  #isAboutOpen([kind, opening, , , , , call]: readonly unknown[]): boolean {
    if (kind === SESSION_OP.expire) return true
    if (opening !== this.#opening) return false
    for (const { number } of this.#open) if (number === call) return true
    return false
  }

  /** What waits in a state that was taken over, and was settled here. */
  #findStrays(): void {
    const known = new Set([...this.#open].map(({ number }) => number))
    for (const number of this.sessions.waitingOf(this.port.self, this.#opening)) {
      if (known.has(number)) continue
      this.#open.add({
        body: null,
        options: {},
        wish: null,
        number,
        underWay: null,
        isStray: true,
        isResting: false,
        casts: 0,
        refusal: null,
        stopListening: () => undefined,
      })
    }
  }

  save(): unknown {
    return this.sessions.save()
  }

  load(saved: unknown): void {
    this.sessions.load(saved)
    this.#isLoaded = true
    this.#changes.mark()
    this.#orphans.watch()
  }

  // The end

  /** The group is being left: what it was asked for has come to nothing, or nobody will know. */
  stop(): void {
    if (this.#isStopped) return
    this.#isStopped = true
    this.#orphans.stop()
    this.#cancelRetry?.()
    for (const { wish, number, stopListening } of this.#open) {
      stopListening()
      wish?.reject(number === null ? this.#closedError() : this.#unknown('was closed'))
    }
    this.#open.clear()
  }
}

/** What is under way of it is passed over, if it is still sent: it is cast again behind the one that it waits for. */
function withdraw(open: Open): void {
  open.underWay?.abort()
  open.underWay = null
}

function epochOf(view: GroupView | null): number {
  return view === null ? 0 : Number.parseInt(view.id, 10)
}
