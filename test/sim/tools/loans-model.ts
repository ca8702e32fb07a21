/** What loans do: see `loans-machine.ts`. */
import type { TraceToken } from '../../../lib/testing/trace.ts'
import type { MachineModel, ModelAnswer, ModelCaller, ModelContext } from './machine-model.ts'

interface Loans {
  readonly had: Record<string, { readonly by: string; readonly token: TraceToken }>
  waiting: ({ readonly thing: string } & ModelCaller)[]
}

/** Each thing is had by one, and goes to who has waited for longest. */
export const loansModel: MachineModel<Loans> = {
  start: () => ({ had: {}, waiting: [] }),
  apply(loans, body, caller, context): ModelAnswer | 'waits' {
    const [f, thing, token] = body as [string, string, TraceToken]
    if (f === 'borrow') {
      loans.waiting.push({ thing, ...caller })
      const isFree = loans.had[thing] === undefined
      if (!isFree) return 'waits'
      const given: ModelAnswer[] = []
      lend(loans, { ...context, answer: (_, answer) => given.push(answer) })
      return given[0] ?? 'waits'
    }
    if (loans.had[thing]?.token.join() !== token.join()) return [false, 'stale-token']
    delete loans.had[thing]
    lend(loans, context)
    return [true, null]
  },
  cancel(loans, { by, n }) {
    loans.waiting = loans.waiting.filter((each) => each.by !== by || each.n !== n)
  },
  release(loans, process, context) {
    for (const [thing, { by }] of Object.entries(loans.had)) if (by === process) delete loans.had[thing]
    lend(loans, context)
  },
  viewed: (loans, context) => lend(loans, context),
  waiting: (loans) => loans.waiting,
  holders: (loans) => Object.values(loans.had).map(({ by }) => by),
}

function lend(loans: Loans, context: ModelContext): void {
  for (const { thing, by, n } of [...loans.waiting]) {
    if (loans.had[thing] !== undefined) continue
    loans.waiting = loans.waiting.filter((each) => each.by !== by || each.n !== n)
    const token = context.nextToken()
    loans.had[thing] = { by, token }
    context.answer({ by, n }, [true, token])
  }
}
