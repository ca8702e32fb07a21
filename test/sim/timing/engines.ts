/**
 * What the total order engines cost: the delay from a cast to its delivery, and the messages that it takes, in virtual
 * time at a constant delay of 40 ms.
 */
import type { TotalEngineName } from '../../../lib/kernel/api.ts'
import type { Frame } from '../../../lib/kernel/frame.ts'
import { isRecord } from '../../../lib/kernel/total.ts'
import { PageTask, type SimProcess } from '../process.ts'
import { Channel, channel } from '../scenarios/channel.ts'
import { Stage } from './stage.ts'

export const ENGINES: readonly TotalEngineName[] = ['sequencer', 'moving', 'round-robin']

/** Who casts: one that is not first in the group; all, at random moments; or all at the same moments. */
export const LOADS = ['one', 'all', 'all in step'] as const

/** What was measured. Delays in ms, from the cast to the delivery, over all members; the rest per cast. */
interface EngineFigures {
  readonly engine: TotalEngineName
  readonly load: (typeof LOADS)[number]
  readonly casts: number
  readonly meanMs: number
  readonly maxMs: number
  /** Copies of casts and of records that were sent. */
  readonly copies: number
  readonly records: number
  /** Frames on the data channel, those that only acknowledge among them. */
  readonly frames: number
}

const EVERY_MS = 100
const CASTS_EACH = 200

/** Measures one engine under one load, in a group of `n`. */
export async function measureEngine(
  engine: TotalEngineName,
  load: (typeof LOADS)[number],
  n: number,
): Promise<EngineFigures> {
  const stage = new Stage(1)
  const { world, network } = stage
  stage.joinAll(n, 500)
  await stage.pass(1_000)
  await stage.settle(20_000)
  const members = Array.from({ length: n }, (_, rank) => stage.ranked(rank))
  const channels = new Map<SimProcess, Channel>()
  const options = { order: 'total', uniform: false, strong: false, consistency: 'available', state: false } as const
  for (const process of members) {
    world.touchPage()
    process.app.openGroup('g', { ...options, kind: 'channel', engine }, (port) => {
      const made = new Channel(port, channel('total'))
      channels.set(process, made)
      return made
    })
    await stage.pass(500)
  }
  const sums = { casts: 0, delivered: 0, ms: 0, maxMs: 0, copies: 0, records: 0, frames: 0 }
  const castAt = new Map<string, number>()
  const { watch } = world.trace
  world.trace.watch = (line) => {
    watch(line)
    if (line.e === 'cast') castAt.set(String(line['m']), line.t)
    if (line.e !== 'deliver') return
    const ms = line.t - (castAt.get(String(line['m'])) ?? line.t)
    sums.delivered += 1
    sums.ms += ms
    sums.maxMs = Math.max(sums.maxMs, ms)
  }
  const send = network.send.bind(network)
  network.send = (from, to, which, frame: Frame) => {
    if (frame.t === 'data') {
      sums.frames += 1
      for (const item of frame.items) if (item.k === 'cast') sums[isRecord(item.cast) ? 'records' : 'copies'] += 1
    }
    send(from, to, which, frame)
  }
  const senders = load === 'one' ? members.slice(2, 3) : members
  const start = world.now + 1_000
  const draw = world.scenario.random.fork('moments')
  for (const process of senders) {
    for (let i = 0; i < CASTS_EACH; i += 1) {
      const phase = load === 'all' ? draw.between(0, EVERY_MS) : 0
      const cast = (): void => {
        sums.casts += 1
        channels.get(process)?.cast(`${process.id}/${i}`)
      }
      world.at(start + phase + i * EVERY_MS, new PageTask(process, cast))
    }
  }
  await stage.pass(1_000 + CASTS_EACH * EVERY_MS + 5_000)
  const { casts, delivered, ms, maxMs, copies, records, frames } = sums
  if (delivered !== casts * n) throw new Error(`${delivered} deliveries of ${casts} casts at ${n} members`)
  const round = (value: number): number => Math.round(value * 10) / 10
  return {
    engine,
    load,
    casts,
    meanMs: round(ms / delivered),
    maxMs: round(maxMs),
    copies: round(copies / casts),
    records: round(records / casts),
    frames: round(frames / casts),
  }
}
