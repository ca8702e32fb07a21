/** What the tally answers: see `tally.ts`. Values are their bytes: a number below 24 is one, of that number. */
import type { MachineModel, ModelAnswer } from './machine-model.ts'

interface Tally {
  total: number
  draws: number
}

/** As `plain-value.ts` writes them. */
interface Bytes {
  readonly of: readonly number[]
}

const bytesOf = (n: number): unknown => ({ $: 'bytes', of: [n] })

export const tallyModel: MachineModel<Tally> = {
  start: () => ({ total: 0, draws: 0 }),
  apply(tally, body): ModelAnswer {
    const [op, first, second] = body as [number, unknown, unknown]
    // Reads and reports.
    if (op !== 0) return [true, null]
    if (first === 'look') return [true, bytesOf(tally.total)]
    if (first === 'draw') {
      tally.draws = (tally.draws + 1) % 24
      return [true, bytesOf(tally.draws)]
    }
    const n = (second as Bytes).of.at(-1) ?? 0
    if (n === 5) return [false, 'threw RangeError']
    tally.total = (tally.total + n) % 24
    return [true, bytesOf(tally.total)]
  },
}
