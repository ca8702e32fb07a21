/**
 * The casts of this process that are under way: their numbers, their bounds, and their receipts.
 *
 * Bounds: {@link CASTS_MAX} own casts, or {@link CAST_BYTES_MAX} payload bytes, cast but not yet delivered here: below
 * them one more is taken, of at most {@link CAST_SIZE_MAX} bytes.
 */
import { type ClosedError, NotPrimaryError, TooLargeError, UnknownOutcomeError, ViewChangedError } from './errors.ts'
import type { AppEvent, ProcessId } from './kernel/api.ts'
import { CastReceipt } from './receipt.ts'
import type { TraceSink } from './trace.ts'

/** Own casts that may be under way: cast, and not yet delivered here. */
export const CASTS_MAX = 4096
/** Payload bytes of own casts under way from which on no more is taken; one cast may pass it. */
export const CAST_BYTES_MAX: number = 32 * 1024 * 1024
/** The largest payload of one cast, encoded. */
export const CAST_SIZE_MAX: number = 32 * 1024 * 1024

type Stable = Extract<AppEvent, { type: 'stable' }>
type Outcome = Extract<AppEvent, { type: 'castEnd' }>['outcome']

/** Throws a TooLargeError for a payload that no cast may have. */
export function checkSize(payload: Uint8Array): void {
  if (payload.length <= CAST_SIZE_MAX) return
  throw new TooLargeError(`a cast of ${payload.length} bytes`, payload.length, CAST_SIZE_MAX)
}

/** One process's own casts, over all its groups. */
export class OwnCasts {
  readonly #self: ProcessId
  readonly #trace: TraceSink | undefined
  /** By number, which only grows. A Map keeps the order of insertion. */
  readonly #receipts = new Map<number, CastReceipt>()
  #made = 0
  #open = 0
  #openBytes = 0

  constructor(self: ProcessId, trace: TraceSink | undefined) {
    this.#self = self
    this.#trace = trace
  }

  /** Casts so far. */
  get made(): number {
    return this.#made
  }

  /** Casts that are neither delivered nor ended here. */
  get open(): number {
    return this.#open
  }

  /** True if the bounds allow one more. */
  get hasRoom(): boolean {
    return this.#open < CASTS_MAX && this.#openBytes < CAST_BYTES_MAX
  }

  /** Numbers one more cast. `seen` is the view that the application saw last. */
  begin(group: string, payload: Uint8Array, seen: string | null): CastReceipt {
    this.#made += 1
    const n = this.#made
    const receipt = new CastReceipt(n, group, payload.length)
    this.#receipts.set(n, receipt)
    this.#open += 1
    this.#openBytes += payload.length
    this.#trace?.({ e: 'cast', m: `${this.#self}#${n}`, g: group, seen })
    return receipt
  }

  /** A cast was delivered here. */
  markDelivered(n: number): void {
    const receipt = this.#receipts.get(n)
    if (receipt === undefined || !receipt.isOpen) return
    this.#endOpen(receipt)
    this.#traceEnd(n, 'delivered')
    receipt.markDelivered()
    if (receipt.isSettled) this.#receipts.delete(n)
  }

  /** All casts up to a number are held by every member of the views they were sent in. */
  markStable({ upTo, except }: Stable): void {
    const waiting = except.length === 0 ? null : new Set(except)
    for (const receipt of this.#receipts.values()) {
      if (receipt.n > upTo) break
      if (waiting?.has(receipt.n)) continue
      if (receipt.wantsStable && !receipt.isStable) this.#traceEnd(receipt.n, 'stable')
      receipt.markStable()
      if (receipt.isSettled) this.#receipts.delete(receipt.n)
    }
  }

  /** A cast will not be delivered here, or not become stable; false if nobody waits for it any more. */
  end(n: number, outcome: Outcome): boolean {
    const receipt = this.#receipts.get(n)
    if (receipt === undefined) return false
    this.#traceEnd(n, outcome === 'viewChanged' ? 'view-changed' : outcome)
    if (receipt.isOpen) this.#endOpen(receipt)
    this.#receipts.delete(n)
    receipt.fail(endReason(outcome, receipt))
    return true
  }

  /** Nothing is heard of casts any more. Those of numbers in `unsent` surely took no effect; of the rest nobody here can tell. */
  close(error: ClosedError, unsent: ReadonlySet<number>): void {
    const receipts = [...this.#receipts.values()]
    this.#receipts.clear()
    for (const receipt of receipts) {
      if (receipt.isOpen) {
        this.#endOpen(receipt)
        this.#traceEnd(receipt.n, 'unknown')
      }
      receipt.fail(unsent.has(receipt.n) ? error : endReason('unknown', receipt, error))
    }
  }

  #endOpen(receipt: CastReceipt): void {
    this.#open -= 1
    this.#openBytes -= receipt.bytes
  }

  #traceEnd(n: number, outcome: string): void {
    this.#trace?.({ e: 'settle', of: `${this.#self}#${n}`, outcome })
  }
}

function endReason(outcome: Outcome, receipt: CastReceipt, cause?: unknown): unknown {
  if (outcome === 'viewChanged') {
    return new ViewChangedError(`cast ${receipt.n} in "${receipt.group}" was not sent: the view it was made in is over`)
  }
  if (outcome === 'refused' && receipt.abortReason !== undefined) return receipt.abortReason
  if (outcome === 'refused')
    return new NotPrimaryError(`cast ${receipt.n} in "${receipt.group}" was refused: not primary`)
  const place = receipt.isDelivered ? 'is not known to be held by all' : 'was not delivered here; others may have it'
  return new UnknownOutcomeError(`cast ${receipt.n} in "${receipt.group}" ${place}`, { cause })
}
