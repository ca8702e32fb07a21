/**
 * The reach matrix: how often each kind of fault struck in each phase of the protocol. A cell that stays empty is a
 * corner of which the simulator says nothing.
 *
 * The phases are read from the trace. A fault that strikes one or two processes strikes in their phases; one that strikes
 * the network, or lets somebody join, in those of all that live.
 */
import { readFileSync } from 'node:fs'
import { FAULT_KINDS, type FaultKind, NAMED_KINDS } from './scenario.ts'
import type { AnyLine } from './trace.ts'

/** The phases a process can be in. The first is that of none; of the flush it is in one, of the rest in any. */
export const PHASES = [
  /** Nothing below. */
  'idle',
  /** A proposal names it; it has not given its row. */
  'proposed',
  /** It has given its row. */
  'row',
  /** It has the cut. */
  'cut',
  /** It has said that it is ready. */
  'ready',
  /** Somebody has installed the view; it, or its page, has not. */
  'installing',
  /** A group's view is changing within its space view. */
  'group',
  /** It gives a state or waits for one. */
  'transfer',
  /** It has met nobody yet, or its joining a group is not settled. */
  'joining',
] as const

export type Phase = (typeof PHASES)[number]

/** Counts by fault, then by phase. */
export type ReachCounts = Readonly<Record<string, Readonly<Record<string, number>>>>

/** Phases of a flush by their place in `PHASES`. */
const [IDLE, PROPOSED, ROW, CUT, READY, INSTALLING] = [0, 1, 2, 3, 4, 5]

/** What is known of one process. */
interface Known {
  flush: number
  /** The view that its flush is for. */
  flushView: string
  /** The space view that its kernel has installed. */
  view: string
  hasMet: boolean
  readonly joining: Set<string>
  /** Groups whose views it is changing, as their coordinator. */
  readonly rounds: Set<string>
}

/** A state under way. */
interface Transfer {
  readonly from: string
  readonly to: string
  readonly group: string
  /** The group's view, whose id begins with the space view's. */
  readonly view: string
}

/** Counts. */
export class Reach {
  readonly #known = new Map<string, Known>()
  #transfers: Transfer[] = []
  readonly #counts = new Map<FaultKind, Map<Phase, number>>()

  /** The counts so far. */
  get counts(): Record<string, Record<string, number>> {
    return Object.fromEntries([...this.#counts].map(([kind, row]) => [kind, Object.fromEntries(row)]))
  }

  /** A fault strikes these processes now. */
  strike(kind: FaultKind, targets: readonly string[]): void {
    let row = this.#counts.get(kind)
    if (row === undefined) {
      row = new Map()
      this.#counts.set(kind, row)
    }
    const phases = new Set(targets.flatMap((id) => this.phasesOf(id)))
    for (const phase of phases) row.set(phase, (row.get(phase) ?? 0) + 1)
  }

  /** The phases that a process is in. */
  phasesOf(id: string): Phase[] {
    const known = this.#known.get(id)
    if (known === undefined) return ['joining']
    const phases: Phase[] = []
    if (known.flush !== IDLE) phases.push(PHASES[known.flush] ?? 'idle')
    if (this.#isGroupChanging(known)) phases.push('group')
    if (this.#transfers.some(({ from, to }) => from === id || to === id)) phases.push('transfer')
    if (!known.hasMet || known.joining.size > 0) phases.push('joining')
    return phases.length > 0 ? phases : ['idle']
  }

  /** Takes a line into account. */
  notice(line: AnyLine): void {
    switch (line.e) {
      // What most lines are.
      case 'deliver':
      case 'cast':
      case 'send':
      case 'digest':
      case 'release':
        return
      case 'crash':
        this.#known.delete(String(line['q']))
        this.#dropTransfers((transfer) => transfer.to === line['q'] || transfer.from === line['q'])
        return
      default:
        if (line.p !== undefined) this.#ofProcess(line.p, line)
    }
  }

  #ofProcess(p: string, line: AnyLine): void {
    switch (line.e) {
      case 'settle':
        return this.#settle(p, String(line['of']))
      case 'view': {
        if (line['g'] !== '') return
        const known = this.#of(p)
        if ((line['members'] as readonly string[]).length > 1) known.hasMet = true
        if (known.flush === INSTALLING) known.flush = IDLE
        return
      }
      case 'join':
        if (line['g'] !== '') this.#of(p).joining.add(String(line['g']))
        return
      case 'stateIn':
      case 'merge':
        return this.#dropTransfers(({ to, group }) => to === p && group === line['g'])
      case 'transfer':
        for (const to of line['to'] as readonly string[]) {
          this.#transfers.push({ from: p, to, group: String(line['g']), view: String(line['view']) })
        }
        return
      case 'groupPrepare':
        this.#of(p).rounds.add(String(line['g']))
        return
      case 'groupInstall':
        this.#of(p).rounds.delete(String(line['g']))
        return this.#dropTransfers(({ from, group }) => from === p && group === line['g'])
      default:
        this.#flush(p, line)
    }
  }

  #flush(p: string, line: AnyLine): void {
    const view = String(line['view'])
    switch (line.e) {
      case 'propose':
        for (const q of (line['parts'] as readonly (readonly string[])[]).flat()) {
          const known = this.#of(q)
          if (known.flush === IDLE) this.#enter(known, PROPOSED, view)
        }
        return
      case 'restart':
        return this.#forgetProposal(view)
      case 'row':
        return this.#enter(this.#of(p), ROW, view)
      case 'cutAgreed':
        return this.#enter(this.#of(p), CUT, view)
      case 'ready':
        return this.#enter(this.#of(p), READY, view)
      case 'install':
        return this.#install(p, view, line['members'] as readonly string[])
      default:
        return
    }
  }

  #enter(known: Known, flush: number, view: string): void {
    known.flush = flush
    known.flushView = view
  }

  #install(p: string, view: string, members: readonly string[]): void {
    this.#forgetProposal(view)
    for (const q of members) {
      const known = this.#of(q)
      if (known.flushView === view && known.flush > ROW) known.flush = INSTALLING
    }
    const known = this.#of(p)
    known.flush = INSTALLING
    known.view = view
    known.rounds.clear()
    // What began in a view before is void. Donors that were faster have begun in this one.
    this.#dropTransfers((each) => (each.from === p || each.to === p) && !each.view.startsWith(`${view}.`))
  }

  /** Whoever has not given its row to a proposal that is withdrawn, or was decided without it, gives none any more. */
  #forgetProposal(view: string): void {
    for (const known of this.#known.values()) {
      if (known.flush === PROPOSED && known.flushView === view) known.flush = IDLE
    }
  }

  #settle(p: string, of: string): void {
    if (of.startsWith('join:')) this.#of(p).joining.delete(of.slice(5))
  }

  #isGroupChanging({ view }: Known): boolean {
    for (const known of this.#known.values()) if (known.rounds.size > 0 && known.view === view) return true
    return false
  }

  #dropTransfers(isOver: (transfer: Transfer) => boolean): void {
    if (this.#transfers.length > 0) this.#transfers = this.#transfers.filter((transfer) => !isOver(transfer))
  }

  #of(p: string): Known {
    let known = this.#known.get(p)
    if (known === undefined) {
      known = { flush: IDLE, flushView: '', view: p, hasMet: false, joining: new Set(), rounds: new Set() }
      this.#known.set(p, known)
    }
    return known
  }
}

/** A cell that cannot be reached, and why. */
export interface Infeasible {
  readonly fault: string
  readonly phase: string
  readonly reason: string
}

/** The cells that are known to be out of reach. */
export const infeasible: readonly Infeasible[] = JSON.parse(
  readFileSync(new URL('./infeasible.json', import.meta.url), 'utf8'),
)

/** Adds counts up. */
export function addReach(sum: Record<string, Record<string, number>>, more: ReachCounts): void {
  for (const [kind, row] of Object.entries(more)) {
    sum[kind] ??= {}
    const into = sum[kind]
    for (const [phase, count] of Object.entries(row)) into[phase] = (into[phase] ?? 0) + count
  }
}

/** The cells of these faults that are empty, but for those listed as infeasible, as `fault × phase`. */
export function emptyCells(counts: ReachCounts, kinds: readonly FaultKind[]): string[] {
  return kinds.flatMap((kind) =>
    PHASES.filter((phase) => (counts[kind]?.[phase] ?? 0) === 0 && !isInfeasible(kind, phase)).map(
      (phase) => `${kind} × ${phase}`,
    ),
  )
}

/** The cells that are listed as infeasible and were reached all the same. */
export function wronglyListed(counts: ReachCounts): string[] {
  return infeasible
    .filter(({ fault, phase }) => (counts[fault]?.[phase] ?? 0) > 0)
    .map(({ fault, phase }) => `${fault} × ${phase}`)
}

/** The matrix as a table. */
export function printReach(counts: ReachCounts): string {
  const kinds = NAMED_KINDS.filter((kind) => kind in counts || FAULT_KINDS.some((each) => each === kind))
  const width = Math.max(...kinds.map(({ length }) => length))
  const head = [''.padEnd(width), ...PHASES.map((phase) => phase.padStart(10))].join(' ')
  const rows = kinds.map((kind) => {
    const cells = PHASES.map((phase) => (isInfeasible(kind, phase) ? '–' : String(counts[kind]?.[phase] ?? 0)))
    return [kind.padEnd(width), ...cells.map((cell) => cell.padStart(10))].join(' ')
  })
  return [head, ...rows].join('\n')
}

function isInfeasible(kind: string, phase: string): boolean {
  return infeasible.some((cell) => cell.fault === kind && cell.phase === phase)
}
