/** What is done once: a key has one result, which the first completion or proposal is; until then one asker runs it. */
import type { TraceToken } from '../../../lib/testing/trace.ts'
import type { MachineModel, ModelAnswer, ModelContext } from './machine-model.ts'

interface Asker {
  readonly key: string
  readonly by: string
  readonly n: number
}

interface Once {
  readonly results: Record<string, unknown>
  readonly running: Record<string, { readonly by: string; readonly token: TraceToken }>
  asking: Asker[]
}

export const onceModel: MachineModel<Once> = {
  start: () => ({ results: {}, running: {}, asking: [] }),
  apply(once, body, caller, context): ModelAnswer | 'waits' {
    const [kind, key, third, fourth] = body as [number, string, unknown, unknown]
    const result = once.results[key]
    if (kind === 0) {
      if (result !== undefined) return [true, [1, result]]
      once.asking.push({ key, ...caller })
      letRun(once, context)
      return 'waits'
    }
    if (kind === 3) return [true, forget(once, key)]
    if (kind === 4) {
      if (result !== undefined) return [true, [1, result]]
      decide(once, key, third, context)
      return [true, [1, third]]
    }
    const runner = once.running[key]
    if (runner?.by !== caller.by || runner.token.join() !== String(third)) return [false, 'stale-token']
    delete once.running[key]
    if (kind === 1) decide(once, key, fourth, context)
    else letRun(once, context)
    return [true, null]
  },
  cancel(once, { by, n }) {
    once.asking = once.asking.filter((each) => each.by !== by || each.n !== n)
  },
  release(once, process, context) {
    for (const [key, { by }] of Object.entries(once.running)) if (by === process) delete once.running[key]
    letRun(once, context)
  },
  viewed: letRun,
  waiting: (once) => once.asking,
  holders: (once) => Object.values(once.running).map(({ by }) => by),
}

function forget(once: Once, key: string): boolean {
  const isThere = once.results[key] !== undefined
  delete once.results[key]
  return isThere
}

function decide(once: Once, key: string, result: unknown, context: ModelContext): void {
  const askers = once.asking.filter((each) => each.key === key)
  once.asking = once.asking.filter((each) => each.key !== key)
  delete once.running[key]
  once.results[key] = result
  for (const { by, n } of askers) context.answer({ by, n }, [true, [1, result]])
}

/** By key: the first who asked and is there, where nobody runs it. */
function letRun(once: Once, context: ModelContext): void {
  for (const key of [...new Set(once.asking.map((each) => each.key))].sort()) {
    const next = once.asking.find((each) => each.key === key && context.members.has(each.by))
    if (once.running[key] !== undefined || next === undefined) continue
    once.asking = once.asking.filter((each) => each !== next)
    const token = context.nextToken()
    once.running[key] = { by: next.by, token }
    context.answer({ by: next.by, n: next.n }, [true, [0, token]])
  }
}
