/**
 * Every error Tutti throws or reports: one class per kind, told apart by `code`.
 *
 * `definite` answers the one question a caller must ask before it tries again: is it certain that the
 * operation did *not* take effect? Messages name options, groups and limits, never payloads or keys.
 * A peer's fault is a value that is counted and reported; it never becomes one of these in the application.
 * Errors cross the worker's border as plain data ({@link errorToPlain}, {@link errorFromPlain}).
 */

/** Codes of single objects and tools, whose classes are in `tool-errors.ts`; each listed in docs/errors.md. */
export type ToolErrorCode =
  | 'conflict'
  | 'deadlock'
  | 'divergence'
  | 'no-handler'
  | 'no-replies'
  | 'not-atomic'
  | 'out-of-bounds'
  | 'remote'
  | 'snapshot'
  | 'vote'

/** What kind of failure it is: all codes that there are, one per class, each listed in docs/errors.md. */
export type ErrorCode =
  | 'usage'
  | 'value'
  | 'too-large'
  | 'busy'
  | 'closed'
  | 'not-primary'
  | 'unknown-outcome'
  | 'view-changed'
  | 'stale-token'
  | 'kind-mismatch'
  | 'group-mismatch'
  | 'lagged'
  | 'transport'
  | 'storage'
  | 'schema'
  | 'worker'
  | 'invariant'
  | ToolErrorCode

/** What every error can be given besides its message. */
export interface TuttiErrorOptions {
  /** What led to it. */
  readonly cause?: unknown
}

/** The base of all errors of Tutti. Never thrown itself. */
export class TuttiError extends Error {
  /** The kind, stable across versions. */
  readonly code: ErrorCode
  /** True if the operation surely did not take effect, so that trying again cannot do it twice. */
  readonly definite: boolean

  constructor(code: ErrorCode, definite: boolean, message: string, options: TuttiErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.definite = definite
  }

  override get name(): string {
    return 'TuttiError'
  }

  /** Where cause and remedy are written down, relative to the package. */
  get docs(): string {
    return `docs/errors.md#${this.code}`
  }
}

/** The call is wrong, whatever the state of the space: an option, an argument or their combination. Thrown at once. */
export class UsageError extends TuttiError {
  constructor(message: string, options?: TuttiErrorOptions) {
    super('usage', true, message, options)
  }

  override get name(): string {
    return 'UsageError'
  }
}

/** A value is not of the value set, or bytes are not the encoding of one. Nothing was sent. */
export class ValueError extends TuttiError {
  /** Where in the value, as in `.a[3].b`; `''` is the value itself. */
  readonly path: string

  constructor(message: string, path = '', options?: TuttiErrorOptions) {
    super('value', true, path === '' ? message : `${message} (at ${path})`, options)
    this.path = path
  }

  override get name(): string {
    return 'ValueError'
  }
}

/** A cast, a value or a state is above its limit. Nothing was sent. */
export class TooLargeError extends TuttiError {
  /** The size found, in the unit of the limit; may be a lower bound. */
  readonly size: number
  /** The limit. */
  readonly sizeMax: number

  constructor(message: string, size: number, sizeMax: number, options?: TuttiErrorOptions) {
    super('too-large', true, message, options)
    this.size = size
    this.sizeMax = sizeMax
  }

  override get name(): string {
    return 'TooLargeError'
  }
}

/** A bounded queue is full. Nothing was sent; wait until the group is writable. */
export class BusyError extends TuttiError {
  constructor(message: string, options?: TuttiErrorOptions) {
    super('busy', true, message, options)
  }

  override get name(): string {
    return 'BusyError'
  }
}

/**
 * Why something is closed. `left`: this process asked for it. `hidden`: its page was left (`pagehide`); a page that
 * comes back from the back/forward cache is a new process, so open the space again. `superseded`: the others must take this process for dead,
 * so it has stopped; open the space again. `failed`: the kernel's worker ended or could not start.
 */
export type ClosedReason = 'left' | 'hidden' | 'superseded' | 'failed'

/** The space, the group, the object or the region is closed here. Nothing was sent. */
export class ClosedError extends TuttiError {
  /** Why. */
  readonly reason: ClosedReason

  constructor(message: string, options: TuttiErrorOptions & { readonly reason?: ClosedReason } = {}) {
    super('closed', true, message, options)
    this.reason = options.reason ?? 'left'
  }

  override get name(): string {
    return 'ClosedError'
  }
}

/** A consistent operation was asked for outside the primary component by a caller that did not want to wait. */
export class NotPrimaryError extends TuttiError {
  /** Process ids (or sites) whose presence is missed, as far as known. */
  readonly missing: readonly string[]

  constructor(message: string, missing: readonly string[] = [], options?: TuttiErrorOptions) {
    super('not-primary', true, message, options)
    this.missing = missing
  }

  override get name(): string {
    return 'NotPrimaryError'
  }
}

/** The operation may or may not have taken effect: this process was cut off before it could know. */
export class UnknownOutcomeError extends TuttiError {
  constructor(message: string, options?: TuttiErrorOptions) {
    super('unknown-outcome', false, message, options)
  }

  override get name(): string {
    return 'UnknownOutcomeError'
  }
}

/** The view a strong cast was meant for has closed. Nothing was sent. */
export class ViewChangedError extends TuttiError {
  constructor(message: string, options?: TuttiErrorOptions) {
    super('view-changed', true, message, options)
  }

  override get name(): string {
    return 'ViewChangedError'
  }
}

/** A completion or guarded write carried a token that is no longer the newest; every member refused it. */
export class StaleTokenError extends TuttiError {
  constructor(message: string, options?: TuttiErrorOptions) {
    super('stale-token', true, message, options)
  }

  override get name(): string {
    return 'StaleTokenError'
  }
}

/** The name is already open here as another kind of object or with other options. */
export class KindMismatchError extends TuttiError {
  constructor(message: string, options?: TuttiErrorOptions) {
    super('kind-mismatch', true, message, options)
  }

  override get name(): string {
    return 'KindMismatchError'
  }
}

/** Other members have this group open with other properties. */
export class GroupMismatchError extends TuttiError {
  constructor(message: string, options?: TuttiErrorOptions) {
    super('group-mismatch', true, message, options)
  }

  override get name(): string {
    return 'GroupMismatchError'
  }
}

/** An event iteration, or a region, was too slow and its bounded buffer overflowed; it ends here. The group itself goes on. */
export class LaggedError extends TuttiError {
  constructor(message: string, options?: TuttiErrorOptions) {
    super('lagged', true, message, options)
  }

  override get name(): string {
    return 'LaggedError'
  }
}

/** A transport has a problem. Reported as an event; the transport goes on by itself. */
export class TransportError extends TuttiError {
  /** The transport's own word for it, such as `signaling-unreachable`. */
  readonly reason: string

  constructor(message: string, reason: string, options?: TuttiErrorOptions) {
    super('transport', false, message, options)
    this.reason = reason
  }

  override get name(): string {
    return 'TransportError'
  }
}

/** The kernel's worker could not be started, so the kernel runs in the page's thread. Reported as an event; the space is open. */
export class WorkerError extends TuttiError {
  constructor(message: string, options?: TuttiErrorOptions) {
    super('worker', false, message, options)
  }

  override get name(): string {
    return 'WorkerError'
  }
}

/** Storage could not be read or written; a write may have happened. */
export class StorageError extends TuttiError {
  /** Why, in one word, such as `quota`: see `StorageFaultReason`. */
  readonly reason: string

  constructor(message: string, options: TuttiErrorOptions & { readonly reason?: string } = {}) {
    super('storage', false, message, options)
    this.reason = options.reason ?? 'unknown'
  }

  override get name(): string {
    return 'StorageError'
  }
}

/** One complaint of a schema. */
export interface SchemaIssue {
  /** The schema's own words. */
  readonly message: string
  /** Where in the value, as in `.a[3].b`. */
  readonly path: string
}

/** A value does not fit the schema the object was opened with. Nothing was sent. */
export class SchemaError extends TuttiError {
  /** What the schema said, at least one. */
  readonly issues: readonly SchemaIssue[]

  constructor(message: string, issues: readonly SchemaIssue[], options?: TuttiErrorOptions) {
    super('schema', true, message, options)
    this.issues = issues
  }

  override get name(): string {
    return 'SchemaError'
  }
}

/** Tutti's own fault: something that cannot be was found to be. The process has stopped rather than diverge. */
export class InvariantError extends TuttiError {
  /** What the kernel looked like, as text for a bug report; `''` if nothing is known. */
  readonly dump: string

  constructor(message: string, options: TuttiErrorOptions & { readonly dump?: string } = {}) {
    super('invariant', false, message, options)
    this.dump = options.dump ?? ''
  }

  override get name(): string {
    return 'InvariantError'
  }
}

/** An error as plain, structured-cloneable data. */
export interface PlainError {
  readonly code: ErrorCode | 'other'
  readonly name: string
  readonly message: string
  /** The fields of the class beyond the base: `path`, `missing`, `issues` … */
  readonly fields: Readonly<Record<string, unknown>>
  readonly cause: PlainError | null
}

/** Causes deeper than this are cut off when an error crosses the border. */
const CAUSES_MAX = 8

/** Turns any thrown thing into plain data, with its causes. Never throws. */
export function errorToPlain(error: unknown, depth = 0): PlainError {
  if (!(error instanceof Error)) {
    return { code: 'other', name: 'Error', message: describe(error), fields: {}, cause: null }
  }
  const cause = error.cause === undefined || depth >= CAUSES_MAX ? null : errorToPlain(error.cause, depth + 1)
  if (!(error instanceof TuttiError)) {
    return { code: 'other', name: error.name, message: error.message, fields: {}, cause }
  }
  return { code: error.code, name: error.name, message: error.message, fields: fieldsOf(error), cause }
}

/** Makes the error again, of the same class. Unknown codes become a plain `Error` of that name. */
export function errorFromPlain(plain: PlainError): Error {
  const options = plain.cause === null ? {} : { cause: errorFromPlain(plain.cause) }
  const { code, message, fields } = plain
  switch (code) {
    case 'usage':
      return new UsageError(message, options)
    case 'value':
      return restored(new ValueError(message, '', options), { path: text(fields['path']) })
    case 'too-large':
      return new TooLargeError(message, Number(fields['size']), Number(fields['sizeMax']), options)
    case 'busy':
      return new BusyError(message, options)
    case 'closed':
      return restored(new ClosedError(message, options), { reason: fields['reason'] as ClosedReason })
    case 'not-primary':
      return new NotPrimaryError(message, (fields['missing'] as readonly string[] | undefined) ?? [], options)
    case 'unknown-outcome':
      return new UnknownOutcomeError(message, options)
    case 'view-changed':
      return new ViewChangedError(message, options)
    case 'stale-token':
      return new StaleTokenError(message, options)
    case 'kind-mismatch':
      return new KindMismatchError(message, options)
    case 'group-mismatch':
      return new GroupMismatchError(message, options)
    case 'lagged':
      return new LaggedError(message, options)
    case 'transport':
      return new TransportError(message, text(fields['reason']), options)
    case 'worker':
      return new WorkerError(message, options)
    case 'storage':
      return restored(new StorageError(message, options), { reason: text(fields['reason']) })
    case 'schema':
      return new SchemaError(message, (fields['issues'] as readonly SchemaIssue[] | undefined) ?? [], options)
    case 'invariant':
      return new InvariantError(message, options)
    default: {
      const error = new Error(message, options)
      Object.defineProperty(error, 'name', { value: plain.name, configurable: true, writable: true })
      return error
    }
  }
}

function fieldsOf(error: TuttiError): Record<string, unknown> {
  if (error instanceof ValueError) return { path: error.path }
  if (error instanceof TooLargeError) return { size: error.size, sizeMax: error.sizeMax }
  if (error instanceof NotPrimaryError) return { missing: [...error.missing] }
  if (error instanceof TransportError || error instanceof ClosedError || error instanceof StorageError)
    return { reason: error.reason }
  if (error instanceof SchemaError) return { issues: error.issues.map(({ message, path }) => ({ message, path })) }
  return {}
}

/** Sets a field that the constructor would otherwise fold into the message a second time. */
function restored<E extends TuttiError>(error: E, fields: Partial<E>): E {
  return Object.assign(error, fields)
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function describe(thrown: unknown): string {
  try {
    return String(thrown)
  } catch {
    return 'a thrown value that has no string form'
  }
}
