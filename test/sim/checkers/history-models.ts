/** What tools do, as their applications see it: for the search of `t13-linearizable.ts`, by the tool's name. */
import type { HistoryModel, TimedOp } from './search.ts'

/** As in `tools/stock.ts`. */
const STOCK_MAX = 20

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

/** Version and value of the register. */
const register: HistoryModel = {
  keyOf: () => 'all',
  start: JSON.stringify([0, { $: 'undefined' }]),
  step(state, { f, args, ok, value }) {
    const [version, held] = JSON.parse(state) as [number, unknown]
    const isRight = (expected: object): boolean => ok === null || isSame(value, expected)
    if (f === 'read') return isRight({ value: held, version }) ? state : null
    const written = (args as readonly unknown[]).at(-1)
    const after = JSON.stringify([version + 1, written])
    if (f === 'set') return ok === null || value === version + 1 ? after : null
    if ((args as readonly unknown[])[0] !== version) return isRight({ ok: false, value: held, version }) ? state : null
    return isRight({ ok: true, version: version + 1, value: written }) ? after : null
  },
}

/** What is in stock, and apart from that the last id. */
const stock: HistoryModel = {
  keyOf: ({ f }) => (f === 'block' ? 'ids' : 'all'),
  start: '0',
  step(state, { f, args, ok, value }) {
    const now = Number(state)
    if (f === 'read') return ok === null || value === now ? state : null
    const after = now + ((args as readonly number[])[0] ?? 0)
    if (f === 'block') return ok === null || isSame(value, { from: now + 1, to: after }) ? String(after) : null
    if (after < 0 || after > STOCK_MAX) return ok === null || (!ok && value === 'out-of-bounds') ? state : null
    return ok === null || (ok && value === after) ? String(after) : null
  },
}

/** The total of a tally, and apart from that how often was drawn. */
const tally: HistoryModel = {
  keyOf: ({ f }) => (f === 'draw' ? 'draws' : 'total'),
  start: '0',
  step(state, { f, args, ok, value }) {
    const now = Number(state)
    const n = f === 'add' ? ((args as readonly number[])[0] ?? 0) : f === 'draw' ? 1 : 0
    if (f === 'add' && n === 5) return ok === null || (!ok && value === 'five') ? state : null
    const after = (now + n) % 24
    return ok === null || (ok && value === after) ? String(after) : null
  },
}

/** Are they the same record, in whatever order its fields stand? */
function isSame(value: unknown, expected: object): boolean {
  const sorted = (record: object): string => JSON.stringify(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)))
  return typeof value === 'object' && value !== null && sorted(value) === sorted(expected)
}

/** By tool. */
export const HISTORIES: Readonly<Record<string, HistoryModel>> = { cells, register, stock, tally }
