/**
 * Ballots: the members present when one is opened vote, and all report one decision.
 *
 * What is decided is for `ballot-machine.ts`. Clocks and the space's views only tell a member when to say that the time is
 * over, or who is gone: the most senior member says it, the next one a little later if it has not been said.
 */
import { BusyError, ClosedError, GroupMismatchError, UnknownOutcomeError, UsageError } from '../errors.ts'
import { ChangeEvent, ObjectTarget } from '../objects/events.ts'
import { MachineReplica } from '../objects/machine-replica.ts'
import type { GroupPort, ObjectKind, Replica } from '../objects/replica.ts'
import { VoteError } from '../tool-errors.ts'
import { BALLOT_OP, BallotMachine, type BallotRule, type BallotState, isElectorate, isTerms } from './ballot-machine.ts'
import { checkKey } from './keys.ts'
import { RETRY_MS } from './terms.ts'

/** For how long a member waits for the one before it to say what is due, in ms. */
const BACKUP_MS = 200
/** Members that have gone, of whom is remembered that they have, at most. */
const GONE_MAX = 4_096
/** Ballots need none; the time after which who has vanished holds nothing any more, in ms. */
const LEASE_MS = 10_000

/** What is voted on, and how. The first who opens a ballot sets it; all who name terms must name the same. */
export interface BallotTerms<Choice extends string = string> {
  /** At most 1,024 characters. */
  readonly question?: string
  /** 1 to 100 different ones, of 1 to 256 characters. */
  readonly choices: readonly Choice[]
  /** What a choice needs. Default `majority`: more than half of the electorate. */
  readonly rule?: BallotRule
  /** After how long the ballot ends without a choice, if it is not decided, in ms. Default: never. */
  readonly deadlineMs?: number
  /** The ids of those who may vote, 1 to 1,024. Default: the members of the space's view at whoever opens it first, without witnesses. */
  readonly electorate?: readonly string[]
}

/** How to open a ballot, or to vote. */
export interface BallotOptions {
  /** Gives up waiting. A vote that was sent may count all the same. */
  readonly signal?: AbortSignal
}

/** What all members agreed on. */
export interface Decision<Choice extends string = string> {
  /** The choice that won; null: none did, or can any more. */
  readonly outcome: Choice | null
  /** Who voted for what, up to the decision. */
  readonly votes: Readonly<Record<string, Choice>>
  /** The view in which it was decided. */
  readonly view: string
}

/** How a ballot stands. */
export interface BallotSnapshot<Choice extends string = string> {
  readonly votes: Readonly<Record<string, Choice>>
  /** Null as long as it is open. */
  readonly decision: Decision<Choice> | null
}

/** The events of a ballot. */
export interface BallotEvents {
  /** A vote has come, or the decision: look at the ballot. */
  readonly change: ChangeEvent<never>
}

/** A ballot as the application holds it. It needs no closing. */
export class Ballot<Choice extends string = string> extends ObjectTarget<BallotEvents> {
  readonly name: string
  readonly question: string
  readonly choices: readonly Choice[]
  readonly rule: BallotRule
  /** In ms; null: none. */
  readonly deadlineMs: number | null
  /** The ids of those who may vote. */
  readonly electorate: readonly string[]
  readonly #ballots: Ballots
  readonly #id: string
  #isLost = false
  #snapshot: BallotSnapshot<Choice>
  #promised: { readonly resolve: (decision: Decision<Choice>) => void; readonly reject: (error: Error) => void } | null
  #decision: Promise<Decision<Choice>> | null = null
  #error: Error | null = null

  /** Use `space.ballot`. */
  constructor(name: string, state: BallotState, ballots: Ballots) {
    super()
    this.name = name
    this.question = state.question
    this.choices = Object.freeze([...state.choices]) as readonly Choice[]
    this.rule = state.rule
    this.deadlineMs = state.deadlineMs
    this.electorate = Object.freeze([...state.electorate])
    this.#ballots = ballots
    this.#id = state.id
    this.#snapshot = toSnapshot(state)
    this.#promised = null
  }

  /** Who has voted for what so far, and the decision; the same object until something changes. */
  get snapshot(): BallotSnapshot<Choice> {
    return this.#snapshot
  }

  /**
   * Resolves when it is decided, with the same decision at all members. Rejects with ClosedError; UnknownOutcomeError: the line
   * that the ballot was in is lost, and no decision was known here. The ballot of that name in the other line is to be opened
   * anew.
   */
  get decision(): Promise<Decision<Choice>> {
    this.#decision ??= new Promise((resolve, reject) => {
      this.#promised = { resolve, reject }
      this.#settle()
    })
    return this.#decision
  }

  /**
   * Votes, once and for good. Resolves when every member holds the vote; outside the primary component it waits.
   * Rejects with UsageError (not one of the choices), VoteError (`decided`, `voted`, or `no-vote`), BusyError, ClosedError,
   * UnknownOutcomeError (closed meanwhile, or back after an absence of which the others have forgotten, or the line that the
   * ballot was in is lost: it counts in no other one's), or the signal's reason.
   */
  async vote(choice: Choice, options: BallotOptions = {}): Promise<void> {
    if (!this.choices.includes(choice)) {
      throw new UsageError(`ballot "${this.name}" has no such choice; there are ${this.choices.length}`)
    }
    if (this.#isLost) throw this.#lostError()
    try {
      await this.#ballots.vote([BALLOT_OP.vote, this.name, this.#id, choice], options)
    } catch (error) {
      if (!(error instanceof NoBallotError)) throw error
      // One that was decided long ago may be forgotten by now.
      if (this.#isLost || this.#snapshot.decision === null) throw this.#lostError()
      throw new VoteError('the ballot is decided', 'decided')
    }
  }

  #lostError(): UnknownOutcomeError {
    return new UnknownOutcomeError(`ballot "${this.name}" is not of this line`)
  }

  /** @internal Is it this one, as far as is known here? In a line that goes on apart, it may come to another decision. */
  isOf(state: BallotState): boolean {
    const { decision } = this.#snapshot
    if (state.id !== this.#id) return false
    return decision === null || (decision.outcome === state.outcome?.choice && decision.view === state.outcome.view)
  }

  /** @internal It is that of a line that is lost. What was decided there stays told; that may be another decision than here. */
  lose(): void {
    this.#isLost = true
    this.fail(this.#lostError())
  }

  /** @internal Something may have changed. */
  update(state: BallotState): void {
    if (this.#snapshot.decision !== null || (state.outcome === null && isSame(state.votes, this.#snapshot.votes)))
      return
    this.#snapshot = toSnapshot(state)
    this.#settle()
    this.dispatchEvent(new ChangeEvent([]))
  }

  /** @internal There will be no decision here. */
  fail(error: Error): void {
    this.#error ??= error
    this.#settle()
  }

  #settle(): void {
    const { decision } = this.#snapshot
    if (decision !== null) this.#promised?.resolve(decision)
    else if (this.#error !== null) this.#promised?.reject(this.#error)
  }
}

function toSnapshot<Choice extends string>({ votes, outcome }: BallotState): BallotSnapshot<Choice> {
  const cast = Object.freeze(Object.fromEntries(votes)) as Readonly<Record<string, Choice>>
  if (outcome === null) return Object.freeze({ votes: cast, decision: null })
  const { choice, view } = outcome
  return Object.freeze({
    votes: cast,
    decision: Object.freeze({ outcome: choice as Choice | null, votes: cast, view }),
  })
}

/** Are they the same votes? */
function isSame(votes: ReadonlyMap<string, string>, known: Readonly<Record<string, string>>): boolean {
  return votes.size === Object.keys(known).length && [...votes].every(([voter, choice]) => known[voter] === choice)
}

/** The machine knows of no such ballot. */
class NoBallotError extends Error {}

/** What ballots need of the space. */
export interface BallotSurroundings {
  /** The ids of the members that can vote now. */
  electorate(): readonly string[]
  /** Calls `fn` with those who leave or are proven dead. */
  follow(fn: (gone: readonly string[]) => void): void
}

/** What this process has yet to say of an open ballot. */
interface Clock {
  /** When it was first seen here. */
  readonly since: number
  isClosed: boolean
  /** When somebody in it was first known to be gone. */
  goneSince: number | null
  readonly told: Set<string>
}

/** All ballots of a space, as one process sees them. */
export class Ballots {
  readonly #port: GroupPort
  readonly #surroundings: BallotSurroundings
  readonly #machine = new BallotMachine()
  readonly #replica: MachineReplica<BallotMachine>
  readonly #handles = new Map<string, Ballot>()
  readonly #waiting = new Set<() => void>()
  readonly #gone = new Set<string>()
  /** By the id of the ballot. */
  readonly #clocks = new Map<string, Clock>()
  /** The state was replaced, and has not been in force since. */
  #isReplaced = false
  #cancelWatch: (() => void) | null = null
  #isEnded = false

  /** Made by {@link ballotsKind}. */
  constructor(port: GroupPort, surroundings: BallotSurroundings) {
    this.#port = port
    this.#surroundings = surroundings
    const settings = { what: 'ballots', whenNotPrimary: 'wait', leaseMs: LEASE_MS } as const
    this.#replica = new MachineReplica(port, this.#machine, settings, {
      toError,
      settled: (isLoaded) => this.#settled(isLoaded),
    })
    surroundings.follow((gone) => this.#note(gone))
  }

  /** For the space to drive. */
  get replica(): Replica {
    return this.#replica
  }

  /** See `space.ballot`. */
  async open(name: string, terms: BallotTerms | undefined, { signal }: BallotOptions): Promise<Ballot> {
    checkKey('the name of a ballot', name)
    const op = terms === undefined ? null : this.#toOp(name, terms)
    for (;;) {
      if (op === null) await this.#untilOpen(name, signal)
      else await this.#replica.call(op, { signal })
      const state = this.#machine.ballot(name)
      if (state !== null) return this.#handle(name, state)
    }
  }

  #toOp(name: string, given: BallotTerms): unknown {
    // Whoever writes JavaScript may leave out what there must be, or give what is no list.
    const { question = '', choices, rule = 'majority', deadlineMs, electorate } = (given ?? {}) as Partial<BallotTerms>
    const voters = electorate ?? this.#surroundings.electorate()
    if (!isElectorate(voters)) throw new UsageError('electorate: 1 to 1,024 different ids of processes')
    const terms = { question, choices, rule, deadlineMs: deadlineMs ?? null }
    if (!isTerms(terms)) {
      throw new UsageError(
        "a ballot has a question of at most 1,024 characters, 1 to 100 different choices, a rule ('majority', 'unanimity', " +
          '{ quorum: n }) and a deadlineMs that is a whole number, or none',
      )
    }
    if (typeof rule !== 'string' && rule.quorum > voters.length) {
      throw new UsageError(`rule: a quorum of ${rule.quorum} among ${voters.length}`)
    }
    return [BALLOT_OP.open, name, terms.question, [...terms.choices], terms.rule, terms.deadlineMs, [...voters]]
  }

  #handle(name: string, state: BallotState): Ballot {
    const known = this.#handles.get(name)
    if (known?.isOf(state)) return known
    known?.lose()
    const handle = new Ballot(name, state, this)
    this.#handles.set(name, handle)
    return handle
  }

  /** See `Ballot.vote`. */
  async vote(body: unknown, { signal }: BallotOptions): Promise<void> {
    await this.#replica.call(body, { signal })
  }

  /** Resolves when somebody has opened it. */
  #untilOpen(name: string, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const isOpen = this.#machine.ballot(name) !== null
        if (!isOpen && !this.#isEnded && signal?.aborted !== true) return
        this.#waiting.delete(look)
        signal?.removeEventListener('abort', look)
        if (signal?.aborted) reject(signal.reason)
        else if (isOpen) resolve()
        else reject(closedError())
      }
      this.#waiting.add(look)
      signal?.addEventListener('abort', look)
      look()
    })
  }

  #settled(isLoaded: boolean): void {
    this.#isReplaced ||= isLoaded
    const isActing = this.#replica.sessions.isActingIn(this.#port.view)
    for (const [name, handle] of this.#handles) {
      const state = this.#machine.ballot(name)
      if (state !== null && handle.isOf(state)) {
        handle.update(state)
        continue
      }
      // Of a state that is taken over the end may come only with the primary component.
      if (!isActing) continue
      this.#handles.delete(name)
      // The oldest that are decided are forgotten.
      if (state !== null || this.#isReplaced || handle.snapshot.decision === null) handle.lose()
    }
    if (isActing) this.#isReplaced = false
    for (const look of [...this.#waiting]) look()
    this.#watch()
  }

  #note(gone: readonly string[]): void {
    for (const process of gone) this.#gone.add(process)
    for (const process of this.#gone) {
      if (this.#gone.size <= GONE_MAX) break
      this.#gone.delete(process)
    }
    this.#watch()
  }

  /** Says what is due, and looks again when something will be. */
  #watch(): void {
    this.#cancelWatch?.()
    this.#cancelWatch = null
    const ballots = this.#isEnded ? [] : this.#machine.undecided()
    const ids = new Set(ballots.map(([, { id }]) => id))
    for (const id of this.#clocks.keys()) if (!ids.has(id)) this.#clocks.delete(id)
    const { view, self } = this.#port
    const rank = view?.members.indexOf(self) ?? -1
    if (rank < 0) return
    const next = Math.min(...ballots.map(([name, ballot]) => this.#sayWhatIsDue(name, ballot, rank * BACKUP_MS)))
    if (next === Number.POSITIVE_INFINITY) return
    this.#cancelWatch = this.#port.after(next - this.#port.now(), () => this.#watch())
  }

  /** Returns when there is something to say next. */
  #sayWhatIsDue(name: string, ballot: BallotState, patience: number): number {
    const { id } = ballot
    const now = this.#port.now()
    const clock = this.#clocks.get(id) ?? { since: now, isClosed: false, goneSince: null, told: new Set() }
    this.#clocks.set(id, clock)
    let next = Number.POSITIVE_INFINITY
    if (ballot.deadlineMs !== null && !clock.isClosed) {
      const due = clock.since + ballot.deadlineMs + patience
      if (due > now) next = due
      else {
        clock.isClosed = true
        this.#say([BALLOT_OP.close, name, id], () => {
          clock.isClosed = false
        })
      }
    }
    const news = ballot.electorate.filter(
      (each) => this.#gone.has(each) && !ballot.gone.has(each) && !ballot.votes.has(each) && !clock.told.has(each),
    )
    if (news.length === 0) return next
    clock.goneSince ??= now
    const due = clock.goneSince + patience
    if (due > now) return Math.min(next, due)
    for (const each of news) clock.told.add(each)
    this.#say([BALLOT_OP.gone, name, id, news], () => {
      for (const each of news) clock.told.delete(each)
    })
    return next
  }

  /** It need not be waited for; if it cannot be said now, it is due again. */
  #say(body: unknown, undo: () => void): void {
    this.#replica.call(body, { isPatient: true }).catch(() => {
      undo()
      if (!this.#isEnded) this.#port.after(RETRY_MS, () => this.#watch())
    })
  }

  /** @internal The group has ended. */
  handleEnd(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#replica.stop()
    this.#watch()
    for (const look of [...this.#waiting]) look()
    for (const handle of this.#handles.values()) handle.fail(closedError())
  }
}

function closedError(): ClosedError {
  return new ClosedError('the space is closed')
}

function toError(code: string, message: string): Error {
  if (code === 'group-mismatch') return new GroupMismatchError(message)
  if (code === 'unknown') return new NoBallotError(message)
  if (code === 'decided' || code === 'voted' || code === 'no-vote') return new VoteError(message, code)
  return new BusyError(message)
}

/** Opened by the space itself, once, under a name of its own. */
export const ballotsKind: ObjectKind<Ballots, BallotSurroundings> = {
  kind: 'ballots',
  order: 'total',
  uniform: true,
  consistency: 'consistent',
  create(port, surroundings) {
    const handle = new Ballots(port, surroundings)
    return { replica: handle.replica, handle }
  },
}
