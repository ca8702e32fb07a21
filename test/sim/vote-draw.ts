/**
 * Votes as the workload `votes` draws them: of different weights, none, or a witness's; and sites that start again.
 *
 * From streams of its own, so that runs without it draw what they always did.
 */
import { counterKind } from '../../lib/objects/counter.ts'
import type { ProcessPlace, SimProcess } from './process.ts'
import type { Scenario } from './scenario.ts'

/** The weights, by how often they occur. */
const WEIGHTS = [1, 1, 1, 1, 0, 0, 2, 2, 3, 255] as const
/** So many of the first processes are no witnesses: somebody must do the work. */
const WORKERS_MIN = 2

/** The place of a new process: as it was drawn, or with a vote, perhaps at a site whose last process is dead. */
export function placeOf(scenario: Scenario, drawn: ProcessPlace, before: readonly SimProcess[]): ProcessPlace {
  if (scenario.options.workload !== 'votes') return drawn
  const draw = scenario.random.fork(`votes/${drawn.id}`)
  const weight = draw.pick(WEIGHTS) ?? 1
  const isWitness = draw.chance(0.15) && before.length >= WORKERS_MIN && weight > 0
  const dead = before.filter(
    ({ site, isCrashed }, at) => isCrashed && !before.some((other, i) => i > at && other.site === site),
  )
  const former = draw.chance(0.6) ? draw.pick(dead) : undefined
  const home = former === undefined ? {} : { site: former.site, origin: former.origin }
  return { ...drawn, ...home, weight, isWitness }
}

/** A witness asks to be a member of the counter that all others open, past its application, which would have refused. */
export function tryToJoin(process: SimProcess): void {
  const { order, uniform, consistency, kind } = counterKind
  const options = { order, uniform, strong: false, consistency, state: true, kind }
  process.input({ type: 'commands', commands: [{ type: 'join', group: 'f', options }] })
}
