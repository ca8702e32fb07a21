/**
 * O5 Strong total order, for uniform total casts that anybody released before its transitional signal: one acyclic
 * relation over the casts of a group, or of all groups of a domain, embeds every process's sequence of them, the crashed
 * and the partitioned included. Those to whom such a cast comes after the signal deliver it in that order too.
 */

import { type Checker, type Result, Verdict } from './checker.ts'
import { getOrMake } from './collections.ts'
import type { Delivery, Message, Process } from './model.ts'
import { addStep, inCycles, newOrders, type Orders } from './orders.ts'
import { domainOf, isUniform, type Run } from './run.ts'
import { isTotal } from './together.ts'

export const checker: Checker = {
  property: 'O5',
  check(run: Run): Result {
    const verdict = new Verdict('O5')
    const domains = new Map<string, Orders<Process>>()
    const released = new Set<Message>()
    for (const delivery of run.deliveries)
      if (counts(delivery) && !delivery.transitional) released.add(delivery.message)
    for (const delivery of run.deliveries) {
      if (!counts(delivery) || !released.has(delivery.message)) continue
      const orders = getOrMake(domains, domainOf(delivery.group), newOrders)
      if (addStep(orders, delivery.process, delivery.message) !== undefined) verdict.checked++
    }
    for (const [domain, orders] of domains) {
      const cycle = inCycles(orders)
      const example = cycle[0]
      if (example === undefined) continue
      const names = cycle.slice(0, 5).map(({ m }) => m)
      verdict.fail(
        `no one order of the uniform casts of "${domain}" fits all: ${names.join(', ')} go round`,
        example.deliveries[0]?.at.line,
      )
    }
    return verdict
  },
}

function counts(delivery: Delivery): boolean {
  return delivery.first && isTotal(delivery) && isUniform(delivery.message)
}
