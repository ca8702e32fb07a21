/**
 * O9 Cross-group agreement: one acyclic relation over the casts of all groups of a domain embeds the sequences of those who
 * leave a space view together, or are at rest in one. So two casts of whichever groups come in the same order at any two
 * that deliver both. Of uniform casts O5 says the same for all, the crashed and the partitioned included.
 */

import { type Checker, type Result, Verdict } from './checker.ts'
import { getOrMake, pushTo } from './collections.ts'
import type { Delivery, Install } from './model.ts'
import { addStep, inCycles, newOrders, type Orders } from './orders.ts'
import { domainOf, type Run } from './run.ts'
import { classesOf, isTotal } from './together.ts'

export const checker: Checker = {
  property: 'O9',
  check(run: Run): Result {
    const verdict = new Verdict('O9')
    const bySpace = sequences(run)
    if (bySpace.size === 0) return verdict
    for (const { view, installs } of classesOf(run)) {
      if (view.group !== run.space) continue
      const domains = new Map<string, Orders<Install>>()
      for (const install of installs) {
        for (const delivery of bySpace.get(install) ?? []) {
          const { message, group } = delivery
          const before = addStep(getOrMake(domains, domainOf(group), newOrders), install, message)
          if (before !== undefined && before.group !== group) verdict.checked++
        }
      }
      for (const [domain, orders] of domains) {
        const cycle = inCycles(orders)
        const example = cycle[0]?.deliveries.find(({ space }) => space !== null && installs.includes(space))
        if (example === undefined) continue
        const names = cycle.slice(0, 5).map(({ m, group }) => `${m} of "${group?.name}"`)
        verdict.fail(
          `no one order of the casts of "${domain}" in space view ${view.id} fits all who go on together: ${names.join(', ')} go round`,
          example.at.line,
        )
      }
    }
    return verdict
  },
}

/** Per space install, the casts of groups with a domain that were delivered in it, in order. */
function sequences(run: Run): Map<Install, Delivery[]> {
  const bySpace = new Map<Install, Delivery[]>()
  for (const delivery of run.deliveries) {
    if (!delivery.first || delivery.space === null || !domainOf(delivery.group).startsWith('@')) continue
    if (isTotal(delivery)) pushTo(bySpace, delivery.space, delivery)
  }
  return bySpace
}
