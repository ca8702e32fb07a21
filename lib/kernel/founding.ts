/**
 * Founding: when this process may begin a line, and the right to it from the origin's section.
 *
 * A grant says that no live process of the origin is in a line *now*: another may enter one a moment later, by a merge
 * that the section hears of only then. So a grant that is older than the step it came in is only a reason to propose;
 * before the decision is made the section is asked again. One that comes to nothing is given back, or it would keep
 * the others of the origin from founding for as long as this process lives.
 */
import type { Core } from './core.ts'
import type { Detector } from './detector.ts'

/** The right to found, as one process seeks it. */
export class Founding {
  private readonly core: Core
  private readonly afterMs: number | null
  private from: number
  private retryAt = 0
  private isSearched = false
  private isAsked = false
  /** The section counts this process as one in a line. */
  private isHeld = false
  /** A decision was sent that founds the line: only a view without it shows that nothing came of it. */
  private isUsed = false
  private grantedAt = Number.NaN
  private granted = 0
  /** What a proposal may found, if the section still allows it when the rows are in. */
  line: string | null = null
  /** It is to take the place of a line that does not go on: see `beginAnew`. */
  isAnew = false

  /** @param afterMs how long to look for others; null: never found. */
  constructor(core: Core, afterMs: number | null) {
    this.core = core
    this.afterMs = afterMs
    this.from = core.now
  }

  /** Every transport has looked around once: the waiting time begins. */
  searched(): void {
    if (this.isSearched) return
    this.isSearched = true
    this.from = this.core.now
  }

  /** Somebody is met for the first time: there may soon be one view with them, so the waiting time begins anew. */
  met(): void {
    if (this.isSearched) this.from = this.core.now
  }

  /** When `consider` would ask; `Infinity` if it would not. */
  get nextAsk(): number {
    const { core, afterMs } = this
    const isSeeking = core.line === null && afterMs !== null && this.isSearched && !this.isAsked && this.line === null
    if (!isSeeking || core.era.members[0] !== core.self) return Number.POSITIVE_INFINITY
    return Math.max(this.from + afterMs, this.retryAt)
  }

  /** Asks the section if it is time, and nobody in a line is about. */
  consider(seen: Detector['seen']): void {
    const { now, limits } = this.core
    if (now < this.nextAsk) return
    for (const { summary, at } of seen.values()) {
      if (summary !== null && summary.line !== null && now - at < limits.suspectAfterMs) return
    }
    this.ask()
  }

  /** Does the grant speak of this very moment? */
  get isFresh(): boolean {
    return this.line !== null && this.grantedAt === this.core.now
  }

  /** Enters the section (again). */
  ask(): void {
    if (this.isAsked) return
    this.isAsked = true
    this.core.effects.push({ type: 'requestFound' })
  }

  /** On demand: a line from what is here, whoever is missing. Nobody is asked, for this process is in a line already. */
  beginAnew(): void {
    if (this.isAnew) return
    this.granted += 1
    this.line = `${this.core.self}-${this.granted}`
    this.isAnew = true
  }

  /** The section's answer. */
  answer(isGranted: boolean): void {
    const { core } = this
    this.isAsked = false
    if (isGranted) this.isHeld = true
    if (this.isAnew) return
    if (!isGranted || core.line !== null) {
      this.retryAt = core.now + core.limits.suspectAfterMs / 3
      this.drop()
      return
    }
    this.grantedAt = core.now
    if (this.line !== null) return
    this.granted += 1
    this.line = `${core.self}-${this.granted}`
  }

  /** The line is founded, if the view comes about. */
  use(): void {
    this.isUsed = true
  }

  /** The grant is not used, or not any more. */
  drop(): void {
    this.line = null
    this.isAnew = false
    if (!this.isHeld || this.isAsked || this.isUsed) return
    this.isHeld = false
    if (this.core.line === null) this.core.effects.push({ type: 'giveUpFound' })
  }

  /** A view is installed: of the line, or of another, or the wait for one begins anew. */
  newView(): void {
    this.isUsed = false
    this.drop()
    this.from = this.core.now
  }
}
