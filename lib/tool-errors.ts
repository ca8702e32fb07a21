/**
 * Errors of single objects and tools, beside those of `errors.ts`, which anything may throw.
 *
 * They never cross the worker's border: tools live with the application.
 */
import { TuttiError, type TuttiErrorOptions } from './errors.ts'
import type { Token } from './objects/token.ts'

/** A bounded counter would leave its bounds: every member refused it, and nothing was counted. */
export class OutOfBoundsError extends TuttiError {
  constructor(message: string, options?: TuttiErrorOptions) {
    super('out-of-bounds', true, message, options)
  }

  override get name(): string {
    return 'OutOfBoundsError'
  }
}

/** A transaction found something changed that it had read, each time that it was tried: nothing has taken effect. */
export class ConflictError extends TuttiError {
  constructor(message: string, options?: TuttiErrorOptions) {
    super('conflict', true, message, options)
  }

  override get name(): string {
    return 'ConflictError'
  }
}

/** An object takes no part in transactions over several objects. */
export class NotAtomicError extends TuttiError {
  constructor(message: string, options?: TuttiErrorOptions) {
    super('not-atomic', true, message, options)
  }

  override get name(): string {
    return 'NotAtomicError'
  }
}

/** A vote was refused at every member: it does not count. */
export class VoteError extends TuttiError {
  /** The ballot was decided before it came; or this process has voted already; or has no vote in it. */
  readonly reason: 'decided' | 'voted' | 'no-vote'

  constructor(message: string, reason: VoteError['reason'], options?: TuttiErrorOptions) {
    super('vote', true, message, options)
    this.reason = reason
  }

  override get name(): string {
    return 'VoteError'
  }
}

/** One wait of a deadlock. */
export interface DeadlockEdge {
  /** The process that waits. */
  readonly clientId: string
  /** What it waits for: a lock of `space.locks`, or a permit of a semaphore. */
  readonly kind: 'lock' | 'semaphore'
  /** The name of that. */
  readonly name: string
  /** How a lock was asked for. */
  readonly mode: 'exclusive' | 'shared'
  /**
   * Those of its holders who keep it waiting: each waits itself, and does not give this up before it is answered. One for a
   * lock; for a semaphore all, since any one of them would do. Empty if it waits for its turn.
   */
  readonly heldBy: readonly { readonly clientId: string; readonly token: Token }[]
  /** If it waits for its turn: the process whose request is before it in line, and waits as well; else null. */
  readonly behind: string | null
}

/** Names in a message are cut to so many characters. */
const NAME_SHOWN = 40

/**
 * The request would wait for ever, and was taken back: it waits, directly or by way of others, for what its own process
 * holds and does not give up before. Of those in the circle it is the youngest; the others go on once its process gives up
 * what it holds.
 */
export class DeadlockError extends TuttiError {
  /** The circle, this process's wait first; where semaphores are in it, all that are tied up. At most 64 waits of it. */
  readonly cycle: readonly DeadlockEdge[]

  constructor(cycle: readonly DeadlockEdge[], options?: TuttiErrorOptions) {
    super('deadlock', true, `a deadlock: ${cycle.map(describe).join('; ')}`, options)
    this.cycle = cycle
  }

  override get name(): string {
    return 'DeadlockError'
  }
}

function describe({ clientId, kind, name, heldBy, behind }: DeadlockEdge): string {
  const shown = name.length > NAME_SHOWN ? `${name.slice(0, NAME_SHOWN)}…` : name
  const by = behind === null ? `held by ${heldBy.map((each) => each.clientId).join(', ')}` : `after ${behind}`
  return `${clientId} waits for ${kind} "${shown}", ${by}`
}

/** A replicated object has another state here than at most others, or no two halves agree: its class is not deterministic. */
export class DivergenceError extends TuttiError {
  /** After so many calls. */
  readonly calls: number
  /** Processes whose state differs from that of more than half; all of them if there is no such half. */
  readonly diverged: readonly string[]

  constructor(message: string, about: Pick<DivergenceError, 'calls' | 'diverged'>, options?: TuttiErrorOptions) {
    super('divergence', true, message, options)
    this.calls = about.calls
    this.diverged = about.diverged
  }

  override get name(): string {
    return 'DivergenceError'
  }
}

/**
 * What was asked of another process failed there: its handler threw, or what it gave cannot be sent. The message is that of
 * the error there. What the handler did before is done.
 */
export class RemoteError extends TuttiError {
  /** Where it failed; null if a service has recorded it, whoever it was. */
  readonly process: string | null
  /** The `name` of the error there. */
  readonly remoteName: string

  constructor(
    message: string,
    { process, remoteName, ...options }: TuttiErrorOptions & Pick<RemoteError, 'process' | 'remoteName'>,
  ) {
    super('remote', false, message, options)
    this.process = process
    this.remoteName = remoteName
  }

  override get name(): string {
    return 'RemoteError'
  }
}

/** Nobody answers there: a member has no handler for requests, or no process of the space serves, or takes clients. Nothing was done. */
export class NoHandlerError extends TuttiError {
  constructor(message: string, options?: TuttiErrorOptions) {
    super('no-handler', true, message, options)
  }

  override get name(): string {
    return 'NoHandlerError'
  }
}

/** A request can no longer get the replies that it asked for: too many members left or failed. Others may have acted on it. */
export class NoRepliesError<Result = unknown> extends TuttiError {
  /** What there is of them. */
  readonly replies: Result

  constructor(message: string, { replies, ...options }: TuttiErrorOptions & { readonly replies: Result }) {
    super('no-replies', false, message, options)
    this.replies = replies
  }

  override get name(): string {
    return 'NoRepliesError'
  }
}

/** Why a snapshot could not be taken, or is not restored. */
export type SnapshotFault = 'incomplete' | 'corrupt' | 'newer' | 'occupied' | 'unsuitable'

/**
 * A snapshot of the space could not be taken (`incomplete`: it was tried again and again, and each time somebody went, or did
 * not answer in time), or is not restored: it is damaged or no snapshot (`corrupt`), of a newer version of Tutti (`newer`),
 * objects that it would write are not empty (`occupied`), or are open with options that it does not fit (`unsuitable`).
 * Nothing was written.
 */
export class SnapshotError extends TuttiError {
  readonly reason: SnapshotFault
  /** The processes that were waited for, or the objects that are concerned. */
  readonly names: readonly string[]

  constructor(
    message: string,
    {
      reason,
      names = [],
      ...options
    }: TuttiErrorOptions & Pick<SnapshotError, 'reason'> & { readonly names?: readonly string[] },
  ) {
    super('snapshot', true, message, options)
    this.reason = reason
    this.names = names
  }

  override get name(): string {
    return 'SnapshotError'
  }
}
