/**
 * One client in one session, as the member that serves it keeps it: which casts it has asked for, and how far it has been fed.
 */
import { type HeldIn, type Position, readPosition, type Told, viewOf } from './client-words.ts'
import type { LogEntry, Pending } from './feed-log.ts'

/** A cast that a client has asked for. */
export interface Item {
  readonly n: number
  readonly after: number
  /** The view in which the client made it. */
  readonly view: string | null
  readonly isGbcast: boolean
  /** Of a request: up to this number the client waits for no replies; null: it is none. */
  readonly heard: number | null
  readonly bytes: Uint8Array
  /** It is under way. */
  isCast: boolean
  /** It was lost, and is cast again in a moment: not within what told so. */
  isResting: boolean
  /** So often it was cast. */
  attempts: number
  isTold: boolean
  /** This member has delivered it, as it was cast last: to its replica, if its state has not been replaced since. */
  isDelivered: boolean
  /** All members hold it, as it was cast last. */
  isStable: boolean
}

/** A client that is attached here. */
export interface Attached {
  readonly id: string
  readonly session: number
  readonly born: number
  /** It wants casts, and not the views alone. */
  readonly isFollowing: boolean
  /** What it was told before; null: it begins here. */
  readonly position: Position | null
  /** The same, by sender; and what was passed over, by sender and view. */
  readonly told: { readonly members: ReadonlyMap<string, number>; readonly clients: ReadonlyMap<string, number> }
  readonly passed: { readonly members: ReadonlyMap<string, number>; readonly clients: ReadonlyMap<string, number> }
  /** Its highest cast that was held by all when it came. What was refused, or taken back, nobody delivers. */
  readonly good: number
  /** What it had heard last of that, and where; null: nothing. */
  readonly heldIn: HeldIn | null
  /** The casts up to here are held by all, or refused: that is how far its own are settled. */
  base: number
  /** This member has delivered what it was told. */
  isReady: boolean
  /** The next entry of the log. */
  next: number
  /** What must still come in the view in force, or was lost with another member. */
  pending: Pending | null
  /** Sizes of the entries under way. */
  readonly flying: number[]
  flyingBytes: number
  sent: number
  readonly items: Map<number, Item>
  /** The last cast that was taken here; null: none in this session. */
  last: number | null
  /** The casts that come now follow on one that was refused, until the client knows. */
  isBroken: boolean
}

/** What a client says as it attaches. */
export type Introduction = Pick<Attached, 'id' | 'session' | 'born' | 'good' | 'heldIn' | 'position' | 'isFollowing'>

/** A session that begins; it is fed from that entry of the log on. */
export function newSession(about: Introduction, { next, pending }: Pick<Attached, 'next' | 'pending'>): Attached {
  const { position } = about
  return {
    ...about,
    base: about.good,
    told: { members: numbersOf(position?.members), clients: numbersOf(position?.clients) },
    passed: { members: passedOf(position, 'members'), clients: passedOf(position, 'clients') },
    isReady: position === null,
    ...{ next, pending },
    ...{ flying: [], flyingBytes: 0, sent: 0 },
    ...{ items: new Map<number, Item>(), last: null, isBroken: false },
  }
}

/** Reads where a client is; undefined if that makes no sense. */
export function readWhere(where: unknown): Position | null | undefined {
  return where === null ? null : (readPosition(where) ?? undefined)
}

/** Has it not been told that yet, and does it want it? */
export function isFor({ isFollowing, told, passed }: Attached, entry: LogEntry): boolean {
  const { sender, n, isClients, view } = entry
  if (view !== null) return true
  if (!isFollowing) return false
  if (sender === null) return true
  const kind = isClients ? 'clients' : 'members'
  return n > (told[kind].get(sender) ?? 0) && n > (passed[kind].get(keyOf(sender, viewOf(entry.wire))) ?? 0)
}

function numbersOf(told: readonly Told[] | undefined): Map<string, number> {
  return new Map(told?.map(([sender, n]) => [sender, n]))
}

function passedOf(position: Position | null, kind: 'members' | 'clients'): Map<string, number> {
  return new Map(position?.passed[kind].map(([sender, n, age]) => [keyOf(sender, position.views[age]), n]))
}

function keyOf(sender: string, view: unknown): string {
  return `${view} ${sender}`
}
