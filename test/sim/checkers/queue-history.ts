/**
 * What a queue does, as the applications see it: for the search of `t13-linearizable.ts`.
 *
 * Much of a queue happens without anybody's asking: delays run out, holders vanish, what nobody waits for any more goes
 * back. Of an item to which that may have happened it is not said where it is: whoever has it in hand may have lost it, and
 * it may be taken again. What is certain must be so: what is done is done once, under the token of whom it was given to
 * last, and is gone for good; what is taken was added before, and not before its delay was over; and of two items that
 * surely wait, of which nobody can have had either in hand, the one that is to be taken first is.
 */
import { FASTEST } from './clock-rate.ts'
import type { HistoryModel, TimedOp } from './search.ts'

/** A take that lasts as long may have been given something that it lost before it was handed out. Below any lease. */
const LONG_TAKE_MS = 1_000
/** Steps of a search over all items, each of which looks at all of them. */
const STEPS_MAX = 1_500
/** Times are rounded. */
const TICK_MS = 1

/** Where an item is. `fresh`, `failed`: it waits, surely. `open`: waits, is a dead letter, or is in hands of which nobody knows. */
type Place = 'fresh' | 'failed' | 'open' | 'held' | 'gone'

interface Item {
  readonly place: Place
  readonly priority: number
  /** It is not taken before. */
  readonly due: number
  /** That it was last taken under. */
  readonly token: string
}

/** By id. */
type Queue = Readonly<Record<string, Item>>

/** `jobs-<tries>-<size>-…`, as in `tools/jobs.ts`. */
export function queueHistories(name: string): readonly HistoryModel[] {
  const tries = Number(name.split('-')[1]) || 0
  const model = { start: '{}', step: (state: string, op: TimedOp) => step(state, op, tries) }
  // Each item by itself, for which the search always comes to an end; and all of them, for their order.
  return [
    { ...model, keyOf: (op) => `item ${idOf(op)}`, prepare: (ops) => prepare(ops, false) },
    { ...model, keyOf: () => 'all', prepare: (ops) => prepare(ops, true), stepsMax: STEPS_MAX },
  ]
}

function idOf({ args }: TimedOp): string {
  return String((args as readonly unknown[])[0])
}

/**
 * All operations as `[id, …]`. An add of which it is not known whether it was done counts if its item was taken; a take that
 * came to nothing may have had any item in hand.
 */
function prepare(ops: readonly TimedOp[], isWhole: boolean): readonly TimedOp[] {
  const ids = new Map<unknown, string>()
  for (const { f, ok, value } of ops) {
    if (f !== 'take' || ok !== true) continue
    const [id, item] = value as readonly [string, unknown, string]
    ids.set(item, id)
  }
  return ops.flatMap((op): readonly TimedOp[] => {
    const [first, ...rest] = op.args as readonly unknown[]
    if (op.f === 'add') {
      const id = op.ok === true ? (op.value as { readonly id: string }).id : ids.get(first)
      return id === undefined ? [] : [{ ...op, args: [id, ...rest] }]
    }
    if (op.f !== 'take') return [op]
    // What it may have had and lost, apart from what it gave.
    const lost: readonly TimedOp[] = isWhole
      ? [{ ...op, f: 'lose', args: [''], to: Number.POSITIVE_INFINITY, ok: null, value: null }]
      : []
    if (op.ok !== true) return lost
    const [id, , token] = op.value as readonly [string, unknown, string]
    const taken = { ...op, args: [id, token] }
    return op.to - op.from > LONG_TAKE_MS ? [taken, ...lost] : [taken]
  })
}

function step(state: string, op: TimedOp, tries: number): string | null {
  const queue = JSON.parse(state) as Queue
  const id = idOf(op)
  const item = queue[id]
  const [, second, third] = op.args as readonly unknown[]
  const become = (changed: Partial<Item>): string => JSON.stringify({ ...queue, [id]: { ...item, ...changed } })
  switch (op.f) {
    case 'add': {
      if (item !== undefined) return null
      const { priority, delay } = second as { readonly priority: number; readonly delay: number }
      const place = delay > 0 ? 'open' : 'fresh'
      return become({ place, priority, due: delay > 0 ? op.from + delay * FASTEST - TICK_MS : 0, token: '' })
    }
    case 'take':
      if (item === undefined || item.place === 'gone' || op.to < item.due || item.token === second) return null
      return isFirst(queue, id, item) ? become({ place: 'held', token: String(second) }) : null
    case 'lose': {
      // The best of those that surely wait: it is not certain any more where that is.
      const best = Object.entries(queue).find(([each, { place }]) => isSure(place) && isFirst(queue, each, queue[each]))
      return best === undefined ? state : JSON.stringify({ ...queue, [best[0]]: { ...best[1], place: 'open' } })
    }
    case 'done':
    case 'fail':
    case 'extend':
      return end(op, { state, item, become, tries, how: third })
    case 'restore':
    case 'drop':
      if (op.ok === false || (op.ok === true && op.value === false)) return state
      // It may have been in hands of which nobody knows, once too often; and its own add may have ended nowhere.
      if (item === undefined) return state
      if (item.place === 'gone') return null
      return become(op.f === 'drop' ? { place: 'gone' } : { place: 'fresh', due: 0 })
    default:
      return state
  }
}

interface Ending {
  readonly state: string
  readonly item: Item | undefined
  readonly become: (changed: Partial<Item>) => string
  readonly tries: number
  readonly how: unknown
}

/** Who has it in hand says something of it. */
function end(op: TimedOp, { state, item, become, tries, how }: Ending): string | null {
  const [, token] = op.args as readonly [string, string]
  const isHeld = item?.place === 'held' && item.token === token
  // Refused: it was lost before, and cannot be ended under that token any more. That it goes on is refused sooner: by its
  // holder's own clock, when nobody else need have it yet.
  if (op.ok === false) return isHeld && op.f !== 'extend' ? become({ place: 'open' }) : state
  if (!isHeld) return null
  if (op.f === 'extend') return state
  if (op.f === 'done') return become({ place: 'gone' })
  const { delay = 0, dead = false } = how as { readonly delay?: number; readonly dead?: boolean }
  if (delay > 0) return become({ place: 'open', due: op.from + delay * FASTEST - TICK_MS })
  return become({ place: dead || tries > 0 ? 'open' : 'failed' })
}

function isSure(place: Place): boolean {
  return place === 'fresh' || place === 'failed'
}

/** May it be taken, with all that surely waits beside it? */
function isFirst(queue: Queue, id: string, item: Item | undefined): boolean {
  if (item === undefined) return false
  return Object.entries(queue).every(([other, { place, priority }]) => {
    if (other === id || !isSure(place)) return true
    if (priority !== item.priority) return priority < item.priority
    // It may have been tried, and then goes before those that were not.
    if (!isSure(item.place)) return true
    if (place !== item.place) return place === 'fresh'
    return Number(other) > Number(id)
  })
}
