/**
 * What one member was told last of its group, in its order: the casts, views and states that its clients follow.
 *
 * A client that comes from another member says which views it was told, and up to which number of each sender. Who goes from
 * view to view together gets the same casts in between (M6), so from a view that both know on, whatever this member was told
 * and the client was not is what comes next: in an order that goes on where the client is, for its sender's order and what
 * happened before hold within each member's order.
 *
 * Bounds: twice as many entries as are to be kept, and 4 MiB, but always the last entry. Of what is dropped the numbers
 * remain, as long as its view is the one that the log begins in: who had all of it goes on without a gap.
 */
import type { GroupView } from '../objects/replica.ts'
import { FED, type GapReason, type Position, type Told, type WireEntry } from './client-words.ts'

/** Bytes that are kept for clients, at most. */
const LOG_BYTES: number = 4 * 1024 * 1024

/** An entry of the log. */
export interface LogEntry {
  readonly wire: WireEntry
  readonly bytes: number
  /** Of a view: its id. */
  readonly view: string | null
  /** Of a cast. */
  readonly sender: string | null
  readonly n: number
  /** Its sender is a client. */
  readonly isClients: boolean
}

/** Where a client goes on. */
export interface Resumption {
  /** The number of the first entry that it may not have been told. */
  readonly from: number
  /** It was told casts that the members here were not. */
  readonly isParted: boolean
  /** If its view is the one in force: what it was told in it must come here, or was lost. */
  readonly pending: Pending | null
}

/** What a client was told in one view. */
export interface Pending {
  readonly view: string
  readonly members: readonly Told[]
  readonly clients: readonly Told[]
}

/** The numbers of casts, by sender. */
class Numbers {
  readonly members = new Map<string, number>()
  readonly clients = new Map<string, number>()

  add({ sender, n, isClients }: LogEntry): void {
    if (sender !== null) (isClients ? this.clients : this.members).set(sender, n)
  }

  before(view: string): WireEntry {
    return [FED.before, view, [...this.members], [...this.clients]]
  }

  /** Has somebody in that position been told all of it, or been passed over by it, in the view of that age? */
  isCoveredBy({ members, clients, passed }: Position, age: number): boolean {
    const isOfIt = (each: Told): boolean => each[2] === age
    return (
      covers(namesOf([...members, ...passed.members.filter(isOfIt)]), this.members) &&
      covers(namesOf([...clients, ...passed.clients.filter(isOfIt)]), this.clients)
    )
  }

  covers({ members, clients }: Pending): boolean {
    return covers(this.members, namesOf(members)) && covers(this.clients, namesOf(clients))
  }

  copy(): Numbers {
    const copy = new Numbers()
    for (const [sender, n] of this.members) copy.members.set(sender, n)
    for (const [sender, n] of this.clients) copy.clients.set(sender, n)
    return copy
  }
}

/** The log of one member. */
export class FeedLog {
  readonly #keep: number
  #entries: LogEntry[] = []
  /** The number of the first entry. */
  #start = 0
  #bytes = 0
  /** The view that the log begins in, and what of it is dropped; null: nothing is known of what comes before. */
  #base: { readonly view: string; readonly entry: LogEntry; readonly cut: Numbers; isUnited: boolean } | null = null
  /** Where each view is that it has. */
  readonly #views = new Map<string, number>()
  /** The view in force, and the casts told in it. */
  #view: string | null = null
  #told = new Numbers()

  /** @param keep so many entries, at least */
  constructor(keep: number) {
    this.#keep = keep
  }

  get start(): number {
    return this.#start
  }

  /** The number of the entry to come. */
  get end(): number {
    return this.#start + this.#entries.length
  }

  /** The view in force at the end. */
  get view(): string | null {
    return this.#view
  }

  /** The view in force at the start, if that is not itself in the log, and what of it comes before. */
  get opening(): readonly WireEntry[] {
    const base = this.#base
    return base === null ? [] : [base.entry.wire, base.cut.before(base.view)]
  }

  /** What comes before the end in the view in force. */
  get before(): WireEntry {
    return this.#told.before(this.#view ?? '')
  }

  /** The highest number of that member's casts that was told in the view in force. */
  told(member: string): number {
    return this.#told.members.get(member) ?? 0
  }

  at(number: number): LogEntry | undefined {
    return this.#entries[number - this.#start]
  }

  addView(view: GroupView, bytes: number): void {
    this.#view = view.id
    this.#told = new Numbers()
    this.#views.set(view.id, this.end)
    this.#push({ wire: [FED.view, view], bytes, view: view.id, sender: null, n: 0, isClients: false })
  }

  addState(): void {
    this.#push({ wire: [FED.state], bytes: 1, view: null, sender: null, n: 0, isClients: false })
  }

  addCast(wire: WireEntry, about: Pick<LogEntry, 'sender' | 'n' | 'isClients' | 'bytes'>): void {
    const entry = { wire, view: null, ...about }
    this.#told.add(entry)
    this.#push(entry)
  }

  /** The state was replaced: nothing here leads to it. */
  restart(): void {
    this.#start = this.end
    this.#entries = []
    this.#bytes = 0
    this.#base = null
    this.#views.clear()
    this.#view = null
    this.#told = new Numbers()
  }

  #push(entry: LogEntry): void {
    this.#entries.push(entry)
    this.#bytes += entry.bytes
    let drop = 0
    let bytes = this.#bytes
    // One more than is dropped at a time, so that a long log is not moved with every entry.
    if (this.#entries.length <= 2 * this.#keep && bytes <= LOG_BYTES) return
    while (this.#entries.length - drop > this.#keep || bytes > LOG_BYTES) {
      const first = this.#entries[drop]
      if (first === undefined || drop === this.#entries.length - 1) break
      bytes -= first.bytes
      drop += 1
      this.#drop(first)
    }
    this.#entries.splice(0, drop)
    this.#start += drop
    this.#bytes = bytes
  }

  #drop(entry: LogEntry): void {
    if (entry.view !== null) {
      this.#views.delete(entry.view)
      this.#base = { view: entry.view, entry, cut: new Numbers(), isUnited: false }
    } else if (entry.sender === null && this.#base !== null) this.#base.isUnited = true
    else this.#base?.cut.add(entry)
  }

  /** Where whoever is in that position goes on; null: nobody can tell from this log. */
  locate(position: Position): Resumption | null {
    for (const [age, view] of position.views.entries()) {
      const from = this.#follow(view, position, age)
      if (from === null) continue
      const isOfIt = (each: Told): boolean => each[2] === age
      const told = { view, members: position.members.filter(isOfIt), clients: position.clients.filter(isOfIt) }
      if (view === this.#view) return { from, isParted: age > 0, pending: told }
      return { from, isParted: age > 0 || !this.#toldIn(view, from).covers(told), pending: null }
    }
    return null
  }

  /** The first entry after that view, for somebody who was told all that is dropped of it. */
  #follow(view: string, position: Position, age: number): number | null {
    const at = this.#views.get(view)
    if (at !== undefined) return at + 1
    const base = this.#base
    if (base?.view !== view || !base.cut.isCoveredBy(position, age)) return null
    return base.isUnited && age === 0 && !position.isUnited ? null : this.#start
  }

  /** Was all of that told here, in the view in force? */
  covers(pending: Pending): boolean {
    return pending.view !== this.#view || this.#told.covers(pending)
  }

  /** The casts told in a view that is over, as far as the log has it. */
  #toldIn(view: string, from: number): Numbers {
    const told = this.#base?.view === view ? this.#base.cut.copy() : new Numbers()
    for (let number = from; number < this.end; number += 1) {
      const entry = this.at(number)
      if (entry === undefined || entry.view !== null) break
      told.add(entry)
    }
    return told
  }
}

/** Why it cannot go on exactly, in the words of the feed. */
export function gapEntry(reason: GapReason): WireEntry {
  return [FED.gap, reason]
}

/** The highest number of each. */
function namesOf(told: readonly Told[]): Map<string, number> {
  const names = new Map<string, number>()
  for (const [sender, n] of told) names.set(sender, Math.max(n, names.get(sender) ?? 0))
  return names
}

/** Is each of the wanted numbers reached? */
function covers(told: ReadonlyMap<string, number>, wanted: ReadonlyMap<string, number>): boolean {
  for (const [sender, n] of wanted) if ((told.get(sender) ?? 0) < n) return false
  return true
}
