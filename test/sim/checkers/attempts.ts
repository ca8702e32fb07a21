/**
 * What a part knows of primary views that others may have gone on to: its *attempts*, which somebody has voted for, and
 * nobody there has installed.
 *
 * An attempt is open, and the part waits, as long as somebody of it who is neither there nor gone for good may have
 * installed it, or may have been told to. Nobody has if one of those who are there or gone never promised it, and its leader
 * needs all; but another leader, who took a row of somebody that had promised, and of whom nothing was heard, may have
 * completed it from promises alone. Nor has anybody if its leader is there, who would know (decision 016).
 */

import type { LineOf } from '../../../lib/testing/trace.ts'
import { parseViewId } from '../../../lib/testing/trace-names.ts'
import { pushTo } from './collections.ts'
import type { Located, Process, View } from './model.ts'
import type { Run } from './run.ts'

/** A view that is to be primary. */
type Attempt = LineOf<'attempt'>

/** A leader who took a row of somebody that had promised an attempt. */
interface Asked {
  readonly attempt: string
  readonly leader: string
}

/** What one process has voted for. */
interface Votes {
  /** Promised, and not known to have come about or not. */
  attempt: Attempt | null
  /** Voted for, but not yet promised; who crashes may have written it down. */
  pending: Attempt | null
  /** By the view that was proposed. */
  readonly asked: Map<string, Asked>
  /** The line of its last vote. */
  line: string | null
}

/** The attempts of one line that a part knows of. */
export class Attempts {
  readonly #run: Run
  readonly #line: string
  readonly #part: readonly Process[]
  readonly #votes: Map<Process, Votes>
  /** All that were ever voted for, by id. */
  readonly #all: ReadonlyMap<string, Attempt>

  constructor(run: Run, line: string, part: readonly Process[]) {
    this.#run = run
    this.#line = line
    this.#part = part
    this.#all = new Map(run.of('attempt').map(({ data }) => [data.view, data]))
    this.#votes = votesOf(run, this.#all)
  }

  /** Has somebody who is not there installed a later view of the line? */
  isPassed({ epoch }: View): boolean {
    return this.#run
      .of('install')
      .some(
        ({ process, data }) =>
          process !== null &&
          !this.#part.includes(process) &&
          this.#all.get(data.view)?.line === this.#line &&
          parseViewId(data.view).epoch > epoch,
      )
  }

  /** Does the last vote of a process that is gone speak of this line? */
  isRecorded(id: string): boolean {
    const process = this.#run.process(id)
    return process !== undefined && this.#votes.get(process)?.line === this.#line
  }

  /** May somebody who is neither there nor gone have gone on from that view? */
  isAnyOpen({ epoch }: View, gone: ReadonlySet<string>): boolean {
    const known = [...this.#votes].filter(([process]) => this.#part.includes(process) || gone.has(process.id))
    const attempts = new Map<string, Attempt>()
    for (const [process, { attempt, pending }] of known) {
      // Who is there takes back what it has not promised.
      const theirs = this.#part.includes(process) ? [attempt] : [attempt, pending]
      for (const each of theirs) {
        if (each?.line === this.#line && parseViewId(each.view).epoch > epoch) attempts.set(each.view, each)
      }
    }
    return [...attempts.values()].some((attempt) => this.#isOpen(attempt, gone))
  }

  /** It has been in another line after that attempt, and may have gone on from it before (seed 70649). */
  #hasForgotten(id: string, view: string): boolean {
    const installs = this.#run.process(id)?.installs.get(this.#run.space) ?? []
    const { epoch } = parseViewId(view)
    return installs.some(({ data }) => {
      return data.line !== null && data.line !== this.#line && parseViewId(data.id).epoch > epoch
    })
  }

  #isOpen({ view, members }: Attempt, gone: ReadonlySet<string>): boolean {
    const here = this.#part.filter(({ id }) => members.includes(id))
    const isHere = (id: string): boolean => this.#part.some((process) => process.id === id)
    // What they did there is lost with them: only `refound()` goes on without it, as from an installed view (seed 60314).
    if (here.length === 0 && members.every((id) => gone.has(id))) return true
    if (members.every((id) => isHere(id) || gone.has(id))) return members.some((id) => this.#hasForgotten(id, view))
    const isAsked = this.#part.some((process) =>
      [...(this.#votes.get(process)?.asked.values() ?? [])].some(
        ({ attempt, leader }) => attempt === view && !isHere(leader),
      ),
    )
    if (isAsked) return true
    const promised = (process: Process | undefined): Votes | undefined =>
      process === undefined ? undefined : this.#votes.get(process)
    // Who has forgotten cannot tell whether it promised (seed 503610).
    const canTell = here.filter(({ id }) => !this.#hasForgotten(id, view))
    if (canTell.some((process) => promised(process)?.attempt?.view !== view)) return false
    const hasNotVoted = (id: string): boolean => {
      const votes = promised(this.#run.process(id))
      return votes?.line === this.#line && votes.attempt?.view !== view && votes.pending?.view !== view
    }
    if (members.some((id) => gone.has(id) && hasNotVoted(id))) return false
    return !isHere(parseViewId(view).coordinator)
  }
}

/** What everybody has voted for in the end. Linear in the number of lines of flushes. */
function votesOf(run: Run, all: ReadonlyMap<string, Attempt>): Map<Process, Votes> {
  const lines = new Map<Process, Located<'attempt' | 'ready' | 'row' | 'cutAgreed' | 'install' | 'lineLost'>[]>()
  for (const event of ['attempt', 'ready', 'row', 'cutAgreed', 'install', 'lineLost'] as const) {
    for (const each of run.of(event)) if (each.process !== null) pushTo(lines, each.process, each)
  }
  const votes = new Map<Process, Votes>()
  for (const [process, own] of lines) {
    const state: Votes = { attempt: null, pending: null, asked: new Map(), line: null }
    for (const { data } of own.sort((a, b) => a.line - b.line)) take(state, process, data, all)
    votes.set(process, state)
  }
  return votes
}

function take(
  state: Votes,
  process: Process,
  data: LineOf<'attempt' | 'ready' | 'row' | 'cutAgreed' | 'install' | 'lineLost'>,
  all: ReadonlyMap<string, Attempt>,
): void {
  switch (data.e) {
    case 'attempt':
      state.pending = data
      state.line = data.line
      return
    case 'ready':
      if (state.pending?.view === data.view) state.attempt = state.pending
      state.pending = null
      return
    case 'row': {
      state.pending = null
      const { coordinator } = parseViewId(data.view)
      if (state.attempt !== null && coordinator !== process.id)
        state.asked.set(data.view, { attempt: state.attempt.view, leader: coordinator })
      return
    }
    case 'cutAgreed':
      if (all.has(data.view)) state.asked.clear()
      else state.asked.delete(data.view)
      return
    case 'install':
      state.pending = null
      if (!all.has(data.view)) return
      state.attempt = null
      state.asked.clear()
      return
    case 'lineLost':
      state.attempt = null
  }
}
