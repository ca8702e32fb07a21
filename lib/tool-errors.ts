/**
 * Errors of single objects and tools, beside those of `errors.ts`, which anything may throw.
 *
 * They never cross the worker's border: tools live with the application.
 */
import { type ErrorCode, TuttiError, type TuttiErrorOptions } from './errors.ts'

/** What kind of failure it is; each listed in docs/errors.md. */
export type ToolErrorCode = 'out-of-bounds' | 'vote' | 'divergence'

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

/** A replicated object has another state here than at most others, or no two halves agree: its class is not deterministic. */
export class DivergenceError extends TuttiError {
  /** After so many calls. */
  readonly calls: number
  /** Processes whose state differs from that of more than half; all of them if there is no such half. */
  readonly diverged: readonly string[]

  constructor(message: string, about: Pick<DivergenceError, 'calls' | 'diverged'>, options?: TuttiErrorOptions) {
    super(toolCode('divergence'), true, message, options)
    this.calls = about.calls
    this.diverged = about.diverged
  }

  override get name(): string {
    return 'DivergenceError'
  }
}

/** `TuttiError.code` lists the codes of `errors.ts` only. */
function toolCode(code: ToolErrorCode): ErrorCode {
  return code as string as ErrorCode
}
