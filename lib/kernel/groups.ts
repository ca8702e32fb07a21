/** Groups as this process is a member of them: joining, leaving, installing their views. The coordinator's half is in `rounds.ts`. */
import { holdersOf, type Memory } from './acted.ts'
import type { GroupOptions, MemberInfo, ProcessId, StatePlan, Succession, ViewId, ViewInfo } from './api.ts'
import type { Core } from './core.ts'
import { type Delivery, isHeldBack } from './delivery.ts'
import { type Era, streamKey } from './era.ts'
import type { GroupInstall, GroupRow, Message, Remembered, StateTask } from './frame.ts'
import type { Gone } from './gone.ts'
import { type Group, newTotal } from './group.ts'
import { installedId, statusAfter } from './rounds.ts'
import { actedIn, noStatus } from './state-plan.ts'
import type { Transfer } from './transfer.ts'

type Of<K extends Message['k']> = Extract<Message, { k: K }>

/** A group that a new space view gives this process. */
export interface GroupStart {
  readonly gid: number
  readonly name: string
  readonly options: GroupOptions
  readonly members: readonly ProcessId[]
  readonly missing: readonly ProcessId[] | null
  /** Null: the group's view goes on unchanged. */
  readonly view: {
    readonly id: ViewId
    readonly info: ViewInfo
    readonly plan: readonly StateTask[]
    readonly succession?: Succession
  } | null
}

/** The member's half. */
export class Groups {
  readonly byName: Map<string, Group> = new Map()
  /** How many views of groups have begun here, or were left for good. */
  viewsBegun = 0
  private readonly core: Core
  private readonly delivery: Delivery
  private readonly transfer: Transfer
  private readonly joining: Map<string, GroupOptions> = new Map()
  private readonly leaving: Set<string> = new Set()
  private readonly leaveAsked: Set<string> = new Set()
  /** Groups in whose next view this process is to give the state, before it asks to leave again. */
  private readonly keptToGive: Set<string> = new Set()
  /** Groups in whose view this process has a state that came late, and that the others are to be given. */
  private readonly toBeGiven: Set<string> = new Set()

  constructor(core: Core, layers: { readonly delivery: Delivery; readonly transfer: Transfer }) {
    this.core = core
    this.delivery = layers.delivery
    this.transfer = layers.transfer
  }

  isJoining(name: string): boolean {
    return this.joining.has(name)
  }

  /** Has it asked to join any that it is not in? */
  get hasJoins(): boolean {
    return this.joining.size > 0
  }

  /** Might a dependency on that group concern us soon? */
  mightJoin(gid: number): boolean {
    if (this.joining.size === 0) return false
    const name = this.core.era.names.get(gid)
    return name === undefined || this.joining.has(name)
  }

  get hasUniform(): boolean {
    for (const group of this.byName.values()) if (group.options.uniform) return true
    return false
  }

  get hasConsistent(): boolean {
    for (const group of this.byName.values()) if (group.options.consistency === 'consistent') return true
    return false
  }

  /** Is one of them waiting for somebody who is not here? */
  get isWaiting(): boolean {
    for (const { missing } of this.byName.values()) if (missing !== null) return true
    return false
  }

  /** Is none of them about to change, or being given away? */
  get isQuiet(): boolean {
    for (const { name, isClosed } of this.byName.values()) if (isClosed || this.transfer.isGiving(name)) return false
    return true
  }

  isUniform(gid: number): boolean {
    return this.core.era.groups.get(gid)?.options.uniform ?? false
  }

  join(name: string, options: GroupOptions): void {
    if (this.core.isWitness) {
      this.core.app({ type: 'joined', group: name, outcome: 'closed' })
      return
    }
    if (this.byName.has(name)) {
      this.core.app({ type: 'joined', group: name, outcome: 'ok' })
      return
    }
    this.joining.set(name, options)
    this.request(name, 'join', options, null)
  }

  leave(name: string): void {
    // The coordinator may have let it in already: it leaves once it is in, or others would have a member that is not there.
    if (!this.byName.has(name) && !this.joining.has(name)) {
      this.core.app({ type: 'leftGroup', group: name })
      return
    }
    this.leaving.add(name)
    this.requestLeaves()
  }

  /** Asks to leave; who is giving its state to a newcomer stays until that is there. */
  requestLeaves(): void {
    for (const name of this.leaving) {
      const group = this.byName.get(name)
      if (group === undefined || this.transfer.isGiving(name)) continue
      this.answerDeferred(group)
      if (this.leaveAsked.has(name)) continue
      this.leaveAsked.add(name)
      this.request(name, 'leave', group.options, null)
    }
  }

  requestRestate(group: Group, avoid: ProcessId): void {
    this.request(group.name, 'restate', group.options, avoid)
  }

  private request(
    name: string,
    action: 'join' | 'leave' | 'restate',
    options: GroupOptions,
    avoid: ProcessId | null,
  ): void {
    const { era } = this.core
    const [coordinator] = era.members
    if (era.isClosed || coordinator === undefined) return
    this.core.tell(coordinator, { k: 'groupRequest', view: era.id, name, action, options, avoid })
  }

  /** Asks again what a space view change may have swallowed. */
  renewRequests(): void {
    for (const [name, options] of this.joining) this.request(name, 'join', options, null)
    this.leaveAsked.clear()
    this.keptToGive.clear()
    this.requestLeaves()
  }

  /** A join is refused for good; a leave until the state is given to those of the next view. */
  handleRefuse(message: Of<'groupRefuse'>): void {
    if (this.leaveAsked.has(message.name)) this.keptToGive.add(message.name)
    else if (this.joining.delete(message.name)) {
      this.leaving.delete(message.name)
      this.core.app({ type: 'joined', group: message.name, outcome: 'mismatch' })
    }
  }

  /** The group's view is about to change: nothing more is cast in it. */
  handlePrepare(message: Of<'groupPrepare'>): void {
    const group = this.core.era.groups.get(message.gid)
    if (group === undefined || this.core.era.isClosed) return
    if (group.install !== null) {
      group.deferredPrepare = message.gn
      return
    }
    if (group.gn + 1 !== message.gn) return
    // If it is to leave with that view, the newcomers that it gives its state to could be left without any.
    if (this.leaving.has(group.name) && this.transfer.isGiving(group.name)) group.deferredPrepare = message.gn
    else this.answerPrepare(group)
  }

  private answerPrepare(group: Group): void {
    const [coordinator] = this.core.era.members
    this.transfer.hurry(group.name)
    group.isClosed = true
    this.traceBlock('block', group)
    if (coordinator === undefined) return
    this.core.tell(coordinator, {
      k: 'groupCount',
      view: this.core.era.id,
      gid: group.gid,
      gn: group.gn + 1,
      seq: group.ownLast,
      orderEnd: group.total.domain === null ? group.total.assigned : this.delivery.domains.close(group),
      orderSeq: group.lastOrderSeq,
      viewId: group.viewId,
      status: group.status,
    })
  }

  /** How many views of the group this process knows to be decided in this space view, also if it has left meanwhile. */
  knownViews(gid: number): number {
    const group = this.core.era.groups.get(gid)
    let known = group?.installs.at(-1)?.gn ?? 0
    for (const row of this.core.era.leftGroups) {
      if (row.gid === gid) known = Math.max(known, row.installs.at(-1)?.gn ?? 0)
    }
    return known
  }

  /** A group view was decided. Old members deliver up to its counts first. */
  handleInstall(install: GroupInstall): void {
    const { era, self } = this.core
    const group = era.groups.get(install.gid)
    era.names.set(install.gid, install.name)
    if (group === undefined) {
      if (install.members.includes(self) && install.plan !== null) this.enter(install)
      return
    }
    if (group.installs.some((known) => known.gn >= install.gn)) return
    // All have installed what a cut is counted in, so of cuts one after the other the last stands for them all.
    if (install.plan === null && group.installs.at(-1)?.plan === null) group.installs.pop()
    group.installs.push(install)
    group.isClosed = true
    if (group.install === null) group.install = install
    else group.laterInstalls.push(install)
  }

  private enter(install: GroupInstall): void {
    const { era, self } = this.core
    for (let i = 0; i + 1 < install.counts.length; i += 2) {
      raise(era.delivered, streamKey(install.counts[i] ?? 0, install.gid * 2), install.counts[i + 1] ?? 0)
    }
    for (let i = 0; i + 2 < install.past.length; i += 3) {
      const stream = install.gid * 2 + (install.past[i + 1] ?? 0)
      raise(era.delivered, streamKey(install.past[i] ?? 0, stream), install.past[i + 2] ?? 0)
    }
    if (install.orderBy >= 0) raise(era.delivered, streamKey(install.orderBy, install.gid * 2 + 1), install.orderSeq)
    const group: Group = {
      name: install.name,
      options: install.options,
      gid: install.gid,
      gn: install.gn - 1,
      viewId: '',
      untold: null,
      members: [],
      isClosed: true,
      install,
      laterInstalls: [],
      deferredPrepare: null,
      lastOrderSeq: 0,
      installs: [install],
      baseMembers: null,
      baseViewId: null,
      total: newTotal(install.options, [], self),
      ownLast: 0,
      deliveredN: new Map(),
      status: noStatus,
      missing: install.missing,
      isTransSignalled: false,
      gbcasts: [],
    }
    this.byName.set(group.name, group)
    era.groups.set(group.gid, group)
    this.install(group, null)
    if (this.leaving.has(group.name)) this.requestLeaves()
  }

  /** Everything of the old view is delivered: the new one begins. */
  install(group: Group, prev: ViewId | null = group.viewId): void {
    const { core } = this
    const { era, self } = core
    const install = group.install
    if (install === null) return
    const old = group.members
    group.install = group.laterInstalls.shift() ?? null
    if (!install.members.includes(self)) {
      this.drop(group)
      return
    }
    group.gn = install.gn
    group.members = install.members
    group.missing = install.missing
    group.isClosed = group.install !== null
    group.total = newTotal(group.options, group.members, self)
    if (group.total.domain !== null) this.delivery.domains.begin(install.orderEnd)
    if (install.plan === null) {
      this.goOn(group)
      return
    }
    group.isTransSignalled = false
    const viewId = installedId(era.id, install)
    const stays = prev === null ? [self] : old.filter((id) => install.members.includes(id))
    const subviews = prev === null ? [] : [{ id: prev, members: stays }]
    const info = this.viewOf({ ...group, viewId }, prev, stays, subviews, {
      joined: install.joined,
      left: install.left,
      dead: [],
      expelled: [],
      away: [],
      wasAwayMs: 0,
    })
    if (group.gn > (era.cut?.lastTold.get(group.gid) ?? group.gn)) {
      core.trace({ e: 'groupPassedOver', g: group.name, gn: group.gn })
      group.untold = { viewId, before: group.untold?.before ?? old }
      // Its casts may have been delivered by those cut off: it is kept with them.
      const isKept = isHeldBack(group.options) && era.view.primary
      if (isKept && group.options.state) core.app({ type: 'keepView', group: group.name, view: info })
      this.delivery.rerouteEarly()
      return
    }
    group.viewId = viewId
    this.begin(group, { info, plan: install.plan }, prev)
    this.goOn(group)
  }

  /** Casting goes on, in a new view or after a cut for gbcasts. */
  private goOn(group: Group): void {
    if (!group.isClosed && !this.core.era.isClosed) this.traceBlock('unblock', group)
    this.delivery.rerouteEarly()
    if (!this.leaving.has(group.name) || !this.transfer.isGiving(group.name)) this.answerDeferred(group)
  }

  private answerDeferred(group: Group): void {
    if (group.deferredPrepare === null || group.install !== null) return
    const deferred = group.deferredPrepare
    group.deferredPrepare = null
    if (deferred === group.gn + 1 && !this.core.era.isClosed) this.answerPrepare(group)
  }

  private drop(group: Group): void {
    const { era } = this.core
    this.transfer.abandon(group.name)
    this.byName.delete(group.name)
    era.groups.delete(group.gid)
    this.leaving.delete(group.name)
    this.leaveAsked.delete(group.name)
    this.toBeGiven.delete(group.name)
    era.leftGroups.push(this.row(group))
    this.viewsBegun += 1
    this.core.app({ type: 'leftGroup', group: group.name })
    this.delivery.rerouteEarly()
  }

  /** The new group view reaches the application; its state is whole or awaited. */
  private begin(group: Group, start: Omit<NonNullable<GroupStart['view']>, 'id'>, prev: ViewId | null): void {
    const { core } = this
    const { info, plan: tasks, succession } = start
    this.toBeGiven.delete(group.name)
    const plan = prev === null ? tasks : this.withoutVain(group, tasks)
    group.status = statusAfter(group, plan, core.self, prev === null, prev)
    this.markActed(group)
    this.viewsBegun += 1
    const mode: StatePlan = plan.find((task) => task.need === core.self)?.mode ?? 'whole'
    if (mode === 'anew' || mode === 'own') group.deliveredN.clear()
    const more = succession === undefined ? {} : { succession }
    core.app({ type: 'view', group: group.name, view: info, state: mode, ...more })
    this.transfer.begin(group, plan)
    if (this.keptToGive.delete(group.name)) this.leaveAsked.delete(group.name)
    if (this.joining.delete(group.name)) core.app({ type: 'joined', group: group.name, outcome: 'ok' })
  }

  /**
   * The state may have come after this process said that it awaits it. Where nobody was known to have one, it is the only
   * one there is: it stays, and the others are given it.
   */
  private withoutVain(group: Group, tasks: readonly StateTask[]): readonly StateTask[] {
    const own = tasks.find(({ need }) => need === this.core.self)
    if (own?.mode !== 'replace' || own.sources.length > 0 || !group.status.isWhole) return tasks
    if (tasks.length > 1) {
      this.toBeGiven.add(group.name)
      this.request(group.name, 'restate', group.options, null)
    }
    return tasks.filter((task) => task !== own)
  }

  becameWhole(group: Group): void {
    group.status = { ...group.status, isWhole: true, base: null, since: null }
    this.markActed(group)
  }

  private markActed(group: Group): void {
    const { era } = this.core
    if (!group.status.isWhole || !isActing(group, era)) return
    group.status = { ...group.status, acted: era.epoch, line: era.view.line }
  }

  /** Is that member the one that numbers the casts of a total group that this process is in, or one of those who do? */
  isSequencer(id: ProcessId): boolean {
    for (const { options, members } of this.byName.values()) {
      if (options.order === 'total' && members[0] === id && members.length > 1) return true
      if (options.domain !== undefined && members.includes(id)) return true
    }
    return false
  }

  viewOf(
    group: Group,
    prev: ViewId | null,
    trans: readonly ProcessId[],
    subviews: ViewInfo['subviews'],
    change: Pick<ViewInfo, 'joined' | 'quietMs'> & Gone,
  ): ViewInfo {
    const { view } = this.core.era
    return {
      id: group.viewId,
      spaceView: view.id,
      members: group.members.map((id) => view.members.find((m) => m.id === id) ?? unknownMember(id)),
      primary: isActing(group, this.core.era),
      line: view.line,
      missing: view.primary ? (group.missing ?? []) : [],
      prev,
      trans,
      subviews,
      ...change,
    }
  }

  /** Was this process noted as a holder of the group's state, and has it no longer? */
  isNews({ name, line, acted, holders }: Remembered): boolean {
    if (!holders.includes(this.core.self)) return false
    const status = this.byName.get(name)?.status
    return status === undefined || !status.isWhole || actedIn(status, line) < acted
  }

  /** Adds what is known of consistent groups that act here, and whose state this process awaits since they were opened. */
  noteAwaited(memory: Memory): Memory {
    const { era } = this.core
    const { line } = era.view
    for (const group of this.byName.values()) {
      const { name, options, gn, installs, status } = group
      if (options.consistency !== 'consistent' || status.isWhole || line === null || !isActing(group, era)) continue
      const install = installs.findLast((each) => each.gn <= gn && each.plan !== null)
      const holders = install === undefined ? [] : holdersOf(install.members, install.plan ?? [])
      if (holders.length > 0 && (memory.get(name)?.acted ?? 0) < era.epoch)
        memory.set(name, { name, line, acted: era.epoch, holders, strays: [] })
    }
    return memory
  }

  /** Is somebody on the way into a consistent group that acts here? Until it has the state, nobody can say that the group ends. */
  get isHandingOver(): boolean {
    for (const group of this.byName.values()) {
      if (group.options.consistency !== 'consistent' || !isActing(group, this.core.era)) continue
      if (group.isClosed || this.transfer.isGiving(group.name)) return true
    }
    return false
  }

  /** Consistent groups of which this process is the last member, also in a view that is decided and still to come (seed 1165). */
  endingHere(): string[] {
    const { departed } = this.core
    const isLast = ({ members, install, laterInstalls }: Group): boolean =>
      (laterInstalls.at(-1) ?? install ?? { members }).members.every((id) => id === this.core.self || departed.has(id))
    return [...this.byName.values()]
      .filter((group) => group.options.consistency === 'consistent' && isActing(group, this.core.era) && isLast(group))
      .map(({ name }) => name)
  }

  /** The view of the space is closed: nothing more is cast in any of its groups. */
  closed(): void {
    this.transfer.hurry(null)
    for (const group of this.byName.values()) this.traceBlock('block', group)
  }

  private traceBlock(e: 'block' | 'unblock', { name, options, viewId }: Group): void {
    if (options.strong) this.core.trace({ e, g: name, view: viewId })
  }

  /** This process's account of its groups, for a flush row. */
  rows(): GroupRow[] {
    return [...[...this.byName.values()].map((group) => this.row(group)), ...this.core.era.leftGroups]
  }

  private row(group: Group): GroupRow {
    return {
      gid: group.gid,
      name: group.name,
      options: group.options,
      members: group.baseMembers,
      viewId: group.baseViewId,
      // A frame does not change once it is sent: later installs belong to later rows.
      installs: [...group.installs],
      gn: group.gn,
      next: group.total.next,
      released: this.releasedIn(group),
      status: group.status,
    }
  }

  /**
   * What this process has delivered of a uniform group whose casts have no positions that would tell; of one with a domain,
   * how far it has come in that.
   */
  private releasedIn(group: Group): number[] {
    const { gid, options } = group
    if (options.domain !== undefined) {
      const reached = this.delivery.domains.reachedIn(group)
      return reached > 0 ? [this.core.era.selfRank, reached] : []
    }
    if (!options.uniform || options.order === 'total') return []
    const { era } = this.core
    return era.members.flatMap((_, rank) => {
      const seq = era.delivered.get(streamKey(rank, gid * 2)) ?? 0
      return seq > 0 ? [rank, seq] : []
    })
  }

  /** A new space view: numbers begin again; changed groups get a view, others go on. */
  startSpaceView(starts: readonly GroupStart[], names: readonly (readonly [number, string])[]): void {
    const { era } = this.core
    for (const [gid, name] of names) era.names.set(gid, name)
    const begun: { readonly group: Group; readonly start: GroupStart; readonly prev: ViewId | null }[] = []
    for (const start of starts) {
      let group = this.byName.get(start.name)
      const prev = group?.viewId ?? null
      if (group === undefined) continue
      group = Object.assign(group, {
        gid: start.gid,
        gn: 0,
        members: start.members,
        missing: start.missing,
        isClosed: false,
        install: null,
        laterInstalls: [],
        deferredPrepare: null,
        lastOrderSeq: 0,
        installs: [],
        baseMembers: start.members,
        baseViewId: start.view?.id ?? group.viewId,
        total: newTotal(group.options, start.members, this.core.self),
        ownLast: 0,
        isTransSignalled: false,
        gbcasts: [],
        viewId: start.view?.id ?? group.viewId,
        untold: null,
      })
      era.groups.set(group.gid, group)
      begun.push({ group, start, prev })
    }
    for (const { group, start, prev } of begun) {
      if (start.view !== null) this.begin(group, start.view, prev)
      else {
        this.markActed(group)
        // The view of the space may have changed before that was done.
        if (this.toBeGiven.has(group.name)) this.request(group.name, 'restate', group.options, null)
      }
      this.traceBlock('unblock', group)
    }
    this.renewRequests()
  }
}

/** A member that the space's view does not name: none, as far as is known. */
function unknownMember(id: ProcessId): MemberInfo {
  return { id, name: '', origin: '', weight: 1, witness: false }
}

/** Are consistent operations carried out in its current view? */
export function isActing(group: Group, era: Era): boolean {
  return era.view.primary && group.missing === null
}

function raise(map: Map<number, number>, key: number, value: number): void {
  if (value > (map.get(key) ?? 0)) map.set(key, value)
}
