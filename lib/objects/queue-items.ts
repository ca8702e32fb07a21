/**
 * The items of a queue, as its state holds and saves them.
 */
import { readStored, type StoredValue } from './agreed.ts'
import { assertState, isAuthor, isCount, isTotal } from './checks.ts'
import type { Caller } from './state-machine.ts'
import { isToken, type Token } from './token.ts'

/** The longest delay, and the longest time for the work on an item, in ms: what a timer of a browser can wait for. */
export const DELAY_MS_MAX = 2_147_483_647
/** The reason of a failure is cut to this length. */
export const FAILURE_MAX = 1_024

/** A time that must pass. The state cannot tell when it is over: members report that, by their own clocks. */
export interface Countdown {
  /** Of no other countdown of any line. */
  readonly key: string
  readonly ms: number
}

/** An item in somebody's hands. */
export interface Grant {
  readonly taker: string
  readonly token: Token
  /** It goes back when that is over; null: the work may take as long as it takes. */
  readonly limit: Countdown | null
}

/** One item. Replaced, never changed. */
export interface QueueItem extends StoredValue {
  /** Counts items from 1, in the order in which they were added. */
  readonly id: number
  /** Higher ones are taken first. */
  readonly priority: number
  /** How often somebody has had it in hand, the present time included. */
  readonly attempts: number
  readonly grant: Grant | null
  /** It is not taken before that is over; null: it may be taken. */
  readonly delay: Countdown | null
  /** Why it failed last, or went back; empty if it never did, or nobody said. */
  readonly reason: string
}

/** A process that waits for an item. */
export interface WaitingTake {
  readonly caller: Caller
  /** How long the work may take, in ms; 0: for ever. */
  readonly limitMs: number
}

/** What is to be added once there is room. */
export interface WaitingAdd extends StoredValue {
  readonly caller: Caller
  readonly priority: number
  readonly delayMs: number
}

/** Which of two that wait is taken first: of a higher priority, then what was tried before, then what is older. */
export function compareWaiting(a: QueueItem, b: QueueItem): number {
  return b.priority - a.priority || Number(b.attempts > 0) - Number(a.attempts > 0) || a.id - b.id
}

/** A whole number of ms that can be waited for. */
export function isWait(value: unknown): value is number {
  return isTotal(value) && value <= DELAY_MS_MAX
}

/** A reason as it travels. */
export function isReason(value: unknown): value is string {
  return typeof value === 'string' && value.length <= FAILURE_MAX
}

/** `[id, bytes, priority, attempts, grant, delay, reason]`. */
export function saveItem({ id, bytes, priority, attempts, grant, delay, reason }: QueueItem): unknown {
  const held = grant && [grant.taker, [...grant.token], saveCountdown(grant.limit)]
  return [id, bytes, priority, attempts, held, saveCountdown(delay), reason]
}

/** A saved item. Throws a ValueError on a malformed one, or a dead one that is not at rest. */
export function readItem(saved: unknown, isDead: boolean): QueueItem {
  assertState(Array.isArray(saved) && saved.length === 7, 'item')
  const [id, , priority, attempts, grant, delay, reason] = saved as unknown[]
  const stored = readStored(saved[1])
  assertState(isCount(id) && stored !== null && Number.isSafeInteger(priority) && isTotal(attempts), 'item')
  assertState(isReason(reason) && (grant === null || delay === null), 'item')
  assertState(!isDead || (grant === null && delay === null), 'dead letter')
  return {
    ...{ id, ...stored, priority: priority as number, attempts, reason },
    grant: grant === null ? null : readGrant(grant),
    delay: readCountdown(delay),
  }
}

function readGrant(saved: unknown): Grant {
  assertState(Array.isArray(saved) && saved.length === 3, 'grant')
  const [taker, token, limit] = saved as unknown[]
  assertState(isAuthor(taker) && isToken(token), 'grant')
  return { taker, token, limit: readCountdown(limit) }
}

function saveCountdown(countdown: Countdown | null): unknown {
  return countdown && [countdown.key, countdown.ms]
}

function readCountdown(saved: unknown): Countdown | null {
  if (saved === null) return null
  assertState(Array.isArray(saved) && saved.length === 2, 'countdown')
  const [key, ms] = saved as unknown[]
  assertState(typeof key === 'string' && isWait(ms), 'countdown')
  return { key, ms }
}

/** `[process, call, limit]`, in their order. */
export function saveTake({ caller, limitMs }: WaitingTake): unknown {
  return [caller.process, caller.call, limitMs]
}

/** A saved take. Throws a ValueError on a malformed one. */
export function readTake(saved: unknown): WaitingTake {
  assertState(Array.isArray(saved) && saved.length === 3, 'take')
  const [process, call, limitMs] = saved as unknown[]
  assertState(isAuthor(process) && isCount(call) && isWait(limitMs), 'take')
  return { caller: { process, call }, limitMs }
}

/** `[process, call, bytes, priority, delay]`. */
export function saveAdd({ caller, bytes, priority, delayMs }: WaitingAdd): unknown {
  return [caller.process, caller.call, bytes, priority, delayMs]
}

/** A saved add. Throws a ValueError on a malformed one. */
export function readAdd(saved: unknown): WaitingAdd {
  assertState(Array.isArray(saved) && saved.length === 5, 'add')
  const [process, call, , priority, delayMs] = saved as unknown[]
  const stored = readStored(saved[2])
  assertState(isAuthor(process) && isCount(call) && stored !== null, 'add')
  assertState(Number.isSafeInteger(priority) && isWait(delayMs), 'add')
  return { caller: { process, call }, ...stored, priority: priority as number, delayMs }
}
