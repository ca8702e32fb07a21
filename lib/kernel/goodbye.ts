/**
 * Goodbye: how a process leaves the space.
 *
 * It first waits until its casts are stable, its groups are quiet and what only it holds is taken over, for a bounded time;
 * then tells every peer that it leaves, with its votes and the groups that end with it, and stops once they have heard.
 * Whoever is in a hurry (a page that is being closed) says it at once.
 * Provides: S5; P1 for the votes of who leaves (with primary.ts).
 */
import type { Casting } from './casting.ts'
import type { Core } from './core.ts'
import type { Departed } from './frame.ts'
import type { Groups } from './groups.ts'
import type { Messages } from './messages.ts'

/** The layers that it waits for. */
interface Beside {
  readonly casting: Casting
  readonly groups: Groups
  readonly messages: Messages
}

/** The end of a process that ends in order. */
export class Goodbye {
  private readonly core: Core
  private readonly casting: Casting
  private readonly groups: Groups
  private readonly messages: Messages
  private wantedSince = Number.NaN
  private saidAt = Number.NaN
  private isQuick = false

  constructor(core: Core, { casting, groups, messages }: Beside) {
    this.core = core
    this.casting = casting
    this.groups = groups
    this.messages = messages
  }

  /** The application is leaving; `isQuick`: it will not wait for anything. */
  begin(isQuick: boolean): void {
    if (Number.isNaN(this.wantedSince)) this.wantedSince = this.core.now
    if (isQuick) this.isQuick = true
  }

  /** When `advance` must be called although nothing comes in. */
  get nextCheck(): number {
    const { now, limits } = this.core
    if (!Number.isNaN(this.saidAt)) return this.saidAt + limits.goodbyeMs
    if (Number.isNaN(this.wantedSince)) return Number.POSITIVE_INFINITY
    const until = this.wantedSince + limits.leaveWaitMs
    return until > now ? until : until + limits.goodbyeMs
  }

  /** Says goodbye when it is time to. Returns whether all is said and heard, or was waited for long enough. */
  advance(): boolean {
    const { core } = this
    if (Number.isNaN(this.wantedSince)) return false
    if (Number.isNaN(this.saidAt)) {
      if (!this.isQuick && !this.isReady()) return false
      this.say()
    }
    const isHeard = [...core.links.values()].every((link) => !link.isOpen || !link.hasUnackedControl)
    return isHeard || this.isQuick || core.now - this.saidAt >= core.limits.goodbyeMs
  }

  private isReady(): boolean {
    const { core, groups } = this
    const { leaveWaitMs, goodbyeMs } = core.limits
    const isQuiet = this.casting.isQuiet && this.messages.isQuiet && !core.era.isClosed && groups.isQuiet
    // Whoever takes over what would be lost is given a little longer.
    const waitMs = leaveWaitMs + (groups.isHandingOver ? goodbyeMs : 0)
    return isQuiet || core.now - this.wantedSince >= waitMs
  }

  private say(): void {
    const { core } = this
    this.saidAt = core.now
    core.isLeaving = true
    const departed: Departed = { id: core.self, isDead: false, votes: core.votes, ended: this.groups.endingHere() }
    for (const link of core.links.values()) {
      if (link.isOpen) link.messages.push({ k: 'leave', departed })
      link.flush(core.now)
    }
  }
}
