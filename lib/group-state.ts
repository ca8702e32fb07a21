/**
 * The state of one group at this process: the replica, and how far into the agreed sequence it has come.
 *
 * Casts and views go into it in their order; snapshots come out of it as they travel, and others' states are loaded or
 * united into it. A replica that throws is reported and harms no other group.
 */
import { withoutNews } from './group-view.ts'
import { KeptEvents, type WaitingCast } from './kept-events.ts'
import type { AppEvent, GroupOptions } from './kernel/api.ts'
import type { CastFate, GroupView, OpInfo, Replica, Succession } from './objects/replica.ts'
import { applyOperation, isRequest, readRestoration } from './operations.ts'
import { Restoration, type RestorationOp } from './restoration.ts'
import { lackingIn, type MakeReplica } from './storage/restoring.ts'
import { type Acted, compareStandings } from './storage/standing.ts'
import type { GroupRecord } from './tools/snapshot-host.ts'
import type { TraceSink } from './trace.ts'
import { packState, type TravellingState, unpackState } from './travelling-state.ts'
import { decodeValue, encodeValue, hashBytes, hashValue } from './values.ts'

/** What a group's state needs of the side it belongs to. */
export interface StateContext {
  readonly self: string
  /** Where trace lines go, or undefined when the run is not traced. */
  readonly trace: TraceSink | undefined
  /** Runs `fn` in a task of its own, soon. */
  defer(fn: () => void): void
  fault(peer: string, code: string, detail?: unknown): void
}

/** How a group begins. */
export interface GroupBeginning {
  /** The group is one that is stored wherever anything is. */
  readonly isStored: boolean
  /** Has this process something to offer that was stored? */
  readonly hasOffer: () => boolean
}

type Of<Type extends AppEvent['type']> = Extract<AppEvent, { type: Type }>

/** One group's replica, what it covers, and the events kept with it. */
export class GroupState {
  readonly kept: KeptEvents = new KeptEvents()
  /** Of a consistent group: how it goes on from what was stored. */
  readonly restoration: Restoration
  /** Casts that wait for that. */
  #held: WaitingCast[] = []
  /** How far the state has come in the primary component. */
  #acted: Acted | null = null
  /** The last view that the replica was told of, with the state that it has, as it was before anything waited. */
  #lastView: GroupView | null = null
  readonly #name: string
  readonly #isConsistent: boolean
  readonly #hasState: boolean
  readonly #context: StateContext
  #replica: Replica | null = null
  /** Of a consistent group: the state of the beginning, for when it has ended and begins anew. */
  #initial: Uint8Array = new Uint8Array(0)
  /** Per sender the highest cast number applied. */
  readonly #cut = new Map<string, number>()
  /** It has what was stored, and no state that came has replaced that. */
  #isRestored = false
  /** The hash that the last merge has traced. */
  #merged: string | null = null
  #isEnded = false

  constructor(name: string, options: GroupOptions, context: StateContext, beginning?: GroupBeginning) {
    this.#name = name
    this.restoration = new Restoration(beginning?.isStored === true ? beginning.hasOffer : null)
    this.#isConsistent = options.consistency === 'consistent'
    this.#hasState = options.state
    this.#context = context
  }

  /** Gives it its replica; once, before the first event. */
  attach(replica: Replica): void {
    this.#replica = replica
    if (!this.#isConsistent || !this.#hasState) return
    this.#guard('state', () => {
      this.#initial = encodeValue(replica.save())
    })
  }

  /** What was stored, to begin with: the states of several copies are united. Says of each whether it could be taken. */
  restore(states: readonly unknown[]): boolean[] {
    const taken = states.map((state) =>
      this.#guard('restore', () => {
        if (this.#isRestored) this.#replica?.merge?.(state)
        else this.#replica?.load(state)
        this.#isRestored = true
      }),
    )
    if (states.length > 1) this.#guard('restore', () => this.#replica?.united?.())
    return taken
  }

  /** It has what was stored, and no state that came has replaced that. */
  get isRestored(): boolean {
    return this.#isRestored
  }

  /** What was stored, if a state that comes would replace it; null if nothing was. It counts as that no more. */
  takeRestored(): unknown {
    if (!this.#isRestored) return null
    this.#isRestored = false
    let state: unknown = null
    this.#guard('save', () => {
      state = this.#replica?.save() ?? null
    })
    return state
  }

  /** What of another state is not in this one; null if nothing. */
  lacking(state: unknown, make: MakeReplica): unknown {
    let lack: unknown = null
    this.#guard('restore', () => {
      if (this.#replica !== null) lack = lackingIn(this.#replica.save(), state, make)
    })
    return lack
  }

  /** The state as it is, as bytes; null if there is none to be had. */
  save(): Uint8Array | null {
    return this.#save()
  }

  /** The group has ended while this process was away: what is here is of before. */
  beginAnew(): void {
    this.restoration.reset()
    this.#held = []
    this.#acted = null
    this.#lastView = null
    this.kept.take()
    this.#cut.clear()
    this.#guard('state', () => this.#replica?.load(decodeValue(this.#initial)))
  }

  /** The group has ended: nobody waits for its state. */
  end(): void {
    this.#isEnded = true
  }

  // Events

  /** Applies one cast. */
  apply(cast: WaitingCast): void {
    const { payload, info } = cast
    this.#cut.set(info.author, Math.max(info.n, this.#cut.get(info.author) ?? 0))
    if (this.#isConsistent) {
      const op = readRestoration(payload)
      if (op !== undefined) return this.#restoreBy(op, info)
      if (this.restoration.isWaiting) {
        this.#held.push(cast)
        return
      }
      this.#noteActed(info)
    }
    this.#applyNow(cast)
  }

  #applyNow({ payload, info }: WaitingCast): void {
    let isGood = false
    try {
      isGood = this.#replica !== null && applyOperation(this.#replica, payload, info)
    } catch (error) {
      this.#context.fault('', 'replica-apply', error)
    }
    if (!isGood) this.#context.fault(info.author, 'bad-operation', { group: this.#name, n: info.n })
  }

  #noteActed(info: OpInfo): void {
    this.restoration.hasActed = true
    this.#noteIndex(info)
  }

  #noteIndex({ view, index }: OpInfo): void {
    if (this.#acted === null) return
    const { standing } = this.#acted
    const at = standing.view === view ? index : standing.index
    const { hasActed } = this.restoration
    this.#acted = { ...this.#acted, standing: { ...standing, hasActed, index: at } }
  }

  /** Something that is said of what was stored. */
  #restoreBy(op: RestorationOp | null, info: OpInfo): void {
    if (op === null) {
      this.#context.fault(info.author, 'bad-operation', { group: this.#name, n: info.n })
      return
    }
    const wasWaiting = this.restoration.isWaiting
    const end = this.restoration.take(info.author, op)
    if (end !== null) this.#goOn(end.state)
    else if (wasWaiting && !this.restoration.isWaiting) {
      if (this.#lastView !== null) this.#tellReplica(this.#lastView)
      this.#applyHeld()
      this.#noteIndex(info)
    }
    // Calls reject from here on, or wait.
    else if (this.restoration.isWaiting && this.#lastView !== null) this.#tellReplica(this.#lastView)
  }

  /** The group goes on from that state, or from that of the beginning. */
  #goOn(state: unknown): void {
    this.#guard('restore', () => this.#replica?.load(state === undefined ? decodeValue(this.#initial) : state))
    // Of another era from here on, in the same view.
    this.#acted = null
    if (this.#lastView !== null) this.#tellReplica(this.#lastView)
    this.#applyHeld()
  }

  #applyHeld(): void {
    for (const cast of this.#held.splice(0)) {
      this.#noteActed(cast.info)
      this.#applyNow(cast)
    }
  }

  /** How far it has come; null: not known, or nowhere. */
  get acted(): Acted | null {
    return this.#acted
  }

  /** Is that a state which this one has come by, or from? */
  hasPassed({ standing, birth }: Acted): boolean {
    if (this.#acted === null || birth === undefined || birth !== this.restoration.origin.birth) return false
    return compareStandings(standing, this.#acted.standing) <= 0
  }

  /** The state, and how far it has come, of one that has acted; null of any other. */
  get own(): { readonly acted: Acted; readonly state: unknown } | null {
    if (this.#acted === null || this.restoration.isWaiting) return null
    let state: unknown
    const acted = this.#acted
    return this.#guard('save', () => {
      state = this.#replica?.save()
    })
      ? { acted, state }
      : null
  }

  /** The view as the group's own: while it waits for what was stored, it does not act. */
  masked(view: GroupView): GroupView {
    const { restoration } = this
    // Elsewhere nobody can offer anything: who was missing there, or had offered something, says nothing (seed 23).
    if (!restoration.isWaiting || !view.primary) return view
    return { ...view, primary: false, missing: [...new Set([...view.missing, ...restoration.missing])] }
  }

  /** A cast will not be applied: the state that came covers it, or is that of the beginning. */
  skip({ payload, info }: WaitingCast): void {
    if (isRequest(payload)) this.#guard('skipped', () => this.#replica?.skipped?.(info))
  }

  /** Tells the replica of a view; what is kept comes before it, if it comes at all. */
  view(view: GroupView, succession?: Succession): void {
    if (this.kept.isEmpty) this.#tell(view, succession)
    else this.kept.add(view, null)
  }

  /**
   * The line goes on from the state here, so from what is kept with it. A line that takes the place of theirs has views
   * and casts of its own: what is granted by them must not bear a token that the old line may have given as well.
   * Returns how many events that were.
   */
  applyKept(line: string | null): number {
    const kept = this.kept.take()
    for (const event of kept) {
      if ('payload' in event) this.apply(event)
      else this.#tellKept(event.line === null ? event : { ...event, line })
    }
    return kept.length
  }

  /**
   * What is kept begins with the view that the state is of, for whoever gets both. The replica here is in that already, unless
   * its state has been replaced since: it hears of it again only if it is another line's now.
   */
  #tellKept(view: GroupView): void {
    if (view.id !== this.#lastView?.id) this.#tell(view)
    else if (view.line !== this.#lastView.line) this.#tell(withoutNews(view))
  }

  /** An own cast will not be delivered here. */
  lost(n: number, fate: CastFate): void {
    this.#guard('lost', () => this.#replica?.lost?.(n, fate))
  }

  /** A batch of deliveries is over. */
  settle(): void {
    this.#guard('settle', () => this.#replica?.settle())
  }

  #tell(view: GroupView, succession?: Succession): void {
    this.#lastView = view
    if (this.#isConsistent) {
      const wasWaiting = this.restoration.isWaiting
      const end = this.restoration.install(view)
      if (end !== null) return this.#goOn(end.state)
      this.#tellReplica(view, succession)
      if (wasWaiting && !this.restoration.isWaiting) this.#applyHeld()
      return
    }
    this.#tellReplica(view, succession)
  }

  #tellReplica(view: GroupView, succession?: Succession): void {
    const told = this.masked(view)
    if (this.#isConsistent && told.primary && this.#acted?.standing.view !== view.id) {
      const { hasActed, era, origin } = this.restoration
      const standing = { hasActed, era, view: view.id, index: 0 }
      this.#acted = { standing, holders: view.members, ...origin }
    }
    this.#guard('view', () => this.#replica?.view(told, succession))
  }

  // Snapshots

  /** Answers a request with the state as it is now, in this or in a later task; null if there is none. */
  snapshot(event: Of<'snapshot'>, isPrimary: boolean, answer: (state: Uint8Array | null) => void): void {
    if (this.#context.trace) this.#traceSnapshot(event, this.#context.trace)
    let steps: Iterator<undefined, unknown> | undefined
    if (!this.#guard('save', () => (steps = this.#replica?.saveInSteps?.()))) return answer(null)
    // What goes with the state is what is kept now, whenever the state is ready.
    const about = {
      kept: this.kept.copy(),
      cut: new Map(this.#cut),
      restoration: this.restoration.save(),
      held: [...this.#held],
      // A primary view says it to all who are in it.
      acted: isPrimary || this.restoration.isWaiting ? null : this.#acted,
    }
    const give = (state: Uint8Array | null): void =>
      answer(state === null || !this.#isConsistent ? state : packState({ state, ...about }))
    if (steps === undefined) give(this.#save())
    else this.#saveOn(steps, give)
  }

  /** Answers with the object's state as bytes, of no particular moment, in this or in a later task. */
  base(answer: (state: Uint8Array | null) => void): void {
    let steps: Iterator<undefined, unknown> | undefined
    if (!this.#guard('save', () => (steps = this.#replica?.saveInSteps?.()))) return answer(null)
    if (steps === undefined) answer(this.#save())
    else this.#saveOn(steps, answer)
  }

  /** What it is now, for a snapshot of the space. */
  record(): Pick<GroupRecord, 'cut' | 'kept' | 'save'> {
    return { cut: new Map(this.#cut), kept: this.kept.casts, save: () => this.#save() }
  }

  /** Goes one step, and the others in tasks of their own: what comes in meanwhile is delivered between them. */
  #saveOn(steps: Iterator<undefined, unknown>, answer: (state: Uint8Array | null) => void): void {
    if (this.#isEnded) return
    let state: Uint8Array | null = null
    let isDone = true
    this.#guard('save', () => {
      const step = steps.next()
      if (step.done) state = encodeValue(step.value)
      else isDone = false
    })
    if (isDone) answer(state)
    else this.#context.defer(() => this.#saveOn(steps, answer))
  }

  /** Takes over the state that came, or unites it with the one here; false if it could not be taken. */
  take(event: Of<'state'>, isReplacing: boolean): boolean {
    return this.#guard('state', () => (isReplacing ? this.#load(event) : this.#merge(event)))
  }

  #load(event: Of<'state'>): void {
    const [source, ...others] = event.sources
    if (source === undefined || source.state === null) throw new TypeError('a state event without a state')
    const { state, kept, cut, restoration, held, acted } = this.#isConsistent
      ? unpackState(source.state, this.#context.self)
      : plain(source.state)
    this.#replica?.load(decodeValue(state))
    // This one has been told of no view.
    this.#lastView = null
    this.kept.replace(kept)
    this.restoration.load(restoration)
    this.#held = [...held]
    // Several sources: the first is the whole state, other parts' states are united into it.
    for (const { state } of others) if (state !== null) this.#replica?.merge?.(decodeValue(state))
    if (others.length > 0) this.#replica?.united?.()
    this.#cut.clear()
    this.#cover(Object.entries(event.cut))
    this.#cover(cut)
    if (this.#isConsistent) {
      if (restoration === null) this.restoration.hasActed = [...this.#cut.values()].some((n) => n > 0)
      this.#acted = acted
    }
    if (!this.#context.trace) return
    if (others.length > 0) {
      // United from several parts, it is nobody's snapshot.
      this.#traceMerge(event)
      return
    }
    this.#context.trace({
      e: 'stateIn',
      g: this.#name,
      from: source.from,
      view: event.view,
      cut: this.#cutRecord(),
      h: hashBytes(this.#save() ?? state),
    })
  }

  #merge(event: Of<'state'>): void {
    const replica = this.#replica
    if (replica === null) return
    const others = event.sources.filter((source) => source.state !== null)
    const states = others.map((source) => decodeValue(source.state as Uint8Array))
    if (replica.merge) for (const state of states) replica.merge(state)
    else if (event.sources[0]?.state) replica.load(states[0])
    replica.united?.()
    this.#cover(Object.entries(event.cut))
    this.#traceMerge(event)
  }

  #cover(cut: Iterable<readonly [string, number]>): void {
    for (const [from, n] of cut) this.#cut.set(from, Math.max(n, this.#cut.get(from) ?? 0))
  }

  #save(): Uint8Array | null {
    let state: Uint8Array | null = null
    this.#guard('save', () => {
      if (this.#replica !== null) state = encodeValue(this.#replica.save())
    })
    return state
  }

  // The trace

  /** Traces the hash of the state. `isAsMerged`: it is the same as after the last merge. */
  traceDigest(view: string, isAsMerged: boolean): void {
    if (!this.#context.trace) return
    const h = (isAsMerged ? this.#merged : null) ?? this.#hash()
    if (h === null) return
    this.#context.trace({ e: 'digest', g: this.#name, view, cut: this.#cutRecord(), h })
  }

  #traceSnapshot(event: Of<'snapshot'>, trace: TraceSink): void {
    const state = this.#save()
    if (state === null) return
    const line = {
      e: 'stateOut',
      g: this.#name,
      transfer: event.transfer,
      view: event.view,
      cut: this.#cutRecord(),
      h: hashBytes(state),
    }
    for (const to of event.to) trace({ ...line, to })
  }

  #traceMerge(event: Of<'state'>): void {
    if (!this.#context.trace) return
    this.#merged = this.#hash()
    this.#context.trace({
      e: 'merge',
      g: this.#name,
      view: event.view,
      order: event.sources.map((part) => part.subview),
      h: this.#merged ?? hashBytes(new Uint8Array()),
    })
  }

  #hash(): string | null {
    let hash: string | null = null
    this.#guard('save', () => {
      if (this.#replica !== null) hash = hashValue(this.#replica.save())
    })
    return hash
  }

  #cutRecord(): Record<string, number> {
    const record: Record<string, number> = {}
    for (const author of [...this.#cut.keys()].sort()) record[author] = this.#cut.get(author) ?? 0
    return record
  }

  #guard(what: string, fn: () => void): boolean {
    try {
      fn()
      return true
    } catch (error) {
      this.#context.fault('', `replica-${what}`, error)
      return false
    }
  }
}

/** The state of an available group travels as it is. */
function plain(state: Uint8Array): TravellingState {
  return { state, kept: [], cut: new Map(), restoration: null, held: [], acted: null }
}
