/**
 * A group's own view changes: joins and leaves as ordered facts and cuts of that group.
 *
 * Protocol (at the space view's coordinator): PREPARE to the old members closes the old group view to new casts; each
 *   answers with COUNT (its last cast in it; the sequencer: positions given); INSTALL carries the counts to old and new
 *   members; each delivers up to them and installs. 3 delays, 3(n−1) small frames, nothing for non-members; requests
 *   for one group are batched in one round. A space flush in between adopts every INSTALL that a survivor knows.
 *   Gbcasts are casts that each delivers after all others that are counted; if nobody joins or leaves, no view follows.
 * Provides: S8, M6 within a group, L7 (requests are made again in the next space view).
 * Source: light-weight groups of Isis/Horus (Glade, Birman, Cooper, van Renesse 1993).
 */
import { holdersOf, type Memory } from './acted.ts'
import type { GroupOptions, ProcessId } from './api.ts'
import type { Core } from './core.ts'
import type { GroupInstall, Message, StateStatus, StateTask } from './frame.ts'
import type { Group } from './group.ts'
import { groupViewId } from './ids.ts'
import { noStatus, planStates, type StateEntry } from './state-plan.ts'

type Of<K extends Message['k']> = Extract<Message, { k: K }>

/** The coordinator's entry of one group. */
export interface DirectoryEntry {
  readonly gid: number
  readonly name: string
  readonly options: GroupOptions
  gn: number
  members: readonly ProcessId[]
  /** Who had its state when its last view within this view of the space began. */
  holders: readonly ProcessId[]
  /** Who gives it in this view, by who awaits it. */
  given: ReadonlyMap<ProcessId, ProcessId>
  /** Who would have to come back before it may act; null if it may. */
  readonly missing: readonly ProcessId[] | null
  /** (rank, stream) → last number of former members and sequencers in this space view. */
  readonly past: Map<string, readonly [rank: number, stream: number, seq: number]>
}

interface Request {
  readonly from: ProcessId
  readonly action: 'join' | 'leave' | 'restate'
  readonly avoid: ProcessId | null
}

interface Round {
  readonly entry: DirectoryEntry
  readonly waiting: Set<ProcessId>
  readonly counts: Map<ProcessId, Of<'groupCount'>>
  requests: Request[]
}

/** Same properties, key by key. */
export function sameOptions(a: GroupOptions, b: GroupOptions): boolean {
  return (
    a.order === b.order &&
    a.uniform === b.uniform &&
    a.strong === b.strong &&
    a.consistency === b.consistency &&
    a.state === b.state &&
    a.kind === b.kind &&
    (a.engine ?? 'sequencer') === (b.engine ?? 'sequencer') &&
    (a.strict ?? false) === (b.strict ?? false) &&
    a.domain === b.domain
  )
}

/** The coordinator's half: the directory of one space view and its rounds. */
export class Rounds {
  private readonly core: Core
  private directory = new Map<string, DirectoryEntry>()
  private readonly rounds = new Map<number, Round>()
  private queued = new Map<string, Request[]>()
  private nextGid = 0

  constructor(core: Core) {
    this.core = core
  }

  /** A new space view begins with this directory. */
  reset(entries: readonly DirectoryEntry[]): void {
    this.directory = new Map(entries.map((entry) => [entry.name, entry]))
    this.rounds.clear()
    this.queued.clear()
    this.nextGid = entries.reduce((max, entry) => Math.max(max, entry.gid + 1), 0)
  }

  /** Is a group of others waiting for somebody who is not here? Known at the coordinator. */
  get isWaiting(): boolean {
    for (const { missing, members } of this.directory.values()) if (missing !== null && members.length > 0) return true
    return false
  }

  /** Does a group's view change wait for that member? */
  isWaitingFor(id: ProcessId): boolean {
    for (const { waiting } of this.rounds.values()) if (waiting.has(id)) return true
    return false
  }

  /** What is known of consistent groups, those among them that ended or were opened in this view. */
  remembered(): Memory {
    const { core } = this
    const { line } = core.era.view
    const memory: Memory = new Map(core.remembered)
    if (!core.era.view.primary || line === null) return memory
    for (const { name, options, gn, members, holders, missing } of this.directory.values()) {
      if (options.consistency !== 'consistent' || gn === 0) continue
      // Those who waited for its state in vain do not end it by leaving.
      if (missing !== null) continue
      const isOpen = members.length > 0
      if (isOpen && (holders.length === 0 || !options.state)) continue
      const strays = memory.get(name)?.strays ?? []
      memory.set(name, {
        name,
        line,
        acted: core.era.epoch,
        holders: isOpen ? holders : [],
        strays: isOpen ? strays : [],
      })
    }
    return memory
  }

  handleRequest(from: ProcessId, message: Of<'groupRequest'>): void {
    const { name, action, options, avoid } = message
    let entry = this.directory.get(name)
    if (entry !== undefined && action === 'join' && !sameOptions(entry.options, options)) {
      if (entry.members.length > 0 || this.rounds.has(entry.gid)) {
        this.core.tell(from, { k: 'groupRefuse', view: this.core.era.id, name })
        return
      }
      this.directory.delete(name)
      entry = undefined
    }
    if (entry === undefined) {
      if (action !== 'join' || this.directory.size >= this.core.limits.groupsMax) {
        if (action === 'join') this.core.tell(from, { k: 'groupRefuse', view: this.core.era.id, name })
        return
      }
      const holders = options.consistency === 'consistent' ? (this.core.remembered.get(name)?.holders ?? []) : []
      const missing = holders.length > 0 ? holders : null
      entry = {
        gid: this.nextGid++,
        name,
        options,
        gn: 0,
        members: [],
        holders: [],
        given: new Map(),
        missing,
        past: new Map(),
      }
      this.directory.set(name, entry)
    }
    const request: Request = { from, action, avoid }
    if (this.rounds.has(entry.gid)) {
      const waiting = this.queued.get(name) ?? []
      waiting.push(request)
      this.queued.set(name, waiting)
    } else if (this.isWanted(entry, request)) this.start(entry, [request])
  }

  /** A member has made a gbcast. If its group is being cut, or was cut since, that takes it in. */
  handleCut(from: ProcessId, { name, gn }: Of<'groupCut'>): void {
    const entry = this.directory.get(name)
    if (entry === undefined || entry.gn !== gn || !entry.members.includes(from)) return
    if (!this.rounds.has(entry.gid)) this.start(entry, [])
  }

  /** Does it change anything? */
  private isWanted({ members }: DirectoryEntry, { from, action }: Request): boolean {
    if (!this.core.era.ranks.has(from)) return false
    return members.includes(from) !== (action === 'join')
  }

  /** Without requests: for gbcasts alone, unless requests come before it ends. */
  private start(entry: DirectoryEntry, requests: Request[]): void {
    const round: Round = { entry, waiting: new Set(entry.members), counts: new Map(), requests }
    this.rounds.set(entry.gid, round)
    this.core.trace({ e: 'groupPrepare', g: entry.name, gn: entry.gn + 1 })
    for (const member of entry.members) {
      this.core.tell(member, { k: 'groupPrepare', view: this.core.era.id, gid: entry.gid, gn: entry.gn + 1 })
    }
    if (entry.members.length === 0) this.finish(round)
  }

  handleCount(from: ProcessId, message: Of<'groupCount'>): void {
    const round = this.rounds.get(message.gid)
    if (round === undefined || message.gn !== round.entry.gn + 1 || !round.waiting.delete(from)) return
    round.counts.set(from, message)
    if (round.waiting.size === 0) this.finish(round)
  }

  private finish(round: Round): void {
    const { entry } = round
    const { era } = this.core
    const late = this.queued.get(entry.name) ?? []
    this.queued.delete(entry.name)
    const requests = [...round.requests, ...late.filter((r) => era.ranks.has(r.from))]
    const isView = round.requests.length > 0 || late.some((r) => this.isWanted(entry, r))
    const old = entry.members
    const leaving = new Set(requests.filter((r) => r.action === 'leave' && old.includes(r.from)).map((r) => r.from))
    const avoid = requests.find((r) => r.avoid !== null)?.avoid ?? null
    const joined: ProcessId[] = []
    for (const r of requests) {
      if (r.action === 'join' && !old.includes(r.from) && !joined.includes(r.from)) joined.push(r.from)
    }
    const kept = lastHolder(round, { leaving, joined, avoid })
    if (kept !== null) {
      leaving.delete(kept)
      this.core.tell(kept, { k: 'groupRefuse', view: era.id, name: entry.name })
    }
    const members = [...old.filter((id) => !leaving.has(id)), ...joined]
    const sequencer = old[0]
    const bySequencer = sequencer === undefined ? undefined : round.counts.get(sequencer)
    for (const id of leaving) note(entry, era.ranks.get(id) ?? -1, 0, round.counts.get(id)?.seq ?? 0)
    // Mostly of the first of them alone.
    for (const id of old) note(entry, era.ranks.get(id) ?? -1, 1, round.counts.get(id)?.orderSeq ?? 0)
    const gn = entry.gn + 1
    const salt = entry.gid + gn + (this.core.env.buggify?.('donor') === true ? 1 : 0)
    const rule = { line: this.core.line, avoid, salt, isAnew: false }
    const install: GroupInstall = {
      gid: entry.gid,
      gn,
      name: entry.name,
      options: entry.options,
      members,
      joined,
      left: [...leaving],
      counts: old.flatMap((id) => [era.ranks.get(id) ?? -1, round.counts.get(id)?.seq ?? 0]),
      orderEnd: Math.max(0, ...[...round.counts.values()].map(({ orderEnd }) => orderEnd)),
      orderBy: sequencer === undefined ? -1 : (era.ranks.get(sequencer) ?? -1),
      orderSeq: bySequencer?.orderSeq ?? 0,
      past: [...entry.past.values()].flat(),
      missing: entry.missing,
      plan: isView ? planStates(entry.options, entriesOf(members, round.counts), rule) : null,
    }
    entry.gn = gn
    entry.members = members
    if (install.plan !== null) {
      entry.holders = holdersOf(members, install.plan)
      entry.given = new Map(install.plan.map(({ need, sources }) => [need, sources[0]?.donor ?? '']))
    }
    this.rounds.delete(entry.gid)
    this.core.trace({ e: 'groupInstall', g: entry.name, gn, ...(isView ? {} : { isCut: true }) })
    for (const id of new Set([...old, ...members])) {
      this.core.tell(id, { k: 'groupInstall', view: era.id, install })
    }
  }
}

/** What a round is asked for. */
interface Change {
  readonly leaving: ReadonlySet<ProcessId>
  readonly joined: readonly ProcessId[]
  /** A donor that did not answer. */
  readonly avoid: ProcessId | null
}

/**
 * If all leave who have a consistent group's state, and members stay, then who has it gives it before it goes: one of them
 * is kept for one more view, if anybody is there to whom none of them has given it in this one. What is known of those
 * who await it is as old as their counts, but whoever leaves has given what this view asked of it.
 */
function lastHolder({ entry, counts }: Round, { leaving, joined, avoid }: Change): ProcessId | null {
  const { options, members, missing, given } = entry
  if (options.consistency !== 'consistent' || !options.state || missing !== null) return null
  const stay = members.filter((id) => !leaving.has(id))
  if (leaving.size === 0 || stay.length === 0) return null
  const whole = members.filter((id) => counts.get(id)?.status.isWhole)
  if (whole.length === 0 || whole.some((id) => !leaving.has(id))) return null
  const isGiven = (id: ProcessId): boolean => whole.includes(given.get(id) ?? '')
  if (joined.length === 0 && stay.every(isGiven)) return null
  return whole.find((id) => id !== avoid) ?? whole[0] ?? null
}

function note(entry: DirectoryEntry, rank: number, stream: number, seq: number): void {
  if (rank >= 0 && seq > 0) entry.past.set(`${rank}/${stream}`, [rank, stream, seq])
}

function entriesOf(members: readonly ProcessId[], counts: ReadonlyMap<ProcessId, Of<'groupCount'>>): StateEntry[] {
  return members.map((id) => {
    const count = counts.get(id)
    return { id, prev: count?.viewId ?? null, status: count?.status ?? null }
  })
}

/** The status after a group view: what a member has and waits for. */
export function statusAfter(
  group: Group,
  plan: readonly StateTask[],
  self: ProcessId,
  isNew: boolean,
  prev: string | null,
): StateStatus {
  const { status } = group
  if (!group.options.state) return { ...noStatus, isWhole: true }
  const task = plan.find((t) => t.need === self)
  if (task?.mode === 'own') return { ...status, isWhole: true, base: null, since: null }
  if (task?.mode === 'anew') return { ...noStatus, isWhole: true }
  if (task === undefined) return { ...status, isWhole: true, base: null, since: null }
  const base = isNew ? null : status.isWhole ? prev : classOf(prev, status)
  return { ...status, isWhole: false, base, since: group.viewId }
}

/** A short name for the class of a state that was still awaited when its view changed. */
function classOf(prev: string | null, status: StateStatus): string {
  let a = 0x811c9dc5
  for (const char of `${prev ?? ''}|${status.base ?? ''}|${status.since ?? ''}`) {
    a = Math.imul(a ^ (char.codePointAt(0) ?? 0), 0x01000193) >>> 0
  }
  return `${prev ?? ''}|${a.toString(16)}`
}

/** The id that an install gives its group. */
export function installedId(spaceView: string, install: GroupInstall): string {
  return groupViewId(spaceView, install.gn)
}
