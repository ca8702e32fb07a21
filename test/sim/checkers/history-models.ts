/** What tools do, as their applications see it: for the search of `t13-linearizable.ts`, by the tool's name. */
import type { HistoryModel, TimedOp } from './search.ts'

function keyOf({ args }: TimedOp): string {
  return String((args as readonly unknown[])[0])
}

/** Version and value of one cell. */
const cells: HistoryModel = {
  keyOf,
  start: JSON.stringify([0, null]),
  step(state, { f, args, ok, value }) {
    const [version, held] = JSON.parse(state) as [number, unknown]
    const [, written, expected] = args as [string, unknown, number]
    if (f === 'read') return ok === null || JSON.stringify(value) === state ? state : null
    if (f === 'cas' && (ok === false || expected !== version)) {
      const isRefused = expected !== version && (ok === null || (ok === false && value === 'conflict'))
      return isRefused ? JSON.stringify([version, held]) : null
    }
    return ok === null || value === version + 1 ? JSON.stringify([version + 1, written]) : null
  },
}

/** By tool. */
export const HISTORIES: Readonly<Record<string, HistoryModel>> = { cells }
