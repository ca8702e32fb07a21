/**
 * Holds back what this process casts, for a moment, so that all processes of a space come to rest at one cut.
 *
 * The cast that marks the cut goes out at once, behind all that was cast before it. What is cast from then on waits here,
 * in the order of the calls, and is shown here meanwhile as ever: no call blocks. The one cast that ends the hold passes,
 * and then everything goes in one message. Its number is taken when the hold begins, since the kernel counts own casts
 * without gaps and in call order.
 */
import type { Command } from './kernel/api.ts'

/** A hold of {@link file://./app-port.ts AppSide}: what {@link file://./tools/snapshot-host.ts SnapshotHost} promises. */
export class CastHold {
  /** The number of the cast that marked the cut. */
  readonly mark: number
  readonly #last: number
  readonly #castLast: (n: number, op: unknown) => void
  readonly #letGo: (commands: readonly Command[]) => void
  readonly #commands: Command[] = []
  #isLastCast = false
  #isOver = false

  constructor(
    numbers: { readonly mark: number; readonly last: number },
    castLast: (n: number, op: unknown) => void,
    letGo: (commands: readonly Command[]) => void,
  ) {
    this.mark = numbers.mark
    this.#last = numbers.last
    this.#castLast = castLast
    this.#letGo = letGo
  }

  /** What waits. */
  get commands(): readonly Command[] {
    return this.#commands
  }

  /** Keeps the command until the end of the hold, if that is what it has to wait for. */
  takes(command: Command): boolean {
    if (this.#isOver || !this.#waits(command)) return false
    this.#commands.push(command)
    return true
  }

  #waits(command: Command): boolean {
    switch (command.type) {
      case 'cast':
        return command.n !== this.#last
      // Behind the casts that they are about.
      case 'cancel':
      case 'leaveGroup':
        return true
      case 'leave':
        return !command.quick
      default:
        return false
    }
  }

  /** Casts the one operation that passes. Once; later ones are ignored. */
  cast(op: unknown): void {
    if (this.#isLastCast || this.#isOver) return
    this.#isLastCast = true
    this.#castLast(this.#last, op)
  }

  /** Lets go what waits. The operation that passes is cast before it, as null if there was none. */
  release(): void {
    if (this.#isOver) return
    this.cast(null)
    this.#isOver = true
    this.#letGo(this.#commands)
  }
}
