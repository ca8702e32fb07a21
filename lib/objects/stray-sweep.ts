/**
 * Gives back what a state that was taken over says is this process's, though nobody here knows of it: it was granted before
 * a loss.
 *
 * What was granted a moment ago is not known yet either: its call is not settled while the state is awaited, and its promise
 * is heard later than its timers are by a page that was blocked. So what is found is looked at once more, a while later,
 * and given back only then.
 */
import type { GroupPort } from './replica.ts'

/** Before each look, in ms. */
const LOOK_MS = 50

/** What is looked at. */
export interface Strays {
  /** What is this process's by the state, and not in its hands: how to give each back, by what grants it. */
  find(): ReadonlyMap<string, () => void>
}

/** The looks of one process at one object. */
export class StraySweep {
  readonly #port: GroupPort
  readonly #strays: Strays
  /** Those that the last look has found. */
  #suspects: ReadonlySet<string> = new Set()
  #cancel: (() => void) | null = null
  #isStopped = false

  constructor(port: GroupPort, strays: Strays) {
    this.#port = port
    this.#strays = strays
  }

  /** A state was taken over: looks in a while. */
  soon(): void {
    if (this.#isStopped) return
    this.#cancel?.()
    this.#cancel = this.#port.after(LOOK_MS, () => this.#look())
  }

  /** The object is closed. */
  stop(): void {
    this.#isStopped = true
    this.#cancel?.()
  }

  #look(): void {
    this.#cancel = null
    if (!this.#port.isWhole) {
      this.#suspects = new Set()
      return this.soon()
    }
    const found = this.#strays.find()
    const known = this.#suspects
    this.#suspects = new Set([...found.keys()].filter((key) => !known.has(key)))
    for (const [key, giveBack] of found) if (known.has(key)) giveBack()
    if (this.#suspects.size > 0) this.soon()
  }
}
