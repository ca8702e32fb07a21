/**
 * The least object that is a machine: keys that are read, written, and written if they have not changed, so that the
 * workload `tools` stands on nothing but the machine's replica.
 */
import { MachineReplica } from '../../../lib/objects/machine-replica.ts'
import type { ObjectKind } from '../../../lib/objects/replica.ts'
import type { Answer, Machine } from '../../../lib/objects/state-machine.ts'

/** Settings that differ from run to run. */
export interface CellsOptions {
  readonly leaseMs: number
  readonly whenNotPrimary: 'wait' | 'reject'
}

type Cell = readonly [version: number, value: unknown]

const EMPTY: Cell = [0, null]

class CellsMachine implements Machine {
  #cells = new Map<string, Cell>()

  apply(body: unknown): Answer | null {
    if (!Array.isArray(body) || typeof body[1] !== 'string') return null
    const [f, key, value, version] = body as unknown[] as [unknown, string, unknown, unknown]
    const cell = this.#cells.get(key) ?? EMPTY
    if (f === 'read') return [true, [...cell]]
    if (f === 'cas' && version !== cell[0]) return [false, 'conflict', String(cell[0])]
    if (f !== 'write' && f !== 'cas') return null
    this.#cells.set(key, [cell[0] + 1, value])
    return [true, cell[0] + 1]
  }

  save(): unknown {
    return [...this.#cells].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, cell]) => [key, ...cell])
  }

  load(saved: unknown): void {
    const cells = saved as [string, number, unknown][]
    this.#cells = new Map(cells.map(([key, version, value]) => [key, [version, value]]))
  }
}

/** What a cell is refused with. */
export class ConflictError extends Error {
  readonly code = 'conflict'
}

/** Cells as a kind; the handle is the replica. */
export const cellsKind: ObjectKind<MachineReplica<Machine>, CellsOptions> = {
  kind: 'cells',
  order: 'total',
  uniform: true,
  consistency: 'consistent',
  create(port, { leaseMs, whenNotPrimary }) {
    const replica = new MachineReplica(
      port,
      new CellsMachine(),
      { what: 'cells', whenNotPrimary, leaseMs },
      { toError: (_, message) => new ConflictError(message) },
    )
    return { replica, handle: replica }
  },
}
