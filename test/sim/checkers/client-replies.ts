/**
 * What the requests of clients came to, for T8: the view is one in which a member was given the request, and has the entries that
 * its members have; a member is given it once.
 */
import type { ReturnLine } from '../../../lib/testing/trace.ts'
import type { Verdict } from './checker.ts'
import { getOrMake } from './collections.ts'
import type { Group, Located, Process } from './model.ts'
import type { Run } from './run.ts'

/** An entry as it is written: what was replied, or the name of the error. */
export type Entry = readonly [member: string, status: string, value: unknown]
/** How many replies were asked for. */
export type Wanted = 'all' | 'first' | 'majority' | number

/** By value, who was given the request: in which view, and at which line. */
type Given = ReadonlyMap<string, ReadonlyMap<string, Located<'heard'>>>

/** Judges them. */
export function checkClientReplies(run: Run, verdict: Verdict): void {
  const given = givenOf(run, verdict)
  const asked = new Map(run.of('invoke').map((invoke) => [`${invoke.data.p} ${invoke.data.id}`, invoke]))
  for (const { data, line, process } of run.of('return')) {
    const call = asked.get(`${data.p} ${data.id}`)
    if (call?.data.f !== 'askAsClient' || !data.ok || process === null) continue
    const breach = breachOf(run, process, { call, data, line, given })
    const [value] = call.data.args as [number]
    verdict.expect(breach === null, () => `${data.p}'s request ${value} as a client ${breach}`, line)
  }
}

function givenOf(run: Run, verdict: Verdict): Given {
  const given = new Map<string, Map<string, Located<'heard'>>>()
  for (const heard of run.of('heard')) {
    const { data, line } = heard
    if (data.k !== 'ask') continue
    const members = getOrMake(given, `${data.obj} ${data.value}`, () => new Map<string, Located<'heard'>>())
    verdict.expect(!members.has(data.p), () => `${data.p} is given request ${data.value} of ${data.from} twice`, line)
    members.set(data.p, members.get(data.p) ?? heard)
  }
  return given
}

interface Came {
  readonly call: Located<'invoke'>
  readonly data: ReturnLine
  readonly line: number
  readonly given: Given
}

function breachOf(run: Run, process: Process, { call, data, line, given }: Came): string | null {
  const [value, wanted] = call.data.args as [number, Wanted]
  const [view, entries] = data.value as [string, readonly Entry[]]
  const group = run.groups.find(({ name }) => name === call.data.obj)
  const first = group?.views.get(view)?.first
  if (group === undefined || first === undefined || first === null) return `is complete in ${view}, which nobody had`
  const members = given.get(`${group.name} ${value}`)
  const isOfView = (heard: Located<'heard'>): boolean =>
    heard.data.view === view || (first.members.includes(heard.data.p) && hasBegunAnew(run, group, heard, line))
  if (![...(members?.values() ?? [])].some((heard) => heard.line <= line && isOfView(heard)))
    return `is complete in ${view}, in which nobody was given it`
  if (JSON.stringify(first.members) !== JSON.stringify(entries.map(([member]) => member)))
    return `has entries of ${entries.map(([member]) => member).join()}, and the members of ${view} are ${first.members.join()}`
  for (const [member, status, detail] of entries) {
    const wasGiven = (members?.get(member)?.line ?? line) < line
    if (status === 'reply' && (!wasGiven || JSON.stringify(detail) !== JSON.stringify([member, value])))
      return `has a reply of ${member} that is not its own: ${JSON.stringify(detail)}`
    if (status === 'failed' && wasGiven === (detail === 'SkippedError'))
      return `says that ${member} ${wasGiven ? 'was not given it, and it was' : `failed (${detail}), which was not given it`}`
    if (status === 'left' && !hasLeft(run, process, { member, group, view, from: call.line, to: line }))
      return `says that ${member} left`
    if (status === 'pending' && wanted === 'all') return `does not wait for ${member}`
  }
  return enoughOf(entries, wanted)
}

/**
 * Has the member that was given it then got another state since, or left and joined again? The request may come once more in
 * that history, in a view of it, and is not given to a member that has carried it out (workload `clients`, seed 96).
 */
function hasBegunAnew(run: Run, group: Group, { process, line }: Located<'heard'>, to: number): boolean {
  const isThen = (at: number): boolean => at > line && at <= to
  const hasState = run
    .of('stateIn')
    .some((given) => given.process === process && given.data.g === group.name && isThen(given.line))
  return hasState || (process?.installs.get(group) ?? []).some(({ before, at }) => before === null && isThen(at.line))
}

interface Span {
  readonly member: string
  readonly group: Group
  readonly view: string
  readonly from: number
  readonly to: number
}

/**
 * Since it was asked: it leaves; or there is a view of the group without it, or one of the space in which it and the client do
 * not come together. Or it was about to leave: it is in the view until all have agreed on that, and may have gone on without
 * what was cast meanwhile (workload `clients`, seed 21044).
 */
function hasLeft(run: Run, process: Process, { member, group, view, from, to }: Span): boolean {
  const since = (line: number): boolean => line > from && line <= to
  const there = run.processes.find(({ id }) => id === member)
  const leaves = there?.leaves.get(group.name) ?? []
  if (leaves.some(({ line }) => since(line))) return true
  const last = (all: readonly { readonly line: number }[]): number => all.findLast(({ line }) => line <= to)?.line ?? 0
  if (last(leaves) > last(there?.joins.get(group.name) ?? [])) return true
  const ofSpace = process.installs.get(run.space) ?? []
  if (ofSpace.some(({ data, at }) => since(at.line) && !data.trans.includes(member))) return true
  return run.processes.some((other) =>
    (other.installs.get(group) ?? []).some(
      ({ data, at }) => data.id !== view && since(at.line) && !data.members.includes(member),
    ),
  )
}

/** Says so if there are fewer replies than were asked for; null: there are not. */
export function enoughOf(entries: readonly Entry[], wanted: Wanted): string | null {
  const heard = entries.filter(([, status]) => status === 'reply').length
  const enough =
    wanted === 'all' ? 0 : wanted === 'first' ? 1 : wanted === 'majority' ? entries.length / 2 + 0.1 : wanted
  return heard >= enough ? null : `has ${heard} replies, of which ${wanted} were asked for`
}
