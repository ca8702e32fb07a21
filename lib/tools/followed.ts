/**
 * How far a client has followed a group: which views it was told, and up to which number of each sender. So it is told each
 * cast once, whoever tells it, and can say to another member where it is. What came before it began, or in a gap, it was not told:
 * that comes if the group has lost it with its state, and it is cast again in a later view.
 */
import type { GroupView } from '../objects/replica.ts'
import { decodeValue } from '../values.ts'
import {
  FED,
  type FedCast,
  type GapReason,
  readBefore,
  readFedCast,
  readView,
  SENDERS_MAX,
  type Told,
  VIEWS_MAX,
  type WireEntry,
} from './client-words.ts'

/** The highest number of a sender, and the view in which that was told. */
export interface Highest {
  n: number
  view: string
}

/** What a client was told, as it leaves that to the next one of its process. */
export interface FollowedBefore {
  /** The newest first. */
  readonly views: readonly string[]
  /** The highest numbers of members, and of clients. */
  readonly members: ReadonlyMap<string, Highest>
  readonly clients: ReadonlyMap<string, Highest>
}

/** What a client is told of what comes. */
export interface FollowedEvents {
  cast(cast: FedCast, value: unknown): void
  view(view: GroupView): void
  state(): void
  gap(reason: GapReason): void
}

/** What one client was told. */
export class Followed {
  readonly #events: FollowedEvents
  /** The views that it was told, the newest first. */
  #views: string[] = []
  /** Those that the client before it was told. */
  readonly #viewsBefore: readonly string[]
  readonly #members = new Map<string, Highest>()
  readonly #clients = new Map<string, Highest>()
  /** What came before a gap, or before it began: it is not told that in the same view, nor was. */
  readonly #passed: { readonly members: Map<string, Highest>; readonly clients: Map<string, Highest> }
  /** It was told of the state that came with the newest view; the last entry was a state. */
  #isUnited = false
  #wasState = false
  /** The entry to come may be the state that it was told of already. */
  #skipsState = false

  constructor(events: FollowedEvents, { views, members, clients }: FollowedBefore) {
    this.#events = events
    this.#viewsBefore = views
    this.#passed = { members: new Map(members), clients: new Map(clients) }
  }

  /** The newest view that it was told; null before the first. */
  get view(): string | null {
    return this.#views[0] ?? null
  }

  /** What the next client of this process is to be left. */
  get legacy(): FollowedBefore {
    const members = new Map([...this.#members, ...this.#passed.members])
    const clients = new Map([...this.#clients, ...this.#passed.clients])
    return { views: this.#allViews, members, clients }
  }

  /** Where it is, as it travels; null: it was told nothing, nor was the client before it. */
  get position(): unknown {
    const views = this.#allViews
    if (views.length === 0) return null
    const ages = new Map(views.map((view, age) => [view, age]))
    const told = (numbers: ReadonlyMap<string, Highest>): Told[] =>
      [...numbers].map(([sender, { n, view }]) => [sender, n, ages.get(view) ?? VIEWS_MAX])
    const { members, clients } = this.#passed
    return [views, told(this.#members), told(this.#clients), this.#isUnited, told(members), told(clients)]
  }

  get #allViews(): string[] {
    const before = this.#viewsBefore.filter((view) => !this.#views.includes(view))
    return [...this.#views, ...before].slice(0, VIEWS_MAX)
  }

  /** Another member tells it from here on. */
  resume(): void {
    this.#skipsState = this.#isUnited
  }

  /** An entry of the feed. False: it is none. */
  take(entry: WireEntry): boolean {
    const { skipsState, wasState } = { skipsState: this.#skipsState, wasState: this.#wasState }
    this.#skipsState = false
    this.#wasState = entry[0] === FED.state
    switch (entry[0]) {
      case FED.state:
        if (skipsState) return true
        this.#isUnited = true
        this.#events.state()
        return true
      case FED.gap:
        this.#events.gap(entry[1] === 'parted' ? 'parted' : 'behind')
        return true
      case FED.view:
        return this.#takeView(entry[1], wasState)
      case FED.before:
        return this.#takeBefore(entry)
      default:
        return this.#takeCast(entry)
    }
  }

  #takeCast(entry: WireEntry): boolean {
    const cast = readFedCast(entry)
    if (cast === null) return false
    const [numbers, before] =
      cast.via === null ? [this.#members, this.#passed.members] : [this.#clients, this.#passed.clients]
    // Told by another member already.
    if (cast.n <= (numbers.get(cast.from)?.n ?? 0)) return true
    const passed = before.get(cast.from)
    if (passed?.view === cast.view && cast.n <= passed.n) return true
    before.delete(cast.from)
    this.#remember(numbers, cast)
    let value: unknown
    try {
      value = decodeValue(cast.bytes)
    } catch {
      return false
    }
    this.#events.cast(cast, value)
    return true
  }

  #takeView(value: unknown, isUnited: boolean): boolean {
    const view = readView(value)
    if (view === null) return false
    // Told by another member already.
    if (this.#views.includes(view.id)) return true
    this.#views = [view.id, ...this.#views].slice(0, VIEWS_MAX)
    this.#isUnited = isUnited
    this.#events.view(view)
    return true
  }

  /** It begins in the middle of a view: what comes before that is not told later in it either. */
  #takeBefore(entry: WireEntry): boolean {
    const before = readBefore(entry)
    if (before === null) return false
    const { view } = before
    const { members, clients } = this.#passed
    const lists = [[this.#members, members, before.members] as const, [this.#clients, clients, before.clients] as const]
    for (const [numbers, passed, list] of lists)
      for (const [from, n] of list) {
        const isKnown = [numbers, passed].some((known) => {
          const highest = known.get(from)
          return highest?.view === view && highest.n >= n
        })
        if (!isKnown) this.#remember(passed, { from, n, view })
      }
    return true
  }

  /** Those heard last are remembered. */
  #remember(numbers: Map<string, Highest>, { from, n, view }: Pick<FedCast, 'from' | 'n' | 'view'>): void {
    numbers.delete(from)
    numbers.set(from, { n, view })
    if (numbers.size <= SENDERS_MAX) return
    for (const oldest of numbers.keys()) {
      numbers.delete(oldest)
      return
    }
  }
}
