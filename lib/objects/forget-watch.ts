/**
 * The watch over what is marked to be folded: after a while the most senior member has all sum it up.
 *
 * Nothing depends on the clock but when that operation is cast. It names what it means, and does nothing twice; a lost one
 * is cast again.
 */
import { UsageError } from '../errors.ts'
import { isCount } from './checks.ts'
import { isViewId } from './lineage.ts'
import type { GroupPort } from './replica.ts'

/** The first element of the operation; a lineage and an epoch follow. */
export const FORGET_OP = 'forget'

/** Checks an option: null if nothing is to be folded. Throws a UsageError. */
export function checkForgetAfter(forgetAfterMs: number | undefined): number | null {
  if (forgetAfterMs === undefined) return null
  if (forgetAfterMs > 0 && forgetAfterMs < Number.POSITIVE_INFINITY) return forgetAfterMs
  throw new UsageError('forgetAfterMs must be a positive number')
}

/** An operation of the watch: lineage and epoch up to which is folded. Null if it is malformed. */
export function readForget(op: readonly unknown[]): Mark | null {
  const [, lineage, epoch] = op
  return op.length === 3 && isViewId(lineage) && isCount(epoch) ? [lineage, epoch] : null
}

/** What the option adds to a kind: who folds and who does not must not share an object. The kernel knows it. */
export function foldingVariant({ forgetAfterMs }: { readonly forgetAfterMs?: number }): string {
  return forgetAfterMs === undefined ? '' : '+folding'
}

/** What is marked: lineage and epoch. */
type Mark = readonly [lineage: string, epoch: number]

/** One process's watch over one object. */
export class ForgetWatch {
  readonly #port: GroupPort
  readonly #afterMs: number
  readonly #marks: () => readonly Mark[]
  /** When this process saw a mark first. */
  readonly #since = new Map<string, number>()
  #cancel: (() => void) | null = null
  #isStopped = false

  constructor(port: GroupPort, afterMs: number, marks: () => readonly Mark[]) {
    this.#port = port
    this.#afterMs = afterMs
    this.#marks = marks
  }

  /** There may be other marks, or another view. */
  watch(): void {
    if (this.#isStopped) return
    const now = this.#port.now()
    const marks = this.#marks()
    const names = new Set(marks.map(nameOf))
    for (const name of this.#since.keys()) if (!names.has(name)) this.#since.delete(name)
    for (const name of names) if (!this.#since.has(name)) this.#since.set(name, now)
    this.#cancel?.()
    this.#cancel = null
    const { view, phase, self } = this.#port
    if (marks.length === 0 || view?.members[0] !== self || phase === 'leaving' || phase === 'ended') return
    const due = Math.min(...this.#since.values()) + this.#afterMs
    this.#cancel = this.#port.after(Math.max(1, due - now), () => this.#expire())
  }

  /** The object is closed. */
  stop(): void {
    this.#isStopped = true
    this.#cancel?.()
  }

  #expire(): void {
    if (this.#port.phase === 'leaving' || this.#port.phase === 'ended') return
    const now = this.#port.now()
    const due = this.#marks().filter((mark) => now - (this.#since.get(nameOf(mark)) ?? now) >= this.#afterMs)
    const last = due.reduce<Mark | null>((a, b) => (a === null || b[1] > a[1] ? b : a), null)
    // Should it be lost, it comes again in a while.
    for (const mark of due) this.#since.set(nameOf(mark), now - this.#afterMs * 0.9)
    try {
      if (last !== null) this.#port.cast([FORGET_OP, ...last])
    } catch {
      // It cannot be sent now.
    }
    this.watch()
  }
}

function nameOf([lineage, epoch]: Mark): string {
  return `${epoch} ${lineage}`
}
