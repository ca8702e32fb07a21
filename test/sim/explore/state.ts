/**
 * A global state: the processes, the frames in flight, what may still happen; and everything that can happen next.
 *
 * Every pair has a path of three channels, each in order. A frame arrives at any moment once its receiver's side of the
 * path is up; a process crashes at any moment, and each side of its paths ends at any later moment, with the loss of what
 * has not arrived there. Time stands still while anything is under way; then it goes on to the next timer (a tick).
 */
import type { Channel } from '../../../lib/kernel/api.ts'
import type { Frame } from '../../../lib/kernel/frame.ts'
import type { AnyLine } from '../trace.ts'
import { combine, fingerprintOf } from './fingerprint.ts'
import type { Act, Local, Locals, Outcome } from './local.ts'
import { type Budget, PROCESSES } from './variant.ts'

const CHANNELS: readonly Channel[] = ['control', 'data', 'bulk']

/** Something that can happen next, as a word: `a>b/data`, `up a>b`, `down a>b`, `cast a`, `crash a`, `tick`. */
export type Choice = string

interface Flying {
  readonly frame: Frame
  readonly fingerprint: number
  /** Place in the order of sending: the schedule that all others deviate from goes by it. */
  readonly stamp: number
}

/** One direction of a path, as its receiver sees it. */
interface Side {
  readonly phase: 'none' | 'coming' | 'up' | 'down'
  /** When the path began to come, or to end, in the order of sending. */
  readonly upStamp: number
  /** Its sender has crashed: the end may come. Infinity: it lives. */
  readonly downStamp: number
  readonly lanes: readonly (readonly Flying[])[]
}

const NO_SIDE: Side = { phase: 'none', upStamp: 0, downStamp: Number.POSITIVE_INFINITY, lanes: [[], [], []] }

/** A global state. Never changed. */
export interface State {
  readonly now: number
  readonly ticks: number
  /** Of those, the last ones, in which all who live were together. */
  readonly idleTicks: number
  readonly left: Budget
  /** By number; null: not started, or crashed. */
  readonly locals: readonly (Local | null)[]
  /** By receiver · 3 + sender. */
  readonly sides: readonly Side[]
  readonly stamp: number
}

/** What one choice leads to. */
export interface Next {
  readonly state: State
  readonly lines: readonly AnyLine[]
  readonly failure: string | null
}

/** Before anything. */
export const NOTHING: State = {
  now: 1,
  ticks: 0,
  idleTicks: 0,
  left: { casts: 0, crashes: 0 },
  locals: PROCESSES.map(() => null),
  sides: PROCESSES.flatMap(() => PROCESSES.map(() => NO_SIDE)),
  stamp: 1,
}

const SIZE = PROCESSES.length
/** The words of choices, by receiver · 3 + sender. */
const WORDS = PROCESSES.flatMap((to) =>
  PROCESSES.map((from) => ({
    up: `up ${from}>${to}`,
    down: `down ${from}>${to}`,
    lanes: CHANNELS.map((channel) => `${from}>${to}/${channel}`),
  })),
)
const CASTS = PROCESSES.map((id) => `cast ${id}`)
const CRASHES = PROCESSES.map((id) => `crash ${id}`)

/** What every choice is. */
type Meaning =
  | { readonly kind: 'up' | 'down'; readonly at: number }
  | { readonly kind: 'frame'; readonly at: number; readonly lane: number }
  | { readonly kind: 'cast' | 'crash'; readonly at: number }

const MEANINGS: ReadonlyMap<Choice, Meaning> = new Map<Choice, Meaning>([
  ...WORDS.flatMap(({ up, down, lanes }, at): [Choice, Meaning][] => [
    [up, { kind: 'up', at }],
    [down, { kind: 'down', at }],
    ...lanes.map((word, lane): [Choice, Meaning] => [word, { kind: 'frame', at, lane }]),
  ]),
  ...CASTS.map((word, at): [Choice, Meaning] => [word, { kind: 'cast', at }]),
  ...CRASHES.map((word, at): [Choice, Meaning] => [word, { kind: 'crash', at }]),
])

/** What can happen next. */
export interface Choices {
  /** Frames, and paths that come up or end; what was sent first stands first. */
  readonly moves: readonly Choice[]
  /** Casts and crashes: each may come at any moment. */
  readonly strokes: readonly Choice[]
}

/** Everything that can happen next but a tick. */
export function choicesOf(state: State): Choices {
  const moves: { readonly word: Choice; readonly stamp: number }[] = []
  state.sides.forEach((side, at) => {
    const words = WORDS[at]
    if (words === undefined || side.phase === 'none' || side.phase === 'down') return
    if (side.phase === 'coming') moves.push({ word: words.up, stamp: side.upStamp })
    else {
      side.lanes.forEach((lane, index) => {
        const [first] = lane
        if (first !== undefined) moves.push({ word: words.lanes[index] ?? '', stamp: first.stamp })
      })
    }
    if (side.downStamp !== Number.POSITIVE_INFINITY) moves.push({ word: words.down, stamp: side.downStamp })
  })
  moves.sort((x, y) => x.stamp - y.stamp)
  const strokes: Choice[] = []
  state.locals.forEach((local, at) => {
    if (local === null) return
    if (state.left.casts > 0 && local.isWhole) strokes.push(CASTS[at] ?? '')
    if (state.left.crashes > 0) strokes.push(CRASHES[at] ?? '')
  })
  return { moves: moves.map(({ word }) => word), strokes }
}

/** The fingerprint of a state. The stamps are no part of it: they only say what comes first in the search. */
export function fingerprintState(state: State): number {
  const numbers: number[] = [state.now, state.idleTicks, state.left.casts, state.left.crashes]
  for (const local of state.locals) numbers.push(local?.fingerprint ?? 0)
  for (const side of state.sides) {
    numbers.push(PHASES[side.phase] + (side.downStamp === Number.POSITIVE_INFINITY ? 0 : 4))
    for (const lane of side.lanes) {
      numbers.push(lane.length)
      for (const { fingerprint } of lane) numbers.push(fingerprint)
    }
  }
  return combine(...numbers)
}

const PHASES = { none: 0, coming: 1, up: 2, down: 3 } as const
const WAKE = fingerprintOf('wake')
const CAST = fingerprintOf('cast')

/** Carries out what was chosen. */
export class World {
  readonly locals: Locals

  constructor(locals: Locals) {
    this.locals = locals
  }

  /** The state after a choice that the state offers. */
  apply(state: State, choice: Choice): Next {
    const meaning = MEANINGS.get(choice)
    if (meaning === undefined) throw new Error(`no such choice: ${choice}`)
    const { kind, at } = meaning
    if (kind === 'crash') return crash(state, at)
    if (kind === 'cast') {
      const left = { ...state.left, casts: state.left.casts - 1 }
      return this.act({ ...state, left }, at, { type: 'castOne' }, CAST)
    }
    const to = Math.floor(at / SIZE)
    const peer = PROCESSES[at % SIZE] ?? ''
    const side = state.sides[at] ?? NO_SIDE
    if (kind === 'frame') {
      const [first] = side.lanes[meaning.lane] ?? []
      if (first === undefined) throw new Error(`nothing to arrive: ${choice}`)
      const lanes = side.lanes.map((lane, index) => (index === meaning.lane ? lane.slice(1) : lane))
      const sides = state.sides.with(at, { ...side, lanes })
      return this.act(
        { ...state, sides },
        to,
        { type: 'frame', peer, frame: first.frame },
        combine(first.fingerprint, at),
      )
    }
    if (kind === 'up') {
      const sides = state.sides.with(at, { ...side, phase: 'up' })
      return this.act({ ...state, sides }, to, { type: 'linkUp', peer }, fingerprintOf(choice))
    }
    const sides = state.sides.with(at, { ...NO_SIDE, phase: 'down' })
    if (side.phase === 'coming') return { state: { ...state, sides }, lines: [], failure: null }
    return this.act({ ...state, sides }, to, { type: 'linkDown', peer }, fingerprintOf(choice))
  }

  /** Time goes on to the next timer, and whoever is due wakes. */
  tick(state: State): Next {
    const now = nextTimer(state)
    let next: Next = { state: { ...state, now, ticks: state.ticks + 1 }, lines: [], failure: null }
    state.locals.forEach((local, at) => {
      if (local === null || local.nextWake > now || next.failure !== null) return
      const { state: after, lines, failure } = this.act(next.state, at, { type: 'wake' }, WAKE)
      next = { state: after, lines: [...next.lines, ...lines], failure }
    })
    return next
  }

  /** Something happens to one process. */
  act(state: State, at: number, act: Act, of: number): Next {
    const local = state.locals[at]
    if (local === null || local === undefined) throw new Error(`${PROCESSES[at]} does not run`)
    return this.take(state, at, this.locals.step(local, state.now, { act, of }))
  }

  /** Takes in what a step did. */
  take(state: State, at: number, outcome: Outcome): Next {
    const { local, sent, lines, failure } = outcome
    const sides = [...state.sides]
    let { stamp } = state
    for (const { to, channel, frame, fingerprint } of sent) {
      const toward = PROCESSES.indexOf(to) * SIZE + at
      const side = sides[toward]
      // Without a path a frame is lost; to the dead too.
      if (side === undefined || side.phase === 'none' || side.phase === 'down') continue
      const lanes = side.lanes.map((lane, index) =>
        CHANNELS[index] === channel ? [...lane, { frame, fingerprint, stamp }] : lane,
      )
      sides[toward] = { ...side, lanes }
      stamp += 1
    }
    return {
      state: { ...state, locals: state.locals.with(at, local), sides, stamp },
      lines: lines.map((line) => ({ t: state.now, p: local.id, ...line })),
      failure,
    }
  }
}

/** When the next timer of anybody is due; Infinity if there is none. */
function nextTimer(state: State): number {
  let at = Number.POSITIVE_INFINITY
  for (const local of state.locals) if (local !== null) at = Math.min(at, local.nextWake)
  return Math.max(at, state.now)
}

/** A path between two processes begins. */
export function connect(state: State, x: number, y: number): State {
  const side: Side = { ...NO_SIDE, phase: 'coming', upStamp: state.stamp }
  const sides = state.sides.with(x * SIZE + y, side).with(y * SIZE + x, side)
  return { ...state, sides, stamp: state.stamp + 1 }
}

function crash(state: State, at: number): Next {
  const sides = state.sides.map((side, index) => {
    if (Math.floor(index / SIZE) === at) return NO_SIDE
    if (index % SIZE === at && (side.phase === 'coming' || side.phase === 'up')) {
      return { ...side, downStamp: state.stamp }
    }
    return side
  })
  const left = { ...state.left, crashes: state.left.crashes - 1 }
  return {
    state: { ...state, left, locals: state.locals.with(at, null), sides, stamp: state.stamp + 1 },
    lines: [{ t: state.now, e: 'crash', q: PROCESSES[at] ?? '' }],
    failure: null,
  }
}
