/**
 * Explicit fault plans: all that a seed would draw before its run, as a file that can be read, edited, shortened and kept.
 *
 * A plan holds the whole scenario, not only the faults: it goes on meaning the same when a later simulator draws its
 * scenarios in another way. What is not in a file is drawn from the seed, as without a plan.
 */
import { readFileSync } from 'node:fs'
import { type Fault, planFaults } from '../faults.ts'
import { drawScenario, NAMED_KINDS, type Scenario, type SimOptions, WORKLOADS, type WorkloadName } from '../scenario.ts'
import { drawTools } from '../tools/all.ts'
import { drawMoments } from '../workload.ts'
import { ceilTime } from '../world.ts'

/** What of a scenario a plan may fix. */
export type ScenarioShape = Partial<Omit<Scenario, 'seed' | 'options' | 'random'>>

/** A run, written down. */
export interface Plan {
  /** Chance within the run: delays, who does what. */
  readonly seed: number
  /** The property that the run violated when the plan was made. */
  readonly property?: string
  /** What went wrong, and which commit mended it. */
  readonly note?: string
  /** The planted bug (`mended.ts`) with which the run still violates the property. */
  readonly mutant?: string
  readonly workload?: WorkloadName
  readonly scenario?: ScenarioShape
  readonly faults: readonly Fault[]
  /** When each operation is done, in ms; absent: drawn. */
  readonly ops?: readonly number[]
}

/** A plan that leaves nothing about its run to the draw. */
export interface WholePlan extends Plan {
  readonly workload: WorkloadName
  readonly scenario: ScenarioShape
  readonly ops: readonly number[]
}

/** Writes down what a seed draws, or completes a plan by it. */
export function wholePlan(seed: number, options: SimOptions, plan?: Plan): WholePlan {
  const { options: all, random, seed: _, ...drawn } = scenarioOf(seed, options, plan)
  const scenario = { seed, options: all, random, ...drawn }
  const faults = plan?.faults ?? planFaults(scenario)
  const ops =
    plan?.ops ??
    drawMoments(scenario, faults)
      .map(ceilTime)
      .sort((a, b) => a - b)
  // Which there are to be drawn from is not for ever.
  const tools = all.workload === 'tools' ? { tools: scenario.tools ?? drawTools(scenario) } : {}
  return { ...plan, seed, workload: all.workload, scenario: { ...drawn, ...tools }, faults, ops }
}

/** The scenario of a seed: drawn, but for what the plan fixes. */
export function scenarioOf(seed: number, options: SimOptions, plan: Plan | undefined): Scenario {
  if (plan === undefined) return drawScenario(seed, options)
  const { workload = options.workload, ops } = plan
  // Pages lag under limits of their own.
  const hasLags = plan.faults.some(({ kind }) => kind === 'lag') && !options.faults.includes('lag')
  const faults = hasLags ? [...options.faults, 'lag' as const] : options.faults
  const all = { ...options, workload, faults, ops: ops?.length ?? options.ops }
  const drawn = drawScenario(seed, all)
  if (plan.scenario === undefined) return drawn
  // What a plan of before there were strong groups, domains, maps that fold and strain does not say, it does not have.
  const { domain: _, foldsMaps: __, strain: ___, ...rest } = drawn
  return { ...rest, strong: null, ...plan.scenario }
}

/** Reads a file; what is not a plan is an error that says why. */
export function readPlan(file: string): Plan {
  let value: unknown
  try {
    value = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new Error(`${file} is not JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
  const fault = faultOf(value)
  if (fault !== null) throw new Error(`${file}: ${fault}`)
  return value as Plan
}

function faultOf(value: unknown): string | null {
  if (!isRecord(value)) return 'a plan is an object'
  const { seed, workload, scenario, faults, ops } = value
  if (!Number.isSafeInteger(seed)) return 'seed is not a whole number'
  if (workload !== undefined && !WORKLOADS.some((name) => name === workload)) return `unknown workload ${workload}`
  if (scenario !== undefined && !isRecord(scenario)) return 'scenario is not an object'
  if (!Array.isArray(faults)) return 'faults is not a list'
  for (const [index, each] of faults.entries()) {
    if (!isRecord(each)) return `fault ${index} is not an object`
    if (!NAMED_KINDS.some((kind) => kind === each['kind'])) return `fault ${index} has the unknown kind ${each['kind']}`
    if (![each['at'], each['pick'], each['ms']].every(isTime)) return `fault ${index} lacks one of at, pick, ms`
    if (typeof each['on'] !== 'string') return `fault ${index} lacks on`
  }
  if (ops !== undefined && !(Array.isArray(ops) && ops.every(isTime))) return 'ops is not a list of times in ms'
  return null
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isTime(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}

/** Columns of a line. */
const WIDTH = 120

/** A plan as text: a fault a line, so that differences read well. Formatted as Biome would. */
export function printPlan(plan: Plan): string {
  const lines = Object.entries(plan).map(([name, value]) => {
    const head = `  ${JSON.stringify(name)}: `
    if (name === 'faults') return head + printFaults(value as readonly Fault[])
    if (name === 'ops') return head + printNumbers(value as readonly number[], head.length)
    return head + joinLists(JSON.stringify(value, null, 2)).replaceAll('\n', '\n  ')
  })
  return `{\n${lines.join(',\n')}\n}\n`
}

/** Lists of plain values stand in one line. */
function joinLists(text: string): string {
  return text.replaceAll(/\[\n[^[\]{}]*\]/g, (list) => JSON.stringify(JSON.parse(list)).replaceAll(',', ', '))
}

function printFaults(faults: readonly Fault[]): string {
  const texts = faults.map((fault) => {
    const fields = Object.entries(fault).map(([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`)
    return `{ ${fields.join(', ')} }`
  })
  const line = `[${texts.join()}]`
  const isShort = faults.length < 2 && line.length + '  "faults": ,'.length <= WIDTH
  return isShort ? line : `[\n    ${texts.join(',\n    ')}\n  ]`
}

function printNumbers(numbers: readonly number[], indent: number): string {
  const line = `[${numbers.join(', ')}]`
  if (indent + line.length <= WIDTH) return line
  const rows: string[] = []
  let row = '   '
  numbers.forEach((number, index) => {
    const text = ` ${number}${index < numbers.length - 1 ? ',' : ''}`
    if (row.length + text.length > WIDTH) {
      rows.push(row)
      row = '   '
    }
    row += text
  })
  rows.push(row)
  return `[\n${rows.join('\n')}\n  ]`
}
