/**
 * The view of a space as an application reads it.
 */
import type { AwayMember, MemberInfo, ViewInfo } from './kernel/api.ts'

/** `alone` · `connecting` (looking around, or linked but not yet in one view) · `together` · `degraded` (cut off from the primary component) · `closed`. */
export type SpaceStatus = 'alone' | 'connecting' | 'together' | 'degraded' | 'closed'

/** How a member is reached: `tabs` of one browser, `webrtc`, another transport's type, `self`, or null (not directly). */
export type Connection = 'self' | 'tabs' | 'webrtc' | (string & {}) | null

/** A member of the view. */
export interface Member extends MemberInfo {
  /** Its place by seniority, from 0. */
  readonly rank: number
}

/** A member, and how this process reaches it now. */
export interface ConnectedMember extends Member {
  readonly connection: Connection
}

/** An agreed, ranked list of members: the same at every process that installs this id. Frozen. */
export interface SpaceView extends Omit<ViewInfo, 'spaceView' | 'members'> {
  /** By seniority. */
  readonly members: readonly Member[]
  /**
   * Who said that it is about to be frozen (a hidden tab, a computer that falls asleep), or whose page is blocked while others
   * wait for it, and is not in the view: agreed on like
   * the members, kept until it is back, leaves or is proven dead, for an hour at most.
   */
  readonly away: readonly AwayMember[]
}

/** The application's form of a kernel view. */
export function toSpaceView(view: ViewInfo): SpaceView {
  const members = view.members.map(({ id, name, origin, weight, witness }, rank) =>
    Object.freeze({ id, rank, name, origin, weight, witness }),
  )
  const { spaceView: _, ...rest } = view
  const away = view.away.length === 0 ? nobody : Object.freeze(view.away.map((each) => Object.freeze({ ...each })))
  return Object.freeze({ ...rest, members: Object.freeze(members), away })
}

const nobody: readonly AwayMember[] = Object.freeze([])

/** The application's word for a transport. */
export function toConnection(transport: string | null): Connection {
  if (transport === 'broadcast-channel') return 'tabs'
  if (transport === 'simple-peer') return 'webrtc'
  return transport
}
