/**
 * Joins under way, and what is held back for them.
 *
 * Protocol: whoever is joining a group does not deliver what depends on a cast in it, which may be addressed to it and
 *   come later. So two joins can wait for each other: the end of each group's view waits for a member that is joining the
 *   other group, and holds back what it has to deliver first. Therefore whoever has held something back from one
 *   heartbeat to the next asks the coordinator (`groupSync`), which answers at once (`groupSynced`).
 *   Within a view of the space it alone decides views of groups, and it tells them in the order in which it decides. What
 *   it decided before it answered has come before the answer. What it decides later was decided after the question was
 *   put: a cast in such a view comes after that, and cannot be in the past of what was here already. So of what was, the
 *   dependencies on groups that this process is not in are void.
 * Requires: control messages in order; all that comes from elsewhere is of the cut, which waits for no joins.
 * Provides: L7, L2 where several join at once. No answer, because the coordinator leaves or is gone or the view is
 *   closed: a flush follows.
 * Bounds: one question at a time, and one a heartbeat; a number per stream that something here depends on.
 */
import type { ProcessId, ViewId } from './api.ts'
import type { Core } from './core.ts'
import { type Held, streamKey } from './era.ts'
import type { Groups } from './groups.ts'

/** What was here at a moment: by rank, the last cast received. */
interface Moment {
  readonly in: ViewId
  readonly received: readonly number[]
}

/** The joiner's half of joins that wait for each other, and the coordinator's answer. */
export class Joins {
  private readonly core: Core
  private readonly groups: Groups
  /** The last heartbeat, if something was held back at it. */
  private before: Moment | null = null
  /** When the coordinator was asked, until it answers. */
  private asked: Moment | null = null
  /** In that view: stream key → the last number that is known not to be addressed to this process. */
  private passed: Map<number, number> = new Map()
  private passedIn: ViewId = ''

  constructor(core: Core, groups: Groups) {
    this.core = core
    this.groups = groups
  }

  /** Might that cast of a group that this process is not in be addressed to it? */
  mightConcern(rank: number, stream: number, seq: number): boolean {
    if (!this.groups.mightJoin(stream >> 1)) return false
    return this.passedIn !== this.core.era.id || seq > (this.passed.get(streamKey(rank, stream)) ?? 0)
  }

  /** Heartbeats have gone out. */
  beat(): void {
    const { core } = this
    const { era } = core
    if (!this.groups.hasJoins || era.isClosed) {
      this.before = null
      return
    }
    const { before } = this
    this.before = this.isHoldingBack(era.received) ? { in: era.id, received: [...era.received] } : null
    const [coordinator] = era.members
    if (before?.in !== era.id || this.asked?.in === era.id || coordinator === undefined) return
    if (!this.isHoldingBack(before.received)) return
    this.asked = { in: era.id, received: [...era.received] }
    core.trace({ e: 'joinsWait', view: era.id })
    core.tell(coordinator, { k: 'groupSync', view: era.id })
  }

  /** At the coordinator: somebody wants to be told what is decided. All of that is on its way. */
  answer(from: ProcessId): void {
    const { era } = this.core
    if (era.ranks.has(from)) this.core.tell(from, { k: 'groupSynced', view: era.id })
  }

  /** The coordinator's answer, after all that it had decided. */
  handleAnswer(): void {
    const { asked } = this
    const { era } = this.core
    this.asked = null
    if (asked?.in !== era.id || era.isClosed) return
    if (this.passedIn !== era.id) this.passed.clear()
    this.passedIn = era.id
    for (const { cast } of this.waiting(asked.received)) {
      for (let i = 0; i + 2 < cast.deps.length; i += 3) {
        const stream = cast.deps[i + 1] ?? 0
        if (era.groups.has(stream >> 1)) continue
        const key = streamKey(cast.deps[i] ?? 0, stream)
        this.passed.set(key, Math.max(this.passed.get(key) ?? 0, cast.deps[i + 2] ?? 0))
      }
    }
  }

  private isHoldingBack(upTo: readonly number[]): boolean {
    const { groups } = this.core.era
    for (const { cast } of this.waiting(upTo)) {
      for (let i = 0; i + 2 < cast.deps.length; i += 3) {
        const stream = cast.deps[i + 1] ?? 0
        if (groups.has(stream >> 1)) continue
        if (this.mightConcern(cast.deps[i] ?? 0, stream, cast.deps[i + 2] ?? 0)) return true
      }
    }
    return false
  }

  /** What is here and not delivered, of what was received up to then. */
  private *waiting(upTo: readonly number[]): Generator<Held> {
    for (const [rank, list] of this.core.era.held.entries()) {
      for (const held of list) {
        if (held.cast.seq > (upTo[rank] ?? 0)) break
        if (!held.isDelivered && !held.isDropped) yield held
      }
    }
  }
}
