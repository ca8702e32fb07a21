/**
 * What a service does, as its clients and its handlers see it: for the search of `t13-linearizable.ts`.
 *
 * A call has one outcome, that of one run, which lies between the call's begin and its end; a call that is refused for good
 * is never run.
 */
import type { HistoryModel, TimedOp } from './search.ts'

interface Call {
  readonly isAsked: boolean
  /** Who has run it. */
  readonly runs: readonly string[]
  /** It was told that nobody runs it. */
  readonly isRefused: boolean
}

/** Errors of a handler. */
const REMOTE = 'remote'
/** Errors that say that it was not run. */
const NOT_RUN: ReadonlySet<unknown> = new Set(['no-handler'])

export const serviceHistory: HistoryModel = {
  keyOf: ({ args }) => `call ${(args as readonly unknown[])[0]}`,
  start: JSON.stringify({ isAsked: false, runs: [], isRefused: false }),
  prepare: (ops) => ops.flatMap((op) => (op.f === 'callService' ? [askOf(op), op] : [op])),
  step(state, { f, args, ok, value }) {
    const call = JSON.parse(state) as Call
    const [of, by] = args as readonly [unknown, string]
    if (f === 'asked') return JSON.stringify({ ...call, isAsked: true })
    if (f === 'ran') {
      if (!call.isAsked || call.isRefused) return null
      return JSON.stringify({ ...call, runs: [...new Set([...call.runs, by])].sort() })
    }
    if (ok === null) return state
    if (ok) {
      const [runner, what] = value as readonly [string, unknown]
      return call.runs.includes(runner) && what === of ? state : null
    }
    if (value === REMOTE) return call.runs.length > 0 ? state : null
    if (!NOT_RUN.has(value)) return state
    return call.runs.length === 0 ? JSON.stringify({ ...call, isRefused: true }) : null
  },
}

/** The moment at which it is made. */
function askOf(op: TimedOp): TimedOp {
  return { ...op, f: 'asked', to: op.from, ok: true, value: null }
}
