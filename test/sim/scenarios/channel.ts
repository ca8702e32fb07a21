/**
 * What scenarios cast into: a group whose state is the list of what was cast, of any order, so that lost, doubled and
 * reordered casts show in states as well as in deliveries.
 */
import type { GroupOptions } from '../../../lib/kernel/api.ts'
import type { CastOptions, GroupPort, OpInfo, Receipt, Replica } from '../../../lib/objects/replica.ts'
import { compareViewIds } from '../../../lib/testing/trace-names.ts'

/** View, position in it, author, number, what was cast. */
type Entry = readonly [view: string, index: number, author: string, n: number, value: string]

/** A kind of channel. */
export interface ChannelOptions
  extends Pick<
    GroupOptions,
    'order' | 'uniform' | 'strong' | 'consistency' | 'state' | 'engine' | 'strict' | 'domain'
  > {
  /** Bytes that the state holds besides, so that it takes several chunks. */
  readonly ballast: number
}

/** A kind of channel; what is not said is the least that there is. */
export function channel(
  order: GroupOptions['order'],
  more: Partial<Omit<ChannelOptions, 'order'>> = {},
): ChannelOptions {
  return { uniform: false, strong: false, consistency: 'available', state: true, ballast: 0, ...more, order }
}

/** The list, as one process has it. */
export class Channel implements Replica {
  readonly #port: GroupPort
  readonly #options: ChannelOptions
  #entries: Entry[] = []

  constructor(port: GroupPort, options: ChannelOptions) {
    this.#port = port
    this.#options = options
  }

  /** What it holds, in the agreed order if there is one, else by author. */
  get values(): readonly string[] {
    return this.#canonical().map(([, , , , value]) => value)
  }

  cast(value: string, options?: CastOptions): Receipt {
    return this.#port.cast(value, options)
  }

  apply(op: unknown, { view, index, author, n }: OpInfo): boolean {
    if (typeof op !== 'string') return false
    this.#entries.push([view, index, author, n, op])
    return true
  }

  view(): void {
    // A list asks nothing of who is present.
  }

  save(): unknown {
    return [ballastOf(this.#options.ballast), this.#canonical().flat()]
  }

  load(state: unknown): void {
    this.#entries = read(state)
  }

  merge(state: unknown): void {
    const all = new Map<string, Entry>()
    for (const entry of [...this.#entries, ...read(state)]) {
      const name = `${entry[2]}#${entry[3]}`
      const other = all.get(name)
      if (other === undefined || byPlace(entry, other) < 0) all.set(name, entry)
    }
    this.#entries = [...all.values()].sort(byPlace)
  }

  settle(): void {
    // Nobody listens.
  }

  #canonical(): Entry[] {
    if (this.#options.order === 'total') return this.#entries
    // Members deliver in different orders: neither the order nor the place is part of the state.
    return this.#entries
      .map(([, , author, n, value]): Entry => ['', 0, author, n, value])
      .sort((a, b) => byText(a[2], b[2]) || a[3] - b[3])
  }
}

const ballasts = new Map<number, Uint8Array>()

/** So many bytes that look like chance; the same at everybody. */
function ballastOf(length: number): Uint8Array {
  const known = ballasts.get(length)
  if (known !== undefined) return known
  const bytes = new Uint8Array(length)
  let state = 1
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
    bytes[i] = state >>> 24
  }
  ballasts.set(length, bytes)
  return bytes
}

function byPlace(a: Entry, b: Entry): number {
  return byView(a[0], b[0]) || a[1] - b[1] || byText(a[2], b[2]) || a[3] - b[3]
}

function byView(a: string, b: string): number {
  return a === '' || b === '' ? byText(a, b) : compareViewIds(a, b) || byText(a, b)
}

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function read(state: unknown): Entry[] {
  const list = Array.isArray(state) ? state[1] : null
  if (!Array.isArray(list)) throw new TypeError('malformed channel')
  const entries: Entry[] = []
  for (let i = 0; i < list.length; i += 5)
    entries.push([String(list[i]), Number(list[i + 1]), String(list[i + 2]), Number(list[i + 3]), String(list[i + 4])])
  return entries
}
