/**
 * A few processes that hold one consistent object, without a kernel: total and uniform order, one primary component,
 * members that crash, leave, are cut off and come back, on a clock that only the test moves.
 *
 * One member at a time is cut off, so the others are always the primary component. A member that comes back or joins
 * loads a state first and is told the view after it.
 */
import { UnknownOutcomeError } from '../../../lib/errors.ts'
import type { GroupPort, GroupView, ObjectKind, Receipt, Replica } from '../../../lib/objects/replica.ts'
import { decodeValue, encodeValue } from '../../../lib/values.ts'
import { makeRandom, pick } from './cluster.ts'
import { noMail } from './no-mail.ts'

interface Cast {
  readonly from: string
  readonly n: number
  readonly payload: Uint8Array
  readonly resolve: () => void
  readonly reject: (reason: unknown) => void
}

/** One process with its object. */
export interface TotalMember<Handle> {
  readonly id: string
  readonly replica: Replica
  readonly handle: Handle
  /** Not yet ordered, in the order in which they were cast. */
  readonly queued: Cast[]
  view: GroupView
  /** How much of the view's order was delivered here. */
  position: number
  casts: number
  /** So many of its next casts are lost, and it is told that their outcome is unknown. */
  loses: number
  /** So many of its next casts are dropped by everybody, and it is told so. */
  drops: number
  /** Since when it is cut off; null while it is in the primary component. */
  cutOffAt: number | null
  /** When it was last answered, if that is not now. */
  answeredAt: number | null
}

interface Timer {
  readonly at: number
  readonly owner: string
  readonly fn: () => void
}

/** The processes, the order and the clock. */
export class TotalCluster<Handle, Options> {
  now = 0
  /** What is delivered has waited for so long at its page. */
  blockedMs = 0
  /** Members of the primary component by rank. */
  primary: TotalMember<Handle>[] = []
  readonly faults: string[] = []
  readonly #random: () => number
  readonly #kind: ObjectKind<Handle, Options>
  readonly #options: Options
  #order: Cast[] = []
  #views = 0
  #timers: Timer[] = []
  readonly #dead = new Set<string>()

  constructor(kind: ObjectKind<Handle, Options>, options: Options, count: number, seed: number) {
    this.#kind = kind
    this.#options = options
    this.#random = makeRandom(seed)
    this.primary = Array.from({ length: count }, (_, i) => this.#start(`p${i}`))
    this.#install({})
  }

  #start(id: string): TotalMember<Handle> {
    const port: GroupPort = {
      ...noMail,
      name: 'object',
      self: id,
      opening: 0,
      get view() {
        return member.view
      },
      phase: 'open',
      isWhole: true,
      isWritable: true,
      cast: (op, options) => this.#cast(member, op, options?.signal),
      now: () => this.now,
      after: (ms, fn) => {
        const timer = { at: this.now + ms, owner: id, fn }
        this.#timers.push(timer)
        return () => {
          this.#timers = this.#timers.filter((each) => each !== timer)
        }
      },
      leaseStart: () => member.answeredAt ?? member.cutOffAt ?? this.now,
      heardAt: () => this.now - this.blockedMs,
      fault: (code) => this.faults.push(code),
      close: () => Promise.resolve(),
    }
    const { replica, handle } = this.#kind.create(port, this.#options)
    const view = this.#makeView([id], false, {})
    const start = { queued: [], view, position: 0, casts: 0, loses: 0, drops: 0, cutOffAt: null, answeredAt: null }
    const member: TotalMember<Handle> = { id, replica, handle, ...start }
    return member
  }

  #cast(member: TotalMember<Handle>, op: unknown, signal: AbortSignal | undefined): Receipt {
    member.casts += 1
    let resolve: () => void = () => undefined
    let reject: (reason: unknown) => void = () => undefined
    const delivered = new Promise<void>((onResolve, onReject) => {
      resolve = onResolve
      reject = onReject
    })
    // Like a receipt's promise, which is made only when asked for: nobody has to.
    delivered.catch(() => undefined)
    const cast: Cast = { from: member.id, n: member.casts, payload: encodeValue(op), resolve, reject }
    if (member.loses > 0) {
      member.loses -= 1
      reject(new UnknownOutcomeError('lost'))
    } else if (member.drops > 0) {
      member.drops -= 1
      const { n } = cast
      queueMicrotask(() => {
        reject(new UnknownOutcomeError('dropped'))
        member.replica.lost?.(n, 'lost')
      })
    } else member.queued.push(cast)
    signal?.addEventListener('abort', () => {
      const at = member.queued.indexOf(cast)
      if (at < 0) return
      member.queued.splice(at, 1)
      reject(signal.reason)
    })
    return { n: member.casts, delivered, stable: new Promise(() => undefined) }
  }

  /** Orders a cast or delivers one, at random; false if there is nothing to do. */
  step(): boolean {
    const senders = this.primary.filter(({ queued }) => queued.length > 0)
    const behind = this.primary.filter(({ position }) => position < this.#order.length)
    if (senders.length + behind.length === 0) return false
    if (behind.length === 0 || (senders.length > 0 && this.#random() < 0.4)) {
      const cast = pick(this.#random, senders).queued.shift()
      if (cast !== undefined) this.#order.push(cast)
    } else this.#deliver(pick(this.#random, behind))
    return true
  }

  #deliver(member: TotalMember<Handle>): void {
    const cast = this.#order[member.position]
    if (cast === undefined) return
    member.position += 1
    const local = cast.from === member.id
    const info = { author: cast.from, local, n: cast.n, view: member.view.id, index: member.position }
    if (!member.replica.apply(decodeValue(cast.payload), info)) this.faults.push('bad-operation')
    if (local) cast.resolve()
    member.replica.settle()
  }

  /** Lets promises run, then orders and delivers until nothing is left to do. */
  async rest(): Promise<void> {
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve))
      let moved = false
      while (this.step()) moved = true
      if (!moved) return
    }
  }

  /** Moves the clock, firing what is due on the way. */
  async advance(ms: number): Promise<void> {
    const end = this.now + ms
    for (;;) {
      const next = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0]
      if (next === undefined) break
      this.#timers = this.#timers.filter((each) => each !== next)
      this.now = Math.max(this.now, next.at)
      if (!this.#dead.has(next.owner)) next.fn()
      await this.rest()
    }
    this.now = end
    await this.rest()
  }

  /** Cuts a member off; the others go on without it. */
  cutOff(member: TotalMember<Handle>): void {
    this.#remove(member, { expelled: [member.id] })
    member.cutOffAt = this.now
    member.view = this.#makeView([member.id], false, { expelled: this.primary.map(({ id }) => id) })
    member.replica.view(member.view)
    member.replica.settle()
  }

  /** A member is gone for good. */
  end(member: TotalMember<Handle>, how: 'left' | 'dead' | 'expelled'): void {
    this.#dead.add(member.id)
    this.#remove(member, { [how]: [member.id] })
  }

  #remove(member: TotalMember<Handle>, why: Partial<GroupView>): void {
    this.primary = this.primary.filter((each) => each !== member)
    this.#flush()
    // What it cast and has not seen delivered: it cannot know.
    for (const cast of this.#order.slice(member.position)) {
      if (cast.from === member.id) cast.reject(new UnknownOutcomeError('cut off'))
    }
    this.#install(why)
  }

  /** A member that was cut off returns, or a new one joins. */
  join(member: TotalMember<Handle> | string): TotalMember<Handle> {
    this.#flush()
    const joiner = typeof member === 'string' ? this.#start(member) : member
    const donor = pick(this.#random, this.primary)
    this.primary.push(joiner)
    joiner.cutOffAt = null
    this.#install({ joined: [joiner.id] }, joiner)
    joiner.replica.load(decodeValue(encodeValue(donor.replica.save())))
    joiner.replica.view(joiner.view)
    joiner.replica.settle()
    return joiner
  }

  #flush(): void {
    for (const member of this.primary) while (member.position < this.#order.length) this.#deliver(member)
  }

  #install(why: Partial<GroupView>, awaiting?: TotalMember<Handle>): void {
    const view = this.#makeView(
      this.primary.map(({ id }) => id),
      true,
      why,
    )
    for (const member of this.primary) {
      member.view = view
      member.position = 0
      if (member === awaiting) continue
      member.replica.view(view)
      member.replica.settle()
    }
    // The order is the view's own; who was removed has taken its copy of what it missed.
    this.#order = []
  }

  #makeView(members: readonly string[], primary: boolean, why: Partial<GroupView>): GroupView {
    this.#views += 1
    const none = { missing: [], joined: [], left: [], dead: [], expelled: [] }
    return { id: `${this.#views}.p0.0`, members, primary, line: 'line', ...none, ...why }
  }

  /** The states of the primary component's members as bytes, in hex. */
  states(): string[] {
    return this.primary.map(({ replica }) => Buffer.from(encodeValue(replica.save())).toString('hex'))
  }
}
