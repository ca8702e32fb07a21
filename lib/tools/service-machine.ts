/**
 * A service as a state machine: the calls of its clients, who of the members runs each, and what has come of it.
 *
 * Calls are numbered by their client, and come by way of any member, any number of times, in any order. Of each that takes
 * effect there is one outcome: the first that its runner, under its present token, has brought. Until then another member
 * becomes the runner in the first primary view without it, under a higher token. The outcome is kept until the client says,
 * with a later call, that it waits for it no longer; what it has said so of never runs again.
 *
 * A state is named after the view in which it began, and calls name the one that they mean: where all who served are gone, who
 * serves next must not take for new what those may have run.
 *
 * Of a client that is out of reach outcomes are kept, since it may come back and ask again, but for at most
 * {@link ABSENT_MAX} of them. Of one that is gone for good it is kept that it is.
 *
 * Source: coordinator/cohort (Birman, Joseph 1987: the Isis toolkit); RIFL (Lee et al. 2015) for what is kept and how long.
 */
import { assertState, compareText, isAuthor, isCount, isTotal } from '../objects/checks.ts'
import type { Answer, Caller, Machine, MachineContext } from '../objects/state-machine.ts'
import { isToken, sameToken, type Token } from '../objects/token.ts'
import { readCallers, saveCallers, withoutCaller } from './callers.ts'

/** The requests, by their first element. */
export const SERVICE_OP = { call: 0, outcome: 1, absent: 2 } as const

/** Calls of one client that are not settled, at most. */
export const CLIENT_CALLS_MAX = 256
/** What a call asks, and what comes of it, in bytes of its encoding, at most: every member keeps it. */
export const CALL_BYTES_MAX = 65_536
/** Clients out of reach that are remembered, at most. */
export const ABSENT_MAX = 1_024

/** What came of a call: a value's bytes, or an error's name and message. */
export type Outcome = readonly [ok: true, bytes: Uint8Array] | readonly [ok: false, name: string, message: string]

/** A call by its client, the client's session and its number. */
export interface CallId {
  readonly client: string
  readonly opening: number
  readonly no: number
}

/** A call that is to be run. */
export interface PendingCall extends CallId {
  readonly body: Uint8Array
  readonly token: Token
}

interface Pending {
  readonly body: Uint8Array
  runner: string
  token: Token
  /** Members by whose way it came, which wait for the outcome. */
  waiters: Caller[]
}

interface Session {
  readonly opening: number
  /** The epoch of the view in which its client began it. */
  readonly born: number
  /** One more than the highest number seen. */
  next: number
  /** Lower numbers that are not settled at the client, and have not come yet. */
  holes: Set<number>
  readonly calls: Map<number, Pending | Outcome>
  /** The view since which its client is out of reach; null if it is there. */
  absentIn: string | null
  /** Its client is gone for good. */
  isOver: boolean
}

/** The calls of one service. */
export class ServiceMachine implements Machine {
  #sessions = new Map<string, Session>()
  /** Sessions that began in a view up to this epoch may have been forgotten. */
  #forgotten = 0
  /** The view in which the service began; empty before. */
  #founded = ''

  /** The name of this state. */
  get founded(): string {
    return this.#founded
  }

  /** What came of a call; `pending`; or null: not known here, or no more. */
  outcomeOf({ client, opening, no }: CallId): Outcome | 'pending' | null {
    const session = this.#sessions.get(client)
    const record = session?.opening === opening ? session.calls.get(no) : undefined
    return record === undefined ? null : isPending(record) ? 'pending' : record
  }

  /** What that process is to run now. */
  runBy(process: string): PendingCall[] {
    const all: PendingCall[] = []
    for (const [client, { opening, calls }] of this.#sessions)
      for (const [no, record] of calls)
        if (isPending(record) && record.runner === process)
          all.push({ client, opening, no, body: record.body, token: record.token })
    return all
  }

  /** Is that process to run it now, under this token? */
  isRunning({ client, opening, no }: CallId, process: string, token: Token): boolean {
    const session = this.#sessions.get(client)
    const record = session?.opening === opening ? session.calls.get(no) : undefined
    return record !== undefined && isPending(record) && record.runner === process && sameToken(record.token, token)
  }

  /** Clients that count as within reach. */
  present(): string[] {
    return [...this.#sessions].flatMap(([client, { absentIn }]) => (absentIn === null ? [client] : []))
  }

  /**
   * `[call, client, opening, born, no, open, body, founded]`: `open` are the numbers below `no` that are not settled at the client.
   * Answered with the outcome, at once or later; `forgotten`: nobody knows whether it has been run; `settled`: the client
   * does not wait for it any more. `[outcome, client, opening, no, token, outcome]` is answered with null, or refused as
   * `stale-token`. `[absent, clients, gone]`: these clients are out of reach, those are gone for good; with null.
   */
  apply(body: unknown, caller: Caller, context: MachineContext): Answer | 'waits' | null {
    if (!Array.isArray(body)) return null
    const [kind, client, opening, third, fourth, fifth] = body as unknown[]
    if (kind === SERVICE_OP.absent && body.length === 3) return this.#leave(client, opening, context)
    if (!isAuthor(client) || !isCount(opening)) return null
    if (kind === SERVICE_OP.outcome && body.length === 6) {
      if (!isCount(third) || !isToken(fourth) || !isOutcome(fifth)) return null
      return this.#record({ client, opening, no: third }, { runner: caller.process, token: fourth }, fifth, context)
    }
    if (kind !== SERVICE_OP.call || !isCall(body)) return null
    if (body[7] !== this.#founded) return FORGOTTEN
    return this.#call(
      { client, opening, no: body[4] },
      { born: body[3], open: body[5], body: body[6] },
      caller,
      context,
    )
  }

  #call(
    { client, opening, no }: CallId,
    { born, open, body }: { readonly born: number; readonly open: readonly number[]; readonly body: Uint8Array },
    caller: Caller,
    context: MachineContext,
  ): Answer | 'waits' {
    const known = this.#sessions.get(client)
    if (known === undefined ? born <= this.#forgotten : known.opening > opening || known.isOver) return FORGOTTEN
    const session = known?.opening === opening ? known : this.#begin(client, known, { opening, born }, context)
    session.absentIn = null
    this.#settleBelow(session, no, new Set(open))
    const record = session.calls.get(no)
    if (record !== undefined && !isPending(record)) return [true, [...record]]
    if (record !== undefined) {
      record.waiters.push(caller)
      return 'waits'
    }
    if (no < session.next && !session.holes.delete(no)) return SETTLED
    for (const number of open) if (number >= session.next) session.holes.add(number)
    session.next = Math.max(session.next, no + 1)
    const runner = runnerOf({ client, opening, no }, context)
    session.calls.set(no, { body, runner, token: context.nextToken(), waiters: [caller] })
    return 'waits'
  }

  /** Of the numbers below that one, only these are not settled at the client. */
  #settleBelow(session: Session, no: number, open: ReadonlySet<number>): void {
    for (const number of [...session.calls.keys()]) if (number < no && !open.has(number)) session.calls.delete(number)
    for (const number of [...session.holes]) if (number < no && !open.has(number)) session.holes.delete(number)
  }

  /** Whatever an earlier session of the client asked for is over: the client has given it up. */
  #begin(
    client: string,
    known: Session | undefined,
    { opening, born }: Pick<Session, 'opening' | 'born'>,
    context: MachineContext,
  ): Session {
    if (known !== undefined) this.#giveUp(known, context)
    const session = {
      opening,
      born,
      next: 1,
      holes: new Set<number>(),
      calls: new Map(),
      absentIn: null,
      isOver: false,
    }
    this.#sessions.set(client, session)
    return session
  }

  #giveUp({ calls }: Session, context: MachineContext): void {
    for (const record of calls.values())
      if (isPending(record)) for (const waiter of record.waiters) context.answer(waiter, FORGOTTEN)
  }

  #record(
    { client, opening, no }: CallId,
    { runner, token }: Pick<Pending, 'runner' | 'token'>,
    outcome: Outcome,
    context: MachineContext,
  ): Answer {
    const session = this.#sessions.get(client)
    const record = session?.opening === opening ? session.calls.get(no) : undefined
    if (session === undefined || record === undefined || !isPending(record)) return STALE
    if (record.runner !== runner || !sameToken(record.token, token)) return STALE
    if (session.isOver) session.calls.delete(no)
    else session.calls.set(no, outcome)
    for (const waiter of record.waiters) context.answer(waiter, [true, [...outcome]])
    return [true, null]
  }

  #leave(clients: unknown, gone: unknown, context: MachineContext): Answer | null {
    if (!isAuthors(clients) || !isAuthors(gone)) return null
    for (const client of [...clients, ...gone]) {
      const session = this.#sessions.get(client)
      if (session !== undefined) session.absentIn ??= context.view
    }
    for (const client of gone) {
      const session = this.#sessions.get(client)
      if (session === undefined) continue
      session.isOver = true
      session.holes.clear()
      // What is under way goes on to its outcome, which nobody asks for.
      for (const [no, record] of [...session.calls]) if (!isPending(record)) session.calls.delete(no)
    }
    this.#forgetSome(context)
    return [true, null]
  }

  /** Those that have been out of reach for longest. */
  #forgetSome(context: MachineContext): void {
    const absent = [...this.#sessions].filter(([, { absentIn }]) => absentIn !== null)
    if (absent.length <= ABSENT_MAX) return
    absent.sort(([a, x], [b, y]) => epochOf(x.absentIn) - epochOf(y.absentIn) || compareText(a, b))
    for (const [client, session] of absent.slice(0, absent.length - ABSENT_MAX)) {
      this.#forgotten = Math.max(this.#forgotten, session.born)
      this.#giveUp(session, context)
      this.#sessions.delete(client)
    }
  }

  cancel(caller: Caller): void {
    for (const { calls } of this.#sessions.values())
      for (const record of calls.values()) if (isPending(record)) record.waiters = withoutCaller(record.waiters, caller)
  }

  /** Who runs what nobody runs: in a primary view each call has a runner that is in it. */
  viewed(context: MachineContext): void {
    if (this.#founded === '') this.#founded = context.view
    for (const [client, { opening, calls }] of this.#sorted()) {
      for (const [no, record] of sortedCalls(calls)) {
        if (!isPending(record) || context.members.has(record.runner)) continue
        record.runner = runnerOf({ client, opening, no }, context)
        record.token = context.nextToken()
      }
    }
  }

  /** By client: a state that was loaded has them in another order, and tokens are counted. */
  #sorted(): [client: string, session: Session][] {
    return [...this.#sessions].sort(([a], [b]) => compareText(a, b))
  }

  /**
   * `[founded, forgotten, sessions]`; a session: `[client, opening, born, next, holes, calls, absentIn, isOver]`; a call:
   * `[no, outcome]` or `[no, body, runner, token, waiters]`.
   */
  save(): unknown {
    const sessions = this.#sorted().map(([client, { opening, born, next, holes, calls, absentIn, isOver }]) => [
      client,
      opening,
      born,
      next,
      [...holes].sort((a, b) => a - b),
      sortedCalls(calls).map(([no, record]) =>
        isPending(record)
          ? [no, record.body, record.runner, [...record.token], saveCallers(record.waiters)]
          : [no, [...record]],
      ),
      absentIn,
      isOver,
    ])
    return [this.#founded, this.#forgotten, sessions]
  }

  load(saved: unknown): void {
    assertState(Array.isArray(saved) && saved.length === 3, 'service')
    const [founded, forgotten, sessions] = saved as unknown[]
    assertState(typeof founded === 'string' && isTotal(forgotten) && Array.isArray(sessions), 'service')
    this.#sessions = new Map(sessions.map(readSession))
    this.#forgotten = forgotten
    this.#founded = founded
  }
}

const FORGOTTEN: Answer = [false, 'forgotten', 'the client was away for long, and is not known any more']
const SETTLED: Answer = [false, 'settled', 'the client has given up this call']
const STALE: Answer = [false, 'stale-token', 'somebody else runs the call, or has run it']

function isPending(record: Pending | Outcome): record is Pending {
  return !Array.isArray(record)
}

/** Of the members, by chance, but the same one for all: so calls are spread over them. */
function runnerOf(id: CallId, { ranked }: MachineContext): string {
  return ranked[spread(id, ranked.length)] ?? ''
}

/** A number below `count` that depends on the call alone (FNV-1a). */
export function spread({ client, no }: Pick<CallId, 'client' | 'no'>, count: number): number {
  let hash = 0x811c9dc5
  const text = `${client} ${no}`
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash ^= hash >>> 15
  return count === 0 ? 0 : (hash >>> 0) % count
}

function sortedCalls(calls: ReadonlyMap<number, Pending | Outcome>): [no: number, record: Pending | Outcome][] {
  return [...calls].sort(([a], [b]) => a - b)
}

function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array && value.length <= CALL_BYTES_MAX
}

/** Is it what a call may come to? */
export function isOutcome(value: unknown): value is Outcome {
  if (!Array.isArray(value)) return false
  if (value[0] === true) return value.length === 2 && isBytes(value[1])
  return value[0] === false && value.length === 3 && isShort(value[1]) && isShort(value[2])
}

function isShort(value: unknown): value is string {
  return typeof value === 'string' && value.length <= 4_096
}

type CallOp = readonly [
  kind: 0,
  client: string,
  opening: number,
  born: number,
  no: number,
  open: readonly number[],
  body: Uint8Array,
  founded: string,
]

/** Is it a call that the machine takes? Members ask before they pass on what a client sends. */
export function isCall(op: readonly unknown[]): op is CallOp {
  const [kind, client, opening, born, no, open, body, founded] = op
  if (op.length !== 8 || kind !== SERVICE_OP.call || !isAuthor(client) || !isCount(opening)) return false
  return isTotal(born) && isCount(no) && isOpenList(open, no) && isBytes(body) && typeof founded === 'string'
}

/** Numbers below that one. */
function isOpenList(list: unknown, no: number): list is readonly number[] {
  return Array.isArray(list) && list.length < CLIENT_CALLS_MAX && list.every((each) => isCount(each) && each < no)
}

function isAuthors(list: unknown): list is readonly string[] {
  return Array.isArray(list) && list.every(isAuthor)
}

function readSession(saved: unknown): [client: string, session: Session] {
  assertState(Array.isArray(saved) && saved.length === 8, 'client')
  const [client, opening, born, next, holes, calls, absentIn, isOver] = saved as unknown[]
  assertState(isAuthor(client) && isCount(opening) && isTotal(born) && isCount(next), 'client')
  assertState(Array.isArray(holes) && holes.every(isCount) && Array.isArray(calls), 'client')
  assertState((absentIn === null || typeof absentIn === 'string') && typeof isOver === 'boolean', 'client')
  return [client, { opening, born, next, holes: new Set(holes), calls: new Map(calls.map(readCall)), absentIn, isOver }]
}

function readCall(saved: unknown): [no: number, record: Pending | Outcome] {
  assertState(Array.isArray(saved) && isCount(saved[0]), 'call')
  const [no, body, runner, token, waiters] = saved as [number, ...unknown[]]
  if (saved.length === 2) {
    assertState(isOutcome(body), 'outcome')
    return [no, body]
  }
  assertState(saved.length === 5 && isBytes(body) && isAuthor(runner) && isToken(token), 'call')
  return [no, { body, runner, token, waiters: readCallers(waiters) }]
}

/** The epoch of a view `epoch.coordinator.n`. */
function epochOf(view: string | null): number {
  return view === null ? 0 : Number.parseInt(view, 10)
}
