/**
 * An object that takes part in transactions, at one process: its replica, and who ends the transactions whose maker cannot.
 *
 * What is held for a transaction is let go by its maker. Where that has left the group of the object, or was cut off, whoever
 * is in it asks the ledger and ends it as was decided: the most senior member at once, the others if it has not.
 */
import { BusyError, UsageError } from '../errors.ts'
import { type AgreedOptions, pause } from './agreed.ts'
import { ATOMIC_ANSWER, ATOMIC_OP, AtomicMachine, type Held, sameKey, type TakingPart } from './atomic-machine.ts'
import type { Ledger } from './ledger.ts'
import { type MachineHooks, MachineReplica, type MachineSettings } from './machine-replica.ts'
import type { GroupPort } from './replica.ts'
import type { Machine } from './state-machine.ts'

/** Before what is held is looked at again, in ms; each member waits so much longer than the one before it in rank. */
const LOOK_MS = 400

/** Options of every object that can take part in transactions over several objects. */
export interface AtomicOptions extends AgreedOptions {
  /**
   * It takes part in `space.transact`. All who open the object give it, or none does. A call waits while a transaction
   * that is about to end holds the object. Default false.
   */
  readonly atomic?: boolean
  /** @internal Given by the space. */
  readonly ledger?: Ledger
}

/** What an object adds to its identity. */
export function atomicVariant({ atomic = false }: AtomicOptions): string {
  return atomic ? ' atomic' : ''
}

/** How an object takes part in one run of a transaction. */
export interface Part {
  /** What the function of the transaction sees. */
  readonly view: object
  /** Does it change nothing? */
  readonly isReadOnly: boolean
  /** Was anything read, or is anything to be changed? */
  readonly isUsed: boolean
  /** For the object's machine; `isReadOnly`: without the changes. */
  toBody(isReadOnly: boolean): unknown
  /** The run is over. */
  end(): void
}

/** An object as transactions see it. */
export interface Participant {
  readonly replica: MachineReplica<Machine>
  /** Null: it takes no part. */
  readonly ledger: Ledger | null
  begin(): Part
}

/** Makes the replica of an object. Throws a UsageError: `atomic` is not for this way of opening it. */
export function atomicReplica(
  port: GroupPort,
  machine: TakingPart,
  { settings, hooks, options }: { settings: MachineSettings; hooks: MachineHooks; options: AtomicOptions },
): MachineReplica<Machine> {
  if (options.atomic !== true) return new MachineReplica<Machine>(port, machine, settings, hooks)
  const { ledger } = options
  if (ledger === undefined) throw new UsageError('atomic: open the object by space.map, register, counter or queue')
  const atomic = new AtomicMachine(machine)
  const replica: MachineReplica<Machine> = new MachineReplica<Machine>(port, atomic, settings, {
    ...hooks,
    unwanted: (body, value) => {
      const [op, key] = body as readonly unknown[]
      // Whoever gave the transaction up was answered after all: it is held for nobody.
      // Closed meanwhile, it leaves that to the others.
      if (op === ATOMIC_OP.prepare && value === ATOMIC_ANSWER.held)
        tell(replica, [ATOMIC_OP.end, key, false]).catch(() => undefined)
      else if (typeof op === 'number') hooks.unwanted?.(body, value)
    },
    settled: (isLoaded) => {
      hooks.settled?.(isLoaded)
      doubts.look()
    },
  })
  const doubts = new Doubts(atomic, replica, ledger)
  return replica
}

/** Tells an object how a transaction ended, until it is told. Rejects if it cannot be: its group is left. */
export async function tell(replica: MachineReplica<Machine>, body: readonly unknown[]): Promise<void> {
  for (;;) {
    try {
      await replica.call(body, { isPatient: true })
      return
    } catch (error) {
      if (!(error instanceof BusyError)) throw error
      await pause(replica.port)
    }
  }
}

/** What an object is held for by a maker that does not end it. */
class Doubts {
  readonly #machine: AtomicMachine
  readonly #replica: MachineReplica<Machine>
  readonly #ledger: Ledger
  /** Looked at again later. */
  #isWatched = false
  #isAsking = false

  constructor(machine: AtomicMachine, replica: MachineReplica<Machine>, ledger: Ledger) {
    this.#machine = machine
    this.#replica = replica
    this.#ledger = ledger
  }

  look(): void {
    const { held } = this.#machine
    const { view, self } = this.#replica.port
    if (held === null || view === null || this.#isWatched || this.#isOver()) return
    this.#isWatched = true
    this.#replica.port.after(LOOK_MS * Math.max(0, view.members.indexOf(self)), () => {
      this.#isWatched = false
      const now = this.#machine.held
      if (now !== null && sameKey(now.key, held.key) && this.#isOrphan(held)) void this.#resolve(held)
      else if (now !== null) this.#lookLater()
    })
  }

  #lookLater(): void {
    if (this.#isOver() || this.#isWatched) return
    this.#isWatched = true
    this.#replica.port.after(LOOK_MS, () => {
      this.#isWatched = false
      this.look()
    })
  }

  /** Its maker is not here, or has forgotten it. */
  #isOrphan({ key }: Held): boolean {
    const { view, self } = this.#replica.port
    const [maker] = key
    if (view?.primary !== true) return false
    return maker === self ? !this.#ledger.isActive(key) : !view.members.includes(maker)
  }

  async #resolve({ key, names }: Held): Promise<void> {
    if (this.#isAsking) return
    this.#isAsking = true
    try {
      const isCommitted = await this.#ledger.resolve(key, names)
      await tell(this.#replica, [ATOMIC_OP.end, [...key], isCommitted])
      if (isCommitted) this.#ledger.ended(key, [this.#replica.port.name])
    } catch {
      // It is closed here, or this process was away for long: somebody else does it, or this one later.
    } finally {
      this.#isAsking = false
    }
    if (this.#machine.held !== null) this.#lookLater()
  }

  #isOver(): boolean {
    const { phase } = this.#replica.port
    return phase === 'leaving' || phase === 'ended'
  }
}
