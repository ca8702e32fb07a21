/** Who is gone from a view, and why: from the flush rows alone, so the same at everyone. */
import type { ProcessId, ViewInfo } from './api.ts'
import type { Departed, Row } from './frame.ts'

/** What the rows say of those who are gone: the same at everyone, unlike what this process happens to know besides. */
export function agreedDeparted(rows: readonly Row[]): Map<ProcessId, Departed> {
  const departed = new Map<ProcessId, Departed>()
  for (const row of rows) {
    for (const d of row.departed) if (!departed.has(d.id)) departed.set(d.id, d)
  }
  return departed
}

/** Sorts those who are gone by reason. */
export function whyGone(
  gone: readonly ProcessId[],
  departed: ReadonlyMap<ProcessId, Departed>,
): Pick<ViewInfo, 'left' | 'dead' | 'expelled'> {
  return {
    left: gone.filter((id) => departed.get(id)?.isDead === false),
    dead: gone.filter((id) => departed.get(id)?.isDead === true),
    expelled: gone.filter((id) => !departed.has(id)),
  }
}
