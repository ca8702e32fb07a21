/**
 * Replays what the replicas of a machine did, step by step, through the object's sequential model, and says what differs.
 *
 * States are told apart by their hashes: whoever is given a state goes on from where somebody else has been.
 */
import type { TraceDeed, TraceToken } from '../../../lib/testing/trace.ts'
import type { MachineModel, ModelAnswer, ModelContext } from '../tools/machine-model.ts'
import type { Located } from './model.ts'
import { compareTokens, sameToken } from './tokens.ts'

type Exec = Located<'exec'>

/** What is known of a process's requests at a point of a history. */
interface Session {
  readonly opening: number
  /** The highest number that has taken effect, or was taken back. */
  readonly n: number
  readonly isGone: boolean
  /** The primary view since which it is out of reach. */
  readonly absentSince: string | null
}

/** A point of a history: what the model makes of all before it. */
interface Point {
  readonly state: unknown
  readonly sessions: ReadonlyMap<string, Session>
  /** The highest token of each line. */
  readonly tokens: ReadonlyMap<string | null, TraceToken>
  /** The view that it has seen last. */
  readonly view: string
}

/** Whoever asks what was answered. */
export interface Given {
  readonly by: string
  readonly n: number
  readonly answer: ModelAnswer
}

/** What a replay needs to know besides the steps. */
export interface Around {
  /** Says what is wrong. */
  fail(message: string, line: number): void
  /** A request, of whatever opening, was answered. */
  given(given: Given, opening: number): void
  /** The time from which a process that is out of reach since that view may have lost what it held, told at that line. */
  expiresAt(view: string, process: string, line: number): number
  /** When the first replica took this step, in its line. */
  firstAt(exec: Exec): number
  /** Was that process told before that line what its request of that opening has come to? */
  isTold(given: Omit<Given, 'answer'>, opening: number, line: number): boolean
}

/** Where one replica stands. */
interface Standing {
  point: Point
  members: ReadonlySet<string>
  isPrimary: boolean
  line: string
}

/** All replicas of one object. */
export class MachineReplay {
  readonly #model: MachineModel
  readonly #around: Around
  readonly #points = new Map<string, Point>()
  readonly #standing = new Map<string, Standing>()

  constructor(model: MachineModel, around: Around) {
    this.#model = model
    this.#around = around
  }

  /** The next step of any of them, as they come in the trace. */
  take(exec: Exec): void {
    const { data, line } = exec
    if (data.step === 'begin') {
      const point = { state: this.#model.start(data.obj), sessions: new Map(), tokens: new Map(), view: '' }
      this.#standing.set(data.p, { point, members: new Set(), isPrimary: false, line: '' })
      this.#reach(exec, point)
      return
    }
    const standing = this.#standing.get(data.p)
    if (standing === undefined) return this.#around.fail(`${data.p} takes a step before it begins`, line)
    if (data.step === 'load') {
      const known = this.#points.get(data.h)
      if (known === undefined) this.#around.fail(`${data.p} is given a state of "${data.obj}" that nobody was in`, line)
      else standing.point = known
      return
    }
    if (data.step === 'view') {
      standing.members = new Set(data.members)
      standing.isPrimary = data.primary === true
      standing.line = data.line ?? ''
    }
    const step = new Step(exec, standing, this.#model, this.#around)
    standing.point = step.take()
    this.#reach(exec, standing.point)
  }

  /** Two who are in one state have come to what the model says is one state. */
  #reach({ data, line }: Exec, point: Point): void {
    const known = this.#points.get(data.h)
    if (known === undefined) this.#points.set(data.h, point)
    else if (JSON.stringify(known.state) !== JSON.stringify(point.state))
      this.#around.fail(`${data.p} is in a state of "${data.obj}" to which another way leads as well`, line)
  }
}

/** One step of one replica. */
class Step {
  readonly #exec: Exec
  readonly #standing: Standing
  readonly #model: MachineModel
  readonly #around: Around
  readonly #state: unknown
  readonly #sessions: Map<string, Session>
  readonly #tokens: Map<string | null, TraceToken>
  /** The author of the step begins anew. */
  readonly #isNewOpening: boolean
  /** The view is another than the state has seen. */
  readonly #isNewView: boolean

  constructor(exec: Exec, standing: Standing, model: MachineModel, around: Around) {
    const { data } = exec
    const { point } = standing
    this.#exec = exec
    this.#standing = standing
    this.#model = model
    this.#around = around
    this.#state = structuredClone(point.state)
    this.#sessions = new Map(point.sessions)
    this.#tokens = new Map(point.tokens)
    const known = data.by === undefined ? undefined : point.sessions.get(data.by)
    this.#isNewOpening = known !== undefined && data.call !== undefined && data.call[0] > known.opening
    this.#isNewView = data.step === 'view' && data.view !== point.view
  }

  take(): Point {
    const { data } = this.#exec
    if (this.#isNewView) this.#noteView()
    if (data.op === 'cancel' || data.op === 'request') this.#noteAuthor()
    for (const deed of data.deeds) this.#do(deed)
    if (data.op === 'cancel') this.#checkCancelled()
    if (this.#isNewView && data.primary === true) this.#checkView()
    const view = data.step === 'view' ? (data.view ?? '') : this.#standing.point.view
    return { state: this.#state, sessions: this.#sessions, tokens: this.#tokens, view }
  }

  #fail(message: string): void {
    const { data, line } = this.#exec
    this.#around.fail(`at ${data.p} "${data.obj}" ${message}`, line)
  }

  #noteView(): void {
    const { data } = this.#exec
    const gone = new Set([...(data.left ?? []), ...(data.dead ?? [])])
    for (const [process, session] of this.#sessions) {
      const isGone = session.isGone || gone.has(process)
      const isHere = this.#standing.members.has(process)
      const absentSince =
        data.primary !== true ? session.absentSince : isHere ? null : (session.absentSince ?? data.view ?? '')
      this.#sessions.set(process, { ...session, isGone, absentSince })
    }
  }

  /** Whoever asks is known from there on, also if it is passed over. */
  #noteAuthor(): void {
    const { by = '', call = [0, 0] } = this.#exec.data
    const known = this.#sessions.get(by)
    if (!this.#standing.members.has(by) || (known !== undefined && known.opening >= call[0])) return
    this.#sessions.set(by, { isGone: false, absentSince: null, ...known, opening: call[0], n: 0 })
  }

  #do(deed: TraceDeed): void {
    const expected: Given[] = []
    const context = this.#contextOf(deed, expected)
    const { by = '', n = 0 } = deed
    const model = this.#model
    switch (deed.do) {
      case 'apply': {
        this.#checkRequest(by, n)
        const answer = model.apply(this.#state, this.#exec.data.body, { by, n }, context)
        this.#compare(`answers ${by}'s ${n}`, deed.answer, answer)
        if (answer !== 'waits' && answer !== null) this.#give({ by, n, answer })
        break
      }
      case 'cancel':
        this.#checkCancel(by, n)
        model.cancel?.(this.#state, { by, n }, context)
        break
      case 'release':
        this.#checkRelease(by)
        model.release?.(this.#state, by, context)
        break
      case 'view':
        model.viewed?.(this.#state, context)
    }
    const given = (deed.answers ?? []).map(([who, which, answer]) => [who, which, plain(answer)])
    const due = expected.map((each) => [each.by, each.n, plain(each.answer)])
    if (JSON.stringify(given) !== JSON.stringify(due))
      this.#fail(`answers ${JSON.stringify(given)} to those who wait, where the model answers ${JSON.stringify(due)}`)
    for (const each of expected) this.#give(each)
  }

  #give(given: Given): void {
    this.#around.given(given, this.#sessions.get(given.by)?.opening ?? 0)
  }

  #compare(what: string, answer: unknown, expected: ModelAnswer | 'waits' | null): void {
    if (JSON.stringify(plain(answer)) === JSON.stringify(plain(expected))) return
    this.#fail(`${what} by ${JSON.stringify(answer)}, where the model answers ${JSON.stringify(expected)}`)
  }

  #contextOf(deed: TraceDeed, expected: Given[]): ModelContext {
    const tokens = tokensIn([deed.answer, deed.answers])
    return {
      isPrimary: this.#standing.isPrimary,
      view: this.#exec.data.at?.[0] ?? this.#exec.data.view ?? '',
      line: this.#standing.line,
      at: this.#around.firstAt(this.#exec),
      members: this.#standing.members,
      nextToken: () => {
        let token = tokens.shift()
        while (token !== undefined && this.#isOld(token)) token = tokens.shift()
        if (token === undefined) {
          this.#fail(`grants something without a token that is higher than all before it`)
          return [null, '', 0]
        }
        this.#tokens.set(token[0], token)
        return token
      },
      answer: (caller, answer) => expected.push({ ...caller, answer }),
    }
  }

  #isOld(token: TraceToken): boolean {
    const last = this.#tokens.get(token[0])
    return last !== undefined && (sameToken(token, last) || compareTokens(token, last) < 0)
  }

  /** Each request takes effect once, in the order of its process, which is there. */
  #checkRequest(by: string, n: number): void {
    const { data } = this.#exec
    const session = this.#sessions.get(by)
    const [opening, number] = data.call ?? [0, 0]
    if (data.op !== 'request' || data.by !== by || number !== n)
      return this.#fail(`does what ${by}'s ${n} asks when ${data.by} asks something else`)
    if (!this.#standing.members.has(by)) this.#fail(`does what ${by} asks, which is not there`)
    if (session !== undefined && (session.opening > opening || (session.opening === opening && session.n >= n)))
      this.#fail(`does what ${by}'s ${opening}/${n} asks after ${session.opening}/${session.n}`)
    if (this.#isNewOpening && (this.#isWaiting(by) || this.#isHolding(by)))
      this.#fail(`goes on for an earlier opening of ${by}`)
    this.#sessions.set(by, { opening, n, isGone: session?.isGone ?? false, absentSince: session?.absentSince ?? null })
  }

  #checkCancel(by: string, n: number): void {
    const { data, line } = this.#exec
    const isOwn = data.op === 'cancel' && data.by === by && data.call?.[1] === n
    const isAway = data.step === 'view' && data.primary === true && !this.#standing.members.has(by)
    if (isOwn || isAway || (this.#isNewOpening && data.by === by)) return
    // It had its answer in a line that is lost: what it asks next says that it waits no more (seeds 400209, 401339).
    const opening = this.#sessions.get(by)?.opening
    const isNext = data.by === by && data.call?.[0] === opening && n < (data.call?.[1] ?? 0)
    if (opening === undefined || !isNext || !this.#around.isTold({ by, n }, opening, line))
      this.#fail(`takes back ${by}'s ${n} for no reason`)
  }

  #checkRelease(by: string): void {
    const { data, t, line } = this.#exec
    const session = this.#sessions.get(by)
    const isThere = this.#standing.members.has(by)
    if (data.op === 'expire') {
      if (isThere || session?.absentSince !== data.since) this.#fail(`ends what ${by} holds, which is there`)
      else if (t < this.#around.expiresAt(data.since ?? '', by, line))
        this.#fail(`ends what ${by} holds before its lease must have run out`)
      return
    }
    const isGone = data.step === 'view' && data.primary === true && !isThere && session?.isGone === true
    if (!isGone && !(this.#isNewOpening && data.by === by)) this.#fail(`ends what ${by} holds for no reason`)
  }

  #checkCancelled(): void {
    const { by = '', call = [0, 0] } = this.#exec.data
    const session = this.#sessions.get(by)
    if (this.#isWaiting(by, call[1]) && session?.opening === call[0])
      this.#fail(`lets ${by}'s ${call[1]} wait, which is taken back`)
  }

  /** Who is not there waits for nothing, and who is gone holds nothing. */
  #checkView(): void {
    const { members } = this.#standing
    for (const { by, n } of this.#model.waiting?.(this.#state) ?? [])
      if (!members.has(by)) this.#fail(`lets ${by}'s ${n} wait, which is not there`)
    for (const [process, { isGone }] of this.#sessions) {
      if (!isGone || members.has(process)) continue
      if (this.#isHolding(process)) this.#fail(`lets ${process} hold what it held, which is gone`)
      this.#sessions.delete(process)
    }
  }

  #isWaiting(by: string, n?: number): boolean {
    const waiting = this.#model.waiting?.(this.#state) ?? []
    return waiting.some((each) => each.by === by && (n === undefined || each.n === n))
  }

  #isHolding(by: string): boolean {
    return this.#model.holders?.(this.#state).includes(by) === true
  }
}

/** An answer without the words of an error. */
function plain(answer: unknown): unknown {
  return Array.isArray(answer) && answer[0] === false ? answer.slice(0, 2) : answer
}

/** All tokens in a value, in the order in which they stand. */
function tokensIn(value: unknown): TraceToken[] {
  if (typeof value !== 'object' || value === null) return []
  if (isToken(value)) return [value]
  return Object.values(value).flatMap(tokensIn)
}

function isToken(value: unknown): value is TraceToken {
  if (!Array.isArray(value) || value.length !== 3) return false
  const [line, view, n] = value as unknown[]
  return typeof line === 'string' && typeof view === 'string' && /^\d+\./.test(view) && Number.isInteger(n)
}
