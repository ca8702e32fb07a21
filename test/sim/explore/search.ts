/**
 * The search: every state once, by how far its schedule deviates from the one in which frames arrive as they were sent.
 *
 * Of the moves of a state, the one sent first is the regular one; each other is a deviation. Casts and crashes are none:
 * they may come at any moment. All states that can be reached without a deviation are explored first, depth-first, then
 * those with one, and so on: so a search that ends early has tried all schedules of few deviations rather than a corner
 * of the tree, and one that ends by itself has tried all schedules. Those that begin with a deviation wait as schedules
 * and are run again when it is their turn, in an order that chance picks, so that memory stays small.
 *
 * States are known by their fingerprints. Orders of arrival at different processes lead to the same state, and steps of
 * a process are remembered (`local.ts`): so what commutes costs a look-up, not a step.
 */
import { Random } from '../random.ts'
import type { AnyLine } from '../trace.ts'
import { type Breach, Judge } from './judge.ts'
import { KnownStates } from './known-states.ts'
import { Locals } from './local.ts'
import { makeRoot, type Root, standingOf, tickOf } from './root.ts'
import { type Choice, choicesOf, fingerprintState, type Next, type State, World } from './state.ts'
import type { Budget, Variant } from './variant.ts'

/** A breach, and how to come to it. */
export interface Finding extends Breach {
  readonly schedule: readonly Choice[]
}

/** What a search has done. */
export interface Report {
  readonly variant: string
  /** Distinct states, all judged. */
  readonly states: number
  readonly transitions: number
  /** Ends of paths: states at rest, with nothing under way. */
  readonly ends: number
  readonly depth: number
  /** All schedules with so many deviations were tried. −1: not even those without any. */
  readonly deviations: number
  /** Nothing is left to try. */
  readonly isExhausted: boolean
  readonly finding: Finding | null
  readonly checked: Readonly<Record<string, number>>
  /** Steps of kernels that were computed, and traces that were judged. */
  readonly steps: number
  readonly traces: number
}

/** What one schedule leads to. */
export interface Replay {
  readonly lines: readonly AnyLine[]
  readonly breach: Breach | null
  /** Choices that were not on offer. */
  readonly passed: number
}

/** A schedule, from its end. */
interface Trail {
  readonly choice: Choice
  readonly before: Trail | null
  readonly length: number
}

interface Waiting {
  readonly trail: Trail | null
  readonly fingerprint: number
}

interface Option {
  readonly choice: Choice
  readonly isRegular: boolean
}

/** A state on the way from the schedule that is explored to the present one. */
interface Frame {
  readonly state: State
  readonly trail: Trail | null
  readonly lines: readonly AnyLine[]
  readonly options: readonly Option[]
  next: number
}

const WAITS = 1
const EXPLORED = 2
const TICK: Choice = 'tick'

/** The search through one variant. */
export class Search {
  readonly #variant: Variant
  readonly #locals: Locals
  readonly #world: World
  readonly #judge: Judge
  readonly #root: Root
  readonly #random = new Random('explore')
  readonly #known = new KnownStates()
  /** By deviations: schedules that wait. */
  readonly #waiting: Waiting[][] = [[]]
  #stack: Frame[] = []
  #transitions = 0
  #ends = 0
  #depth = 0
  #finding: Finding | null = null

  constructor(variant: Variant, budget: Budget) {
    this.#variant = variant
    this.#locals = new Locals(variant)
    this.#world = new World(this.#locals)
    this.#judge = new Judge(this.#locals)
    this.#root = makeRoot(this.#world, variant, budget)
  }

  /** Explores until there are so many states, or nothing is left, or something is found. */
  run(statesMax: number): Report {
    const fingerprint = fingerprintState(this.#root.state)
    this.#known.set(fingerprint, WAITS)
    this.#waiting[0]?.push({ trail: null, fingerprint })
    let deviations = 0
    for (; deviations < this.#waiting.length; deviations += 1) {
      const waiting = this.#waiting[deviations] ?? []
      while (waiting.length > 0 && this.#goesOn(statesMax)) {
        // The last one takes the place of the one that was picked.
        const at = this.#random.int(waiting.length)
        const picked = waiting[at]
        const last = waiting.pop()
        if (last !== undefined && at < waiting.length) waiting[at] = last
        if (picked !== undefined && this.#known.get(picked.fingerprint) === WAITS)
          this.#from(picked, deviations, statesMax)
      }
      if (!this.#goesOn(statesMax)) break
    }
    const isExhausted = this.#finding === null && this.#known.size < statesMax
    return {
      variant: this.#variant.name,
      states: this.#known.size,
      transitions: this.#transitions,
      ends: this.#ends,
      depth: this.#depth,
      deviations: deviations - 1,
      isExhausted,
      finding: this.#finding,
      checked: this.#judge.checked,
      steps: this.#locals.steps,
      traces: this.#judge.traces,
    }
  }

  /**
   * Runs one schedule, and passes over what is not on offer: so a schedule that once led to a breach still comes close
   * to it when the protocol has changed. `breach`: the first one, or null.
   */
  replay(schedule: readonly Choice[]): Replay {
    let { state } = this.#root
    const lines = [...this.#root.lines]
    let breach: Breach | null = null
    let passed = 0
    for (const choice of schedule) {
      if (!optionsOf(state).some((option) => option.choice === choice)) {
        passed += 1
        continue
      }
      const next = this.#apply(state, choice)
      state = next.state
      lines.push(...next.lines)
      breach ??=
        next.failure === null ? this.#judgeAt(state, () => lines) : { property: 'exception', message: next.failure }
      if (breach !== null) break
    }
    const isEnd = choicesOf(state).moves.length === 0 && standingOf(state) !== 'tick'
    return { lines: this.#judge.trace(state, isEnd, lines), breach, passed }
  }

  #apply(state: State, choice: Choice): Next {
    return choice === TICK ? tickOf(this.#world, state) : this.#world.apply(state, choice)
  }

  #goesOn(statesMax: number): boolean {
    return this.#finding === null && this.#known.size < statesMax
  }

  /** Explores what can be reached from a state without further deviations. */
  #from({ trail, fingerprint }: Waiting, deviations: number, statesMax: number): void {
    this.#known.set(fingerprint, EXPLORED)
    const { state, lines } = this.#again(trail)
    this.#stack = []
    this.#enter(state, trail, lines)
    for (let frame = this.#stack.at(-1); frame !== undefined && this.#goesOn(statesMax); frame = this.#stack.at(-1)) {
      const taken = frame.options[frame.next]
      if (taken === undefined) {
        this.#stack.pop()
        continue
      }
      frame.next += 1
      this.#take(frame, taken.choice, taken.isRegular, deviations)
    }
  }

  /** The state at the end of a schedule, and all lines up to it. */
  #again(trail: Trail | null): Root {
    let { state } = this.#root
    const lines = [...this.#root.lines]
    for (const choice of scheduleOf(trail)) {
      const next = this.#apply(state, choice)
      state = next.state
      lines.push(...next.lines)
    }
    return { state, lines }
  }

  #enter(state: State, trail: Trail | null, lines: readonly AnyLine[]): void {
    this.#stack.push({ state, trail, lines, options: optionsOf(state), next: 0 })
  }

  #take(frame: Frame, choice: Choice, isRegular: boolean, deviations: number): void {
    const next = this.#apply(frame.state, choice)
    this.#transitions += 1
    const fingerprint = fingerprintState(next.state)
    const known = this.#known.get(fingerprint)
    if (known === EXPLORED || (known === WAITS && !isRegular)) return
    const { trail: before } = frame
    const trail: Trail = { choice, before, length: (before?.length ?? 0) + 1 }
    const isFine = known === WAITS || this.#isFine(next, trail)
    this.#known.set(fingerprint, isRegular || !isFine ? EXPLORED : WAITS)
    if (!isFine) return
    if (isRegular) this.#enter(next.state, trail, next.lines)
    else {
      const waiting = this.#waiting[deviations + 1] ?? []
      this.#waiting[deviations + 1] = waiting
      waiting.push({ trail, fingerprint })
    }
  }

  /** Judges a state that is new. */
  #isFine({ state, lines, failure }: Next, trail: Trail): boolean {
    this.#depth = Math.max(this.#depth, trail.length)
    const breach =
      failure === null
        ? this.#judgeAt(state, () => [...this.#stack.flatMap((frame) => frame.lines), ...lines])
        : { property: 'exception', message: failure }
    if (breach === null) return true
    this.#finding = { ...breach, schedule: scheduleOf(trail) }
    return false
  }

  #judgeAt(state: State, lines: () => readonly AnyLine[]): Breach | null {
    if (choicesOf(state).moves.length > 0) return this.#judge.judge(state, false, lines)
    const standing = standingOf(state)
    if (standing === 'stuck') return { property: 'rest', message: 'the processes that live never come together' }
    if (standing === 'end') this.#ends += 1
    return this.#judge.judge(state, standing === 'end', lines)
  }
}

/** What can happen next: the regular move, the deviations from it, casts and crashes. */
function optionsOf(state: State): Option[] {
  const { moves, strokes } = choicesOf(state)
  const options = [
    ...moves.map((choice, index) => ({ choice, isRegular: index === 0 })),
    ...strokes.map((choice) => ({ choice, isRegular: true })),
  ]
  if (moves.length === 0 && standingOf(state) === 'tick') options.push({ choice: TICK, isRegular: true })
  return options
}

function scheduleOf(trail: Trail | null): Choice[] {
  const schedule: Choice[] = []
  for (let at = trail; at !== null; at = at.before) schedule.push(at.choice)
  return schedule.reverse()
}
