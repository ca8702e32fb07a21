/** What tools do, as their applications see it: for the search of `t13-linearizable.ts`, by the tool's name. */
import { dealsHistory } from './deals-history.ts'
import { queueHistories } from './queue-history.ts'
import type { HistoryModel, TimedOp } from './search.ts'
import { serviceHistory } from './service-history.ts'
import { modelNameOf } from './tool-names.ts'

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

/** As in `tools/bank.ts`. */
const BANK = { start: 100, accounts: ['a0', 'a1', 'a2'] }

/** What is in each account; apart from that, each tally. Notes are for the replay: what they give is of versions. */
const bank: HistoryModel = {
  keyOf: (op) => (op.f === 'transfer' || op.f === 'audit' ? 'accounts' : op.f === 'update' ? keyOf(op) : null),
  start: '[]',
  step(state, { f, args, ok, value }) {
    const held = JSON.parse(state) as (number | undefined)[]
    if (f === 'update') {
      const after = (held[0] ?? 0) + 1
      return ok === null || value === after ? JSON.stringify([after]) : null
    }
    const balances = BANK.accounts.map((_, i) => held[i] ?? BANK.start)
    if (f === 'audit') return ok === null || JSON.stringify(value) === JSON.stringify(balances) ? state : null
    const [from, to, amount] = args as [string, string, number]
    const [at, and] = [BANK.accounts.indexOf(from), BANK.accounts.indexOf(to)]
    if (ok !== null && JSON.stringify(value) !== JSON.stringify([balances[at], balances[and]])) return null
    return JSON.stringify(balances.map((each, i) => each + (i === and ? amount : i === at ? -amount : 0)))
  },
}

/** The result of a key, or nothing. Whoever runs it, or proposes, has a value of its own to make it. */
const once: HistoryModel = {
  keyOf,
  start: '',
  step(state, { f, args, ok, value }) {
    if (f === 'forget') return ok === null || value === (state !== '') ? '' : null
    const own = JSON.stringify((args as readonly unknown[])[1])
    // What failed was run, and has made nothing of it.
    if (ok === false) return value === 'failed' ? state : null
    const after = state === '' ? own : state
    return ok === null || JSON.stringify(value) === after ? after : null
  },
}

interface BallotHistory {
  readonly votes: Readonly<Record<string, string>>
  /** It is known to be decided. */
  readonly isOver: boolean
  readonly outcome?: unknown
}

/** Votes, each process's once, until it is decided: that is told once, with the votes that there are then. */
const ballot: HistoryModel = {
  given: { by: 'open', read: 'decision' },
  keyOf: (op) => (op.f === 'open' ? null : keyOf(op)),
  start: JSON.stringify({ votes: {}, isOver: false }),
  step(state, { f, args, ok, value }) {
    const known = JSON.parse(state) as BallotHistory
    const { votes, isOver } = known
    if (f === 'decision') {
      if (ok === null) return state
      const told = value as { readonly outcome: unknown; readonly votes: BallotHistory['votes'] }
      if (!isSame(told.votes, votes) || (known.outcome !== undefined && known.outcome !== told.outcome)) return null
      return JSON.stringify({ votes, isOver: true, outcome: told.outcome })
    }
    const [, choice, voter] = args as [string, string, string]
    const hasVoted = votes[voter] !== undefined
    if (ok === false && value === 'decided') return JSON.stringify({ ...known, isOver: true })
    if (ok === false) return !isOver && (value === 'voted' ? hasVoted : value === 'no-vote') ? state : null
    if (isOver || hasVoted) return ok === null ? state : null
    return JSON.stringify({ votes: { ...votes, [voter]: choice }, isOver })
  },
}

/** As in `tools/latch.ts`. */
const LATCH_COUNT = 20

/** How often it was counted down. */
const latch: HistoryModel = {
  keyOf: () => 'all',
  start: '0',
  step(state, { f, ok, value }) {
    if (f === 'wait') return ok === null || Number(state) === LATCH_COUNT ? state : null
    const downs = Math.min(Number(state) + 1, LATCH_COUNT)
    return ok === null || value === LATCH_COUNT - downs ? String(downs) : null
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
const HISTORIES: Readonly<Record<string, HistoryModel>> = {
  ...{ ballot, bank, cells, latch, once, register, stock, tally, deals: dealsHistory },
}

/** Of the service of the workload `calls`, as in `tools/calls.ts`. */
const SERVICE = 'tutti:serve:calls'

/** The models by which the operations on a group are judged; none for one of which the applications learn too little. */
export function historiesOf(name: string): readonly HistoryModel[] {
  const tool = modelNameOf(name)
  if (tool === 'jobs') return queueHistories(name)
  const model = name === SERVICE ? serviceHistory : HISTORIES[tool]
  return model === undefined ? [] : [model]
}
