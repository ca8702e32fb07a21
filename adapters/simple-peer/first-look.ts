/** The first look around: it is over when who was found there is connected, or nothing more comes of it. */

/** How long it waits for connections once the servers have answered. */
const maxMs = 2000
const quietMs = 300

/** How far the connections are. */
export interface Progress {
  /** Connected, or reached by a better transport. */
  readonly met: number
  /** Connections being made. */
  readonly pending: number
}

/** Looks once; tells when it is done. */
export class FirstLook {
  readonly #progress: () => Progress
  readonly #done: () => void
  #running: { others: number; sinceMs: number; timer: ReturnType<typeof setInterval> } | null = null
  #isOver = false

  constructor(progress: () => Progress, done: () => void) {
    this.#progress = progress
    this.#done = done
  }

  /** The servers have told of so many others. */
  begin(others: number): void {
    if (this.#isOver || this.#running !== null) return
    const timer = setInterval(() => this.check(), quietMs / 3)
    this.#running = { others, sinceMs: performance.now(), timer }
    this.check()
  }

  /** Something has changed. */
  check(): void {
    if (this.#running === null) return
    const { others, sinceMs } = this.#running
    const lookedMs = performance.now() - sinceMs
    const { met, pending } = this.#progress()
    if (met >= others || (lookedMs > quietMs && pending === 0) || lookedMs > maxMs) this.end()
  }

  end(): void {
    this.stop()
    if (this.#isOver) return
    this.#isOver = true
    this.#done()
  }

  /** Tells nothing any more. */
  stop(): void {
    if (this.#running !== null) clearInterval(this.#running.timer)
    this.#running = null
  }
}
