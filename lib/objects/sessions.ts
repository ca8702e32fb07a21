/**
 * The delivered state of an object whose requests take effect exactly once: a machine, and for each process the requests
 * that it made and has not yet forgotten, with their answers.
 *
 * Requests are numbered, and may come any number of times: whoever is not sure asks again. A number that has been seen
 * changes nothing, one that comes too early (those before it are lost) is passed over, since its process asks for all of
 * them again. Each request says up to which number its process has seen the answers, which are dropped, but for those
 * that it still waits for, which may be few and for long.
 *
 * Of a process that is out of reach, what waits is dropped (it asks again), and what it holds is released by an `expire`
 * once its lease must have run out. Its answers are kept, but for at most {@link ABSENT_MAX} processes: who comes back
 * after that is told that it is forgotten, for nobody knows which of its requests took effect.
 *
 * Source: Liskov, Cowling 2012 (the client table of viewstamped replication); Lee et al. 2015 (RIFL: completion records).
 */
import { assertState, isAuthor, isCount, isTotal } from './checks.ts'
import type { GroupView } from './replica.ts'
import { type Answer, CANCELLED, type Caller, type Machine, type MachineContext } from './state-machine.ts'
import type { Token } from './token.ts'

/** The operations, by their first element. */
export const SESSION_OP = { request: 0, cancel: 1, expire: 2 } as const

/** Requests of one process that are not settled, at most: what it asks beyond is passed over, and asked again. */
export const CALLS_MAX = 1_024
/** Processes out of reach whose answers are kept, at most. */
export const ABSENT_MAX = 1_024

/** What a request has come to: answered, `waits`, or null: not known here. */
export type CallRecord = Answer | 'waits' | null

interface Session {
  /** The opening of the object at its process: a higher one has nothing to do with it. */
  readonly opening: number
  /** The epoch of the view in which its process began it. */
  readonly born: number
  /** Lower numbers have counted, or are settled. */
  next: number
  /** By number; null: it waits. Those that are not in it are settled, or not yet here. */
  readonly answers: Map<number, Answer | null>
  /** Its process left or is proven dead. */
  isGone: boolean
  /** The first primary view without its process, since that was last in one; null while it is there. */
  orphanedIn: string | null
}

/** What came of an operation, for the process that cast it. */
export type Outcome = 'malformed' | 'applied' | 'forgotten'

/** One machine, and who has asked what of it. */
export class Sessions {
  readonly #machine: Machine
  readonly #context: MachineContext
  #sessions = new Map<string, Session>()
  /** Sessions that began in a view up to this epoch may have been forgotten. */
  #forgotten = 0
  /** The view in which `#n` counts tokens. */
  #view = ''
  #n = 0
  #line = ''
  #isPrimary = false
  #members: ReadonlySet<string> = new Set()
  #ranked: readonly string[] = []

  constructor(machine: Machine) {
    this.#machine = machine
    const sessions = this
    this.#context = {
      get view() {
        return sessions.#view
      },
      get line() {
        return sessions.#line
      },
      get isPrimary() {
        return sessions.#isPrimary
      },
      get members() {
        return sessions.#members
      },
      get ranked() {
        return sessions.#ranked
      },
      nextToken: () => this.#nextToken(),
      answer: (caller, answer) => this.#answer(caller, answer),
    }
  }

  /** What this call of a process has come to. */
  recordOf(process: string, opening: number, call: number): CallRecord {
    const session = this.#sessions.get(process)
    if (session === undefined || session.opening !== opening) return null
    const answer = session.answers.get(call)
    return answer === undefined ? null : (answer ?? 'waits')
  }

  /** The calls of a process that wait. */
  waitingOf(process: string, opening: number): number[] {
    const session = this.#sessions.get(process)
    if (session === undefined || session.opening !== opening) return []
    return [...session.answers].flatMap(([call, answer]) => (answer === null ? [call] : []))
  }

  /** Is that the primary view that it acts in? Not, as long as another state is to replace this one. */
  isActingIn(view: GroupView | null): boolean {
    return view !== null && this.#isPrimary && this.#view === view.id
  }

  /** Processes that hold something and are out of reach, by the view in which they came to be so. */
  orphans(): Map<string, string[]> {
    const orphans = new Map<string, string[]>()
    for (const [process, { orphanedIn }] of this.#sessions) {
      if (orphanedIn === null || this.#machine.isHolding?.(process) !== true) continue
      orphans.set(orphanedIn, [...(orphans.get(orphanedIn) ?? []), process])
    }
    return orphans
  }

  /** Applies an operation. */
  apply(op: unknown, author: string): Outcome {
    if (!Array.isArray(op)) return 'malformed'
    switch (op[0]) {
      case SESSION_OP.request:
        return op.length === 8 ? this.#take(author, op) : 'malformed'
      case SESSION_OP.cancel:
        return op.length === 7 ? this.#take(author, op) : 'malformed'
      case SESSION_OP.expire:
        return op.length === 3 ? this.#expire(author, op[1], op[2]) : 'malformed'
      default:
        return 'malformed'
    }
  }

  /**
   * `[request, opening, born, floor, waiting, before, call, body]`, or without the body: that call is taken back. Answers
   * below the floor have been seen, but for those of the calls that wait. `before`: the call before this one, 0 if there is
   * none; those between the two are settled at their process, though this state may know nothing of them, if it is that of
   * another line.
   */
  #take(process: string, [kind, opening, born, floor, waiting, before, call, body]: readonly unknown[]): Outcome {
    if (!isTotal(opening) || !isTotal(born) || !isCount(floor) || !isCount(call) || floor > call) return 'malformed'
    if (!isListBelow(waiting, floor) || !(before === 0 || isCount(before)) || before >= call) return 'malformed'
    // What somebody who is gone is granted would be released only by a view that has already been.
    if (!this.#members.has(process)) return 'applied'
    const known = this.#sessions.get(process)
    if (known !== undefined && known.opening > opening) return 'applied'
    if (known === undefined && born <= this.#forgotten) return 'forgotten'
    const session = known?.opening === opening ? known : this.#begin(process, known, { opening, born })
    const kept = new Set(waiting)
    for (const [number, answer] of session.answers) {
      if (number >= floor || kept.has(number)) continue
      // Its process has had an answer in a line that is lost, or it is of before a loss: nobody waits for this one.
      if (answer === null) this.#drop(session, { process, call: number })
      session.answers.delete(number)
    }
    const caller: Caller = { process, call }
    if (kind === SESSION_OP.cancel && session.answers.get(call) === null) this.#drop(session, caller)
    if (call < session.next || before >= session.next || session.answers.size >= CALLS_MAX) return 'applied'
    session.next = call + 1
    if (kind === SESSION_OP.cancel) {
      session.answers.set(call, CANCELLED)
      return 'applied'
    }
    // Before it is applied, so that the machine can answer it while it grants.
    session.answers.set(call, null)
    const answer = this.#machine.apply(body, caller, this.#context)
    if (answer === null) session.answers.set(call, [false, 'malformed', 'the request is malformed'])
    else if (answer !== 'waits') session.answers.set(call, answer)
    return answer === null ? 'malformed' : 'applied'
  }

  /** Whatever an earlier opening of the object wanted or held, at that process, is over. */
  #begin(process: string, known: Session | undefined, about: Pick<Session, 'opening' | 'born'>): Session {
    if (known !== undefined) this.#end(process, known)
    const session: Session = { ...about, next: 1, answers: new Map(), isGone: false, orphanedIn: null }
    this.#sessions.set(process, session)
    return session
  }

  /** A call that waits is not to be answered any more. */
  #drop(session: Session, caller: Caller): void {
    session.answers.set(caller.call, CANCELLED)
    this.#machine.cancel?.(caller, this.#context)
  }

  /** Releases what these hold, if they have been out of reach since that view. */
  #expire(author: string, processes: unknown, view: unknown): Outcome {
    if (!Array.isArray(processes) || !processes.every(isAuthor) || typeof view !== 'string') return 'malformed'
    if (!this.#members.has(author)) return 'applied'
    for (const process of processes)
      if (this.#sessions.get(process)?.orphanedIn === view) this.#machine.release?.(process, this.#context)
    return 'applied'
  }

  /**
   * Installs a view, after every operation of the one before. A state that is about to be replaced is given the view only
   * after the new state was loaded; a view that the loaded state has already seen changes nothing.
   */
  install(view: GroupView): void {
    const isSeen = this.#view === view.id
    this.#view = view.id
    this.#line = view.line ?? ''
    this.#isPrimary = view.primary
    this.#members = new Set(view.members)
    this.#ranked = view.members
    if (isSeen) return
    this.#n = 0
    // A line that goes on from what was stored counts its epochs anew, and nobody of before comes back.
    if (epochOf(view.id) < this.#forgotten) this.#forgotten = 0
    const gone = new Set([...view.left, ...view.dead])
    for (const process of [...this.#sessions.keys()].sort()) {
      const session = this.#sessions.get(process)
      if (session === undefined) continue
      session.isGone ||= gone.has(process)
      // A minority only notes who is gone: what becomes of it is for the primary component.
      if (!view.primary) continue
      if (this.#members.has(process)) session.orphanedIn = null
      else if (session.isGone) this.#end(process, session)
      else this.#orphan(process, session)
    }
    if (view.primary) {
      this.#forgetSome()
      this.#machine.viewed?.(this.#context)
    }
  }

  #end(process: string, session: Session): void {
    this.#dropWaiting(process, session)
    this.#sessions.delete(process)
    this.#machine.release?.(process, this.#context)
  }

  #orphan(process: string, session: Session): void {
    session.orphanedIn ??= this.#view
    this.#dropWaiting(process, session)
  }

  /** Its process asks again, if it comes back and still wants it. */
  #dropWaiting(process: string, session: Session): void {
    for (const [call, answer] of session.answers) if (answer === null) this.#drop(session, { process, call })
  }

  /** Those that have been out of reach for longest. */
  #forgetSome(): void {
    const absent = [...this.#sessions].filter(([, { orphanedIn }]) => orphanedIn !== null)
    if (absent.length <= ABSENT_MAX) return
    absent.sort(([a, x], [b, y]) => epochOf(x.orphanedIn) - epochOf(y.orphanedIn) || (a < b ? -1 : 1))
    for (const [process, session] of absent.slice(0, absent.length - ABSENT_MAX)) {
      this.#forgotten = Math.max(this.#forgotten, session.born)
      this.#end(process, session)
    }
  }

  #answer({ process, call }: Caller, answer: Answer): void {
    const session = this.#sessions.get(process)
    if (session?.answers.get(call) === null) session.answers.set(call, answer)
  }

  #nextToken(): Token {
    this.#n += 1
    return [this.#line, this.#view, this.#n]
  }

  /** `[forgotten, view, n, sessions, machine]`; sessions by process, answers by number. */
  save(): unknown {
    const sessions = [...this.#sessions]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([process, { opening, born, next, answers, isGone, orphanedIn }]) => {
        const kept = [...answers].map(([call, answer]) => [call, answer === null ? null : [...answer]])
        return [process, opening, born, next, kept, isGone, orphanedIn]
      })
    return [this.#forgotten, this.#view, this.#n, sessions, this.#machine.save()]
  }

  /** Reads a saved state into this one. Throws a ValueError for anything else, and has changed nothing then. */
  load(saved: unknown): void {
    assertState(Array.isArray(saved) && saved.length === 5, 'sessions')
    const [forgotten, view, n, savedSessions, machine] = saved as unknown[]
    assertState(isTotal(forgotten) && typeof view === 'string' && isTotal(n), 'sessions')
    assertState(Array.isArray(savedSessions), 'sessions')
    const sessions = new Map(savedSessions.map(readSession))
    this.#machine.load(machine)
    this.#sessions = sessions
    this.#forgotten = forgotten
    this.#view = view
    this.#n = n
  }
}

/** Numbers of calls below that one. */
function isListBelow(list: unknown, floor: number): list is readonly number[] {
  return Array.isArray(list) && list.length <= CALLS_MAX && list.every((each) => isCount(each) && each < floor)
}

function readSession(saved: unknown): [process: string, session: Session] {
  assertState(Array.isArray(saved) && saved.length === 7, 'session')
  const [process, opening, born, next, answers, isGone, orphanedIn] = saved as unknown[]
  assertState(isAuthor(process) && isTotal(opening) && isTotal(born) && isCount(next), 'session')
  assertState(Array.isArray(answers) && typeof isGone === 'boolean', 'session')
  assertState(orphanedIn === null || typeof orphanedIn === 'string', 'session')
  return [process, { opening, born, next, answers: new Map(answers.map(readAnswer)), isGone, orphanedIn }]
}

function readAnswer(saved: unknown): [call: number, answer: Answer | null] {
  assertState(Array.isArray(saved) && saved.length === 2 && isCount(saved[0]), 'answer')
  const [call, answer] = saved as [number, unknown]
  assertState(answer === null || isAnswer(answer), 'answer')
  return [call, answer]
}

function isAnswer(answer: unknown): answer is Answer {
  if (!Array.isArray(answer)) return false
  if (answer[0] === true) return answer.length === 2
  return answer[0] === false && answer.length === 3 && typeof answer[1] === 'string' && typeof answer[2] === 'string'
}

/** The epoch of a view `epoch.coordinator.n`. */
function epochOf(view: string | null): number {
  return view === null ? 0 : Number.parseInt(view, 10)
}
