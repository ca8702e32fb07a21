/** What cells do: see `cells-machine.ts`. */
import type { MachineModel, ModelAnswer } from './machine-model.ts'

type Cells = Record<string, { version: number; value: unknown }>

/** Every key has a value and the number of times that it was written. */
export const cellsModel: MachineModel<Cells> = {
  start: () => ({}),
  apply(cells, body): ModelAnswer {
    const [f, key, value, version] = body as [string, string, unknown, number]
    const known = cells[key] ?? { version: 0, value: null }
    if (f === 'read') return [true, [known.version, known.value]]
    if (f === 'cas' && known.version !== version) return [false, 'conflict']
    cells[key] = { version: known.version + 1, value }
    return [true, known.version + 1]
  },
}
