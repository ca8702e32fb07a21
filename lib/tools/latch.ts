/**
 * A latch: it is counted down to zero, once, and opens for all who wait for that.
 */
import { assertState, isAuthor, isCount, isTotal } from '../objects/checks.ts'
import type { MachineReplica } from '../objects/machine-replica.ts'
import type { ObjectKind } from '../objects/replica.ts'
import type { Answer, Caller, Machine, MachineContext } from '../objects/state-machine.ts'
import { checkWhole, makeReplica, ToolHandle } from './tool-handle.ts'

/** How a latch is opened. */
export interface LatchOptions {
  /** How often it is counted down until it opens, from 1. The same at every member. */
  readonly count: number
}

/** What a latch shows. */
export interface LatchSnapshot {
  /** How often it must still be counted down; 0: it is open. */
  readonly count: number
}

/** The deterministic state: the count, and who waits. */
export class LatchMachine implements Machine {
  #count: number
  #waiting: Caller[] = []

  constructor(count: number) {
    this.#count = count
  }

  /** How often it must still be counted down. */
  get count(): number {
    return this.#count
  }

  apply(body: unknown, caller: Caller, context: MachineContext): Answer | 'waits' | null {
    if (!Array.isArray(body) || body.length !== 1) return null
    if (body[0] === 'down') {
      this.#count = Math.max(0, this.#count - 1)
      if (this.#count === 0) this.#open(context)
      return [true, this.#count]
    }
    if (body[0] !== 'wait') return null
    if (this.#count === 0) return [true, 0]
    this.#waiting.push(caller)
    return 'waits'
  }

  #open(context: MachineContext): void {
    const all = this.#waiting
    this.#waiting = []
    for (const caller of all) context.answer(caller, [true, 0])
  }

  cancel({ process, call }: Caller): void {
    this.#waiting = this.#waiting.filter((each) => each.process !== process || each.call !== call)
  }

  /** `[count, waiting]`. */
  save(): unknown {
    return [this.#count, this.#waiting.map(({ process, call }) => [process, call])]
  }

  load(saved: unknown): void {
    assertState(Array.isArray(saved) && saved.length === 2, 'latch')
    const [count, waiting] = saved as unknown[]
    assertState(isTotal(count) && Array.isArray(waiting), 'latch')
    const callers = waiting.map((each: unknown): Caller => {
      assertState(Array.isArray(each) && each.length === 2 && isAuthor(each[0]) && isCount(each[1]), 'waiting')
      return { process: each[0], call: each[1] }
    })
    this.#count = count
    this.#waiting = callers
  }
}

/** A latch as the application holds it. */
export class SharedLatch extends ToolHandle<LatchSnapshot> {
  readonly #replica: MachineReplica<LatchMachine>

  /** Made by {@link latchKind}. */
  constructor(replica: MachineReplica<LatchMachine>) {
    super(replica.port)
    this.#replica = replica
  }

  /** How often it must still be counted down; 0: it is open, for good. */
  get count(): number {
    return this.#replica.machine.count
  }

  /**
   * Counts it down by one, exactly once, whoever leaves then; an open one stays open. Resolves with the count when every
   * member knows it. Waits while this process is not in the primary component. Rejects with ClosedError, BusyError (1,024
   * calls of this process wait), or UnknownOutcomeError (closed meanwhile, or away for so long that the others have
   * forgotten it), or the signal's reason: if it aborts when the call is under way, it may be counted all the same.
   */
  async countDown(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<number> {
    return (await this.#replica.call(['down'], { signal: options.signal })) as number
  }

  /** Waits until it is open. Rejects as `countDown` does. */
  async wait(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    await this.#replica.call(['wait'], { signal: options.signal })
  }

  protected override look(): LatchSnapshot {
    return { count: this.count }
  }

  protected override stop(): void {
    this.#replica.stop()
  }
}

/** Opens a latch: `space.latch(name, { count })` for short. */
export const latchKind: ObjectKind<SharedLatch, LatchOptions> = {
  kind: 'latch',
  order: 'total',
  uniform: true,
  consistency: 'consistent',
  variant: ({ count }) => `(${count})`,
  create(port, { count }) {
    checkWhole('count', count, 1, Number.MAX_SAFE_INTEGER)
    const replica = makeReplica(port, 'latch', { machine: new LatchMachine(count), changed: () => handle.tellChange() })
    const handle = new SharedLatch(replica)
    return { replica, handle }
  },
}
