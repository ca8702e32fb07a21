/**
 * What bar 4 of the kernel asks for: how long a merge takes after a heal, how long a flush takes, how many views a herd
 * of joiners costs. All in virtual time, at a constant delay.
 */
import { Stage } from './stage.ts'

/** The bounds: ms, ms, views. */
export const TIMING_BOUNDS = { heal: 2_000, flush: 250, herd: 6 }

/** One measured case. */
export interface Measured {
  readonly seed: number
  readonly kind: string
  /** What the bound is for: ms, or views. */
  readonly figure: number
  /** Beside it: ms from the first path to the last install, views, and proposals that came to nothing. */
  readonly ms: number
  readonly views: number
  readonly restarts: number
}

/** How a network of `n` falls apart. */
export const HEAL_KINDS = ['halves', 'thirds', 'minority', 'singles'] as const
/** What a flush may be for. */
export const FLUSH_KINDS = ['join', 'crash', 'coordinator-crash', 'leave'] as const

/** From the first path that a kernel is told of after a partition heals to one view. */
export async function measureHeal(seed: number, n: number, kind: (typeof HEAL_KINDS)[number]): Promise<Measured> {
  const stage = new Stage(seed)
  stage.joinAll(n, 500)
  await stage.pass(1_000)
  await stage.settle(20_000)
  const count = { halves: 2, thirds: 3, minority: 2, singles: n }[kind]
  const parts: string[][] = Array.from({ length: count }, () => [])
  stage.processes.forEach(({ id }, index) => {
    parts[kind === 'minority' ? Number(index < 3) : index % count]?.push(id)
  })
  stage.network.cut(parts)
  await stage.pass(20_000)
  stage.begin()
  stage.network.heal()
  await stage.settle(20_000)
  const figure = stage.installedAt - stage.linkedAt
  return { seed, kind, figure, ms: figure, views: stage.views.size, restarts: stage.restarts }
}

/** From the first PROPOSE to the last install, in a full mesh. `n` members are in the larger of the two views. */
export async function measureFlush(seed: number, n: number, kind: (typeof FLUSH_KINDS)[number]): Promise<Measured> {
  const stage = new Stage(seed)
  stage.joinAll(kind === 'join' ? n - 1 : n, 500)
  await stage.pass(1_000)
  await stage.settle(20_000)
  if (kind === 'join') {
    stage.begin()
    stage.join()
  } else {
    await stage.write(1_000)
    stage.begin()
    if (kind === 'leave') stage.ranked(n >> 1).leave(false)
    else stage.ranked(kind === 'crash' ? n >> 1 : 0).crash()
  }
  await stage.settle(30_000)
  const figure = stage.installedAt - stage.proposedAt
  return {
    seed,
    kind,
    figure,
    ms: stage.installedAt - stage.linkedAt,
    views: stage.views.size,
    restarts: stage.restarts,
  }
}

/** How many views, counted at everybody, it takes until `joiners` that start within 100 ms are in the one of `incumbents`. */
export async function measureHerd(seed: number, joiners: number, incumbents: number): Promise<Measured> {
  const stage = new Stage(seed)
  if (incumbents > 0) {
    stage.joinAll(incumbents, 500)
    await stage.pass(1_000)
    await stage.settle(20_000)
  }
  stage.begin()
  stage.joinAll(joiners, 100)
  await stage.pass(100)
  await stage.settle(30_000)
  const ms = stage.installedAt - stage.linkedAt
  return {
    seed,
    kind: `${incumbents}+${joiners}`,
    figure: stage.views.size,
    ms,
    views: stage.views.size,
    restarts: stage.restarts,
  }
}
