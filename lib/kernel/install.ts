/** Installing a space view: the cut is delivered, then everything counted per view begins anew. */
import type { MemberInfo, ViewInfo } from './api.ts'
import { absencesOf } from './away.ts'
import type { LostCast } from './casting.ts'
import { type CutPlan, lastTold } from './cut.ts'
import { isHeldBack } from './delivery.ts'
import { Era, type Held } from './era.ts'
import type { Decision } from './frame.ts'
import { agreedDeparted, type Gone, whyGone } from './gone.ts'
import { parseViewId, viewIdOf } from './ids.ts'
import type { Kernel } from './kernel.ts'
import type { Flush } from './membership.ts'
import { goesOn } from './primary.ts'
import { bySeniority, recordOf } from './quorum.ts'
import { startGroups } from './start-groups.ts'

/** The part of the kernel that installs; a function rather than a layer, because it touches all of them once. */
export function installView(kernel: Kernel, flush: Flush, plan: CutPlan, decision: Decision): void {
  const dropped = deliverCut(kernel, flush, plan, decision)
  const old = kernel.era
  const oldLine = kernel.line
  if (decision.line !== oldLine) kernel.voiceFrom = voiceFrom(kernel, flush, decision)
  const departed = agreedDeparted(flush.rows)
  for (const d of departed.values()) if (d.id !== kernel.self) kernel.departed.set(d.id, d)
  kernel.casting.newView(dropped)
  const id = viewIdOf(flush.ballot)
  const rows = new Map(flush.rows.map((row) => [row.from, row]))
  const parts = decision.partOrder.flatMap((index) => flush.parts[index] ?? [])
  const members = bySeniority(parts, flush.rows).map((m): MemberInfo => {
    const { name = '', origin = '', weight = 1, isWitness = false } = rows.get(m) ?? {}
    return { id: m, name, origin, weight, witness: isWitness }
  })
  const ids = new Set(members.map((m) => m.id))
  const absences = absencesOf(flush, kernel)
  const gone = whyGone(
    {
      members: old.members.filter((m) => !ids.has(m)),
      wereAway: old.view.away.flatMap((m) => (ids.has(m.id) ? [] : [m.id])),
      departed,
    },
    absences,
  )
  const quietMs = quietOf(kernel, flush, decision, gone)
  const view: ViewInfo = {
    id,
    spaceView: id,
    members,
    primary: decision.primary,
    line: decision.line,
    missing: [],
    prev: old.id,
    trans: flush.part.members,
    subviews: parts.map((part) => ({ id: part.view, members: part.members })),
    joined: members.map((m) => m.id).filter((m) => !old.ranks.has(m)),
    ...gone,
    ...(quietMs > 0 ? { quietMs } : {}),
  }
  kernel.lamport = Math.max(kernel.lamport, ...flush.rows.map((row) => row.lamport))
  if (oldLine !== null && decision.lost.includes(oldLine) && decision.line !== null) {
    kernel.app({ type: 'lineLost', line: oldLine, winner: decision.line })
    kernel.votes = { last: null, attempt: null }
  }
  kernel.line = decision.line
  kernel.generation = decision.generation
  if (decision.primary && decision.line !== null) {
    const last = { line: decision.line, id, members: members.map((m) => m.id) }
    kernel.votes = { last: recordOf(last, flush.rows), attempt: null }
    forgetFormers(kernel, decision.line)
    kernel.effects.push({ type: 'persist', ticket: 0, record: kernel.votes })
  }
  kernel.era = new Era(view, flush.ballot.epoch, kernel.self, kernel.now)
  for (const link of kernel.links.values()) {
    if (old.ranks.has(link.peer) && !ids.has(link.peer)) link.reset()
    link.newView()
  }
  kernel.delivery.reset()
  kernel.detector.newView()
  kernel.away.newView(flush, old)
  kernel.trace({ e: 'install', view: id, members: members.map((m) => m.id), parts: parts.length })
  kernel.app({ type: 'view', group: '', view, state: 'whole' })
  kernel.messages.newView(plan.movers)
  if (decision.line !== null && decision.line !== oldLine) kernel.effects.push({ type: 'inLine', line: decision.line })
  const isSameStanding = old.view.primary === decision.primary && oldLine === decision.line
  startGroups(kernel, flush, decision, { isSameStanding, absences, quietMs })
  // What a merge needs to know of us next, strangers hear at once.
  for (const link of kernel.links.values()) {
    if (link.isOpen && !ids.has(link.peer)) {
      kernel.detector.sendBeat(link.peer, kernel.membership.highestEpoch, () => kernel.contacts.summary(), id)
    }
  }
}

/**
 * For how long those who were expelled have heard of nobody who comes along. Whoever is expelled may act for a lease from
 * when a quorum of its view last answered it. Some of these come along, if that was the last primary view and nobody has
 * left it or is proven dead; after its row nobody answers in it any more.
 */
function quietOf({ era, line }: Kernel, { part, rows }: Flush, decision: Decision, { expelled }: Gone): number {
  const isNext = era.view.primary && decision.primary && decision.line === line
  const isWhole = era.members.every((id) => part.members.includes(id) || expelled.includes(id))
  if (!isNext || !isWhole || expelled.length === 0) return 0
  return Math.min(...rows.flatMap(({ from, quietMs }) => (part.members.includes(from) ? [quietMs] : [])))
}

/** What they had voted for in this line is taken into account: all members know of them. */
function forgetFormers({ formers }: Kernel, line: string): void {
  for (const [id, { votes }] of formers) if ((votes?.last ?? votes?.attempt)?.line === line) formers.delete(id)
}

/**
 * From which epoch on it has a voice in the line it enters: this one, or that of an attempt it has promised to since. Whoever
 * was in no line and has promised nothing has nothing to forget: it can say of every attempt that it never promised it, and
 * speaks for those it was to be in (seed 333017).
 */
function voiceFrom({ line: oldLine, votes: { attempt } }: Kernel, flush: Flush, { line }: Decision): number {
  if (oldLine === null && attempt === null) return 0
  return attempt !== null && attempt.line === line ? parseViewId(attempt.id).epoch : flush.ballot.epoch
}

/** Delivers what is left of the old view. Returns the own casts that nobody here delivers. */
function deliverCut(kernel: Kernel, { part, rows }: Flush, plan: CutPlan, decision: Decision): LostCast[] {
  const { era, delivery, groups } = kernel
  const lost: LostCast[] = []
  const histories = [...plan.histories.values()]
  const ownRows = rows.filter(({ from }) => part.members.includes(from))
  const isPrimary = goesOn(decision, ownRows, rows)
  era.cut = {
    isPrimary,
    released: new Map(histories.map((history) => [history.gid, history.released])),
    stable: era.members.map((id) =>
      Math.max(0, ...ownRows.map(({ removed }) => removed.find(({ sender }) => sender === id)?.stable ?? 0)),
    ),
    lastTold: new Map(
      histories.map((history) => {
        const gn = era.groups.get(history.gid)?.gn ?? 0
        return [history.gid, lastTold(history, kernel.self, gn, isPrimary)]
      }),
    ),
  }
  // What was forwarded may have come out of order.
  for (const { cast, rank } of era.late.splice(0).sort((a, b) => a.cast.seq - b.cast.seq)) {
    const sender = era.members[rank] ?? ''
    if (plan.movers.includes(sender) || plan.known.has(`${sender}#${cast.seq}`)) delivery.receive(cast, rank)
  }
  for (const name of plan.dropped) {
    const at = name.lastIndexOf('#')
    const rank = era.ranks.get(name.slice(0, at))
    const held = rank === undefined ? undefined : era.held[rank]?.find((h) => h.cast.seq === Number(name.slice(at + 1)))
    if (held === undefined) continue
    held.isDropped = true
    const group = era.groups.get(held.cast.gid)
    if (rank !== era.selfRank || group === undefined) continue
    // What is released nowhere before all hold it is dropped by everybody, if the line goes on without it.
    const outcome = isHeldBack(group.options) && !isPrimary ? 'unknown' : 'lost'
    lost.push({ group: group.name, n: held.cast.n, outcome })
  }
  for (const history of histories) {
    for (const install of history.installs) {
      if (install.gn <= groups.knownViews(install.gid)) continue
      kernel.trace({ e: 'groupAdopt', g: install.name, gn: install.gn })
      groups.handleInstall(install)
    }
  }
  delivery.pump()
  delivery.dropEarly()
  for (const { cast, rank } of delivery.takeKept()) {
    // By its name: this process may have left the group at this cut.
    const group = era.names.get(cast.gid)
    if (rank === era.selfRank && group !== undefined) lost.push({ group, n: cast.n, outcome: 'unknown' })
  }
  const left = delivery.leftovers()
  if (left.length > 0) throw new Error(`undeliverable at the cut of ${era.id}: ${describe(left)}`)
  era.cut = null
  return lost
}

function describe(left: readonly Held[]): string {
  return left.map((h) => `${h.rank}#${h.cast.seq}(g${h.cast.gid}.${h.cast.gn}, deps ${h.cast.deps.join()})`).join(' ')
}
