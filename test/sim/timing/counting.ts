/**
 * How a call is measured: the delays until it ends, and what is sent for it, as a mean over some rounds with pauses between.
 */
import type { Frame } from '../../../lib/kernel/frame.ts'
import { isRecord } from '../../../lib/kernel/total.ts'
import { PageTask, type SimProcess } from '../process.ts'
import type { Stage } from './stage.ts'

const DELAY_MS = 40
/** Each is measured so often; what nobody waits for has the pause between to arrive. */
export const ROUNDS = 5
const PAUSE_MS = 1_000

/** What was sent: copies of casts and of order records, direct messages, frames with any of these. */
interface Sent {
  copies: number
  records: number
  messages: number
  frames: number
}

/** Per call: delays of 40 ms each, from the call to its end; and what was sent. */
export interface CallFigures extends Readonly<Sent> {
  readonly delays: number
}

/** Those of one call of a tool. */
export interface ToolFigures extends CallFigures {
  readonly tool: string
  readonly call: string
}

/** Who calls, and where what is sent is counted. */
export interface Measuring {
  readonly stage: Stage
  readonly by: SimProcess
  readonly count: Readonly<Sent>
}

/** One round: what comes before and after `run` is not measured. */
export interface Round {
  begin?(round: number): unknown
  run(round: number): Promise<unknown>
  end?(round: number): unknown
}

/** Measures one call. */
export async function measureRounds({ stage, by, count }: Measuring, { begin, run, end }: Round): Promise<CallFigures> {
  const sums = { delays: 0, copies: 0, records: 0, messages: 0, frames: 0 }
  for (let round = 0; round < ROUNDS; round += 1) {
    if (begin !== undefined) await later(stage, by, async () => begin(round))
    await stage.pass(PAUSE_MS)
    const before = { ...count }
    const start = stage.world.now
    let endedAt = Number.NaN
    await later(stage, by, () =>
      run(round).then(() => {
        endedAt = stage.world.now
      }),
    )
    await stage.pass(PAUSE_MS)
    sums.delays += (endedAt - start) / DELAY_MS
    for (const key of ['copies', 'records', 'messages', 'frames'] as const) sums[key] += count[key] - before[key]
    if (end !== undefined) await later(stage, by, async () => end(round))
    await stage.pass(PAUSE_MS)
  }
  const mean = (sum: number): number => Math.round((sum / ROUNDS) * 10) / 10
  const { delays, copies, records, messages, frames } = sums
  return {
    delays: mean(delays),
    copies: mean(copies),
    records: mean(records),
    messages: mean(messages),
    frames: mean(frames),
  }
}

/** The one of that rank. */
export function at<T>(list: readonly T[], index: number): T {
  const found = list[index]
  if (found === undefined) throw new RangeError(`nobody of rank ${index}`)
  return found
}

/** Does it on a page's turn, and lets time pass until that is over; throws after a virtual minute. */
export async function later<T>(stage: Stage, process: SimProcess, make: () => Promise<T>): Promise<T> {
  const { world } = stage
  let outcome: { readonly value: T } | { readonly error: unknown } | null = null
  const run = (): void => {
    make().then(
      (value) => {
        outcome = { value }
      },
      (error: unknown) => {
        outcome = { error }
      },
    )
  }
  world.at(world.now, new PageTask(process, run))
  const end = world.now + 60_000
  while (outcome === null && world.now < end) await stage.pass(1)
  const ended = outcome as { readonly value: T } | { readonly error: unknown } | null
  if (ended === null) throw new Error('it never ends')
  if ('error' in ended) throw ended.error
  return ended.value
}

/** Counts what is sent from here on. */
export function countFrames({ network }: Stage): Readonly<Sent> {
  const count: Sent = { copies: 0, records: 0, messages: 0, frames: 0 }
  const send = network.send.bind(network)
  network.send = (from, to, which, frame: Frame) => {
    if (frame.t === 'data' && frame.items.length > 0) {
      count.frames += 1
      for (const item of frame.items) {
        if (item.k === 'cast') count[isRecord(item.cast) ? 'records' : 'copies'] += 1
        if (item.k === 'message') count.messages += 1
      }
    }
    send(from, to, which, frame)
  }
  return count
}
