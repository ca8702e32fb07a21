/**
 * The view of a space as an application reads it.
 */
import type { ProcessId, Subview, ViewId, ViewInfo } from './kernel/api.ts'

/** `alone` · `connecting` (looking around, or linked but not yet in one view) · `together` · `degraded` (cut off from the primary component) · `closed`. */
export type SpaceStatus = 'alone' | 'connecting' | 'together' | 'degraded' | 'closed'

/** How a member is reached: `tabs` of one browser, `webrtc`, another transport's type, `self`, or null (not directly). */
export type Connection = 'self' | 'tabs' | 'webrtc' | (string & {}) | null

/** A member of the view. */
export interface Member {
  readonly id: ProcessId
  /** Its place by seniority, from 0. */
  readonly rank: number
  /** The display name it chose; not unique. */
  readonly name: string
  /** The web origin it declared, or `''`. */
  readonly origin: string
}

/** A member, and how this process reaches it now. */
export interface ConnectedMember extends Member {
  readonly connection: Connection
}

/** An agreed, ranked list of members: the same at every process that installs this id. Frozen. */
export interface SpaceView {
  readonly id: ViewId
  /** By seniority. */
  readonly members: readonly Member[]
  /** True if consistent operations go on here. */
  readonly primary: boolean
  /** The line of primary views, or null before one is founded or met. */
  readonly line: string | null
  /** The view before, or null. */
  readonly prev: ViewId | null
  /** Those who came together with this process from `prev`. */
  readonly trans: readonly ProcessId[]
  /** The parts it was merged from; one when nothing was merged. */
  readonly subviews: readonly Subview[]
  /** New here compared with `prev`. */
  readonly joined: readonly ProcessId[]
  /** Said goodbye. */
  readonly left: readonly ProcessId[]
  /** Proven dead. */
  readonly dead: readonly ProcessId[]
  /** Gone without a word. */
  readonly expelled: readonly ProcessId[]
}

/** The application's form of a kernel view. */
export function toSpaceView(view: ViewInfo): SpaceView {
  const members = view.members.map(({ id, name, origin }, rank) => Object.freeze({ id, rank, name, origin }))
  const { id, primary, line, prev, trans, subviews, joined, left, dead, expelled } = view
  return Object.freeze({
    id,
    members: Object.freeze(members),
    primary,
    line,
    prev,
    trans,
    subviews,
    joined,
    left,
    dead,
    expelled,
  })
}

/** The application's word for a transport. */
export function toConnection(transport: string | null): Connection {
  if (transport === 'broadcast-channel') return 'tabs'
  if (transport === 'simple-peer') return 'webrtc'
  return transport
}
