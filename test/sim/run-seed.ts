/**
 * Runs one seed: builds the world, lets it run, and has the checkers judge the trace.
 */

import type { Violation } from './checkers/checker.ts'
import { checkTrace } from './checkers/index.ts'
import { Faults, planFaults } from './faults.ts'
import { loadKeeping } from './keeping.ts'
import { type Device, drawDevice, KeptFaults } from './kept-faults.ts'
import { Network } from './network.ts'
import { Origins } from './origins.ts'
import { type Plan, scenarioOf } from './plans/plan.ts'
import { SimProcess } from './process.ts'
import { Reach, type ReachCounts } from './reach.ts'
import { Reached } from './reached.ts'
import { BOUNDS, FAULTS_MIN, type Scenario, type SimOptions, TIMES } from './scenario.ts'
import { Stores } from './stores.ts'
import { loadCallTools, loadSnapshotTools, loadTools } from './tools/all.ts'
import { pageOf } from './tools/kept-page.ts'
import type { AnyLine } from './trace.ts'
import { placeOf } from './vote-draw.ts'
import { drawMoments, Workload } from './workload.ts'
import { World } from './world.ts'

/** What came out of one seed. */
export interface SeedResult {
  readonly seed: number
  readonly lines: readonly AnyLine[]
  /** Inputs that kernels processed. */
  readonly events: number
  readonly violations: readonly Violation[]
  /** Instances checked per property. */
  readonly checked: Readonly<Record<string, number>>
  readonly metrics: Readonly<Record<string, number>>
  readonly reached: Readonly<Record<string, number>>
  readonly reach: ReachCounts
  /** Why the seed says nothing, or null. */
  readonly voidReason: string | null
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyz'

/** Runs a seed to its end, by a plan or by what it draws. The same seed, options, plan and code give the same lines. */
export async function runSeed(seed: number, options: SimOptions, planned?: Plan): Promise<SeedResult> {
  const scenario = scenarioOf(seed, options, planned)
  await loadTools(scenario)
  const { workload: name } = scenario.options
  if (name === 'calls' || name === 'clients') await loadCallTools(name)
  if (name === 'snapshots') await loadSnapshotTools()
  const world = new World(scenario)
  const processes: SimProcess[] = []
  const network = new Network(world, processes)
  const origins = new Origins(world, processes)
  const isKept = name === 'kept'
  const keeping = isKept ? { stores: new Stores(world), makeKeeper: await loadKeeping() } : null
  const workload = new Workload(world, processes)
  const reached = new Reached(options.workload)
  const draw = scenario.random.fork('processes')
  const join = (at?: Device): SimProcess => {
    const number = processes.length + 1
    // Ids sort in another order than processes start.
    const id = `${LETTERS[draw.int(LETTERS.length)]}${number}`
    const drawn = { id, site: `s${number}`, origin: drawOrigin(scenario, draw.next()) }
    const home = isKept ? (at ?? drawDevice(scenario.random.fork(`device/${id}`), drawn, processes)) : drawn
    const place = placeOf(scenario, { ...drawn, site: home.site, origin: home.origin }, processes)
    const process = new SimProcess(place, { world, network, origins, keeping })
    processes.push(process)
    network.enter(process)
    process.start()
    if (name === 'votes' || isKept) origins.lookBack(process)
    if (isKept) pageOf(world, process)
    workload.enter(process)
    return process
  }
  network.resetWithFrames = () => reached.count('path reset with unacked frames')
  network.handedAgain = () => reached.count('frame came twice')
  network.handedGarbled = () => reached.count('frame could not be read')
  const plan = planned?.faults ?? planFaults(scenario)
  const kept = keeping === null ? null : new KeptFaults({ world, stores: keeping.stores, processes, join })
  const faults = new Faults({ world, network, processes, join: () => join(), kept }, plan)
  const reach = new Reach()
  faults.onStrike = (kind, targets) => reach.strike(kind, targets)
  world.trace.watch = (line) => {
    reached.notice(line)
    reach.notice(line)
    faults.notice(line)
  }

  world.trace.world(0, { e: 'run', seed, options: describe(scenario), bounds: BOUNDS, plan })
  for (let i = 0; i < scenario.processes; i += 1) {
    const isTogether = scenario.random.fork(`start/${i}`).chance(0.4)
    world.call(isTogether ? 0 : draw.between(0, 1_900), () => join())
  }
  const ops = planned?.ops ?? drawMoments(scenario, plan)
  workload.plan(ops)
  world.call(TIMES.quiet, () => {
    faults.quiet()
    const live = processes.filter((process) => process.isRunning && !process.isLeaving).map(({ id }) => id)
    world.trace.world(world.now, { e: 'quiet', parts: [live] })
  })
  await world.run(TIMES.end)
  for (const process of processes) if (process.isRunning) process.app.digestAll()
  if (isKept) for (const process of processes) if (process.isRunning) pageOf(world, process).look()
  world.trace.world(world.now, { e: 'end', seed, events: world.events })

  const report = checkTrace(world.trace.checked)
  // A plan has the faults that it has.
  const isFaulty = options.faults.length > 0 && planned === undefined
  return {
    seed,
    lines: world.trace.lines,
    events: world.events,
    violations: [...world.failures, ...report.violations],
    checked: report.checked,
    metrics: report.metrics,
    reached: reached.counts,
    reach: reach.counts,
    voidReason:
      workload.done < ops.length
        ? `${workload.done} of ${ops.length} operations`
        : isFaulty && faults.unstable < FAULTS_MIN
          ? `${faults.unstable} faults while casts were unstable`
          : null,
  }
}

function drawOrigin({ origins }: Scenario, draw: number): string {
  if (origins === 'tabs') return 'https://a.example'
  if (origins === 'none') return ''
  return draw < 0.4 ? 'https://a.example' : draw < 0.8 ? 'https://b.example' : ''
}

/** The scenario without its chance, for the trace. */
function describe({ random: _, ...rest }: Scenario): Omit<Scenario, 'random'> {
  return rest
}
