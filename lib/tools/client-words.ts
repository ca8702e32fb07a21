/**
 * What clients and the members that serve them say to each other: addresses, kinds of messages, entries of the feed, and how
 * far a client has followed it.
 */
import { compareText, isAuthor, isCount, isTotal } from '../objects/checks.ts'
import type { GroupView } from '../objects/replica.ts'

/** Where the members of a group listen to its clients, and where those listen. */
export function sponsorAddress(group: string): string {
  return `tutti:sponsor:${group}`
}
export function attachedAddress(group: string): string {
  return `tutti:attached:${group}`
}

/**
 * What clients send members, by the first element. All but the first say in which session, which grows. A request is a cast that
 * wants replies.
 */
export const TO_SPONSOR = { find: 0, attach: 1, cast: 2, ack: 3, detach: 4, request: 5 } as const
/**
 * What members send clients: who is a member; attached; ask another one; it knows no more how to go on from there; entries of
 * the feed, or a piece of a long one; a cast is told, is held by all, is refused; nobody knows what came of the casts. A reply to
 * a request is in no session: any member sends it.
 */
export const TO_ATTACHED = {
  members: 0,
  attached: 1,
  elsewhere: 2,
  behind: 3,
  fed: 4,
  piece: 5,
  told: 6,
  held: 7,
  refused: 8,
  forgotten: 9,
  reply: 10,
} as const

/** Casts of one client in one group that are not held by all, at most, and what they have in bytes together. */
export const CLIENT_CASTS_MAX = 256
export const CLIENT_CAST_BYTES_MAX: number = 4 * 1024 * 1024
/** Requests of one client in one group that are under way, at most. */
export const CLIENT_REQUESTS_MAX = 256
/** The largest cast of a client, encoded: it goes in one message. */
export const CLIENT_CAST_SIZE_MAX: number = 512 * 1024
/** So much of the feed may be under way to one client. */
export const FEED_WINDOW: { readonly entries: number; readonly bytes: number } = { entries: 256, bytes: 1024 * 1024 }
/** Longer entries of the feed go in pieces of so many bytes. */
export const PIECE_BYTES: number = 256 * 1024
/** Views that a client remembers, to say how far it has come. */
export const VIEWS_MAX = 8
/** Senders whose numbers it remembers, at most. */
export const SENDERS_MAX = 4_096

/** Kinds of the feed's entries as they travel. */
export const FED = { cast: 0, view: 1, state: 2, gap: 3, before: 4 } as const
/**
 * Why what a client is told may not follow on what it was told before. `behind`: what came between is kept nowhere any more.
 * `parted`: what it was told last died with the member that told it; those who are there have not got it.
 */
export type GapReason = 'behind' | 'parted'

/** A cast as it is fed. */
export interface FedCast {
  readonly from: string
  readonly n: number
  readonly view: string
  readonly index: number
  /** The member that cast it for `from`, a client; null: `from` is a member. */
  readonly via: string | null
  readonly bytes: Uint8Array
}

/**
 * `[0, from, n, view, index, via, bytes]`, `[1, view]`, `[2]`, `[3, reason]`; `[4, view, members, clients]`: the numbers of casts
 * of that view, by sender, that come before what follows, and are not told.
 */
export type WireEntry = readonly unknown[]

/** A sender's highest number that a client was told, and in which of the views that it names. */
export type Told = readonly [sender: string, n: number, age: number]

/** Where a request of a client was delivered. */
export interface Delivered {
  /** In that view; null: nobody knows. */
  readonly view: GroupView | null
  /** The view of the member that says so, by then. */
  readonly within: { readonly id: string; readonly members: readonly string[] }
}

/** Numbers of casts of members, and of clients. */
export interface ToldCasts {
  readonly members: readonly Told[]
  readonly clients: readonly Told[]
}

/** Which of its own casts a client has heard last to be held by all, and in which view its sponsor was that said so. */
export type HeldIn = readonly [n: number, view: string]

/** How far a client has followed a group. */
export interface Position extends ToldCasts {
  /** The views it was told, the newest first. */
  readonly views: readonly string[]
  /** It was told of the state that came with the newest view. */
  readonly isUnited: boolean
  /**
   * What it was not told itself, for it came before a gap, or before it began: that is not told later in the same view. In a
   * later one it is, where it was lost with the state of all who had it, and is cast again.
   */
  readonly passed: ToldCasts
}

/**
 * Reads a position as it travels, `[views, members, clients, isUnited, members, clients]`, the last two of what was passed over;
 * null if it is none.
 */
export function readPosition(value: unknown): Position | null {
  if (!Array.isArray(value) || value.length !== 6) return null
  const [views, members, clients, isUnited, ...passed] = value as unknown[]
  if (!Array.isArray(views) || views.length > VIEWS_MAX || !views.every(isViewId)) return null
  if (!isToldList(members) || !isToldList(clients) || typeof isUnited !== 'boolean') return null
  if (!isToldList(passed[0]) || !isToldList(passed[1])) return null
  return { views, members, clients, isUnited, passed: { members: passed[0], clients: passed[1] } }
}

/** Reads what of a client's own was held where, as it travels; null: nothing was; undefined: that makes no sense. */
export function readHeldIn(value: unknown): HeldIn | null | undefined {
  if (value === null) return null
  if (!Array.isArray(value) || value.length !== 2) return undefined
  const [n, view] = value as unknown[]
  return isCount(n) && isViewId(view) ? [n, view] : undefined
}

function isToldList(list: unknown): list is readonly Told[] {
  if (!Array.isArray(list) || list.length > SENDERS_MAX) return false
  return list.every(
    (each) => Array.isArray(each) && each.length === 3 && isAuthor(each[0]) && isCount(each[1]) && isTotal(each[2]),
  )
}

function isViewId(id: unknown): id is string {
  return typeof id === 'string' && id.length <= 256
}

/** Orders ids of views of one group, `epoch.coordinator.n`: a later one is greater, among those that follow on each other. */
export function compareViews(a: string, b: string): number {
  if (a === b) return 0
  const [x, y] = [partsOf(a), partsOf(b)]
  return x.epoch - y.epoch || x.n - y.n || compareText(x.coordinator, y.coordinator)
}

/** Is that view of a group one of that view of the space? */
export function isOf(view: string, space: string | undefined): boolean {
  return space !== undefined && view.startsWith(`${space}.`)
}

/** The epoch of a view's id. */
export function epochOf(id: string): number {
  return partsOf(id).epoch
}

function partsOf(id: string): { readonly epoch: number; readonly coordinator: string; readonly n: number } {
  const [epoch = '0', coordinator = '', n = '0'] = id.split('.')
  return { epoch: Number(epoch) || 0, coordinator, n: Number(n) || 0 }
}

/** The view of a cast as it is fed. */
export function viewOf(cast: WireEntry): unknown {
  return cast[3]
}

/** Reads a cast as it is fed; null if it is none. */
export function readFedCast(entry: WireEntry): FedCast | null {
  const [kind, from, n, view, index, via, bytes] = entry
  if (kind !== FED.cast || entry.length !== 7 || !isAuthor(from) || !isCount(n) || !isViewId(view)) return null
  if (!isTotal(index) || !(via === null || isAuthor(via)) || !(bytes instanceof Uint8Array)) return null
  return { from, n, view, index, via, bytes }
}

/** Reads what comes before the feed begins; null if it is not that. */
export function readBefore(entry: WireEntry): {
  readonly view: string
  readonly members: readonly (readonly [sender: string, n: number])[]
  readonly clients: readonly (readonly [sender: string, n: number])[]
} | null {
  const [, view, members, clients] = entry
  return isViewId(view) && isNumberList(members) && isNumberList(clients) ? { view, members, clients } : null
}

function isNumberList(list: unknown): list is readonly (readonly [sender: string, n: number])[] {
  return Array.isArray(list) && list.every((each) => Array.isArray(each) && isAuthor(each[0]) && isCount(each[1]))
}

/** A view as the group remembers it for requests of clients: without who joined or left, and the same at all. */
export type PlainView = readonly [id: string, members: readonly string[], primary: boolean, line: string | null]

export function plainView({ id, members, primary, line }: GroupView): PlainView {
  return [id, [...members], primary, line]
}

/** Reads one; null if it is none. */
export function readPlainView(value: unknown): GroupView | null {
  if (!Array.isArray(value) || value.length !== 4) return null
  const [id, members, primary, line] = value as unknown[]
  const none = { missing: [], joined: [], left: [], dead: [], expelled: [] }
  return readView({ id, members, primary, line, ...none })
}

/** Reads where a request was delivered; null if that makes no sense. */
export function readDelivered(view: unknown, within: unknown): Delivered | null {
  const delivered = view === null ? null : readPlainView(view)
  const now = readPlainView(within)
  return now === null || (view !== null && delivered === null) ? null : { view: delivered, within: now }
}

/** Reads a view as it is fed; null if it is none. */
export function readView(value: unknown): GroupView | null {
  if (typeof value !== 'object' || value === null) return null
  const { id, primary, line, quietMs, ...lists } = value as Record<string, unknown>
  if (!isViewId(id) || typeof primary !== 'boolean' || !(line === null || typeof line === 'string')) return null
  const { members, missing, joined, left, dead, expelled } = lists
  if (![members, missing, joined, left, dead, expelled].every(isIds)) return null
  const all = { members, missing, joined, left, dead, expelled } as Omit<GroupView, 'id' | 'primary' | 'line'>
  return Object.freeze({ id, primary, line, ...all, ...(typeof quietMs === 'number' ? { quietMs } : {}) })
}

function isIds(list: unknown): list is readonly string[] {
  return Array.isArray(list) && list.every(isAuthor)
}
