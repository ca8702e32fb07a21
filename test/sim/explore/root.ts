/**
 * Where exploration begins, and what counts as the end of a path.
 *
 * Before it begins, one schedule is run: `a` founds a line, `b` comes to it, both open the group, `c` starts. Then `c`'s
 * paths to both are about to come up.
 */
import type { AnyLine } from '../trace.ts'
import { fingerprintOf } from './fingerprint.ts'
import type { Act } from './local.ts'
import { choicesOf, connect, type Next, NOTHING, type State, type World } from './state.ts'
import { type Budget, PROCESSES, type Variant } from './variant.ts'

const A = 0
const B = 1
const C = 2

/** More timers than any path needs that comes to rest: 20 s of heartbeats. */
const TICKS_MAX = 40
/** Timers that go on after all agree while a state is awaited: those of a donor that stalls are among them. */
const IDLE_TICKS_MAX = 4
const STEPS_MAX = 10_000

/** The first state, and the trace up to it. */
export interface Root {
  readonly state: State
  readonly lines: readonly AnyLine[]
}

/** Runs the beginning. */
export function makeRoot(world: World, variant: Variant, budget: Budget): Root {
  const lines: AnyLine[] = []
  let state = NOTHING
  const go = ({ state: after, lines: more, failure }: Next): void => {
    if (failure !== null) throw new Error(`before exploration began: ${failure}`)
    state = after
    lines.push(...more)
  }
  const act = (at: number, what: Act): void => go(world.act(state, at, what, fingerprintOf(what)))
  const start = (at: number): void => {
    const id = PROCESSES[at] ?? ''
    lines.push({ t: state.now, e: 'start', p: id, site: `s${id}`, origin: '' })
    go(world.take(state, at, world.locals.start(id, state.now, at === A)))
  }
  const settle = (isDone: () => boolean): void => {
    for (let steps = 0; ; steps += 1) {
      if (steps > STEPS_MAX) throw new Error('the beginning comes to no end')
      const [first] = choicesOf(state).moves
      if (first !== undefined) go(world.apply(state, first))
      else if (isDone()) return
      else go(tickOf(world, state))
    }
  }
  start(A)
  act(A, { type: 'searched' })
  settle(() => state.locals[A]?.kernel.era.view.primary === true)
  start(B)
  state = connect(state, A, B)
  settle(() => isTogether(state))
  act(A, { type: 'open' })
  settle(() => state.locals[A]?.isWhole === true)
  act(B, { type: 'open' })
  settle(() => state.locals[B]?.isWhole === true)
  start(C)
  if (variant.isEarly) act(C, { type: 'open' })
  state = { ...connect(connect(state, A, C), B, C), ticks: 0, idleTicks: 0, left: budget }
  return { state, lines }
}

/** Is everybody who lives in one view that is open, and has no member besides? */
export function isTogether(state: State): boolean {
  const live = state.locals.filter((local) => local !== null)
  return live.every(({ kernel: { era } }) => {
    return !era.isClosed && era.id === live[0]?.kernel.era.id && era.members.length === live.length
  })
}

/** What a state without moves is. */
export type Standing = 'end' | 'tick' | 'stuck'

/** Is it the end of a path, or do timers go on, or have they gone on for too long? */
export function standingOf(state: State): Standing {
  if (isTogether(state)) {
    const isWhole = state.locals.every((local) => local === null || local.isWhole)
    return isWhole || state.idleTicks >= IDLE_TICKS_MAX ? 'end' : 'tick'
  }
  return state.ticks < TICKS_MAX ? 'tick' : 'stuck'
}

/** Lets time go on. */
export function tickOf(world: World, state: State): Next {
  return world.tick({ ...state, idleTicks: isTogether(state) ? state.idleTicks + 1 : 0 })
}
