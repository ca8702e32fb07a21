/**
 * What strains a run besides its faults: clocks that began at other moments and run unlike, frames that come twice, limits
 * so small that what is rare with the real ones happens all the time, and kernels that now and then choose what is unusual
 * though allowed (*BUGGIFY*, after FoundationDB: `docs/simulator.md`).
 *
 * Drawn from streams of its own: a plan or seed without any is the run that it was before there was strain.
 */
import type { BuggifySite } from '../../lib/kernel/api.ts'
import type { Limits } from '../../lib/kernel/limits.ts'
import type { Random } from './random.ts'

/** How the clock of a process goes: what it shows is `offset` ms plus `rate` times the time of the world. */
export interface Clock {
  readonly offset: number
  readonly rate: number
}

/** Clocks that show the time of the world. */
export const WORLD_CLOCK: Clock = { offset: 0, rate: 1 }

/** What is drawn for a run. */
export interface Strain {
  /** Clocks run fast or slow by so much at most, as a share; absent: all show the time of the world. */
  readonly drift?: number
  /** So many of the frames of a path come a second time, later, while it stands. */
  readonly doubled?: number
  /** Limits that have to be the same at all processes. */
  readonly limits?: Partial<Limits>
  /** Limits that half of the processes have, each drawn for itself. */
  readonly ownLimits?: Partial<Limits>
  /** Where kernels sometimes choose the unusual. */
  readonly sites?: readonly BuggifySite[]
}

/** A site is active, or a limit small, in so many runs; an active site fires so often when it is asked. */
const ACTIVE = 0.25
/** A leader that refused or began again too often would never get its view. */
const FIRES: Readonly<Record<BuggifySite, number>> = {
  donor: 0.25,
  resend: 0.25,
  whole: 0.25,
  'hand-over': 0.1,
  refuse: 0.1,
  restart: 0.002,
}
/** All there are. */
export const SITES = Object.keys(FIRES) as readonly BuggifySite[]

/** Drifts, as shares: none; what quartz does; what the lease allows, nearly (`docs/guarantees.md`, P3). */
const DRIFTS = [0, 0, 0.0005, 0.0005, 0.04]
/** Frames come twice in so many runs, so often at most. */
const DOUBLED = { chance: 0.15, most: 0.2 }

type Range = readonly [from: number, to: number]

/** What must be the same at all: whoever sends reckons with what the receiver allows. */
const COMMON: Partial<Record<keyof Limits, Range>> = {
  windowBytes: [600, 4_096],
  chunkBytes: [64, 1_024],
  depsMax: [4, 16],
  readyHoldMs: [300, 1_000],
  flushTimeoutMs: [1_500, 4_000],
}
/** Pieces are smaller than a window, so that one always fits. */
const PIECE_BYTES: Range = [128, 512]

const OWN: Partial<Record<keyof Limits, Range>> = {
  frameFillBytes: [1, 256],
  ackDelayMs: [0, 120],
  ackFrames: [1, 4],
  failureHoldMs: [0, 200],
  mergeHoldMs: [0, 200],
  gatherMs: [0, 1_000],
  retryMs: [5, 300],
  moveAfter: [1, 6],
  chunksInFlight: [1, 4],
  transferTimeoutMs: [700, 1_500],
  announceBytes: [0, 256],
  cutBytes: [32, 512],
  leaveWaitMs: [100, 1_500],
  goodbyeMs: [100, 500],
  secondOpinionMs: [0, 1_500],
  heartbeatMs: [250, 700],
  formersMax: [1, 4],
}

/** Draws it. */
export function drawStrain(draw: Random, { hasLimits }: { readonly hasLimits: boolean }): Strain {
  const drift = draw.pick(DRIFTS) ?? 0
  const doubled = draw.chance(DOUBLED.chance) ? draw.between(0.005, DOUBLED.most) : 0
  const common = drawLimits(COMMON, draw)
  const pieces = draw.chance(ACTIVE) || common.windowBytes !== undefined
  const limits = pieces ? { ...common, pieceBytes: Math.round(draw.between(...PIECE_BYTES)) } : common
  const ownLimits = drawLimits(OWN, draw)
  const sites = SITES.filter(() => draw.chance(ACTIVE))
  return { drift, doubled, sites, ...(hasLimits ? { limits, ownLimits } : {}) }
}

function drawLimits(ranges: Partial<Record<keyof Limits, Range>>, draw: Random): Partial<Limits> {
  const drawn = Object.entries(ranges).map(([name, [from, to]]): [string, number | null] => {
    const isSmall = draw.chance(ACTIVE)
    const value = Math.round(draw.between(from, to))
    return [name, isSmall ? value : null]
  })
  return Object.fromEntries(drawn.filter(([, value]) => value !== null))
}

/** The limits of one process. */
export function limitsUnder({ limits, ownLimits = {} }: Strain, draw: Random): Partial<Limits> {
  const own = Object.entries(ownLimits).filter(() => draw.chance(0.5))
  return { ...limits, ...Object.fromEntries(own) }
}

/** The clock of one process. Pages begin to count when they are loaded. */
export function clockUnder({ drift }: Strain, draw: Random): Clock {
  if (drift === undefined) return WORLD_CLOCK
  const offset = Math.round(draw.between(0, 10_000_000))
  return { offset, rate: 1 + draw.between(-drift, drift) }
}

/** Says whether a site fires in one process, and tells when it does; absent: none is active. */
export function buggifyUnder(
  { sites = [] }: Strain,
  draw: Random,
  tell: (site: BuggifySite) => void,
): { buggify?: (site: BuggifySite) => boolean } {
  if (sites.length === 0) return {}
  const buggify = (site: BuggifySite): boolean => {
    const fires = sites.includes(site) && draw.chance(FIRES[site])
    if (fires) tell(site)
    return fires
  }
  return { buggify }
}
