/** What the tally answers: see `tally.ts`. Values are their bytes: a number below 24 is one, of that number. */
import type { MachineModel, ModelAnswer } from './machine-model.ts'

interface Tally {
  calls: number
  total: number
  draws: number
}

/** As `plain-value.ts` writes them. */
interface Bytes {
  readonly of: readonly number[]
}

const bytesOf = (n: number): unknown => ({ $: 'bytes', of: [n] })

export const tallyModel: MachineModel<Tally> = {
  start: () => ({ calls: 0, total: 0, draws: 0 }),
  apply(tally, body): ModelAnswer | null {
    const [op, first, second] = body as [number, unknown, unknown]
    if (op === 2) return [true, null]
    // A report is of a state that has been.
    if (op === 1) return (first as number) <= tally.calls ? [true, null] : null
    tally.calls += 1
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
