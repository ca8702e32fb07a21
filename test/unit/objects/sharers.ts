/**
 * Processes that share an object, without a kernel: what a group promises an available object, at its worst.
 *
 * Everybody has the object twice, behind the real application side of a group: once as it is, once as a reference that
 * never folds. Views come to each member at its own time or, if it is cut off, never; states travel for a while, and a
 * view change may come before them; who is gone said goodbye, is proven dead, or just fell silent and may come back.
 */
import { AppGroup, type GroupContext } from '../../../lib/app-group.ts'
import type { AppEvent, GroupOptions, StateSource, Succession, ViewInfo } from '../../../lib/kernel/api.ts'
import type { StateStatus, StateTask } from '../../../lib/kernel/frame.ts'
import { statusAfter } from '../../../lib/kernel/rounds.ts'
import { noStatus, planStates } from '../../../lib/kernel/state-plan.ts'
import type { GroupPort, ObjectKind, Replica } from '../../../lib/objects/replica.ts'
import { CastReceipt } from '../../../lib/receipt.ts'
import { pick } from './cluster.ts'
import { noMail } from './no-mail.ts'

/** One copy of the object at one process. */
export interface Copy<Handle> {
  readonly group: AppGroup
  readonly replica: Replica
  readonly handle: Handle
}

interface Message {
  readonly from: string
  readonly seq: number
  readonly n: number
  readonly payloads: readonly [Uint8Array | null, Uint8Array | null]
  readonly deps: ReadonlyMap<string, number>
}

interface View {
  readonly id: string
  readonly members: readonly string[]
  readonly messages: Message[]
  readonly primary: boolean
}

/** One process. */
export interface Sharer<Handle> {
  readonly id: string
  view: View
  /** It has said what it holds, and knows of no view after that. */
  isClosed: boolean
  status: StateStatus
  delivered: Map<string, number>
  sent: number
  casts: number
  /** The object, and the reference. */
  copies: readonly [Copy<Handle>, Copy<Handle>]
  /** The primary views that it has installed. */
  readonly primaries: string[]
  /** States under way to it, by copy. */
  coming: readonly [AppEvent, AppEvent] | null
}

/** Why somebody is gone. */
type Fate = 'left' | 'dead' | 'closed'

/** The processes, and who is where. */
export class Sharers<Handle, Options> {
  readonly all = new Map<string, Sharer<Handle>>()
  readonly faults: string[] = []
  now = 0
  /** How often it is known that somebody is gone for good. */
  toldShare = 0.8
  readonly #random: () => number
  readonly #kind: ObjectKind<Handle, Options>
  readonly #options: Options
  readonly #groupOptions: GroupOptions
  readonly #fates = new Map<string, Fate>()
  #timers: { readonly at: number; fn: (() => void) | null }[] = []
  #epoch = 0
  /** The last primary view. */
  #primary: { readonly id: string; readonly members: readonly string[] } | null = null
  #started = 0
  /** Set while an operation is made: what each copy casts. */
  #casting: { readonly sharer: Sharer<Handle>; readonly payloads: [Uint8Array | null, Uint8Array | null] } | null = null

  constructor(kind: ObjectKind<Handle, Options>, options: Options, random: () => number) {
    this.#kind = kind
    this.#options = options
    this.#random = random
    const { order, uniform, consistency } = kind
    this.#groupOptions = { order, uniform, strong: false, consistency, state: true, kind: kind.kind }
  }

  /** Those that act. */
  get awake(): Sharer<Handle>[] {
    return [...this.all.values()].filter(({ isClosed }) => !isClosed)
  }

  /** Those whose state is whole. */
  get whole(): Sharer<Handle>[] {
    return this.awake.filter(({ copies }) => copies[0].group.isWhole)
  }

  /** The processes that have the same view, by view. */
  get parts(): Sharer<Handle>[][] {
    const parts = new Map<View, Sharer<Handle>[]>()
    for (const sharer of this.all.values()) parts.set(sharer.view, [...(parts.get(sharer.view) ?? []), sharer])
    return [...parts.values()]
  }

  /** Makes one operation at both copies. */
  act(sharer: Sharer<Handle>, operate: (handle: Handle) => void): void {
    for (const { handle } of sharer.copies) {
      this.#casting ??= { sharer, payloads: [null, null] }
      operate(handle)
    }
    const { payloads } = this.#casting ?? { payloads: [null, null] as const }
    this.#casting = null
    if (payloads[0] === null && payloads[1] === null) return
    sharer.casts += 1
    this.#send(sharer, payloads)
  }

  #send(sharer: Sharer<Handle>, payloads: Message['payloads']): void {
    sharer.sent += 1
    const deps = new Map(this.#kind.order === 'causal' ? sharer.delivered : [])
    deps.delete(sharer.id)
    sharer.view.messages.push({ from: sharer.id, seq: sharer.sent, n: sharer.casts, payloads, deps })
  }

  #context(id: string, which: 0 | 1): GroupContext {
    const sharer = (): Sharer<Handle> | undefined => this.all.get(id)
    return {
      self: id,
      mail: noMail.mail,
      trace: undefined,
      defer: (fn) => fn(),
      fault: (_peer, code, detail) => this.faults.push(`${code} ${String(detail)}`),
      castsMade: () => sharer()?.casts ?? 0,
      now: () => this.now,
      after: (ms, fn) => {
        const timer: { readonly at: number; fn: (() => void) | null } = { at: this.now + ms, fn }
        this.#timers.push(timer)
        return () => {
          timer.fn = null
        }
      },
      leaseStart: () => null,
      heardAt: () => this.now,
      begun: () => undefined,
      offerEnded: () => undefined,
      lookAgain: () => undefined,
      cast: (_group, payload) => {
        const owner = sharer()
        if (owner === undefined) throw new TypeError('a cast of nobody')
        if (this.#casting !== null) {
          this.#casting.payloads[which] = payload
          return new CastReceipt(owner.casts + 1, 'g', payload.length)
        }
        // What an object casts by itself, the reference does not: it marks what is to be folded, and never does.
        if (which === 1) return new CastReceipt(owner.casts, 'g', payload.length)
        owner.casts += 1
        if (!owner.isClosed) this.#send(owner, [payload, null])
        return new CastReceipt(owner.casts, 'g', payload.length)
      },
      leave: () => undefined,
      isWritable: () => true,
    }
  }

  #copy(id: string, which: 0 | 1): Copy<Handle> {
    const group = new AppGroup('g', this.#groupOptions, this.#context(id, which), {})
    const port: GroupPort = group
    const { replica, handle } = this.#kind.create(port, this.#options)
    group.attach(replica)
    return { group, replica, handle }
  }

  /** A process that is in no view yet; one that closed the object may open it again. */
  #start(id: string): Sharer<Handle> {
    const casts = this.#left.get(id) ?? 0
    const sharer: Sharer<Handle> = {
      id,
      view: { id: '', members: [], messages: [], primary: false },
      isClosed: false,
      status: noStatus,
      delivered: new Map(),
      sent: 0,
      casts,
      copies: [] as unknown as Sharer<Handle>['copies'],
      primaries: [],
      coming: null,
    }
    this.all.set(id, sharer)
    sharer.copies = [this.#copy(id, 0), this.#copy(id, 1)]
    for (const { group } of sharer.copies) group.handleJoined()
    return sharer
  }

  readonly #left = new Map<string, number>()

  /** Those who closed the object and are still there. */
  get closers(): string[] {
    return [...this.#fates].flatMap(([id, fate]) => (fate === 'closed' && !this.all.has(id) ? [id] : []))
  }

  /** A new process, or one that opens the object again, alone or in a part. */
  join(part: readonly Sharer<Handle>[], again: string | null = null): Sharer<Handle> {
    if (again === null) this.#started += 1
    const id = again ?? `p${this.#started}`
    this.#fates.delete(id)
    const sharer = this.#start(id)
    this.change([part], [sharer])
    return sharer
  }

  /** Somebody is gone, from its view at its next change. */
  remove(sharer: Sharer<Handle>, fate: Fate | 'silent'): void {
    if (fate !== 'silent') this.#fates.set(sharer.id, fate)
    this.#left.set(sharer.id, sharer.casts)
    this.all.delete(sharer.id)
    if (fate === 'closed') this.#flush(this.#partOf(sharer))
    for (const { group } of sharer.copies) group.handleEnd(null)
  }

  #partOf(sharer: Sharer<Handle>): Sharer<Handle>[] {
    return [...[...this.all.values()].filter(({ view }) => view === sharer.view), sharer]
  }

  /** A view of what is left of some parts and of newcomers. Some may not hear of it. */
  change(parts: readonly (readonly Sharer<Handle>[])[], newcomers: readonly Sharer<Handle>[] = [], deafness = 0): void {
    const movers = parts.flat()
    for (const part of parts) this.#flush(part)
    this.#epoch += 1
    const members = [...movers, ...newcomers].map(({ id }) => id)
    const entries = [
      ...movers.map(({ id, view: { id: prev }, status }) => ({ id, prev, status })),
      ...newcomers.map(({ id }) => ({ id, prev: null, status: null })),
    ]
    const rule = { line: null, avoid: null, salt: this.#epoch, isAnew: false }
    const plan = planStates(this.#groupOptions, entries, rule)
    // Of those who closed the object in the view before, all who move together know; of goodbyes too.
    const known = new Map<string, boolean>()
    const isKnown = (id: string): boolean => {
      const is = known.get(id) ?? this.#random() < this.toldShare
      known.set(id, is)
      return is
    }
    const hearers = [...movers, ...newcomers].filter(() => this.#random() >= deafness)
    const id = `${this.#epoch}.${members[0]}`
    // Who joins comes by a view of the group's own.
    const isOwn = newcomers.length > 0 && movers.length > 0
    const after = this.#primary?.id ?? null
    const primary = isOwn ? movers[0]?.view.primary === true : this.#elect(hearers, after)
    const view: View = { id: isOwn ? `${movers[0]?.view.id}.${this.#epoch}` : id, members, messages: [], primary }
    if (primary && !isOwn) this.#primary = { id, members }
    const isSettled = newcomers.length === 0 && parts.length === 1 && movers.every(({ status: { isWhole } }) => isWhole)
    const succession = isOwn ? null : { space: id, after: primary ? after : null, isSettled }
    const snapshots = new Map<string, [Uint8Array, Uint8Array]>()
    for (const sharer of [...movers, ...newcomers]) {
      if (hearers.includes(sharer)) this.#install(sharer, { view, plan, succession, isKnown })
      else if (!newcomers.includes(sharer)) sharer.isClosed = true
      else this.all.delete(sharer.id)
    }
    for (const { need, sources } of plan) {
      const sharer = this.all.get(need)
      if (sharer?.view !== view) continue
      const states = sources.map(({ donor, subview }) => {
        if (donor === need) return { from: donor, subview, states: null }
        const from = this.all.get(donor)
        if (from?.view !== view) return null
        const states = snapshots.get(donor) ?? this.#snapshot(from, view.id)
        snapshots.set(donor, states)
        return { from: donor, subview, states }
      })
      if (states.length === 0 || states.includes(null)) continue
      const event = (which: 0 | 1): AppEvent => {
        const parts: StateSource[] = states.flatMap((each) =>
          each === null ? [] : { from: each.from, subview: each.subview, state: each.states?.[which] ?? null },
        )
        return { type: 'state', group: 'g', view: view.id, sources: parts, cut: {} }
      }
      sharer.coming = [event(0), event(1)]
    }
    this.#settle()
  }

  /** Is a view of these primary? A majority of the last one, or half with its most senior, and one who installed it. */
  #elect(hearers: readonly Sharer<Handle>[], after: string | null): boolean {
    if (this.#primary === null) return true
    const base = this.#primary.members.filter((id) => !['left', 'dead'].includes(this.#fates.get(id) ?? ''))
    const here = base.filter((id) => hearers.some((hearer) => hearer.id === id))
    const isHalf = here.length * 2 === base.length && here[0] === base[0]
    return (here.length * 2 > base.length || isHalf) && hearers.some((hearer) => hearer.primaries.at(-1) === after)
  }

  #snapshot(sharer: Sharer<Handle>, view: string): [Uint8Array, Uint8Array] {
    const [main, reference] = sharer.copies.map(({ group }) => {
      let state: Uint8Array | null = null
      group.handleSnapshot({ type: 'snapshot', group: 'g', view, transfer: 1, to: [] }, (answer) => {
        state = answer
      })
      if (state === null) throw new TypeError('no snapshot')
      return state as Uint8Array
    })
    return [main, reference] as [Uint8Array, Uint8Array]
  }

  #install(
    sharer: Sharer<Handle>,
    about: {
      readonly view: View
      readonly plan: readonly StateTask[]
      /** Of a view of the space. */
      readonly succession: Succession | null
      readonly isKnown: (id: string) => boolean
    },
  ): void {
    const { view, plan, succession, isKnown } = about
    const isNew = sharer.view.id === ''
    const before = sharer.view
    const joined = isNew ? view.members : view.members.filter((id) => !before.members.includes(id))
    const gone = isNew ? [] : before.members.filter((id) => !view.members.includes(id))
    const fate = (id: string): Fate | undefined => {
      const is = this.#fates.get(id)
      return is === 'closed' || (is !== undefined && isKnown(id)) ? is : undefined
    }
    const info: ViewInfo = {
      id: view.id,
      spaceView: view.id,
      members: view.members.map((id) => ({ id, name: '', origin: '', weight: 1, witness: false })),
      primary: view.primary,
      line: null,
      missing: [],
      prev: isNew ? null : before.id,
      trans: [],
      subviews: [],
      joined,
      left: gone.filter((id) => fate(id) === 'left' || fate(id) === 'closed'),
      dead: gone.filter((id) => fate(id) === 'dead'),
      expelled: gone.filter((id) => fate(id) === undefined),
      away: [],
      wasAwayMs: 0,
    }
    if (view.primary && succession !== null) sharer.primaries.push(succession.space)
    const mode = plan.find(({ need }) => need === sharer.id)?.mode ?? 'whole'
    const group = { options: this.#groupOptions, status: sharer.status, viewId: view.id }
    sharer.status = statusAfter(
      group as Parameters<typeof statusAfter>[0],
      plan,
      sharer.id,
      isNew,
      isNew ? null : before.id,
    )
    Object.assign(sharer, { view, isClosed: false, delivered: new Map(), sent: 0, coming: null })
    for (const copy of sharer.copies) {
      const more = succession === null ? {} : { succession }
      copy.group.handleView({ type: 'view', group: 'g', view: info, state: mode, ...more })
    }
  }

  /** Delivers to all of a part what any of it holds. */
  #flush(part: readonly Sharer<Handle>[]): void {
    const messages = part[0]?.view.messages ?? []
    const held = messages.filter(
      ({ from, seq }) =>
        part.some(({ id }) => id === from) || part.some(({ delivered }) => (delivered.get(from) ?? 0) >= seq),
    )
    for (const sharer of part) {
      for (let isMoving = true; isMoving; ) {
        isMoving = false
        for (const message of held) {
          if (!canDeliver(sharer, message)) continue
          this.#deliver(sharer, message)
          isMoving = true
        }
      }
    }
  }

  /** Delivers one cast somewhere, or lets a state arrive. False if there is nothing under way. */
  step(): boolean {
    const ready: (() => void)[] = []
    for (const sharer of this.awake) {
      for (const message of sharer.view.messages) {
        if (canDeliver(sharer, message)) ready.push(() => this.#deliver(sharer, message))
      }
      if (sharer.coming !== null) ready.push(() => this.#arrive(sharer))
    }
    if (ready.length === 0) return false
    pick(this.#random, ready)()
    if (this.#random() < 0.5) this.#settle()
    return true
  }

  /** Delivers all that is under way. */
  drain(): void {
    while (this.step()) {
      // Until nothing is left.
    }
    this.#settle()
  }

  #arrive(sharer: Sharer<Handle>): void {
    for (const [which, { group }] of sharer.copies.entries()) {
      const event = sharer.coming?.[which === 0 ? 0 : 1]
      if (event?.type === 'state') group.handleState(event)
    }
    sharer.coming = null
    sharer.status = { ...sharer.status, isWhole: true, base: null, since: null }
  }

  #deliver(sharer: Sharer<Handle>, message: Message): void {
    sharer.delivered.set(message.from, message.seq)
    for (const [which, { group }] of sharer.copies.entries()) {
      const payload = message.payloads[which === 0 ? 0 : 1]
      const { from, n } = message
      if (payload !== null) {
        group.handleDeliver({ type: 'deliver', group: 'g', from, n, view: sharer.view.id, payload })
      }
    }
  }

  #settle(): void {
    for (const { copies } of this.all.values()) for (const { group } of copies) group.settle()
  }

  /** Time passes. */
  pass(ms: number): void {
    this.now += ms
    for (;;) {
      const due = this.#timers.filter(({ at }) => at <= this.now)
      if (due.length === 0) return
      this.#timers = this.#timers.filter(({ at, fn }) => at > this.now && fn !== null)
      for (const timer of due) timer.fn?.()
    }
  }
}

function canDeliver({ delivered }: Sharer<unknown>, { from, seq, deps }: Message): boolean {
  if ((delivered.get(from) ?? 0) !== seq - 1) return false
  for (const [id, n] of deps) if ((delivered.get(id) ?? 0) < n) return false
  return true
}
