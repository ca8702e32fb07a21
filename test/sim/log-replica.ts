/**
 * The object of plain groups: a list of who cast what, in the agreed order if there is one, so that digests bite.
 *
 * Where the group is available, parts of a split unite their lists by the place in the agreed order.
 */
import type { GroupPort, ObjectKind, OpInfo, Replica } from '../../lib/objects/replica.ts'
import { compareViewIds } from '../../lib/testing/trace-names.ts'
import type { Value } from './value.ts'

/** View, position in it, author, number. */
type Entry = readonly [view: string, index: number, author: string, n: number]

/** Appends to the log. */
export class SharedLog {
  readonly #port: GroupPort

  constructor(port: GroupPort) {
    this.#port = port
  }

  /** Casts an entry. */
  append(value: Value): void {
    this.#port.cast(value)
  }

  close(): Promise<void> {
    return this.#port.close()
  }
}

class LogReplica implements Replica {
  readonly #isTotal: boolean
  #entries: Entry[] = []

  constructor(isTotal: boolean) {
    this.#isTotal = isTotal
  }

  apply(_op: unknown, { view, index, author, n }: OpInfo): boolean {
    this.#entries.push([view, index, author, n])
    return true
  }

  view(): void {
    // A log asks nothing of who is present.
  }

  save(): unknown {
    if (this.#isTotal) return this.#entries.flat()
    // Members deliver in different orders: neither the order nor the place is part of the state.
    return this.#entries
      .map(([, , author, n]): Entry => ['', 0, author, n])
      .sort(compareEntries)
      .flat()
  }

  load(state: unknown): void {
    this.#entries = read(state)
  }

  merge(state: unknown): void {
    const all = new Map<string, Entry>()
    for (const entry of [...this.#entries, ...read(state)]) {
      const key = `${entry[2]}#${entry[3]}`
      const other = all.get(key)
      if (other === undefined || compareEntries(entry, other) < 0) all.set(key, entry)
    }
    this.#entries = [...all.values()].sort(compareEntries)
  }

  settle(): void {
    // Nobody listens.
  }
}

function compareEntries(a: Entry, b: Entry): number {
  const byView = a[0] === '' || b[0] === '' ? 0 : compareViewIds(a[0], b[0])
  return byView || compareText(a[0], b[0]) || a[1] - b[1] || compareText(a[2], b[2]) || a[3] - b[3]
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function read(state: unknown): Entry[] {
  if (!Array.isArray(state)) throw new TypeError('malformed log')
  const entries: Entry[] = []
  for (let i = 0; i < state.length; i += 4) {
    entries.push([String(state[i]), Number(state[i + 1]), String(state[i + 2]), Number(state[i + 3])])
  }
  return entries
}

/** The log as a kind; available or consistent as the seed says. */
export function logKind(isConsistent: boolean): ObjectKind<SharedLog, unknown> {
  return {
    kind: 'log',
    order: 'total',
    uniform: false,
    consistency: isConsistent ? 'consistent' : 'available',
    create(port) {
      return { replica: new LogReplica(true), handle: new SharedLog(port) }
    },
  }
}

/** How a strong group is; the seed says which. */
export interface StrongShape {
  readonly order: 'fifo' | 'causal' | 'total'
  readonly uniform: boolean
  readonly consistency: 'available' | 'consistent'
}

/** The log of a strong group. */
export function strongLogKind(shape: StrongShape): ObjectKind<SharedLog, unknown> {
  return {
    ...shape,
    kind: 'strong-log',
    strong: true,
    create(port) {
      return { replica: new LogReplica(shape.order === 'total'), handle: new SharedLog(port) }
    },
  }
}
