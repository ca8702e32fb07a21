/**
 * Strict groups: no gaps in what comes before a cast, over all groups.
 *
 * Protocol: a cast of a strict group is sent only when every cast of another group in its causal past is *settled*,
 *   delivered by all its addressees. Until then it waits at the head of the queue. Held by all would not be enough: what
 *   is held may still be dropped at a cut, kept undelivered, or belong to a group view that is passed over. The sender of
 *   a cast knows when it is settled and tells nobody as long as nothing else goes; so whoever waits asks all members, once
 *   in a space view, to tell at once.
 * Provides: O4 across groups, for casts of strict groups of any order, whatever the groups that come before.
 * Liveness: delivery never waits for what is not sent yet, so there is no circle. Who is silent holds it up until a flush.
 * Bounds: one message to each member and view.
 * Source: the conservative rule of Isis' cbcast over several groups (Birman, Schiper, Stephenson 1991). Differs: settled
 *   instead of stable.
 */
import type { ProcessId, ViewId } from './api.ts'
import type { Core } from './core.ts'
import { streamsMax } from './era.ts'
import type { Group } from './group.ts'

/** What strict groups of one kernel wait for. */
export class Strictness {
  private readonly core: Core
  /** The view whose members were asked. */
  private asked: ViewId = ''
  /** The group whose cast waits, or −1. */
  private waiting = -1

  constructor(core: Core) {
    this.core = core
  }

  /** Does the causal past of a cast of that group hold it back? */
  isWaiting({ gid }: Group): boolean {
    const { era } = this.core
    this.waiting = -1
    for (const [key, seq] of era.deps) {
      if (era.isSettled(Math.floor(key / streamsMax), seq)) era.deps.delete(key)
      else if (isElsewhere(key, gid)) this.waiting = gid
    }
    if (this.waiting >= 0) this.hasten()
    return this.waiting >= 0
  }

  /** Is it one of those who have to deliver what is waited for? */
  isHeldUpBy(peer: ProcessId): boolean {
    if (this.waiting < 0) return false
    const { era } = this.core
    for (const key of era.deps.keys()) {
      const group = era.groups.get((key % streamsMax) >> 1)
      if (isElsewhere(key, this.waiting) && (group === undefined || group.members.includes(peer))) return true
    }
    return false
  }

  /** Asks all members, once in a space view, to tell at once what is settled. Also where a list is too long (`casting.ts`). */
  hasten(): void {
    const { core } = this
    const { era, self } = core
    if (this.asked === era.id) return
    this.asked = era.id
    for (const id of era.members) if (id !== self) core.tell(id, { k: 'hasten', view: era.id })
  }
}

/** A cast of another group? Records of positions are none. */
function isElsewhere(key: number, gid: number): boolean {
  return key % 2 === 0 && (key % streamsMax) >> 1 !== gid
}
