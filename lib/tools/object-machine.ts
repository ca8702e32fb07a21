/**
 * The state machine of a replicated object: each call runs a method on the state of all calls before it.
 *
 * A method that throws, or leaves what is no value, changes nothing: its instance is thrown away. All calls are counted,
 * whatever comes of them, so the count is the same at all members even if their states are not.
 *
 * Members report digests of their states after so many calls. What more than half of the view says is agreed on; whoever
 * says otherwise has *diverged*. If all have reported and there is no such half, all have. Reports are compared if the calls
 * before them were the same: one that was made in a line that is lost says nothing of this one.
 *
 * Source: fault-tolerant CORBA, Eternal (Narasimhan, Moser, Melliar-Smith): sanitize what is not deterministic, compare states.
 */
import { UsageError, ValueError } from '../errors.ts'
import { sameBytes } from '../objects/agreed.ts'
import { assertState, isAuthor, isTotal } from '../objects/checks.ts'
import type { Answer, Caller, Machine, MachineContext } from '../objects/state-machine.ts'
import { textOf } from '../thrown.ts'
import { decodeValue, encodeValue, hashBytes } from '../values.ts'
import { makeContext, runInContext } from './call-context.ts'
import { makeInstance, makeView, type ObjectShape, readFields, saveFields } from './object-shape.ts'

/** The requests: `[call, method, arguments, now, seed]`, `[report, count, history, digest]`, `[read]`. */
export const OBJECT_OP = { call: 0, report: 1, read: 2 } as const

/** The largest result of a method, encoded: answers are kept in the state for a while. */
export const RESULT_MAX: number = 64 * 1024
/** All members report their state each time that so many calls have been made, however busy they are. */
export const CHECK_EVERY = 256
/** Counts of which reports are kept until they are agreed on. */
const COUNTS_MAX = 8

/** The digest of a state after so many calls. */
export interface StateReport {
  readonly calls: number
  /** Which calls these were: a digest of all of them. */
  readonly history: string
  readonly digest: string
}

/** What was agreed on after so many calls. */
export interface Agreement {
  readonly calls: number
  readonly history: string
  /** Null: no half has the same. */
  readonly digest: string | null
  /** Who has said so. */
  readonly by: readonly string[]
}

/** What members have said of their states after the same calls. */
interface Reports {
  readonly calls: number
  /** Digests by process. */
  readonly by: Map<string, string>
}

/** One object, and what is known of who has the same. */
export class ObjectMachine implements Machine {
  /** How many calls have been made. */
  calls = 0
  /** A digest of the calls, and of what came with them. */
  #history = hashBytes(new Uint8Array(0))
  /** The last that was agreed on. */
  agreed: Agreement | null = null
  /** Processes whose state differed from it. */
  diverged: ReadonlySet<string> = new Set()
  /** Called at each {@link CHECK_EVERY}th call. */
  checkpoint: ((report: StateReport) => void) | null = null
  readonly #self: string
  readonly #shape: ObjectShape
  #bytes: Uint8Array
  #digest: string | null = null
  #view: object | null = null
  #now = 0
  #members: ReadonlySet<string> = new Set()
  /** By history. */
  #reports = new Map<string, Reports>()

  constructor(self: string, shape: ObjectShape) {
    this.#self = self
    this.#shape = shape
    this.#bytes = shape.initial
  }

  /** Has this process another state than most? */
  get isDiverged(): boolean {
    return this.diverged.has(this.#self)
  }

  /** A digest of the calls that were made. */
  get history(): string {
    return this.#history
  }

  /** The fields, encoded: the same bytes until they change. */
  get state(): Uint8Array {
    return this.#bytes
  }

  /** The state, to look at: the same object until it changes. */
  get view(): object {
    this.#view ??= makeView(this.#shape.prototype, this.#bytes)
    return this.#view
  }

  /** The digest of the state as it is here. */
  get report(): StateReport {
    this.#digest ??= hashBytes(this.#bytes)
    return { calls: this.calls, history: this.#history, digest: this.#digest }
  }

  apply(body: unknown, caller: Caller, context: MachineContext): Answer | null {
    this.#members = context.members
    if (!Array.isArray(body)) return null
    switch (body[0]) {
      case OBJECT_OP.call:
        return body.length === 5 ? this.#call(body, caller) : null
      case OBJECT_OP.report:
        return body.length === 4 ? this.#take(caller.process, body) : null
      case OBJECT_OP.read:
        return body.length === 1 ? [true, null] : null
      default:
        return null
    }
  }

  viewed(context: MachineContext): void {
    this.#members = context.members
    this.#agree()
  }

  /** Its process begins anew, with the state of somebody else. */
  release(process: string): void {
    this.#mark(process, false)
    for (const { by } of this.#reports.values()) by.delete(process)
  }

  #call([, method, bytes, now, seed]: readonly unknown[], { process }: Caller): Answer | null {
    if (typeof method !== 'string' || !(bytes instanceof Uint8Array) || !isTotal(now) || !isAuthor(seed)) return null
    const args = readArguments(bytes)
    if (args === null) return null
    this.calls += 1
    this.#history = hashBytes(encodeValue([this.#history, process, method, bytes, seed]))
    this.#now = Math.max(this.#now, now)
    const answer = this.#run(method, args, makeContext(process, { now: this.#now, seed }))
    if (this.calls % CHECK_EVERY === 0) this.checkpoint?.(this.report)
    return answer
  }

  #run(method: string, args: readonly unknown[], context: ReturnType<typeof makeContext>): Answer {
    // Of another version of the class, perhaps.
    if (!this.#shape.methods.has(method)) return [false, 'usage', `the class has no method "${method.slice(0, 100)}"`]
    const instance = makeInstance(this.#shape.prototype, this.#bytes)
    let result: unknown
    try {
      const fn = Reflect.get(instance, method) as (...args: unknown[]) => unknown
      result = runInContext(context, () => Reflect.apply(fn, instance, args))
    } catch (error) {
      return [false, ...describe(error)]
    }
    try {
      if (isPromise(result)) {
        result.then(undefined, () => undefined)
        return [false, 'usage', `"${method}" returns a promise: methods are not async`]
      }
      const returned = encodeValue(result === instance ? undefined : result)
      if (returned.length > RESULT_MAX) {
        return [false, 'too-large', `"${method}" returns ${returned.length} bytes, ${RESULT_MAX} are allowed`]
      }
      this.#become(saveFields(instance))
      return [true, returned]
    } catch (error) {
      if (error instanceof UsageError) return [false, 'usage', `"${method}": ${error.message}`]
      return [false, 'value', `"${method}": ${error instanceof Error ? error.message : ''}`]
    }
  }

  #become(bytes: Uint8Array): void {
    if (sameBytes(bytes, this.#bytes)) return
    this.#bytes = bytes
    this.#digest = null
    this.#view = null
  }

  // Digests

  #take(process: string, [, calls, history, digest]: readonly unknown[]): Answer | null {
    if (!isTotal(calls) || !isDigest(history) || !isDigest(digest)) return null
    const { agreed } = this
    if (history === agreed?.history) this.#compare(process, digest, agreed)
    // Of more calls than there were, or of others: it was made in a line that is lost.
    if (calls > this.calls || calls <= (agreed?.calls ?? -1)) return [true, null]
    const reports = this.#reports.get(history) ?? { calls, by: new Map<string, string>() }
    reports.by.set(process, digest)
    this.#reports.set(history, reports)
    this.#agree()
    const [oldest] = this.#sorted()
    if (this.#reports.size > COUNTS_MAX && oldest !== undefined) this.#reports.delete(oldest[0])
    return [true, null]
  }

  /** Fewer calls first. */
  #sorted(): (readonly [history: string, reports: Reports])[] {
    return [...this.#reports].sort(([a, x], [b, y]) => x.calls - y.calls || (a < b ? -1 : 1))
  }

  /** Looks for the last count of which enough is known. */
  #agree(): void {
    for (const [history, { calls, by }] of this.#sorted().reverse()) {
      const reports = [...by].filter(([process]) => this.#members.has(process))
      const digest = majority(
        reports.map(([, each]) => each),
        this.#members.size,
      )
      if (digest === null && reports.length < this.#members.size) continue
      const agreeing = reports.filter(([, each]) => each === digest).map(([process]) => process)
      this.agreed = { calls, history, digest, by: agreeing.sort() }
      for (const [process, each] of reports) this.#mark(process, each !== digest)
      for (const [old, { calls: count }] of [...this.#reports]) if (count <= calls) this.#reports.delete(old)
      return
    }
  }

  /** Of a report that comes after the agreement. */
  #compare(process: string, digest: string, agreed: Agreement): void {
    const isSame = digest === agreed.digest
    this.#mark(process, !isSame)
    if (isSame && !agreed.by.includes(process)) this.agreed = { ...agreed, by: [...agreed.by, process].sort() }
  }

  #mark(process: string, isDiverged: boolean): void {
    if (this.diverged.has(process) === isDiverged) return
    const diverged = new Set(this.diverged)
    if (isDiverged) diverged.add(process)
    else diverged.delete(process)
    this.diverged = diverged
  }

  /**
   * `[calls, history, now, fields, agreed, diverged, reports]`. Whoever has diverged gives nobody its state, while somebody else has
   * a better one.
   */
  save(): unknown {
    const isBetterElsewhere = this.agreed?.by.some((process) => this.#members.has(process)) ?? false
    if (this.isDiverged && isBetterElsewhere) throw new ValueError('the state here differs from that of most others')
    const { agreed } = this
    const savedAgreed = agreed === null ? null : [agreed.calls, agreed.history, agreed.digest, agreed.by]
    const reports = this.#sorted().map(([history, { calls, by }]) => {
      return [history, calls, [...by].sort(([a], [b]) => (a < b ? -1 : 1))]
    })
    return [this.calls, this.#history, this.#now, this.#bytes, savedAgreed, [...this.diverged].sort(), reports]
  }

  load(saved: unknown): void {
    assertState(Array.isArray(saved) && saved.length === 7, 'replicated object')
    const [calls, history, now, bytes, agreed, diverged, reports] = saved as unknown[]
    assertState(isTotal(calls) && isDigest(history) && isTotal(now) && bytes instanceof Uint8Array, 'replicated object')
    assertState(Array.isArray(diverged) && diverged.every(isAuthor) && Array.isArray(reports), 'replicated object')
    readFields(bytes)
    const readAgreed = agreed === null ? null : readAgreement(agreed)
    const readReports = new Map(reports.map(readReport))
    this.calls = calls
    this.#history = history
    this.#now = now
    this.#become(bytes)
    this.agreed = readAgreed
    this.diverged = new Set(diverged)
    this.#reports = readReports
  }
}

/** What more than half of so many say. */
function majority(digests: readonly string[], of: number): string | null {
  const counts = new Map<string, number>()
  for (const digest of digests) counts.set(digest, (counts.get(digest) ?? 0) + 1)
  for (const [digest, count] of counts) if (count * 2 > of) return digest
  return null
}

function readArguments(bytes: Uint8Array): readonly unknown[] | null {
  try {
    const args = decodeValue(bytes)
    return Array.isArray(args) ? args : null
  } catch {
    return null
  }
}

/** What was thrown, as a code and a message. */
function describe(error: unknown): [code: string, message: string] {
  if (!(error instanceof Error)) return ['threw Error', textOf(() => error, 1_000)]
  return [`threw ${textOf(() => error.name, 100)}`, textOf(() => error.message, 1_000)]
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}

function isDigest(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{16}$/.test(value)
}

function readAgreement(saved: unknown): Agreement {
  assertState(Array.isArray(saved) && saved.length === 4, 'agreement')
  const [calls, history, digest, by] = saved as unknown[]
  assertState(isTotal(calls) && isDigest(history) && (digest === null || isDigest(digest)), 'agreement')
  assertState(Array.isArray(by) && by.every(isAuthor), 'agreement')
  return { calls, history, digest, by }
}

function readReport(saved: unknown): [history: string, reports: Reports] {
  assertState(Array.isArray(saved) && saved.length === 3, 'report')
  const [history, calls, list] = saved as unknown[]
  assertState(isDigest(history) && isTotal(calls) && Array.isArray(list), 'report')
  const by = list.map((each): [string, string] => {
    assertState(Array.isArray(each) && each.length === 2 && isAuthor(each[0]) && isDigest(each[1]), 'report')
    return [each[0], each[1]]
  })
  return [history, { calls, by: new Map(by) }]
}
