/**
 * Leaders: for each name at most one process of the space leads, and runs what only one may.
 *
 * That there is no second one is agreed on (`leader-machine.ts`), not read off the view: a process that was cut off or
 * frozen has a view as well. Its lease ends before the others give its leadership to the next.
 */

import { BusyError, ClosedError, StaleTokenError, UnknownOutcomeError } from '../errors.ts'
import { checkFunction } from '../objects/check-function.ts'
import { ChangeEvent, ObjectTarget } from '../objects/events.ts'
import { MachineReplica } from '../objects/machine-replica.ts'
import type { GroupPort, ObjectKind, Replica } from '../objects/replica.ts'
import { StraySweep } from '../objects/stray-sweep.ts'
import type { Token } from '../objects/token.ts'
import { checkKey } from './keys.ts'
import { LEADER_OP, LeaderMachine } from './leader-machine.ts'
import { type Term, Terms } from './terms.ts'

/**
 * How long a leader may act on what it last heard, in ms: a little longer than it takes to be suspected, for then the others
 * need not wait much longer than they must to replace one that has crashed.
 */
const LEASE_MS = 3_500

/** What a leader is told. */
export interface LeaderContext {
  /** Aborts when the leadership is lost, or may be: stop the work. Its reason is a StaleTokenError, a ClosedError, or the caller's. */
  readonly signal: AbortSignal
  /** Higher than that of every leader before it in this line; present it with every write to a guarded resource. */
  readonly token: Token
}

/** How to stand for leader. */
export interface LeaderOptions {
  /** Stands no longer, and aborts the signal of the work, if it is under way. */
  readonly signal?: AbortSignal
}

/** Who leads under a name, as this process knows it. */
export interface LeaderState {
  /** The leader's id; null if there is none, or nobody can tell: outside the primary component. */
  readonly leader: string | null
  /** Of its grant. */
  readonly token: Token | null
}

/** Another one leads, or nobody does. */
export interface LeaderChange extends LeaderState {
  /** The new leader. */
  readonly author: string | null
  /** True if this process leads now. */
  readonly local: boolean
}

/** The events of a {@link Leadership}. */
export interface LeadershipEvents {
  readonly change: ChangeEvent<LeaderChange>
}

const NOBODY: LeaderState = Object.freeze({ leader: null, token: null })

/** Who leads under one name: to look at, to follow, and to stand for. Costs nothing to keep, and needs no closing. */
export class Leadership extends ObjectTarget<LeadershipEvents> {
  readonly name: string
  readonly #leaders: Leaders
  #state: LeaderState = NOBODY

  /** Use `space.leaderOf`. */
  constructor(name: string, leaders: Leaders) {
    super()
    this.name = name
    this.#leaders = leaders
    this.#state = leaders.stateOf(name)
  }

  /** The leader's id; null if there is none, or nobody can tell. A leader that has vanished is one until its lease is over. */
  get leader(): string | null {
    return this.#state.leader
  }

  /** The leader and its token; the same object until another leads. */
  get snapshot(): LeaderState {
    return this.#state
  }

  /** Runs `fn` once this process leads, as `space.whenLeader` does. */
  whenLeader<Result>(
    fn: (context: LeaderContext) => Result | PromiseLike<Result>,
    options: LeaderOptions = {},
  ): Promise<Result> {
    return this.#leaders.whenLeader(this.name, fn, options)
  }

  /** @internal Something may have changed. */
  update(self: string): void {
    const state = this.#leaders.stateOf(this.name)
    if (state.leader === this.#state.leader && String(state.token) === String(this.#state.token)) return
    this.#state = state
    const { leader } = state
    this.dispatchEvent(new ChangeEvent([{ ...state, author: leader, local: leader === self }]))
  }
}

/** All leaders of a space, as one process sees them. */
export class Leaders {
  readonly #port: GroupPort
  readonly #machine = new LeaderMachine()
  readonly #replica: MachineReplica<LeaderMachine>
  readonly #terms: Terms
  readonly #sweep: StraySweep
  readonly #watched = new Map<string, Leadership>()
  /** The tokens that this process knows to have, and has not given back. */
  readonly #inHand = new Set<string>()
  #isEnded = false

  /** Made by {@link leadersKind}. */
  constructor(port: GroupPort, leaseMs: number) {
    this.#port = port
    this.#sweep = new StraySweep(port, { find: () => this.#strays() })
    const settings = { what: 'leaders', whenNotPrimary: 'wait', leaseMs } as const
    this.#replica = new MachineReplica(port, this.#machine, settings, {
      toError: (_code, message) => new StaleTokenError(message),
      unwanted: (body, value) => {
        const [kind, name] = body as [number, string]
        if (kind === LEADER_OP.stand) this.#resign(name, value as Token)
      },
      strayed: () => this.#sweep.soon(),
      settled: (isLoaded) => {
        if (isLoaded) this.#sweep.soon()
        this.#settled()
      },
    })
    this.#terms = new Terms(
      port,
      { leaseMs, what: 'the leadership' },
      {
        isGranted: (name, token) => this.#isLed(name, token),
        isInForce: () => this.#replica.sessions.isActingIn(port.view),
      },
    )
  }

  /** For the space to drive. */
  get replica(): Replica {
    return this.#replica
  }

  /** The handle of one name. */
  leaderOf(name: string): Leadership {
    checkKey('the name of a leader', name)
    const known = this.#watched.get(name)
    if (known !== undefined) return known
    const watched = new Leadership(name, this)
    this.#watched.set(name, watched)
    return watched
  }

  /** Who leads, if this process can tell. */
  stateOf(name: string): LeaderState {
    if (this.#isEnded || !this.#replica.sessions.isActingIn(this.#port.view)) return NOBODY
    const incumbent = this.#machine.leaderOf(name)
    return incumbent === null ? NOBODY : Object.freeze({ leader: incumbent.process, token: incumbent.token })
  }

  /** See `space.whenLeader`. */
  async whenLeader<Result>(
    name: string,
    fn: (context: LeaderContext) => Result | PromiseLike<Result>,
    { signal }: LeaderOptions,
  ): Promise<Result> {
    checkKey('the name of a leader', name)
    checkFunction('what a leader runs', fn)
    const term = await this.#stand(name, signal)
    const onAbort = (): void => term.abort(signal?.reason)
    signal?.addEventListener('abort', onAbort)
    try {
      const result = await fn({ signal: term.signal, token: term.token })
      signal?.throwIfAborted()
      return result
    } catch (error) {
      signal?.throwIfAborted()
      throw error
    } finally {
      // Only now: nobody else may lead while the work goes on here.
      signal?.removeEventListener('abort', onAbort)
      this.#terms.end(term)
      this.#resign(name, term.token)
    }
  }

  /** Resolves when this process leads. */
  async #stand(name: string, signal: AbortSignal | undefined): Promise<Term> {
    for (;;) {
      let since = this.#port.now()
      const sent = (now: number): void => {
        since = now
      }
      let token: Token
      try {
        token = (await this.#replica.call([LEADER_OP.stand, name], { signal, sent })) as Token
      } catch (error) {
        // Forgotten while it was away, with all that it held: it stands again.
        if (error instanceof UnknownOutcomeError && !this.#isEnded) continue
        throw this.#isEnded ? this.#closedError() : error
      }
      this.#inHand.add(String(token))
      const term = await this.#terms.begin({ key: name, token, since }, signal)
      if (term !== null && !signal?.aborted) return term
      if (term !== null) this.#terms.end(term)
      this.#resign(name, token)
      signal?.throwIfAborted()
      if (this.#isEnded) throw this.#closedError()
    }
  }

  /** Makes room for the next, if this process still leads; it need not be waited for. */
  #resign(name: string, token: Token): void {
    this.#inHand.delete(String(token))
    if (this.#isEnded || !this.#isLed(name, token)) return
    this.#replica.call([LEADER_OP.resign, name, [...token]], { isPatient: true }).catch((error: unknown) => {
      if (error instanceof BusyError) void this.#terms.pause().then(() => this.#resign(name, token))
    })
  }

  /** Where a state that was taken over says that this process leads, and nobody here knows of it. */
  #strays(): Map<string, () => void> {
    const unknown = [...this.#machine.ledBy(this.#port.self)].filter(([, token]) => !this.#inHand.has(String(token)))
    return new Map(unknown.map(([name, token]) => [String(token), () => this.#resign(name, token)]))
  }

  #isLed(name: string, [line, view, n]: Token): boolean {
    const incumbent = this.#machine.leaderOf(name)
    if (incumbent?.process !== this.#port.self) return false
    return incumbent.token[0] === line && incumbent.token[1] === view && incumbent.token[2] === n
  }

  #settled(): void {
    this.#terms.settled()
    for (const watched of this.#watched.values()) watched.update(this.#port.self)
  }

  #closedError(): ClosedError {
    return new ClosedError('the space is closed: nobody stands for leader here any more')
  }

  /** @internal The group has ended. */
  handleEnd(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#terms.stop(this.#closedError())
    this.#sweep.stop()
    this.#replica.stop()
    for (const watched of this.#watched.values()) watched.update(this.#port.self)
  }
}

/** How the group of the leaders is opened. */
export interface LeadersOptions {
  /** How long a leader may act on what it last heard, in ms. The same at every member. */
  readonly leaseMs?: number
}

/** Opened by the space itself, once, under a name of its own. */
export const leadersKind: ObjectKind<Leaders, LeadersOptions> = {
  kind: 'leaders',
  order: 'total',
  uniform: true,
  consistency: 'consistent',
  create(port, { leaseMs = LEASE_MS }) {
    const handle = new Leaders(port, leaseMs)
    return { replica: handle.replica, handle }
  },
}
