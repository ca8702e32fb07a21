/**
 * Who moves together: processes that go from the same view of a group directly to the same next view.
 */

import type { Delivery, Install, View } from './model.ts'
import { derive, orderOf, type Run } from './run.ts'

/** Installs of one view by processes that all install the same next view directly after it. */
export interface Class {
  readonly view: View
  /** The next view; null for live processes of one part that are still in `view` at the end of a run that came to rest. */
  readonly next: View | null
  readonly installs: Install[]
}

/** The classes of at least two processes of all groups and of the space, computed once. */
export function classesOf(run: Run): readonly Class[] {
  return derive(run, compute)
}

/** The install's first deliveries of totally ordered casts, in order. */
export function totalOf(install: Install): Delivery[] {
  return install.deliveries.filter((delivery) => delivery.first && isTotal(delivery))
}

/** Is it a delivery of a cast that all agree on the place of? */
export function isTotal(delivery: Delivery): boolean {
  const order = orderOf(delivery.message)
  return order === 'total' || order === 'gbcast'
}

function compute(run: Run): readonly Class[] {
  const classes: Class[] = []
  for (const view of run.views) {
    if (view.installs.length < 2) continue
    const byNext = new Map<View | number, Class>()
    for (const install of view.installs) {
      const next = install.after?.view ?? null
      // Processes at rest in one part are compared with each other only.
      const key = next ?? (isAtRest(run, install) ? install.process.part : null)
      if (key === null) continue
      const found = byNext.get(key)
      if (found === undefined) byNext.set(key, { view, next, installs: [install] })
      else found.installs.push(install)
    }
    for (const found of byNext.values()) if (found.installs.length > 1) classes.push(found)
  }
  return classes
}

function isAtRest(run: Run, install: Install): boolean {
  const { process, view } = install
  return run.quiet !== null && process.part >= 0 && run.isLive(process) && run.last(process, view.group) === install
}
