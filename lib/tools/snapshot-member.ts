/**
 * A process's part in snapshots: it comes to rest with all others at one cut, records, and goes on.
 *
 * Protocol, in one causal group that all processes of the space are in:
 * - `begin` names the attempt. Whoever gets it casts `mark`, and from then on holds back what it casts.
 * - A cast of this group is delivered after everything that happened before it, in all groups. So whoever has got the marks
 *   of all members has got all that anybody cast before its mark, and nothing that came after, since that is held back. At
 *   this very point of its deliveries it records, and casts `got`.
 * - Once all have recorded, each lets go what it held back. Fifo casts wait for nothing, and could come too early otherwise.
 *
 * Of two attempts at once the one of the more senior taker goes first: who is in the other one gives that up, unless it has
 * recorded, and takes part in this one; if it has, it does so when that is over, which it soon is. So whatever the number of
 * those who ask, one of them gets it, and then the next.
 *
 * Nobody waits for long: whoever has not got all marks after {@link HOLD_MS} says `void` and goes on. Whoever gets that
 * before it has recorded does not record; what has been recorded stands. A view of the group ends the attempt as well: those
 * who come along have got the same marks. And nothing rests on any of this alone: a state is recorded only if it covers no
 * cast from after its sender's mark.
 *
 * Source: Chandy, Lamport 1985; with a causal broadcast in the place of fifo channels: Acharya, Badrinath 1992. Differs:
 * senders hold back instead of receivers recording channels, so that the channels are empty and total orders are not torn.
 */
import type { CastFate, GroupPort, GroupView, OpInfo, Replica } from '../objects/replica.ts'
import type { HeldCasts, SnapshotHost } from './snapshot-host.ts'
import { type Recording, record } from './snapshot-store.ts'

/** Casts wait for at most so long. */
const HOLD_MS = 1_500
/** Attempts that have ended are known for as long as nobody has seen so many others. */
const ENDED_MAX = 64

/** What became of an attempt, here. `passed`: that of somebody more senior goes first. */
export type AttemptEnd = 'recorded' | 'torn' | 'void' | 'passed'

/** Who hears of the attempts. */
export interface AttemptListener {
  /** The attempt of that name, of who takes the snapshot, has come to this here; `recording` if it was recorded. */
  ended(id: string, taker: string, end: AttemptEnd, recording: Recording | null): void
  /** A member has given it up. */
  voided(id: string, by: string): void
  /** The group has another view. */
  viewed(): void
  /** This process is in no attempt any more. */
  idle(): void
}

/** One that begins when the one before it is over. */
interface NextAttempt {
  readonly id: string
  readonly taker: string
  readonly marks: Map<string, number>
}

interface Attempt {
  readonly id: string
  readonly taker: string
  readonly held: HeldCasts
  readonly members: readonly string[]
  /** By member, the number of the cast that is its mark. */
  readonly marks: Map<string, number>
  readonly got: Set<string>
  isRecorded: boolean
  readonly stopTimer: () => void
}

/** The member's half; the replica of the group. */
export class SnapshotMember implements Replica {
  readonly #port: GroupPort
  readonly #host: SnapshotHost
  readonly #listener: AttemptListener
  #attempt: Attempt | null = null
  #next: NextAttempt | null = null
  /** Attempts that are over here. */
  readonly #ended = new Set<string>()

  constructor(port: GroupPort, host: SnapshotHost, listener: AttemptListener) {
    this.#port = port
    this.#host = host
    this.#listener = listener
  }

  /** Is this process at rest, or about to be, for somebody's snapshot? */
  get isBusy(): boolean {
    return this.#attempt !== null
  }

  apply(op: unknown, info: OpInfo): boolean {
    // What ends a hold in which there was nothing to say.
    if (op === null) return true
    if (!Array.isArray(op) || typeof op[1] !== 'string') return false
    const [what, id] = op as [unknown, string, ...unknown[]]
    switch (what) {
      case 'begin':
        if (op.length !== 3) return false
        this.#begin(id, op[2] === info.view, info)
        return true
      case 'mark':
        this.#mark(id, info)
        return true
      case 'got':
        this.#got(id, info.author)
        return true
      case 'void':
        this.#void(id, info.author)
        return true
      default:
        return false
    }
  }

  /** The attempt is of the view in which it was begun: its members were all processes of the space then. */
  #begin(id: string, isOfView: boolean, { author, local }: OpInfo): void {
    const attempt = this.#attempt
    const begun = { id, taker: author, marks: new Map<string, number>() }
    if (isOfView && attempt !== null) {
      if (!this.#goesFirst(author, attempt.taker)) {
        if (local) this.#listener.ended(id, author, 'passed', null)
        return
      }
      if (attempt.isRecorded) {
        this.#next = begun
        return
      }
      this.#give(attempt.id, 'passed')
    }
    if (isOfView) this.#start(begun)
    else if (local) this.#listener.ended(id, author, 'void', null)
  }

  /** Of the same taker the later one: it has given up the other. */
  #goesFirst(taker: string, other: string): boolean {
    const members = this.#port.view?.members ?? []
    return members.indexOf(taker) <= members.indexOf(other)
  }

  #start({ id, taker, marks }: NextAttempt): void {
    const members = this.#port.view?.members ?? []
    const held = this.#host.hold(this.#port.name, ['mark', id])
    if (held === null) {
      if (taker === this.#port.self) this.#listener.ended(id, taker, 'void', null)
      return
    }
    const stopTimer = this.#port.after(this.#host.holdMs ?? HOLD_MS, () => this.#give(id))
    const got = new Set<string>()
    this.#attempt = { id, taker, held, members, marks, got, isRecorded: false, stopTimer }
  }

  #mark(id: string, { author, n }: OpInfo): void {
    if (this.#next?.id === id) this.#next.marks.set(author, n)
    const attempt = this.#attempt
    if (attempt?.id !== id) return
    attempt.marks.set(author, n)
    if (!attempt.isRecorded && attempt.members.every((member) => attempt.marks.has(member))) this.#record(attempt)
  }

  #record(attempt: Attempt): void {
    const { id, taker, marks, held } = attempt
    const groups = this.#host.groups()
    const isTorn = groups.some(({ cut }) => [...cut].some(([author, n]) => n > (marks.get(author) ?? n)))
    if (isTorn) {
      held.cast(['void', id])
      this.#end(attempt, 'torn')
      return
    }
    attempt.isRecorded = true
    const recording = record(groups, this.#port.self, taker)
    for (const { name, cut } of groups) {
      if (recording.states.has(name)) this.#host.recorded?.({ id, group: name, cut, marks })
    }
    held.cast(['got', id])
    this.#listener.ended(id, taker, 'recorded', recording)
  }

  #got(id: string, author: string): void {
    const attempt = this.#attempt
    if (attempt?.id !== id) return
    attempt.got.add(author)
    if (attempt.members.every((member) => attempt.got.has(member))) this.#end(attempt, null)
  }

  #void(id: string, author: string): void {
    this.#listener.voided(id, author)
    if (this.#next?.id === id) this.#next = null
    if (this.#attempt?.id === id) this.#give(id)
  }

  /** Gives an attempt up, unless it is over: what was recorded stands, and nobody is waited for. */
  #give(id: string, end: AttemptEnd = 'void'): void {
    const attempt = this.#attempt
    if (attempt?.id !== id) return
    attempt.held.cast(['void', id])
    this.#end(attempt, attempt.isRecorded ? null : end)
  }

  /** Whoever asked for the snapshot does not want it any more. */
  giveUp(id: string): void {
    this.#give(id)
  }

  #end(attempt: Attempt, end: AttemptEnd | null): void {
    this.#attempt = null
    attempt.stopTimer()
    this.#ended.add(attempt.id)
    const [oldest] = this.#ended
    if (this.#ended.size > ENDED_MAX && oldest !== undefined) this.#ended.delete(oldest)
    attempt.held.release()
    if (end !== null) this.#listener.ended(attempt.id, attempt.taker, end, null)
    const next = this.#next
    this.#next = null
    if (next === null) this.#listener.idle()
    else this.#start(next)
  }

  view(_view: GroupView): void {
    this.#next = null
    if (this.#attempt !== null) this.#give(this.#attempt.id)
    this.#listener.viewed()
  }

  /** The own `begin` may not have come to anything. */
  lost(_n: number, _fate: CastFate): void {
    this.#listener.viewed()
  }

  settle(): void {
    // There is nothing to show.
  }

  save(): unknown {
    return null
  }

  load(): void {
    // There is no state.
  }

  /** Nothing follows. */
  stop(): void {
    this.#next = null
    if (this.#attempt !== null) this.#give(this.#attempt.id)
  }
}
