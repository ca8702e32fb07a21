/**
 * What becomes of transactions over several objects, as a state machine: for each of which somebody needs to know, whether
 * it is committed. The first decision counts: that of who makes it, or the one against it of somebody who holds an object for
 * it and sees its maker gone.
 *
 * A commit is remembered until all its objects have ended it. That something is not to be committed is remembered by its
 * maker's highest such number alone, for as long as the maker may come back.
 *
 * Source: Gray 1978; Lampson 1981 (presumed abort); Gray, Lamport 2006 (a decision that is itself replicated does not block).
 */
import { areNames, isKey, type TransactionKey } from './atomic-machine.ts'
import { assertState, isAuthor, isTotal } from './checks.ts'
import type { Answer, Caller, Machine, MachineContext } from './state-machine.ts'

/** The requests, by their first element: `[decide, key, whether it is committed, names]`, `[ended, key, names]`. */
export const LEDGER_OP = { decide: 0, ended: 1 } as const

/** Makers out of reach of whom it is known what is not committed; commits that not all objects have ended: of each, at most. */
export const LEDGER_MAX = 4_096

interface Commit {
  readonly key: TransactionKey
  /** The objects that have not ended it. */
  readonly open: readonly string[]
}

/** Decisions. */
export class LedgerMachine implements Machine {
  /** By key, in the order in which they were decided. */
  readonly #commits = new Map<string, Commit>()
  /** By maker: no transaction up to that one is committed any more, in the order in which they were last given up. */
  readonly #aborted = new Map<string, readonly [opening: number, n: number]>()

  /** Is it committed, and not yet ended by all its objects? */
  isCommitted(key: TransactionKey): boolean {
    return this.#commits.has(key.join(' '))
  }

  apply(body: unknown, caller: Caller, context: MachineContext): Answer | null {
    if (!Array.isArray(body) || !isKey(body[1])) return null
    const [op, key, third, names] = body as [unknown, TransactionKey, unknown, unknown]
    if (op === LEDGER_OP.ended) return body.length === 3 && areNames(third) ? this.#end(key, third) : null
    if (op !== LEDGER_OP.decide || body.length !== 4 || typeof third !== 'boolean' || !areNames(names)) return null
    // Only who makes it knows that it may be committed.
    if (third && key[0] !== caller.process) return null
    return [true, third ? this.#commit(key, names, context) : this.#abort(key, context)]
  }

  #commit(key: TransactionKey, names: readonly string[], context: MachineContext): boolean {
    if (this.#commits.has(key.join(' '))) return true
    const [process, opening, n] = key
    const aborted = this.#aborted.get(process)
    if (aborted !== undefined && (opening < aborted[0] || (opening === aborted[0] && n <= aborted[1]))) return false
    this.#commits.set(key.join(' '), { key, open: [...new Set(names)] })
    this.#forget(this.#commits, ({ key: [maker] }) => context.members.has(maker))
    return true
  }

  #abort(key: TransactionKey, context: MachineContext): boolean {
    if (this.#commits.has(key.join(' '))) return true
    const [process, opening, n] = key
    const known = this.#aborted.get(process) ?? [0, 0]
    this.#aborted.delete(process)
    const isNew = opening > known[0] || (opening === known[0] && n > known[1])
    this.#aborted.set(process, isNew ? [opening, n] : known)
    this.#forget(this.#aborted, (_, maker) => context.members.has(maker))
    return false
  }

  /** The oldest go that are of nobody who is there, if there are too many. */
  #forget<Value>(all: Map<string, Value>, isThere: (value: Value, key: string) => boolean): void {
    if (all.size <= LEDGER_MAX) return
    for (const [key, value] of all) {
      if (isThere(value, key)) continue
      all.delete(key)
      return
    }
  }

  #end(key: TransactionKey, names: readonly string[]): Answer {
    const id = key.join(' ')
    const commit = this.#commits.get(id)
    if (commit === undefined) return [true, null]
    const open = commit.open.filter((each) => !names.includes(each))
    if (open.length === 0) this.#commits.delete(id)
    else this.#commits.set(id, { key, open })
    return [true, null]
  }

  /** Nothing that it has made can be decided by itself any more. */
  release(process: string): void {
    this.#aborted.delete(process)
  }

  /** `[commits, aborted]`, in their order, which is part of the state. */
  save(): unknown {
    const commits = [...this.#commits.values()].map(({ key, open }) => [[...key], [...open]])
    return [commits, [...this.#aborted].map(([process, [opening, n]]) => [process, opening, n])]
  }

  load(saved: unknown): void {
    assertState(Array.isArray(saved) && saved.length === 2 && saved.every(Array.isArray), 'ledger')
    const [commits, aborted] = saved as [unknown[], unknown[]]
    const readCommits = commits.map(readCommit)
    const readAborted = aborted.map(readAbort)
    this.#commits.clear()
    for (const commit of readCommits) this.#commits.set(commit.key.join(' '), commit)
    this.#aborted.clear()
    for (const [process, opening, n] of readAborted) this.#aborted.set(process, [opening, n])
  }
}

function readCommit(saved: unknown): Commit {
  assertState(Array.isArray(saved) && saved.length === 2, 'decision')
  const [key, open] = saved as unknown[]
  assertState(isKey(key) && areNames(open), 'decision')
  return { key, open }
}

function readAbort(saved: unknown): TransactionKey {
  assertState(Array.isArray(saved) && saved.length === 3, 'decision')
  const [process, opening, n] = saved as unknown[]
  assertState(isAuthor(process) && isTotal(opening) && isTotal(n), 'decision')
  return [process, opening, n]
}
