/** Who leads: for each name one, and after it the most senior of those who stand. */
import type { TraceToken } from '../../../lib/testing/trace.ts'
import type { MachineModel, ModelAnswer, ModelCaller, ModelContext } from './machine-model.ts'

interface Leaders {
  readonly leading: Record<string, { readonly by: string; readonly token: TraceToken }>
  standing: ({ readonly name: string } & ModelCaller)[]
}

export const leaderModel: MachineModel<Leaders> = {
  start: () => ({ leading: {}, standing: [] }),
  apply(leaders, body, caller, context): ModelAnswer | 'waits' {
    const [kind, name, token] = body as [number, string, TraceToken]
    if (kind === 0) {
      leaders.standing.push({ ...caller, name })
      fill(leaders, context)
      return 'waits'
    }
    const { by, token: own } = leaders.leading[name] ?? { by: '', token: [] }
    if (by !== caller.by || own.join() !== token.join()) return [false, 'stale-token']
    delete leaders.leading[name]
    fill(leaders, context)
    return [true, null]
  },
  cancel(leaders, { by, n }) {
    leaders.standing = leaders.standing.filter((each) => each.by !== by || each.n !== n)
  },
  release(leaders, process, context) {
    for (const name of Object.keys(leaders.leading))
      if (leaders.leading[name]?.by === process) delete leaders.leading[name]
    fill(leaders, context)
  },
  viewed: fill,
  waiting: (leaders) => leaders.standing,
  holders: (leaders) => Object.values(leaders.leading).map(({ by }) => by),
}

/** By name; the members come by rank. */
function fill(leaders: Leaders, context: ModelContext): void {
  for (const name of [...new Set(leaders.standing.map((each) => each.name))].sort()) {
    if (leaders.leading[name] !== undefined) continue
    const candidates = leaders.standing.filter((each) => each.name === name)
    const rank = [...context.members].find((member) => candidates.some(({ by }) => by === member))
    const next = candidates.find(({ by }) => by === rank)
    if (next === undefined) continue
    leaders.standing = leaders.standing.filter((each) => each !== next)
    const token = context.nextToken()
    leaders.leading[name] = { by: next.by, token }
    context.answer({ by: next.by, n: next.n }, [true, token])
  }
}
