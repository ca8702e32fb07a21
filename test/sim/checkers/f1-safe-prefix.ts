/**
 * F1 Safe prefix: a uniform cast that is delivered before the transitional signal, and, if it is causal or total, whatever its
 * sender had delivered before it in this view of the space, of any group, is delivered by every member of its view before
 * that one goes on to another view, unless it crashes or leaves before that. One that goes on outside the
 * primary component, in that of another line, or in one that has gone on without it, delivers it in a consistent group only if somebody who comes along has
 * delivered it (M6), so there it is not judged. But whatever the line goes on from: the state of a consistent group in a later primary view of the
 * line covers it.
 */

import { type Checker, type Result, Verdict } from './checker.ts'
import { at, getOrMake, pushTo } from './collections.ts'
import type { Delivery, Group, Install, Located, Process, View } from './model.ts'
import { isOlder, isUniform, orderOf, type Run } from './run.ts'

export const checker: Checker = {
  property: 'F1',
  check(run: Run): Result {
    const verdict = new Verdict('F1')
    const covered = coveredBy(run)
    for (const delivery of run.deliveries) {
      if (!delivery.first || delivery.transitional) continue
      if (isUniform(delivery.message) || isCovered(delivery, covered)) checkRelease(run.space, verdict, delivery)
    }
    checkStates(run, verdict)
    return verdict
  },
}

/**
 * Per space view of a process, the line of the last of its causal or total casts that somebody has released in that view:
 * whatever it had delivered by then came before that cast.
 */
function coveredBy(run: Run): ReadonlyMap<Install, number> {
  const last = new Map<Install, number>()
  for (const message of run.messages) {
    const { cast, sender, deliveries } = message
    if (cast === null || !isUniform(message) || orderOf(message) === 'fifo') continue
    const space = sender.installs.get(run.space)?.findLast((install) => install.at.line < cast.line)
    const isReleased = deliveries.some((each) => each.first && !each.transitional && each.space?.view === space?.view)
    if (space !== undefined && isReleased) last.set(space, cast.line)
  }
  return last
}

function isCovered({ space, at: place }: Delivery, covered: ReadonlyMap<Install, number>): boolean {
  return space !== null && place.line < (covered.get(space) ?? 0)
}

function checkRelease(spaceGroup: Group, verdict: Verdict, delivery: Delivery): void {
  const { install, space, message, process, group } = delivery
  if (install === null || space === null) return
  for (const other of install.view.installs) {
    if (other.process === process) continue
    const next = leaves(other, space.view.installs.find((own) => own.process === other.process) ?? null)
    if (next === null) continue
    const delivered = at(other.process.deliveredAt, message.index)
    const isDelivered = delivered > 0 && delivered < next.at.line
    const isOfSpace = next.view.group === spaceGroup
    if (isOfSpace && group.options?.consistency === 'consistent' && !isDelivered && !isInLine(spaceGroup, space, next))
      continue
    verdict.expect(
      isDelivered,
      () =>
        `${process.id} delivers ${isUniform(message) ? 'uniform ' : ''}${message.m} of "${group.name}" in view ${install.view.id}, which ${other.process.id} leaves for ${next.view.id} without it`,
      next.at.line,
    )
  }
}

/** Does who goes from one of the views to the other go on in the line, in the primary component? */
function isInLine(spaceGroup: Group, space: Install, next: Install): boolean {
  return next.data.primary && next.data.line === space.data.line && !wasLeftBehind(spaceGroup, space, next)
}

/** Did the line have another primary view between those two, without the one who goes from one to the other? */
function wasLeftBehind({ views }: Group, { view, data: { line } }: Install, next: Install): boolean {
  return [...views.values()].some(
    (between) =>
      between.first?.primary === true &&
      between.first.line === line &&
      isOlder(view, between) &&
      isOlder(between, next.view),
  )
}

/** What ended a member's part in a group view within a space view: its next view of either, whichever came first. */
function leaves(install: Install, space: Install | null): Install | null {
  if (space === null || hasAskedToLeave(install.process, install)) return null
  const { after } = install
  const next = space.after
  if (after === null || next === null) return next ?? after
  return after.at.line < next.at.line ? after : next
}

/** Who leaves the group delivers nothing more to its application. */
function hasAskedToLeave(process: Process, { view, at: { line } }: Install): boolean {
  return process.leaves.get(view.group.name)?.some((leave) => leave.line > line) ?? false
}

/** Per view, in the order of the first release in it: its casts that were released, the highest of each sender. */
type Released = Map<View, Map<string, number>>

/** What was released in a line stays in the states of its later primary views, unless the group has begun anew since. */
function checkStates(run: Run, verdict: Verdict): void {
  const released = releasedByLine(run)
  const begins = beginsByLine(run)
  const groups = new Map(run.groups.map((group) => [group.name, group]))
  for (const { data, space, line } of run.of('digest')) {
    const group = groups.get(data.g)
    const view = group?.views.get(data.view)
    // A group may wait for its state though the component is primary.
    if (space === null || group === undefined || view?.first?.primary !== true) continue
    const key = lineKey(data.g, space.data.line)
    const begun = (begins.get(key) ?? []).filter((begin) => begin === view || isOlder(begin, view))
    for (const [before, highest] of released.get(key) ?? []) {
      if (!isOlder(before, view) || begun.some((begin) => isOlder(before, begin))) continue
      const lost = [...highest].find(([sender, n]) => n > (data.cut[sender] ?? 0))
      verdict.expect(
        lost === undefined,
        () =>
          `${data.p}'s state of "${data.g}" in view ${data.view} lacks ${lost?.join('#')}, which was released in ${before.id}`,
        line,
      )
    }
  }
}

/** Of consistent groups, by group and line. */
function releasedByLine(run: Run): Map<string, Released> {
  const released = new Map<string, Released>()
  for (const { first, transitional, message, group, space, install } of run.deliveries) {
    if (!first || transitional || !isUniform(message) || group.options?.consistency !== 'consistent') continue
    if (install?.data.primary !== true || space === null) continue
    const views = getOrMake(released, lineKey(group.name, space.data.line), (): Released => new Map())
    const highest = getOrMake(views, install.view, () => new Map<string, number>())
    highest.set(message.sender.id, Math.max(message.n, highest.get(message.sender.id) ?? 0))
  }
  return released
}

/** By group and line: the primary views in which the group began anew, because it had ended or was forgotten. */
function beginsByLine(run: Run): Map<string, View[]> {
  const primary = new Map<string, View[]>()
  for (const view of run.views) {
    const { group, first, installs } = view
    if (group.options?.consistency !== 'consistent' || first?.primary !== true || installs.length === 0) continue
    pushTo(primary, lineKey(group.name, first.line), view)
  }
  const begins = new Map<string, View[]>()
  const anew = new Set(run.of('anew').map(({ data }) => `${data.p} ${data.g} ${data.view}`))
  const goesOn = (install: Install): boolean =>
    hasActed(install) && !anew.has(`${install.process.id} ${install.view.group.name} ${install.view.id}`)
  for (const [key, views] of primary) {
    let last: View | null = null
    let begin: View | null = null
    for (const view of views.sort((a, b) => (isOlder(a, b) ? -1 : 1))) {
      // What was opened in one space view, and lost within it with the coordinator, nobody remembers.
      const isForgotten = begin !== null && begin.epoch === last?.epoch
      if (!view.installs.some(goesOn) && (last === null || isForgotten || hasEnded(run, last, view))) {
        begin = view
        pushTo(begins, key, view)
      }
      last = view
    }
  }
  return begins
}

/** Does it come from a primary view of the group in the same line? One that opened the group by itself does not. */
function hasActed({ data: { line }, before }: Install): boolean {
  for (let install = before; install !== null; install = install.before) {
    if (install.data.primary && install.data.line === line) return true
  }
  return false
}

/**
 * Has every member of the group's last view left, or died, when another begins: one of them said goodbye, or all are proven
 * dead? Whoever still awaited the state has nothing to go on from.
 */
function hasEnded(run: Run, last: View, next: View): boolean {
  const line = next.installs[0]?.at.line ?? 0
  const all = [...last.members].flatMap((id) => run.process(id) ?? [])
  const isGone = (each: Process): boolean =>
    hasLeft(each, last, line) || (each.crash !== null && each.crash.line < line)
  const members = all.filter(
    (each) => !isAwaiting(run, each, last, line) && (isGone(each) || wasShown(each, last.group, line)),
  )
  if (members.length === 0) return false
  const left = members.filter((process) => hasLeft(process, last, line))
  const crashed = members.filter((p) => !left.includes(p))
  if (!crashed.every((p) => p.crash !== null && p.crash.line < line)) return false
  return left.length > 0 || crashed.every((each) => isToldDead(run, each.id, line) || isProvable(run, each, line))
}

/**
 * Was it shown a view of the group since it last joined it? If it is there, and was not, as where it was cut off just then, it
 * has nothing of it (seed 304079).
 */
function wasShown(process: Process, group: Group, line: number): boolean {
  const since = joinBefore(process, group, line)
  return process.installs.get(group)?.some(({ at }) => at.line > since && at.line < line) ?? false
}

/** Did it join those who had been in the group before, and has got no state of theirs up to that line? */
function isAwaiting(run: Run, process: Process, { group }: View, line: number): boolean {
  const since = joinBefore(process, group, line)
  const first = process.installs.get(group)?.find(({ at }) => at.line > since && at.line < line)
  if (first === undefined) return false
  const others = [...first.view.members].filter((id) => id !== process.id).flatMap((id) => run.process(id) ?? [])
  if (!others.some((other) => wasInBefore(other, first))) return false
  const isGiven = (at: Located<'stateIn'> | Located<'anew'>): boolean =>
    at.process === process && at.data.g === group.name && at.line > since && at.line < line
  return !run.of('stateIn').some(isGiven) && !run.of('anew').some(isGiven)
}

/** Where it last asked to join the group before that line. */
function joinBefore({ joins }: Process, { name }: Group, line: number): number {
  return joins.get(name)?.findLast((asked) => asked.line < line)?.line ?? 0
}

/** Has it had an earlier view of the group than that one, since it last joined it? */
function wasInBefore(process: Process, { view, at }: Install): boolean {
  const since = joinBefore(process, view.group, at.line)
  const installs = process.installs.get(view.group) ?? []
  return installs.some((each) => each.view !== view && each.at.line > since && each.at.line < at.line)
}

/** Has a view of the space told, before that line, that this process is proven dead? */
function isToldDead(run: Run, id: string, line: number): boolean {
  return run.views.some(
    ({ group, installs }) =>
      group === run.space && installs.some(({ at, data }) => at.line < line && data.dead?.includes(id) === true),
  )
}

/**
 * Can its death have been proven before that line, by somebody of its origin? A view tells those who come from one that it
 * was in; where nobody of these is left, it is told to nobody (seed 131623).
 */
function isProvable(run: Run, dead: Process, line: number): boolean {
  const { crash, origin } = dead
  if (crash === null || crash.line >= line || origin === '') return false
  return run.processes.some((each) => {
    const isThere =
      each.start !== null && each.start.line < line && (each.crash === null || each.crash.line > crash.line)
    return each !== dead && each.origin === origin && isThere
  })
}

/** Has it asked to leave the view's group, or the space, before that line? */
function hasLeft({ leave, leaves, joins }: Process, { group: { name }, installs }: View, line: number): boolean {
  if (leave !== null && leave.line < line) return true
  const installed = installs[0]?.at.line ?? 0
  const join = joins.get(name)?.findLast((asked) => asked.line < installed)?.line ?? 0
  return leaves.get(name)?.some((asked) => asked.line > join && asked.line < line) ?? false
}

function lineKey(g: string, line: string | null): string {
  return `${line} ${g}`
}
