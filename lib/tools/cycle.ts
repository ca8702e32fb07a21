/**
 * A deadlock as it is told to who is refused: each wait, and who keeps it waiting.
 */
import { isAuthor } from '../objects/checks.ts'
import { isToken, type Token } from '../objects/token.ts'
import { type DeadlockEdge, DeadlockError } from '../tool-errors.ts'
import type { Knot, Wait } from './wait-graph.ts'

/** Edges that are told of, at most. */
const EDGES_MAX = 64

/** An edge as a machine answers it. */
type SavedEdge = readonly [
  process: string,
  table: string,
  name: string,
  mode: string,
  holders: readonly (readonly [process: string, token: Token])[],
  behind: string | null,
]

/** As JSON, from the one who is refused on, along what keeps each. */
export function writeCycle(knot: Knot, refused: Wait): string {
  const waits = [refused]
  const edges: SavedEdge[] = []
  for (const wait of waits) {
    const reason = knot.get(wait)
    if (reason === undefined || edges.length >= EDGES_MAX) break
    const { table, name, mode } = wait.what
    const holders = reason.holds.map(({ process, token }) => [process, token] as const)
    edges.push([wait.caller.process, table, name, mode, holders, reason.behind?.caller.process ?? null])
    for (const keeper of keepersOf(knot, reason)) if (!waits.includes(keeper)) waits.push(keeper)
  }
  return JSON.stringify(edges)
}

/** The waits of the knot that keep one: the one before it in line, or the oldest that claims each hold. */
function keepersOf(
  knot: Knot,
  { holds, behind }: { holds: readonly { key: string; process: string }[]; behind: Wait | null },
): Wait[] {
  if (behind !== null) return [behind]
  return holds.flatMap(({ key, process }) => {
    return [...knot.keys()].find((wait) => wait.caller.process === process && wait.claims.includes(key)) ?? []
  })
}

/** The error for what a machine has answered; `kindOf` says what a table is. */
export function readCycle(text: string, kindOf: (table: string) => DeadlockEdge['kind']): DeadlockError {
  const edges = parse(text).map(([clientId, table, name, mode, holders, behind]): DeadlockEdge => {
    const kind = kindOf(table)
    const heldBy = holders.map(([process, token]) => ({ clientId: process, token }))
    return {
      clientId,
      kind,
      name: kind === 'lock' ? name : table,
      mode: mode === 'shared' ? mode : 'exclusive',
      heldBy,
      behind,
    }
  })
  return new DeadlockError(edges)
}

/** What a member has made up is no cycle. */
function parse(text: string): SavedEdge[] {
  let edges: unknown = null
  try {
    edges = JSON.parse(text)
  } catch {
    return []
  }
  return Array.isArray(edges) ? edges.filter(isEdge) : []
}

function isEdge(edge: unknown): edge is SavedEdge {
  if (!Array.isArray(edge) || edge.length !== 6) return false
  const [process, table, name, mode, holders, behind] = edge as unknown[]
  if (![process, table, name, mode].every((each) => typeof each === 'string')) return false
  if (!Array.isArray(holders) || !(behind === null || typeof behind === 'string')) return false
  return holders.every((each) => Array.isArray(each) && isAuthor(each[0]) && isToken(each[1]))
}
