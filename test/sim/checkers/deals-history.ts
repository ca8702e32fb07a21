/**
 * Transactions over several objects, and operations on each of them, as the applications see them: for the search of
 * `t13-linearizable.ts`. All of them are operations on one thing, whose sum stays the same.
 */
import type { HistoryModel, TimedOp } from './search.ts'

/** As in `tools/deals.ts`. */
const START = 50
const TILL_MAX = 80

/** The accounts, the till, and who signed last. */
type Deals = readonly [a0: number, a1: number, till: number, chief: number | null]

export const dealsHistory: HistoryModel = {
  keyOf: ({ f }) => (f === 'note' ? null : 'all'),
  start: JSON.stringify([START, START, 0, null]),
  stepsMax: 20_000,
  groups: ['vault', 'till', 'chief'],
  step(state, op) {
    const deals = JSON.parse(state) as Deals
    const { ok, value } = op
    // A bound would be passed: nothing was done. One that was tried too often has done nothing, either.
    if (ok === false) return value === 'out-of-bounds' && !isBeyond(after(deals, op)) ? null : state
    const given = answer(deals, op)
    if (ok === true && JSON.stringify(given) !== JSON.stringify(value)) return null
    const next = after(deals, op)
    return isBeyond(next) ? null : JSON.stringify(next)
  },
}

function isBeyond([, , till]: Deals): boolean {
  return till < 0 || till > TILL_MAX
}

/** What it gives. */
function answer([a0, a1, till, chief]: Deals, { f, args, value }: TimedOp): unknown {
  const [from] = args as readonly unknown[]
  const [held, other] = from === 'a1' ? [a1, a0] : [a0, a1]
  switch (f) {
    case 'deposit':
      return held
    case 'withdraw':
      return [held, till]
    case 'transfer':
      return [held, other]
    case 'move':
      return [a0, a1]
    case 'audit':
      return [a0, a1, till]
    case 'glance':
      return [till, chief]
    case 'count':
      return till
    case 'who':
      return chief
    default:
      // How often it was signed is for the replay.
      return value
  }
}

/** What is there after it. */
function after([a0, a1, till, chief]: Deals, { f, args }: TimedOp): Deals {
  const [first, second, third, fourth] = args as readonly unknown[]
  const n = Number(f === 'transfer' ? third : second)
  const move = (out: number): readonly [number, number] => (first === 'a1' ? [a0, a1 - out] : [a0 - out, a1])
  switch (f) {
    case 'deposit':
      return [...move(n), till + n, (third as number | null) ?? chief]
    case 'withdraw':
      return [...move(-n), till - n, (third as number | null) ?? chief]
    case 'transfer': {
      const signed = (fourth as number | null) ?? chief
      return first === 'a1' ? [a0 + n, a1 - n, till, signed] : [a0 - n, a1 + n, till, signed]
    }
    case 'move':
      return [a0 - 1, a1 + 1, till, chief]
    case 'sign':
      return [a0, a1, till, first as number]
    default:
      return [a0, a1, till, chief]
  }
}
