/** All tools that the workload `tools` knows. */
import type { Scenario } from '../scenario.ts'
import { asks } from './asks.ts'
import { calling, serving } from './calls.ts'
import { cells } from './cells.ts'
import { leader } from './leader.ts'
import { loans } from './loans.ts'
import { locks } from './locks.ts'
import { mail } from './mail.ts'
import { register } from './register.ts'
import { stock } from './stock.ts'
import type { LoadedTool, SimTool } from './tool.ts'

const TOOLS: readonly SimTool[] = [cells, leader, loans, locks, register, stock]

/** Those of the workload `calls`: all of them, in each run. */
const CALL_TOOLS: readonly (DrawnTool & { readonly tool: SimTool })[] = [
  { tool: asks, name: asks.name, isCore: true },
  { tool: calling, name: calling.name, isCore: true },
  { tool: mail, name: mail.name, isCore: true },
  { tool: serving, name: serving.name, isCore: false },
]

/** Tools that a run has, at most. */
const DRAWN_MAX = 4
/** How often one is not opened by everybody at once, but now and then, and left again. */
const CHURN_CHANCE = 0.25

/** A tool of a run. */
export interface DrawnTool {
  readonly name: string
  readonly isCore: boolean
}

const loaded = new Map<string, LoadedTool>()

/** Loads what they need of the library. */
export async function loadTools(): Promise<void> {
  for (const { name, load } of TOOLS) if (!loaded.has(name)) loaded.set(name, await load())
}

/** The same for `calls`. */
export async function loadCallTools(): Promise<void> {
  for (const { name, tool } of CALL_TOOLS) if (!loaded.has(name)) loaded.set(name, await tool.load())
}

/** The tools of a run of `calls`. */
export function callTools(): readonly DrawnTool[] {
  return CALL_TOOLS
}

/** One that is loaded. */
export function toolOf(name: string): LoadedTool {
  const tool = loaded.get(name)
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
    .map(({ name }, i) => ({ name, isCore: i === 0 || !draw.chance(CHURN_CHANCE) }))
}
