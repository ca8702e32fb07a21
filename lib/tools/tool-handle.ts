/**
 * What the handles of tools that stand on one machine have in common: a name, a snapshot that stays the same until
 * something changes, and their end.
 */
import { InvariantError, UsageError } from '../errors.ts'
import { ObjectTarget } from '../objects/events.ts'
import { MachineReplica } from '../objects/machine-replica.ts'
import type { GroupPort } from '../objects/replica.ts'
import type { Machine } from '../objects/state-machine.ts'

/** A machine needs one; nothing that is held here ends with it. */
const LEASE_MS = 10_000

/** The events of a tool. */
export interface ToolEvents {
  /** Something has changed: read `snapshot`. */
  readonly change: Event
}

/** The base of such handles. */
export abstract class ToolHandle<Snapshot> extends ObjectTarget<ToolEvents> {
  readonly #port: GroupPort
  #snapshot: Snapshot | null = null
  #text = ''

  constructor(port: GroupPort) {
    super()
    this.#port = port
  }

  /** The group's name. */
  get name(): string {
    return this.#port.name
  }

  /** What it shows: the same object until something changes. */
  get snapshot(): Snapshot {
    const now = this.look()
    const text = JSON.stringify(now)
    if (this.#snapshot === null || text !== this.#text) {
      this.#snapshot = now
      this.#text = text
    }
    return this.#snapshot
  }

  /** What there is to show now: plain data. */
  protected abstract look(): Snapshot

  /** Ends what is under way: the group is being left. */
  protected abstract stop(): void

  /** @internal For the replica: something may have changed. */
  tellChange(): void {
    if (this.isHeard) this.dispatchEvent(new Event('change'))
  }

  /**
   * Leaves the group, once every opener here has closed it. What waits rejects with ClosedError, what is held is given
   * back. Reads keep showing the last state.
   */
  close(): Promise<void> {
    const closed = this.#port.close()
    const { phase } = this.#port
    if (phase === 'leaving' || phase === 'ended') this.stop()
    return closed
  }

  /** @internal The group has ended. */
  handleEnd(): void {
    this.stop()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** The replica of a machine of which nobody holds anything. */
export function makeReplica<M extends Machine>(
  port: GroupPort,
  what: string,
  { machine, changed }: { readonly machine: M; readonly changed: () => void },
): MachineReplica<M> {
  const settings = { what, whenNotPrimary: 'wait', leaseMs: LEASE_MS } as const
  return new MachineReplica(port, machine, settings, {
    toError: (code, message) => new InvariantError(`${what} "${port.name}": ${code}: ${message}`),
    changed,
  })
}

/** Throws a UsageError unless it is a whole number in that range. */
export function checkWhole(what: string, value: unknown, min: number, max: number): asserts value is number {
  if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) return
  throw new UsageError(`${what} must be a whole number from ${min} to ${max}`)
}
