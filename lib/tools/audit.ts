/**
 * Audit logs: what happened, in one order, held by every member; and triggers, which are judged in one place.
 *
 * The log is a machine (`audit-machine.ts`). For each trigger one of those who watch leads (`leader.ts`), and the others stand
 * by: the leader goes through the entries that the log says are not judged yet, and has each firing recorded under its token.
 */
import { eitherSignal } from '../either-signal.ts'
import { BusyError, ClosedError, LaggedError, TooLargeError, UnknownOutcomeError, UsageError } from '../errors.ts'
import { type AgreedOptions, agreedSettings, closeMachine } from '../objects/agreed.ts'
import { ObjectTarget } from '../objects/events.ts'
import { MachineReplica } from '../objects/machine-replica.ts'
import type { GroupPort, ObjectKind } from '../objects/replica.ts'
import { fits, type StandardSchemaV1, validateForWrite } from '../objects/schema.ts'
import { compareTokens, type Token } from '../objects/token.ts'
import { encodeValue, hashValue } from '../values.ts'
import {
  AUDIT_ENTRY_MAX,
  AUDIT_KEEP_MAX,
  AUDIT_OP,
  AUDIT_TRIGGERS_MAX,
  AuditMachine,
  type StoredEntry,
} from './audit-machine.ts'
import { checkKey } from './keys.ts'
import type { LeaderContext, LeaderOptions } from './leader.ts'
import { checkWhole } from './tool-handle.ts'

/** Entries that are kept if nothing is said. */
const KEEP = 1_000
/** Entries that do not match are recorded as judged once there are so many. */
const PASS_EVERY = 256

/** Up to where a log has been judged, and the digest of what it was up to there. */
interface Seen {
  readonly position: number
  readonly digest: string | undefined
}

const NOTHING_SEEN: Seen = { position: 0, digest: undefined }
/** Before what had no room is recorded again, in ms. */
const RETRY_MS = 50

/** How an audit log is opened. All who open it keep as much. */
export interface AuditOptions<Value = unknown> extends AgreedOptions {
  /**
   * Types the entries and checks them in `append`. A peer's entry that does not fit keeps its position, reads as undefined,
   * and fires no trigger here. Synchronous, and without transforms.
   */
  readonly schema?: StandardSchemaV1<unknown, Value>
  /** So many of the last entries are kept (at most 16 MiB of them), and of the last firings: 1 to 10,000, default 1,000. */
  readonly keep?: number
}

/** One entry. */
export interface AuditEntry<Value = unknown> {
  /** From 1, without gaps. */
  readonly position: number
  /** The process that appended it. */
  readonly author: string
  /** Undefined if it does not fit the schema that the log was opened with here. */
  readonly value: Value
}

/** A trigger has fired: the one record of it, which all members have. */
export interface AuditFiring {
  readonly trigger: string
  /** The entry's. */
  readonly position: number
  /** Who judged it, and under which token. */
  readonly by: string
  readonly token: Token
  /** What the action returned. */
  readonly result: unknown
}

/** What an action is told. */
export interface FiringContext {
  /** Aborts when another one may judge by now: stop. */
  readonly signal: AbortSignal
  /** Higher than that of whoever judged before; give it to what you write to. */
  readonly token: Token
}

/** A trigger. All who watch it name the same predicate. */
export interface Trigger<Value = unknown> {
  /** Does it fire at that entry? Synchronous, and decided by the entry alone. Default: at all. */
  readonly when?: (entry: AuditEntry<Value>) => boolean
  /**
   * What is done then; what it returns, at most 64 KiB encoded, is recorded. It may be done again by another process, if this
   * one fails before that is recorded: one record counts.
   */
  readonly run: (entry: AuditEntry<Value>, context: FiringContext) => unknown
  /** From which position on, when the trigger is watched for the first time ever. Default: what is appended from then on. */
  readonly from?: number
  /** Ends it here. */
  readonly signal?: AbortSignal
}

type Judge<Value> = Required<Pick<Trigger<Value>, 'when' | 'run'>>

/** How far a trigger is, at all members alike. */
export interface TriggerProgress {
  /** The first entry that is not known to be judged. */
  readonly next: number
  /** Entries that were dropped before they were judged, because nobody watched. */
  readonly missed: number
}

/** The events of an audit log. */
export interface AuditEvents {
  /** There are new entries or firings. */
  readonly change: Event
}

/** How the space runs what only a leader may: `space.whenLeader`. */
export type LeadWhile = (
  name: string,
  fn: (context: LeaderContext) => Promise<unknown>,
  options: LeaderOptions,
) => Promise<unknown>

/** An audit log as the application holds it. */
export class AuditLog<Value = unknown> extends ObjectTarget<AuditEvents> implements AsyncIterable<AuditEntry<Value>> {
  readonly #port: GroupPort
  readonly #lead: LeadWhile
  readonly #schema: StandardSchemaV1 | undefined
  /** What is shown of each entry, made once. */
  readonly #shown = new WeakMap<StoredEntry, AuditEntry<Value>>()
  readonly #replica: MachineReplica<AuditMachine>
  /** Woken whenever something has changed. */
  readonly #waiting = new Set<() => void>()
  readonly #closed = new AbortController()
  #entries: readonly AuditEntry<Value>[] = []
  #firings: readonly AuditFiring[] = []
  #version = -1

  /** Use `space.audit`. */
  constructor(port: GroupPort, lead: LeadWhile, options: AuditOptions) {
    super()
    this.#port = port
    this.#lead = lead
    this.#schema = options.schema
    this.#replica = new MachineReplica(port, new AuditMachine(keepOf(options)), agreedSettings('audit log', options), {
      toError: (code, message) => (code === 'busy' ? new BusyError(message) : new UsageError(`${code}: ${message}`)),
      changed: () => this.#tell(),
    })
  }

  /** @internal */
  get replica(): MachineReplica<AuditMachine> {
    return this.#replica
  }

  /** The group's name. */
  get name(): string {
    return this.#port.name
  }

  /** The position of the last entry; 0 if there was none. */
  get last(): number {
    return this.#machine.last
  }

  /** The position of the first entry that is kept; one past the last if none is. */
  get first(): number {
    return this.#machine.first
  }

  /** The entries that are kept, in their order; the same array until there are others. */
  get entries(): readonly AuditEntry<Value>[] {
    this.#look()
    return this.#entries
  }

  /** The same as `entries`. */
  get snapshot(): readonly AuditEntry<Value>[] {
    return this.entries
  }

  /** The last firings, in the order in which they were recorded; the same array until there are others. */
  get firings(): readonly AuditFiring[] {
    this.#look()
    return this.#firings
  }

  /** How far a trigger is; null if nobody has ever watched it. */
  progressOf(trigger: string): TriggerProgress | null {
    const state = this.#machine.triggers.get(trigger)
    return state === undefined ? null : Object.freeze({ next: state.next, missed: state.missed })
  }

  get #machine(): AuditMachine {
    return this.#replica.machine
  }

  #look(): void {
    const { version, entries, firings } = this.#machine
    if (version === this.#version) return
    this.#version = version
    this.#entries = Object.freeze(entries.map((entry) => this.#entryOf(entry)))
    this.#firings = Object.freeze(
      firings.map(({ trigger, position, by, token, value }) =>
        Object.freeze({ trigger, position, by, token, result: value }),
      ),
    )
  }

  #entryOf(stored: StoredEntry): AuditEntry<Value> {
    const known = this.#shown.get(stored)
    if (known !== undefined) return known
    const { position, author, value } = stored
    const entry = Object.freeze({ position, author, value: (this.#isFit(stored) ? value : undefined) as Value })
    this.#shown.set(stored, entry)
    return entry
  }

  #isFit({ value }: StoredEntry): boolean {
    return fits(this.#schema, value)
  }

  /**
   * Appends an entry. Resolves with its position once every member holds it: it is signed off. The value is copied.
   * Rejects with ValueError, SchemaError, TooLargeError (above 64 KiB encoded), NotPrimaryError, BusyError,
   * UnknownOutcomeError, ClosedError, or the signal's reason: if it aborts when the entry is under way, it may be appended all the same.
   */
  async append(value: Value, options: { readonly signal?: AbortSignal } = {}): Promise<number> {
    const bytes = encodeEntry('an entry', validateForWrite(this.#schema, value))
    return (await this.#replica.call([AUDIT_OP.append, bytes], options)) as number
  }

  /**
   * The entries from a position on: those that are kept, then those to come, until the log is closed, or the signal aborts.
   * Throws a LaggedError if the next one is dropped before it was read. `from` that is not kept any more begins with the
   * first that is.
   */
  async *read(from = 1, { signal }: { readonly signal?: AbortSignal } = {}): AsyncGenerator<AuditEntry<Value>, void> {
    if (!Number.isSafeInteger(from) || from < 1) throw new UsageError('from must be a position, from 1')
    const closed = this.#closed.signal
    const ended = signal === undefined ? closed : eitherSignal(signal, closed)
    for (let next = Math.max(from, this.first); ; next += 1) {
      while (next > this.last && !ended.aborted) await this.#change(ended)
      // A log that is closed is read to its end.
      if (signal?.aborted || next > this.last) return
      const entry = this.#machine.at(next)
      if (entry === undefined) throw new LaggedError(`entry ${next} of "${this.name}" was dropped before it was read`)
      yield this.#entryOf(entry)
    }
  }

  /** What is appended from here on. */
  [Symbol.asyncIterator](): AsyncGenerator<AuditEntry<Value>, void> {
    return this.read(this.last + 1)
  }

  /**
   * Judges a trigger for the log, together with all others who watch it: one of them does at a time, in the order of the
   * entries, and another one goes on where it has come to when it fails. Each entry that matches is recorded as fired once,
   * whoever judges, as long as one of the watchers does before it is dropped. Runs until the signal aborts.
   *
   * Rejects with the signal's reason; with what `when` or `run` throws (another watcher tries the entry next), or if what
   * `run` returns is no value, or too large; BusyError (256 triggers), UsageError, ClosedError.
   */
  async watch(trigger: string, { when = () => true, run, from, signal }: Trigger<Value>): Promise<never> {
    checkKey('the name of a trigger', trigger)
    if (typeof when !== 'function' || typeof run !== 'function')
      throw new UsageError('a trigger has functions: when, run')
    if (from !== undefined) checkWhole('from', from, 1, Number.MAX_SAFE_INTEGER)
    signal?.throwIfAborted()
    const closed = this.#closed.signal
    const ended = signal === undefined ? closed : eitherSignal(signal, closed)
    for (;;) {
      ended.throwIfAborted()
      await this.#lead(
        // Names of leaders are no longer than one of the two may be.
        `tutti:audit:${hashValue([this.name, trigger])}`,
        async ({ signal: term, token }) => {
          const work = eitherSignal(term, ended)
          await this.#record([AUDIT_OP.watch, trigger, from ?? null], work)
          let seen = NOTHING_SEEN
          while (!work.aborted) seen = await this.#judge(trigger, { when, run }, seen, { signal: work, token })
        },
        { signal: ended },
      )
    }
  }

  /**
   * Asks the log for something as long as this process judges, until it is answered; undefined once it does not. Each of
   * these can be asked again: what counts already does not count twice.
   */
  async #record(op: unknown[], signal: AbortSignal): Promise<unknown> {
    // The reason is that of these calls, not of what has ended the judging.
    const call = new AbortController()
    const onAbort = (): void => call.abort()
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
    try {
      while (!signal.aborted) {
        try {
          return await this.#replica.call(op, { signal: call.signal, isPatient: true })
        } catch (error) {
          if (signal.aborted) return undefined
          if (error instanceof BusyError && !this.#isFull(op)) await this.#pause(signal)
          else if (!(error instanceof UnknownOutcomeError)) throw error
        }
      }
      return undefined
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** Is what it asks for a trigger that there is no room for? Else it is calls of this process that wait, and that passes. */
  #isFull([kind, trigger]: readonly unknown[]): boolean {
    const { triggers } = this.#machine
    return kind === AUDIT_OP.watch && triggers.size >= AUDIT_TRIGGERS_MAX && !triggers.has(trigger as string)
  }

  /** Judges what is there, up to one firing, or waits for more. `seen`: up to there nothing matches. Returns that. */
  async #judge(trigger: string, { when, run }: Judge<Value>, seen: Seen, context: FiringContext): Promise<Seen> {
    const { signal, token } = context
    const machine = this.#machine
    const record = (op: unknown[]): Promise<unknown> => this.#record(op, signal)
    const next = machine.triggers.get(trigger)?.next
    if (next === undefined) {
      // Somebody has had it forgotten.
      await record([AUDIT_OP.watch, trigger, null])
      return NOTHING_SEEN
    }
    // Of another log, which was lost to this one, it says nothing.
    let judged = machine.at(seen.position)?.digest === seen.digest ? seen : NOTHING_SEEN
    for (let position = Math.max(next, judged.position + 1); position <= machine.last; position += 1) {
      const stored = machine.at(position)
      if (stored === undefined) return judged
      const entry = this.#entryOf(stored)
      const { digest } = stored
      if (this.#isFit(stored) && when(entry)) {
        const result = encodeEntry('the result of a trigger', await run(entry, context))
        if (signal.aborted) return judged
        const isRecorded = await record([AUDIT_OP.fire, trigger, [...token], position, result, digest])
        if (isRecorded === true || this.#hasFired(trigger, position, token)) return { position, digest }
        // Somebody else judges by now, and this process is about to hear of it.
        if (!signal.aborted) await this.#change(signal)
        return judged
      }
      judged = { position, digest }
    }
    if (judged.digest !== undefined && judged.position + 1 - next >= Math.min(PASS_EVERY, machine.keep / 2)) {
      await record([AUDIT_OP.pass, trigger, [...token], judged.position, judged.digest])
    } else await this.#change(signal)
    return judged
  }

  /** Is that firing of this process recorded? It was asked for twice, if nobody could tell whether the first counts. */
  #hasFired(trigger: string, position: number, token: Token): boolean {
    return this.#machine.firings.some(
      (each) =>
        each.trigger === trigger &&
        each.position === position &&
        each.by === this.#port.self &&
        compareTokens(each.token, token) === 0,
    )
  }

  /**
   * Forgets where a trigger is, at all members: whoever watches it, still or again, begins anew. True if there was one. Rejects as `append`.
   */
  async forget(trigger: string, options: { readonly signal?: AbortSignal } = {}): Promise<boolean> {
    checkKey('the name of a trigger', trigger)
    return (await this.#replica.call([AUDIT_OP.forget, trigger], options)) as boolean
  }

  /** Resolves when something has changed, or the signal aborts. */
  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        signal.removeEventListener('abort', done)
        this.#waiting.delete(done)
        resolve()
      }
      signal.addEventListener('abort', done, { once: true })
      this.#waiting.add(done)
      if (signal.aborted) done()
    })
  }

  /** Resolves a little later, or when the signal aborts. */
  #pause(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        cancel()
        signal.removeEventListener('abort', done)
        resolve()
      }
      const cancel = this.#port.after(RETRY_MS, done)
      signal.addEventListener('abort', done, { once: true })
      if (signal.aborted) done()
    })
  }

  #tell(): void {
    for (const wake of [...this.#waiting]) wake()
    if (this.isHeard) this.dispatchEvent(new Event('change'))
  }

  /** Leaves the group, once every opener here has closed it: calls and triggers end then. Reads keep showing the last state. */
  close(): Promise<void> {
    const closed = closeMachine(this.#replica)
    const { phase } = this.#port
    if (phase === 'leaving' || phase === 'ended') this.handleEnd()
    return closed
  }

  /** @internal The group has ended. */
  handleEnd(): void {
    this.#closed.abort(new ClosedError(`audit log "${this.name}" is closed`))
    this.#replica.stop()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function encodeEntry(what: string, value: unknown): Uint8Array {
  const bytes = encodeValue(value)
  if (bytes.length <= AUDIT_ENTRY_MAX) return bytes
  throw new TooLargeError(
    `${what} has at most ${AUDIT_ENTRY_MAX} bytes, for every member keeps it`,
    bytes.length,
    AUDIT_ENTRY_MAX,
  )
}

function keepOf({ keep = KEEP }: AuditOptions): number {
  checkWhole('keep', keep, 1, AUDIT_KEEP_MAX)
  return keep
}

/** Opens audit logs of a space that has leaders. */
export function auditKind(lead: LeadWhile): ObjectKind<AuditLog, AuditOptions> {
  return {
    kind: 'audit',
    order: 'total',
    uniform: true,
    consistency: 'consistent',
    terms: ['keep'],
    variant: (options) => ` ${keepOf(options)}`,
    create(port, options) {
      const handle = new AuditLog(port, lead, options)
      return { replica: handle.replica, handle }
    },
  }
}
