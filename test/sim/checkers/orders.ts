/** Does one order fit several sequences? The union of all edges from one cast to the next must have no cycle (Kahn). */
import { pushTo } from './collections.ts'
import type { Message } from './model.ts'

/** Edges of several sequences; `By` tells the sequences apart. */
export interface Orders<By> {
  readonly last: Map<By, Message>
  readonly edges: Map<Message, Message[]>
  readonly indegree: Map<Message, number>
}

export function newOrders<By>(): Orders<By> {
  return { last: new Map(), edges: new Map(), indegree: new Map() }
}

/** Adds the edge from the sequence's last cast; returns that, if there is one. */
export function addStep<By>({ last, edges, indegree }: Orders<By>, by: By, message: Message): Message | undefined {
  const before = last.get(by)
  last.set(by, message)
  if (!indegree.has(message)) indegree.set(message, 0)
  if (before !== undefined && edges.get(before)?.includes(message) !== true) {
    pushTo(edges, before, message)
    indegree.set(message, (indegree.get(message) ?? 0) + 1)
  }
  return before
}

/** What remains when everything without a predecessor is taken away again and again. Uses the orders up. */
export function inCycles<By>({ edges, indegree }: Orders<By>): Message[] {
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
