/** What locks do: a queue for each name, of which the first is granted what it may share with those who hold it. */
import type { TraceToken } from '../../../lib/testing/trace.ts'
import type { MachineModel, ModelAnswer, ModelCaller, ModelContext } from './machine-model.ts'

interface Held {
  readonly by: string
  readonly mode: string
  readonly token: TraceToken
}

interface Wish extends ModelCaller {
  readonly name: string
  readonly mode: string
}

interface Locks {
  readonly held: Record<string, Held[]>
  queue: Wish[]
}

/** Nobody overtakes, but who steals; who wants it at once or not at all gets it only if nobody is in the way. */
export function locksModelFor(holdersMax: number): MachineModel<Locks> {
  const grantAll = (locks: Locks, context: ModelContext): void => grantEach(locks, context, holdersMax)
  return {
    start: () => ({ held: {}, queue: [] }),
    apply(locks, body, caller, context): ModelAnswer | 'waits' {
      const [kind, name, third, wish] = body as [string, string, unknown, string]
      if (kind === 'query') return [true, null]
      if (kind === 'unlock') {
        const token = String(third)
        const mine = heldOf(locks, name).find((each) => each.by === caller.by && each.token.join() === token)
        if (mine === undefined) return [true, false]
        locks.held[name] = heldOf(locks, name).filter((each) => each !== mine)
        grantAll(locks, context)
        return [true, true]
      }
      const mode = String(third)
      if (wish === 'steal') locks.held[name] = []
      const isPossible = isFree(locks, { name, mode, holdersMax })
      const isInTheWay = wish !== 'steal' && (locks.queue.some((each) => each.name === name) || !isPossible)
      const isShareable = mode === 'shared' && locks.queue.every((each) => each.name !== name || each.mode === 'shared')
      if (isInTheWay && wish === 'ifAvailable' && !(isShareable && isPossible)) return [true, null]
      if (isInTheWay) {
        locks.queue.push({ ...caller, name, mode })
        return 'waits'
      }
      return [true, take(locks, { ...caller, name, mode }, context)]
    },
    cancel(locks, { by, n }, context) {
      locks.queue = locks.queue.filter((each) => each.by !== by || each.n !== n)
      grantAll(locks, context)
    },
    release(locks, process, context) {
      for (const [name, held] of Object.entries(locks.held)) locks.held[name] = held.filter(({ by }) => by !== process)
      grantAll(locks, context)
    },
    viewed: grantAll,
    waiting: (locks) => locks.queue,
    holders: (locks) => Object.values(locks.held).flatMap((held) => held.map(({ by }) => by)),
  }
}

function heldOf(locks: Locks, name: string): Held[] {
  return locks.held[name] ?? []
}

interface Ask {
  readonly name: string
  readonly mode: string
  /** How many may have it exclusively. */
  readonly holdersMax: number
}

function isFree(locks: Locks, { name, mode, holdersMax }: Ask): boolean {
  const held = heldOf(locks, name)
  return held.every((each) => each.mode === mode) && (mode === 'shared' || held.length < holdersMax)
}

function take(locks: Locks, { name, by, mode }: Wish, context: ModelContext): TraceToken {
  const token = context.nextToken()
  locks.held[name] = [...heldOf(locks, name), { by, mode, token }]
  return token
}

/** By name, the first of each queue as long as it may; not one who is out of reach, nor those behind it. */
function grantEach(locks: Locks, context: ModelContext, holdersMax: number): void {
  const names = [...new Set(locks.queue.map(({ name }) => name))].sort()
  for (const name of names) {
    for (;;) {
      const next = locks.queue.find((each) => each.name === name)
      if (next === undefined || !context.members.has(next.by) || !isFree(locks, { ...next, holdersMax })) break
      locks.queue = locks.queue.filter((each) => each !== next)
      context.answer({ by: next.by, n: next.n }, [true, take(locks, next, context)])
    }
  }
}
