/**
 * A barrier: processes wait for each other until so many have arrived, then all go on, and it can be used again.
 */
import { assertState, isAuthor, isCount, isTotal } from '../objects/checks.ts'
import type { MachineReplica } from '../objects/machine-replica.ts'
import type { ObjectKind } from '../objects/replica.ts'
import type { Answer, Caller, Machine, MachineContext } from '../objects/state-machine.ts'
import { checkWhole, makeReplica, ToolHandle } from './tool-handle.ts'

/** Parties of a barrier, at most: members of a space. */
const PARTIES_MAX = 1_024

/** How a barrier is opened. */
export interface BarrierOptions {
  /** How many processes wait for each other, 1 to 1,024. The same at every member. */
  readonly parties: number
}

/** What a barrier shows. */
export interface BarrierSnapshot {
  readonly parties: number
  /** How often all have arrived so far. */
  readonly generation: number
  /** Processes that have arrived and wait, in the order of their arrival. */
  readonly arrived: readonly string[]
}

/** The deterministic state: who has arrived, and how often all had. */
export class BarrierMachine implements Machine {
  readonly #parties: number
  #generation = 0
  #waiting: Caller[] = []

  constructor(parties: number) {
    this.#parties = parties
  }

  /** How often all have arrived. */
  get generation(): number {
    return this.#generation
  }

  /** Who has arrived and waits: each process once. */
  arrived(): string[] {
    return [...new Set(this.#waiting.map(({ process }) => process))]
  }

  apply(body: unknown, caller: Caller, context: MachineContext): Answer | 'waits' | null {
    if (!Array.isArray(body) || body.length !== 1 || body[0] !== 'arrive') return null
    this.#waiting.push(caller)
    return this.#open(context, caller) ?? 'waits'
  }

  cancel({ process, call }: Caller): void {
    this.#waiting = this.#waiting.filter((each) => each.process !== process || each.call !== call)
  }

  viewed(context: MachineContext): void {
    this.#open(context)
  }

  /** Lets all go if enough are there. The answer to `asking` is returned instead of told. */
  #open(context: MachineContext, asking?: Caller): Answer | null {
    if (!context.isPrimary || this.arrived().length < this.#parties) return null
    this.#generation += 1
    const all = this.#waiting
    this.#waiting = []
    const answer: Answer = [true, this.#generation]
    for (const caller of all) if (caller !== asking) context.answer(caller, answer)
    return answer
  }

  /** `[generation, waiting]`. */
  save(): unknown {
    return [this.#generation, this.#waiting.map(({ process, call }) => [process, call])]
  }

  load(saved: unknown): void {
    assertState(Array.isArray(saved) && saved.length === 2, 'barrier')
    const [generation, waiting] = saved as unknown[]
    assertState(isTotal(generation) && Array.isArray(waiting), 'barrier')
    const callers = waiting.map((each: unknown): Caller => {
      assertState(Array.isArray(each) && each.length === 2 && isAuthor(each[0]) && isCount(each[1]), 'arrival')
      return { process: each[0], call: each[1] }
    })
    this.#generation = generation
    this.#waiting = callers
  }
}

/** A barrier as the application holds it. */
export class SharedBarrier extends ToolHandle<BarrierSnapshot> {
  readonly #replica: MachineReplica<BarrierMachine>
  /** How many processes wait for each other. */
  readonly parties: number

  /** Made by {@link barrierKind}. */
  constructor(replica: MachineReplica<BarrierMachine>, parties: number) {
    super(replica.port)
    this.#replica = replica
    this.parties = parties
  }

  /**
   * Arrives, and waits until `parties` processes have. Resolves at all of them with how often that was so: 1, 2, 3 …
   * A process counts once, however often it arrives meanwhile. Who leaves, dies or is cut off before has not arrived; one
   * that comes back arrives anew. Waits while this process is not in the primary component.
   *
   * Rejects with ClosedError, BusyError (1,024 calls of this process wait), UnknownOutcomeError (closed meanwhile, or away
   * for so long that the others have forgotten it), or the signal's reason: then it has not arrived, if the others had not
   * before they heard of it.
   */
  arrive(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<number> {
    return this.#replica.call(['arrive'], { signal: options.signal }) as Promise<number>
  }

  protected override look(): BarrierSnapshot {
    const { machine } = this.#replica
    return { parties: this.parties, generation: machine.generation, arrived: machine.arrived() }
  }

  protected override stop(): void {
    this.#replica.stop()
  }
}

/** Opens a barrier: `space.barrier(name, { parties })` for short. */
export const barrierKind: ObjectKind<SharedBarrier, BarrierOptions> = {
  kind: 'barrier',
  order: 'total',
  uniform: true,
  consistency: 'consistent',
  isPassing: true,
  variant: ({ parties }) => `(${parties})`,
  create(port, { parties }) {
    checkWhole('parties', parties, 1, PARTIES_MAX)
    const replica = makeReplica(port, 'barrier', {
      machine: new BarrierMachine(parties),
      changed: () => handle.tellChange(),
    })
    const handle = new SharedBarrier(replica, parties)
    return { replica, handle }
  },
}
