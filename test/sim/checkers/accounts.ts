/**
 * What kernels say of the casts of a view of the space when they close it (`row` lines), and which casts those are.
 *
 * A view is closed once for every view that is proposed after it, so several times if the first proposals come to
 * nothing. What a kernel has got by then it still has at each later time.
 */

import type { RowLine } from '../../../lib/testing/trace.ts'
import { getOrMake, pushTo } from './collections.ts'
import type { Message, Process } from './model.ts'
import { derive, type Run } from './run.ts'

/** One process closes a view of the space. */
export interface Account {
  readonly line: number
  readonly process: Process
  /** By rank in the view that is closed. */
  readonly stable: readonly number[]
  readonly got: readonly number[]
  readonly holds: readonly ReadonlySet<number>[]
}

/** A view of the space, as the kernels of its members live in it. */
export interface Closing {
  readonly id: string
  /** Ranked. */
  readonly members: readonly string[]
  /** By the rank of the sender: what it casts in the view, in the order of numbers. */
  readonly casts: readonly Message[][]
  /** All accounts of it, in order. */
  readonly accounts: readonly Account[]
  /** By process: its accounts. */
  readonly byProcess: ReadonlyMap<Process, readonly Account[]>
  /** By process: the view that it installs after this one. */
  readonly next: ReadonlyMap<Process, string>
}

/** The views of the space in the order in which the first kernel installed them, and the one that each cast was sent in. */
export interface Closings {
  readonly views: readonly Closing[]
  readonly of: ReadonlyMap<Message, Closing>
}

/** All of a run's, computed once. Empty for a trace without the kernel's lines. */
export function closingsOf(run: Run): Closings {
  return derive(run, compute)
}

/** The number of the cast in its view of the space. */
export function seqOf({ send }: Message): number {
  return send?.data.seq ?? 0
}

/** Has whoever gives the account got that cast, from its sender or from others? */
export function hasGot({ got, holds }: Account, rank: number, seq: number): boolean {
  return seq <= (got[rank] ?? 0) || holds[rank]?.has(seq) === true
}

/** Those of the space view that the cast was sent to: the members of the group view. */
export function addresseesOf(run: Run, message: Message, { members }: Closing): Process[] {
  const group = message.send?.view.members
  if (group === undefined) return []
  return members.flatMap((id) => (group.has(id) ? (run.process(id) ?? []) : []))
}

/** Casts of one sender with numbers above `from`, up to `to`. */
export function castsBetween(casts: readonly Message[], from: number, to: number): Message[] {
  const found: Message[] = []
  for (let i = casts.length - 1; i >= 0; i--) {
    const cast = casts[i]
    if (cast === undefined || seqOf(cast) <= from) break
    if (seqOf(cast) <= to) found.push(cast)
  }
  return found
}

/** Each of an account's co-members with the first account that it gives later. */
export function laterAccounts({ byProcess }: Closing, account: Account): Account[] {
  const later: Account[] = []
  for (const [process, accounts] of byProcess) {
    const first = process === account.process ? undefined : accounts.find(({ line }) => line > account.line)
    if (first !== undefined) later.push(first)
  }
  return later
}

interface Draft extends Closing {
  readonly accounts: Account[]
  readonly byProcess: Map<Process, Account[]>
  readonly next: Map<Process, string>
}

function compute(run: Run): Closings {
  const views = new Map<string, Draft>()
  const of = new Map<Message, Closing>()
  const current = new Map<Process, Draft>()
  const sent = run.messages.filter(({ send }) => send?.data.seq !== undefined)
  const events = [...run.of('install'), ...run.of('row'), ...sent]
  for (const event of events.sort((a, b) => lineOf(a) - lineOf(b))) {
    if (!('data' in event)) {
      const view = current.get(event.sender)
      if (view === undefined) continue
      of.set(event, view)
      view.casts[view.members.indexOf(event.sender.id)]?.push(event)
      continue
    }
    const { data, process, line } = event
    if (process === null) continue
    const view = current.get(process)
    if (data.e === 'install') {
      view?.next.set(process, data.view)
      current.set(
        process,
        getOrMake(views, data.view, () => newDraft(data.view, data.members)),
      )
    } else if (view !== undefined) {
      const account = accountOf(data, process, line)
      if (account === null) continue
      view.accounts.push(account)
      pushTo(view.byProcess, process, account)
    }
  }
  return { views: [...views.values()], of }
}

function newDraft(id: string, members: readonly string[]): Draft {
  return { id, members, casts: members.map(() => []), accounts: [], byProcess: new Map(), next: new Map() }
}

function accountOf({ stable, got, holds }: RowLine, process: Process, line: number): Account | null {
  if (stable === undefined || got === undefined || holds === undefined) return null
  return { line, process, stable, got, holds: holds.map((seqs) => new Set(seqs)) }
}

function lineOf(event: Message | { readonly line: number }): number {
  return 'line' in event ? event.line : (event.send?.line ?? 0)
}
