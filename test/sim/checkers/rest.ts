/**
 * What liveness is judged by: a run that came to rest, its parts, and what excuses an unfinished cast.
 */

import type { TraceBounds } from '../../../lib/testing/trace.ts'
import { pushTo } from './collections.ts'
import type { At, Install, Message, Process } from './model.ts'
import type { Run } from './run.ts'

/** The end of a run that came to rest. */
export interface Rest {
  readonly quiet: At
  readonly end: At
  readonly bounds: TraceBounds
}

/** The run's rest, or null if it has no quiet line or no bounds: then liveness is not judged. */
export function restOf(run: Run): Rest | null {
  return run.quiet === null || run.bounds === null ? null : { quiet: run.quiet, end: run.end, bounds: run.bounds }
}

/** Live at the end, and in a part. */
export function isAtRest(run: Run, process: Process): boolean {
  return process.part >= 0 && run.isLive(process)
}

/** By when the last view is to be there: `tView` after the last change (the quiet line, or a later start, join or leave). */
export function viewDeadline(run: Run, { quiet, bounds }: Rest): number {
  const changes = run.processes.flatMap((process) => [process.start, process.leave, process.joins.get('')?.at(-1)])
  return Math.max(quiet.t, ...changes.map((at) => at?.t ?? 0)) + bounds.tView
}

/** The parts of the final network: in each, the live processes that have asked to join the space. */
export function partsAtRest(run: Run): readonly (readonly Process[])[] {
  const parts = new Map<number, Process[]>()
  for (const process of run.processes) {
    if (isAtRest(run, process) && process.joins.has('')) pushTo(parts, process.part, process)
  }
  return [...parts.values()]
}

/**
 * The sender's last view of the group, if it is the one that the cast was sent in and the sender is live; else null.
 * Null too for a cast whose application was told that its fate in a consistent group is unknown, or that was sent too
 * late to be judged.
 */
export function judgedView(run: Run, rest: Rest, message: Message): Install | null {
  const { send, sender, settles } = message
  if (send === null || send.data.client === true || !isAtRest(run, sender)) return null
  if (Math.max(send.t, rest.quiet.t) + rest.bounds.tSettle > rest.end.t) return null
  if (send.view.group.options?.consistency === 'consistent' && settles.some(({ outcome }) => outcome === 'unknown'))
    return null
  const install = run.last(sender, send.view.group)
  return install !== null && install.view === send.view ? install : null
}

/** Does the process end where consistent groups wait, or this one does because nobody has the state it last acted on? */
export function endsWaiting(run: Run, process: Process, g: string): boolean {
  const group = run.groups.find(({ name }) => name === g)
  if (group?.options?.consistency !== 'consistent') return false
  return run.last(process, run.space)?.data.primary !== true || run.last(process, group)?.data.primary === false
}
