/**
 * A few processes that hold one object, without a kernel: what a group promises an available object, at random.
 *
 * Casts are delivered in any order that fifo or causal order allows, one's own included. A split leaves each part with
 * what any of its members holds. A heal unites states taken at the view; in between, casts of the new view may already
 * have been applied ("promoted"), as happens when one view change follows on another.
 */
import type { CastFate, GroupPort, GroupView, ObjectKind, Receipt, Replica } from '../../../lib/objects/replica.ts'
import { decodeValue, encodeValue } from '../../../lib/values.ts'
import { noMail } from './no-mail.ts'

/** Numbers in [0, 1) that depend on the seed alone (mulberry32). */
export function makeRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** Any element of a list that is not empty. */
export function pick<T>(random: () => number, list: readonly T[]): T {
  const picked = list[Math.floor(random() * list.length)]
  if (picked === undefined && !list.length) throw new RangeError('an empty list')
  return picked as T
}

interface Message {
  readonly from: string
  /** From 1, per sender and component. */
  readonly seq: number
  readonly n: number
  readonly payload: Uint8Array
  readonly deps: ReadonlyMap<string, number>
}

/** One process with its object. */
export interface Member<Handle> {
  readonly id: string
  readonly replica: Replica
  readonly handle: Handle
  part: Part<Handle>
  /** Per sender how many casts of this part's view were delivered here. */
  delivered: Map<string, number>
  casts: number
  sentInPart: number
  /** While not null, its casts are lost; their numbers. */
  lost: number[] | null
}

interface Part<Handle> {
  view: GroupView
  members: Member<Handle>[]
  messages: Message[]
}

const NEVER: Promise<void> = new Promise(() => undefined)

/** The processes, and who is connected with whom. */
export class Cluster<Handle, Options> {
  readonly members: Member<Handle>[] = []
  readonly #random: () => number
  readonly #kind: ObjectKind<Handle, Options>
  readonly #options: Options
  #views = 0
  /** Reported by replicas, in order. */
  readonly faults: string[] = []

  constructor(kind: ObjectKind<Handle, Options>, options: Options, count: number, seed: number) {
    this.#random = makeRandom(seed)
    this.#kind = kind
    this.#options = options
    const part: Part<Handle> = { view: this.#makeView([]), members: [], messages: [] }
    for (let i = 0; i < count; i++) this.#start(`p${i}`, part)
    this.#install(part.members, [])
  }

  #start(id: string, part: Part<Handle>): Member<Handle> {
    const port: GroupPort = {
      ...noMail,
      name: 'object',
      self: id,
      opening: 0,
      get view() {
        return member.part.view
      },
      phase: 'open',
      isWhole: true,
      isWritable: true,
      cast: (op) => this.#cast(member, op),
      now: () => 0,
      after: () => () => undefined,
      leaseStart: () => null,
      heardAt: () => 0,
      fault: (code) => this.faults.push(code),
      close: () => Promise.resolve(),
    }
    const { replica, handle } = this.#kind.create(port, this.#options)
    const start = { delivered: new Map(), casts: 0, sentInPart: 0, lost: null }
    const member: Member<Handle> = { id, replica, handle, part, ...start }
    part.members.push(member)
    this.members.push(member)
    return member
  }

  #cast(member: Member<Handle>, op: unknown): Receipt {
    member.casts += 1
    if (member.lost !== null) {
      member.lost.push(member.casts)
      return { n: member.casts, delivered: NEVER, stable: NEVER }
    }
    member.sentInPart += 1
    const deps = new Map(this.#kind.order === 'causal' ? member.delivered : [])
    deps.delete(member.id)
    member.part.messages.push({
      from: member.id,
      seq: member.sentInPart,
      n: member.casts,
      payload: encodeValue(op),
      deps,
    })
    return { n: member.casts, delivered: NEVER, stable: NEVER }
  }

  /** Begins to lose a member's casts, or tells it of those that were. */
  toggleLosses(member: Member<Handle>): void {
    if (member.lost === null) member.lost = []
    else this.tellLost(member, this.#random() < 0.5 ? 'lost' : 'unknown')
  }

  /** Tells a member what became of the casts that were lost; its next ones are sent. */
  tellLost(member: Member<Handle>, fate: CastFate): void {
    const lost = member.lost ?? []
    member.lost = null
    for (const n of lost) member.replica.lost?.(n, fate)
    member.replica.settle()
  }

  /** Delivers one cast somewhere, if any can be. */
  deliverOne(): boolean {
    const ready: [Member<Handle>, Message][] = []
    for (const member of this.members) {
      for (const message of member.part.messages) if (canDeliver(member, message)) ready.push([member, message])
    }
    if (ready.length === 0) return false
    const [member, message] = pick(this.#random, ready)
    this.#deliver(member, message)
    if (this.#random() < 0.5) member.replica.settle()
    return true
  }

  #deliver(member: Member<Handle>, message: Message): void {
    const info = {
      author: message.from,
      local: message.from === member.id,
      n: message.n,
      view: member.part.view.id,
      index: 1,
    }
    if (!member.replica.apply(decodeValue(message.payload), info)) this.faults.push('bad-operation')
    member.delivered.set(message.from, message.seq)
  }

  /** Delivers everything that is under way. */
  drain(): void {
    while (this.deliverOne()) {
      // Until nothing is left.
    }
    for (const { replica } of this.members) replica.settle()
  }

  /** Cuts one part in two at random, if there is one of more than one member. */
  split(): void {
    const parts = this.#parts().filter(({ members }) => members.length > 1)
    if (parts.length === 0) return
    const { members } = pick(this.#random, parts)
    const at = 1 + Math.floor(this.#random() * (members.length - 1))
    const shuffled = [...members].sort(() => this.#random() - 0.5)
    for (const side of [shuffled.slice(0, at), shuffled.slice(at)]) {
      this.#flush(side)
      this.#install(side, members)
    }
  }

  /** Unites two parts at random, if there are two. `promoted`: how many steps come between the view and the states. */
  heal(promoted: (member: Member<Handle>) => void, steps: number): void {
    const parts = this.#parts()
    if (parts.length < 2) return
    const a = pick(this.#random, parts)
    const b = pick(
      this.#random,
      parts.filter((part) => part !== a),
    )
    this.#flush(a.members)
    this.#flush(b.members)
    const sources = [a, b].map(({ members }) => encodeValue(pick(this.#random, members).replica.save()))
    const united = [...a.members, ...b.members]
    this.#install(united, united)
    for (let i = 0; i < steps; i++) {
      promoted(pick(this.#random, united))
      this.deliverOne()
    }
    for (const { replica } of united) {
      for (const source of sources) replica.merge?.(decodeValue(source))
      replica.settle()
    }
  }

  /** Unites all parts and delivers everything. */
  healAll(): void {
    while (this.#parts().length > 1) this.heal(() => undefined, 0)
    this.drain()
  }

  /** A newcomer joins a part: it loads a member's state, then takes part. */
  join(id: string): Member<Handle> {
    const part = pick(this.#random, this.#parts())
    this.#flush(part.members)
    const donor = pick(this.#random, part.members)
    const state = encodeValue(donor.replica.save())
    const member = this.#start(id, part)
    this.#install([...part.members], part.members)
    member.replica.load(decodeValue(state))
    member.replica.settle()
    return member
  }

  /** Every member's state as bytes, in hex. */
  states(): string[] {
    return this.members.map(({ replica }) => Buffer.from(encodeValue(replica.save())).toString('hex'))
  }

  #parts(): Part<Handle>[] {
    return [...new Set(this.members.map(({ part }) => part))]
  }

  /** Delivers to `side` every cast that any of it holds: sent or delivered by one of its members. */
  #flush(side: readonly Member<Handle>[]): void {
    const messages = side[0]?.part.messages ?? []
    const held = messages.filter(
      ({ from, seq }) =>
        side.some(({ id }) => id === from) || side.some(({ delivered }) => (delivered.get(from) ?? 0) >= seq),
    )
    for (const member of side) {
      for (let isMoving = true; isMoving; ) {
        isMoving = false
        for (const message of held) {
          if (!canDeliver(member, message)) continue
          this.#deliver(member, message)
          isMoving = true
        }
      }
    }
  }

  #install(members: readonly Member<Handle>[], before: readonly Member<Handle>[]): void {
    const ids = members.map(({ id }) => id)
    const expelled = before.map(({ id }) => id).filter((id) => !ids.includes(id))
    const part: Part<Handle> = { view: this.#makeView(ids, expelled), members: [...members], messages: [] }
    for (const member of members) {
      member.part = part
      member.delivered = new Map()
      member.sentInPart = 0
      member.replica.view(part.view)
    }
  }

  #makeView(members: readonly string[], expelled: readonly string[] = []): GroupView {
    this.#views += 1
    return {
      id: `${this.#views}.p0.0`,
      members,
      primary: true,
      line: 'line',
      missing: [],
      joined: [],
      left: [],
      dead: [],
      expelled,
    }
  }
}

function canDeliver(member: Member<unknown>, message: Message): boolean {
  const { delivered } = member
  if ((delivered.get(message.from) ?? 0) !== message.seq - 1) return false
  for (const [from, seq] of message.deps) if ((delivered.get(from) ?? 0) < seq) return false
  return true
}
