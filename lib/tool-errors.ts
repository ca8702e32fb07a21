/**
 * Errors of single objects and tools, beside those of `errors.ts`, which anything may throw.
 *
 * They never cross the worker's border: tools live with the application.
 */
import { type ErrorCode, TuttiError, type TuttiErrorOptions } from './errors.ts'

/** What kind of failure it is; each listed in docs/errors.md. */
export type ToolErrorCode = 'out-of-bounds' | 'vote' | 'remote' | 'no-handler' | 'no-replies'

/** A bounded counter would leave its bounds: every member refused it, and nothing was counted. */
export class OutOfBoundsError extends TuttiError {
  constructor(message: string, options?: TuttiErrorOptions) {
    super(toolCode('out-of-bounds'), true, message, options)
  }

  override get name(): string {
    return 'OutOfBoundsError'
  }
}

/** A vote was refused at every member: it does not count. */
export class VoteError extends TuttiError {
  /** The ballot was decided before it came; or this process has voted already; or has no vote in it. */
  readonly reason: 'decided' | 'voted' | 'no-vote'

  constructor(message: string, reason: VoteError['reason'], options?: TuttiErrorOptions) {
    super(toolCode('vote'), true, message, options)
    this.reason = reason
  }

  override get name(): string {
    return 'VoteError'
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
    super(toolCode('remote'), false, message, options)
    this.process = process
    this.remoteName = remoteName
  }

  override get name(): string {
    return 'RemoteError'
  }
}

/** Nobody answers there: a member has no handler for requests, or no process of the space serves. Nothing was done. */
export class NoHandlerError extends TuttiError {
  constructor(message: string, options?: TuttiErrorOptions) {
    super(toolCode('no-handler'), true, message, options)
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
    super(toolCode('no-replies'), false, message, options)
    this.replies = replies
  }

  override get name(): string {
    return 'NoRepliesError'
  }
}

/** `TuttiError.code` lists the codes of `errors.ts` only. */
function toolCode(code: ToolErrorCode): ErrorCode {
  return code as string as ErrorCode
}
