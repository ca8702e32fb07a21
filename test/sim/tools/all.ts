/** All tools that the workload `tools` knows. */
import { modelNameOf } from '../checkers/tool-names.ts'
import type { Scenario } from '../scenario.ts'
import { asks } from './asks.ts'
import { audit, judges } from './audit.ts'
import { ballot } from './ballot.ts'
import { bank } from './bank.ts'
import { calling, serving } from './calls.ts'
import { cells } from './cells.ts'
import { circles, semaphores } from './circles.ts'
import { chat, guests } from './clients.ts'
import { deals, dealt } from './deals.ts'
import { jobs } from './jobs.ts'
import { KEPT } from './kept.ts'
import { latch } from './latch.ts'
import { leader } from './leader.ts'
import { loans } from './loans.ts'
import { locks } from './locks.ts'
import { mail } from './mail.ts'
import { meeting } from './meeting.ts'
import { once } from './once.ts'
import { permits } from './permits.ts'
import { PURSES } from './purses.ts'
import { register } from './register.ts'
import { snapshots } from './snapshots.ts'
import { stock } from './stock.ts'
import { tally } from './tally.ts'
import type { LoadedTool, SimTool } from './tool.ts'

const TOOLS: readonly SimTool[] = [
  ...[cells, circles, leader, loans, locks, register, stock],
  ...[ballot, bank, latch, meeting, once, permits, tally],
]

/** Those of the workloads `calls` and `clients`: all of them, in each run. */
const CALL_TOOLS: Readonly<Record<'calls' | 'clients', readonly (DrawnTool & { readonly tool: SimTool })[]>> = {
  calls: [
    { tool: asks, name: asks.name, isCore: true },
    { tool: calling, name: calling.name, isCore: true },
    { tool: mail, name: mail.name, isCore: true },
    { tool: serving, name: serving.name, isCore: false },
  ],
  clients: [
    { tool: guests, name: guests.name, isCore: true },
    { tool: chat, name: chat.name, isCore: false },
  ],
}

/** Those that the workload `snapshots` has beside its groups: all of them, in each run. */
const SNAPSHOT_TOOLS: readonly SimTool[] = [...PURSES, snapshots, judges, audit]
/** Those of the workload `deals`. */
const DEAL_TOOLS: readonly SimTool[] = [deals, ...dealt]
/** There, how often an object is not open everywhere. */
const PARTIAL_CHANCE = 0.6

/** Tools that come with another one. */
const COMPANIONS: Readonly<Record<string, readonly SimTool[]>> = { circles: semaphores }

/** Tools that a run has, at most, without those. */
const DRAWN_MAX = 4
/** How often one is not opened by everybody at once, but now and then, and left again. */
const CHURN_CHANCE = 0.25

/** A tool of a run. */
export interface DrawnTool {
  readonly name: string
  readonly isCore: boolean
}

const loaded = new Map<string, LoadedTool>()

/** Loads what those of a workload need of the library. */
export async function loadTools({ options: { workload } }: Scenario): Promise<void> {
  const all = [...TOOLS, ...Object.values(COMPANIONS).flat()]
  const tools =
    workload === 'tools'
      ? all
      : workload === 'queue'
        ? [jobs]
        : workload === 'deals'
          ? DEAL_TOOLS
          : workload === 'kept'
            ? KEPT
            : []
  for (const { name, load } of tools) if (!loaded.has(name)) loaded.set(name, await load())
}

/** The same for `calls` and `clients`. */
export async function loadCallTools(workload: keyof typeof CALL_TOOLS): Promise<void> {
  for (const { name, tool } of CALL_TOOLS[workload]) if (!loaded.has(name)) loaded.set(name, await tool.load())
}

/** The same for `snapshots`. */
export async function loadSnapshotTools(): Promise<void> {
  for (const { name, load } of SNAPSHOT_TOOLS) if (!loaded.has(name)) loaded.set(name, await load())
}

/** The tools of a run of `snapshots`. */
export function snapshotTools(): readonly { readonly name: string; readonly isLate: boolean }[] {
  return SNAPSHOT_TOOLS.map(({ name }) => ({ name, isLate: name === snapshots.name }))
}

/** The tools of a run of those. */
export function callTools(workload: keyof typeof CALL_TOOLS): readonly DrawnTool[] {
  return CALL_TOOLS[workload]
}

/** The tools of a run of `deals`: one of the objects is open everywhere, so that there always is one. */
export function dealTools({ random }: Scenario): DrawnTool[] {
  const draw = random.fork('deals')
  const objects = draw.shuffle(dealt).map(({ name }, i) => ({ name, isCore: i === 0 || !draw.chance(PARTIAL_CHANCE) }))
  return [{ name: deals.name, isCore: true }, ...objects]
}

/** The tools of a run of `kept`. */
export function keptTools(): readonly string[] {
  return KEPT.map(({ name }) => name)
}

/** One that is loaded. */
export function toolOf(name: string): LoadedTool {
  const tool = loaded.get(modelNameOf(name))
  if (tool === undefined) throw new TypeError(`no tool ${name} is loaded`)
  return tool
}

/** The tools of a run: some of all, in any order. */
export function drawTools({ random, options }: Scenario): DrawnTool[] {
  const draw = random.fork('tools')
  const most = Math.min(options.groups ?? DRAWN_MAX, DRAWN_MAX)
  return draw
    .shuffle(TOOLS)
    .slice(0, most)
    .flatMap(({ name }, i) => {
      const isCore = i === 0 || !draw.chance(CHURN_CHANCE)
      return [name, ...(COMPANIONS[name] ?? []).map((each) => each.name)].map((each) => ({ name: each, isCore }))
    })
}
