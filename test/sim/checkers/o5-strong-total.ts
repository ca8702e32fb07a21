/**
 * O5 Strong total order, for uniform total casts that anybody released before its transitional signal: one acyclic
 * relation over a group's casts embeds every process's sequence of them, the crashed and the partitioned included. Those
 * to whom such a cast comes after the signal deliver it in that order too.
 *
 * The union of all edges from one cast to the next in a process's sequence must have no cycle (Kahn's algorithm).
 */

import { type Checker, type Result, Verdict } from './checker.ts'
import { getOrMake, pushTo } from './collections.ts'
import type { Delivery, Group, Message, Process } from './model.ts'
import { isUniform, type Run } from './run.ts'
import { isTotal } from './together.ts'

export const checker: Checker = {
  property: 'O5',
  check(run: Run): Result {
    const verdict = new Verdict('O5')
    const groups = new Map<Group, Graph>()
    const released = new Set<Message>()
    for (const delivery of run.deliveries)
      if (counts(delivery) && !delivery.transitional) released.add(delivery.message)
    for (const delivery of run.deliveries) {
      if (!counts(delivery) || !released.has(delivery.message)) continue
      const graph = getOrMake(groups, delivery.group, newGraph)
      if (addStep(graph, delivery)) verdict.checked++
    }
    for (const [group, graph] of groups) {
      const cycle = inCycles(graph)
      const example = cycle[0]
      if (example === undefined) continue
      const names = cycle.slice(0, 5).map(({ m }) => m)
      verdict.fail(
        `no one order of the uniform casts of "${group.name}" fits all: ${names.join(', ')} go round`,
        example.deliveries[0]?.at.line,
      )
    }
    return verdict
  },
}

interface Graph {
  readonly last: Map<Process, Message>
  readonly edges: Map<Message, Message[]>
  readonly indegree: Map<Message, number>
}

function newGraph(): Graph {
  return { last: new Map(), edges: new Map(), indegree: new Map() }
}

function counts(delivery: Delivery): boolean {
  return delivery.first && isTotal(delivery) && isUniform(delivery.message)
}

/** Adds the edge from the process's last cast; true if there is one. */
function addStep({ last, edges, indegree }: Graph, { process, message }: Delivery): boolean {
  const before = last.get(process)
  last.set(process, message)
  if (!indegree.has(message)) indegree.set(message, 0)
  if (before === undefined) return false
  if (edges.get(before)?.includes(message) !== true) {
    pushTo(edges, before, message)
    indegree.set(message, (indegree.get(message) ?? 0) + 1)
  }
  return true
}

/** What remains when everything without a predecessor is taken away again and again. */
function inCycles({ edges, indegree }: Graph): Message[] {
  const free: Message[] = []
  for (const [message, degree] of indegree) if (degree === 0) free.push(message)
  for (let message = free.pop(); message !== undefined; message = free.pop()) {
    indegree.delete(message)
    for (const next of edges.get(message) ?? []) {
      const degree = (indegree.get(next) ?? 0) - 1
      indegree.set(next, degree)
      if (degree === 0) free.push(next)
    }
  }
  return [...indegree.keys()]
}
