/**
 * What a seed is like, drawn before it runs: how many processes, where they come from, how the network and the ports
 * behave. Every seed differs in kind, not only in chance ("swarm").
 */
import type { StrongShape } from './log-replica.ts'
import { Random } from './random.ts'
import { drawStrain, type Strain } from './strain.ts'
import type { DrawnTool } from './tools/all.ts'

/** The kinds of faults, as `--faults` names them. */
export const FAULT_KINDS = [
  'crash',
  'coordinator-crash',
  'sequencer-crash',
  'flush-crash',
  'flush-leave',
  'donor-crash',
  'joiner-crash',
  'leave',
  'join',
  'freeze',
  'isolate',
  'halves',
  'reset',
  'page-stall',
  'long-freeze',
  'clock-gap',
  'slow-link',
  'clog',
  'one-way',
  'swizzle',
  'herd',
  'leave-many',
  'refound',
  'suspend',
  'throttle',
  'slow-cpu',
  'shards',
  'garble',
] as const

/** Kinds that came later: they are drawn for themselves, so that what seeds and plans drew before stays as it was. */
export const LATER_KINDS = ['throttle', 'slow-cpu', 'shards', 'garble'] as const

/**
 * Kinds that run by name alone, on top of what the others do. `lag`: a page does nothing for long while its worker goes on;
 * it strikes only where the kernel's limits are small, which are those of the whole run. `doze`: a page says that it is
 * about to be frozen, is not, goes on acting, and is back about when `fold` forgets those who left as it did.
 */
export const BY_NAME_KINDS = ['lag', 'doze'] as const

/**
 * Kinds of the workload `kept` alone, in which processes have stores. `total-failure`: all crash together, and their devices
 * come back one after the other, some late, one perhaps much later or never; `reload`: a page goes, and comes back at once;
 * `come-back`: a device whose process is gone starts another, or a new one comes; `full`: a store has no room for a while;
 * `lose-store`: it loses all that is in it; `give-up`: somebody whose object waits for who is missing goes on without.
 */
export const KEPT_KINDS = ['total-failure', 'reload', 'come-back', 'full', 'lose-store', 'give-up'] as const

/** All that `--faults` and plans can name. */
export const NAMED_KINDS = [...FAULT_KINDS, ...BY_NAME_KINDS, ...KEPT_KINDS] as const

export type FaultKind = (typeof NAMED_KINDS)[number]

/**
 * The workloads, as `--workload` names them: where operations go; in `churn`, queues are opened and left all the time; in
 * `big`, some values are larger than an item and than a window, which are small there; in `uniform`, all groups are; in
 * `engines`, total groups have different engines, and processes are busy now and then; in `gbcast`, so are some of the
 * casts of all groups, in every other seed with `uniform` groups, and in every fifth `big`; in `votes`, processes have
 * votes of different weights or are witnesses, and sites start again; in `transfer`, states are large, and chunks so small
 * that faults strike in the middle of transfers; in `fold`, maps and counters fold what departed members leave behind; in
 * `domains`, groups overlap: nobody need be in all of them, and some are strict, and some of the total ones share domains;
 * in `tools`, the groups are those of `tools/all.ts`, whose every call is checked; in `calls`, processes
 * send each other messages, ask groups and call services, those of `tools/calls.ts`; in `clients`, some processes are
 * members of a group, and all are its clients; in `kept`, processes have stores, and all of them crash together.
 * In `mixed`, one seed in eight has a domain.
 */
export const WORKLOADS = [
  'mixed',
  'available',
  'consistent',
  'queue',
  'churn',
  'big',
  'uniform',
  'engines',
  'gbcast',
  'votes',
  'transfer',
  'fold',
  'domains',
  'tools',
  'calls',
  'clients',
  'snapshots',
  'deals',
  'kept',
] as const

export type WorkloadName = (typeof WORKLOADS)[number]

/** What the command line may fix; the seed draws the rest. */
export interface SimOptions {
  readonly processes?: number
  readonly groups?: number
  readonly ops: number
  readonly faults: readonly FaultKind[]
  readonly workload: WorkloadName
}

export const DEFAULT_OPTIONS: SimOptions = { ops: 300, faults: FAULT_KINDS, workload: 'mixed' }

/** When things happen, in virtual ms. */
export const TIMES = { load: 2_000, faults: 5_000, lastFault: 38_000, lastOp: 40_000, quiet: 42_000, end: 60_000 }

/** The kernel's limits where values are `big`: few bytes do what many would. */
export const BIG_LIMITS = {
  castBytesMax: 262_144,
  pieceBytes: 1_024,
  frameFillBytes: 2_048,
  windowBytes: 16_384,
  aheadBytesMax: 131_072,
}

/** The kernel's limits where roles are to move often. */
export const ENGINES_LIMITS = { moveAfter: 4 }

/** The kernel's limits where states are large: a transfer takes seconds, and is announced by segments. */
export const TRANSFER_LIMITS = { chunkBytes: 512, chunksInFlight: 12, announceBytes: 1_024, cutBytes: 4_096 }

/** The kernel's limits where pages are to lag: few casts fill what they may leave unconsumed, and a few more a window. */
export const LAG_LIMITS = {
  backlogBytesMax: 256,
  windowBytes: 1_024,
  pieceBytes: 512,
  frameFillBytes: 512,
  lagMs: 3_000,
}

/** The same where values are large: what one page casts at its usual rate must fit through a window. */
export const LARGE_LAG_LIMITS = { ...LAG_LIMITS, backlogBytesMax: 4_096, windowBytes: 16_384, pieceBytes: 1_024 }

/** The bounds by which liveness is judged, in ms. */
export const BOUNDS = { tView: 8_000, tDetect: 10_000, tJoin: 12_000, tSettle: 12_000, lease: 3_000 }

/** At least so many faults must strike while casts are unstable, or the seed is void. */
export const FAULTS_MIN = 4

/** How often a seed of `mixed` begins with one process or two, and how often with many. */
const FEW = { chance: 0.04 }
const CROWD = { chance: 0.01, from: 16, more: 9 }

/** How often a seed of `mixed` has a domain. */
const DOMAIN_CHANCE = 1 / 8

/** The workloads in which there is no strong group. */
const WITHOUT_STRONG: ReadonlySet<WorkloadName> = new Set(['queue', 'tools', 'calls', 'clients', 'deals', 'kept'])

/**
 * The workloads with limits of their own; and `deals`, where all contend: small frames, each with a delay of its own and in
 * order, are slower than its bounds of time allow (seed 21048).
 */
const OF_OWN_LIMITS: ReadonlySet<WorkloadName> = new Set(['big', 'engines', 'transfer', 'kept', 'deals'])

/** How frames travel between two processes of different origins, and ports within a process. */
export interface Scenario {
  readonly seed: number
  readonly options: SimOptions
  readonly processes: number
  readonly groups: number
  /** `tabs`: one origin, with locks; `none`: no origin, so no proof of death; `mixed`: two origins and some without. */
  readonly origins: 'tabs' | 'none' | 'mixed'
  /** One-way delay: constant if `delayMin` is the mean, uniform 0–2 ms if LAN, else `delayMin` plus exponential. */
  readonly isLan: boolean
  readonly delayMin: number
  readonly delayMean: number
  readonly spikeChance: number
  /** The three channels of a path share one order. */
  readonly isOneFifo: boolean
  /** Frames pass through bytes. */
  readonly isCoded: boolean
  /** Delay of the port between page and worker, at most. */
  readonly portMs: number
  /** What arrives within so many ms is one step; 0: every input is a step of its own. */
  readonly batchMs: number
  /** Timers fire late by at most so many ms. */
  readonly lateMs: number
  /** Are the plain total group's casts bound to the primary component? */
  readonly isTotalConsistent: boolean
  /** What the strong group is like, or null if there is none, as in plans of before there were any. */
  readonly strong: (StrongShape & { readonly isCore: boolean }) | null
  /** What its domain is like; absent or null if there is none. */
  readonly domain?: DomainShape | null
  /** The tools of `tools`, as a plan has them; absent: drawn from all that there are. */
  readonly tools?: readonly DrawnTool[]
  /** What strains it besides faults; absent in plans of before there was any. */
  readonly strain?: Strain
  /** Do maps fold in `fold`? Absent in plans of before they did. */
  readonly foldsMaps?: boolean
  readonly random: Random
}

/** The domain that a seed of `mixed` may have: over one of its groups, and over `d`, which there is only for that. */
export interface DomainShape {
  readonly with: 't' | 'u'
  /** Is `d` uniform? */
  readonly uniform: boolean
}

/** Draws a seed's scenario. */
export function drawScenario(seed: number, options: SimOptions): Scenario {
  const random = new Random(String(seed))
  const draw = random.fork('scenario')
  const processes = drawSize(3 + draw.int(5), options, random.fork('size'))
  const groups = 4 + draw.int(4)
  const origins = draw.pick(['tabs', 'tabs', 'none', 'mixed', 'mixed'] as const) ?? 'tabs'
  const delayMin = draw.between(0, 30)
  return {
    seed,
    options,
    processes: options.processes ?? (options.workload === 'kept' ? 3 + (processes % 3) : processes),
    groups: options.groups ?? groups,
    origins,
    isLan: draw.chance(0.3),
    delayMin,
    delayMean: draw.between(30, 100),
    spikeChance: draw.chance(0.5) ? 0.005 : 0,
    isOneFifo: draw.chance(0.5),
    isCoded: seed % 10 === 3,
    portMs: draw.chance(0.3) ? 0 : draw.between(0.1, 5),
    batchMs: draw.chance(0.3) ? draw.between(0.5, 4) : 0,
    lateMs: draw.chance(0.5) ? draw.between(0, 5) : 0,
    isTotalConsistent: draw.chance(0.4),
    strong: seed % 3 === 0 && !WITHOUT_STRONG.has(options.workload) ? drawStrong(random.fork('strong')) : null,
    ...(options.workload === 'mixed' ? drawDomain(random.fork('domain')) : {}),
    ...(options.workload === 'fold' ? { foldsMaps: true } : {}),
    ...(options.faults.length > 0
      ? { strain: drawStrain(random.fork('strain'), { hasLimits: isPlain(seed, options) }) }
      : {}),
    random,
  }
}

/** Are its limits those of the kernel, so that strain may make them small? */
function isPlain(seed: number, options: SimOptions): boolean {
  const isOwn = OF_OWN_LIMITS.has(options.workload) || isBig({ seed, options })
  return !isOwn && !options.faults.includes('lag')
}

/** May pages lag in it? */
export function isLagging({ options: { faults } }: Scenario): boolean {
  return faults.includes('lag')
}

/** Are some of its values large, and the kernel's limits small? */
export function isBig({ seed, options: { workload } }: Pick<Scenario, 'seed' | 'options'>): boolean {
  return workload === 'big' || (workload === 'gbcast' && seed % 5 === 0)
}

/** Are all its groups uniform, whatever they would be otherwise? */
export function isAllUniform({ seed, options: { workload } }: Scenario): boolean {
  return workload === 'uniform' || (workload === 'gbcast' && seed % 2 === 0)
}

/** Mostly as many as drawn; in the usual workload sometimes hardly anybody, and seldom a crowd. */
function drawSize(drawn: number, { workload }: SimOptions, draw: Random): number {
  if (workload !== 'mixed') return drawn
  const size = draw.next()
  return size < FEW.chance ? 1 + draw.int(2) : size > 1 - CROWD.chance ? CROWD.from + draw.int(CROWD.more) : drawn
}

/** Every third seed has a strong group. */
function drawStrong(draw: Random): Scenario['strong'] {
  const order = draw.pick(['fifo', 'causal', 'total', 'total'] as const) ?? 'total'
  const isConsistent = order === 'total' && draw.chance(0.6)
  const consistency = isConsistent ? 'consistent' : 'available'
  return { order, uniform: order === 'total' && draw.chance(0.5), consistency, isCore: draw.chance(0.5) }
}

/** One seed in eight has a domain; the others are as they would be if there were none. */
function drawDomain(draw: Random): Pick<Scenario, 'domain'> {
  if (!draw.chance(DOMAIN_CHANCE)) return {}
  return { domain: { with: draw.pick(['t', 't', 'u'] as const) ?? 't', uniform: draw.chance(0.3) } }
}
