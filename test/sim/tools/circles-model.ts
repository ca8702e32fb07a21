/**
 * What locks and permits do that are asked for while others are held: queues as those of `locks-model.ts`, in which whoever
 * would wait for ever is refused. Who is stuck is found round by round, by the definition.
 */
import type { TraceToken } from '../../../lib/testing/trace.ts'
import type { MachineModel, ModelAnswer, ModelCaller, ModelContext } from './machine-model.ts'

type Claim = readonly [table: string, token: TraceToken]

interface Held {
  readonly by: string
  readonly name: string
  readonly mode: string
  readonly token: TraceToken
}

interface Waiting extends ModelCaller {
  readonly age: number
  readonly claims: readonly Claim[]
}

interface Wish extends Waiting {
  readonly name: string
  readonly mode: string
}

/** A wait in another table, as it was told. */
interface Told extends Waiting {
  readonly table: string
  readonly holders: readonly (readonly [by: string, token: TraceToken])[]
}

interface Table {
  age: number
  held: Held[]
  queue: Wish[]
  told: Told[]
  suspicions: number
  suspicion: {
    readonly id: number
    readonly ages: readonly number[]
    /** What keeps each. */
    readonly by: string
    readonly confirmed: number[]
  } | null
}

/** Something waited for, by text. */
interface Way {
  readonly by: string
  readonly key: string
}

/** What a wait waits for: one of the ways if it is for a permit, else all; and its turn. */
interface Node {
  readonly wait: Waiting
  readonly ways: readonly Way[]
  readonly isPermit: boolean
  readonly turn: number | null
}

/** The model of a table of that name; `permits`: how many may hold what is held exclusively. */
export function circlesModel(table: string, permits: number): MachineModel<Table> {
  const isFree = (state: Table, name: string, mode: string): boolean => {
    const held = state.held.filter((each) => each.name === name)
    if (held.some((each) => each.mode !== mode)) return false
    return mode === 'shared' || held.length < permits
  }

  const give = (state: Table, wish: Wish, context: ModelContext): TraceToken => {
    const token = context.nextToken()
    state.held.push({ by: wish.by, name: wish.name, mode: wish.mode, token })
    return token
  }

  const giveAll = (state: Table, context: ModelContext): void => {
    for (const name of [...new Set(state.queue.map((each) => each.name))].sort()) {
      for (;;) {
        const next = state.queue.find((each) => each.name === name)
        if (next === undefined || !context.members.has(next.by) || !isFree(state, name, next.mode)) break
        state.queue = state.queue.filter((each) => each !== next)
        context.answer({ by: next.by, n: next.n }, [true, give(state, next, context)])
      }
    }
  }

  const here = (state: Table): Node[] =>
    state.queue.map((wish) => {
      const { name, mode, age } = wish
      const all = state.held.filter((each) => each.name === name)
      const inTheWay = all.filter((each) => mode !== 'shared' || each.mode !== 'shared')
      const ways =
        permits > 1 && all.length < permits ? [] : inTheWay.map(({ by, token }) => ({ by, key: keyOf([table, token]) }))
      const before = state.queue.filter((each) => each.name === name && each.age < age).at(-1)
      return { wait: wish, ways, isPermit: permits > 1, turn: before?.age ?? null }
    })

  const elsewhere = (state: Table): Node[] =>
    state.told.map((told) => ({
      wait: told,
      ways: told.holders.map(([by, token]) => ({ by, key: keyOf([told.table, token]) })),
      isPermit: true,
      turn: null,
    }))

  const drop = (state: Table, { by, n }: ModelCaller, context: ModelContext): void => {
    const isOther = (each: ModelCaller): boolean => each.by !== by || each.n !== n
    state.told = state.told.filter(isOther)
    state.queue = state.queue.filter(isOther)
    giveAll(state, context)
  }

  const suspect = (state: Table): void => {
    const circle = state.told.length === 0 ? null : circleIn([...here(state), ...elsewhere(state)])
    if (circle === null) state.suspicion = null
    else if (state.suspicion?.by !== circle.by) {
      state.suspicions += 1
      state.suspicion = { id: state.suspicions, ages: circle.waits.map(({ age }) => age), by: circle.by, confirmed: [] }
    }
  }

  const refuse = (state: Table, context: ModelContext, asking?: ModelCaller): ModelAnswer | null => {
    for (;;) {
      const victim = circleIn(here(state))?.waits.findLast(({ claims }) => claims.length > 0)
      if (victim === undefined) return null
      drop(state, victim, context)
      if (victim.by === asking?.by && victim.n === asking.n) return [false, 'deadlock']
      context.answer({ by: victim.by, n: victim.n }, [false, 'deadlock'])
    }
  }

  const apply = (
    state: Table,
    body: readonly unknown[],
    caller: ModelCaller,
    context: ModelContext,
  ): ModelAnswer | 'waits' => {
    const [kind, name, third, , claims = []] = body as [string, string, unknown, unknown, readonly Claim[]]
    if (kind === 'unlock') {
      const mine = state.held.find(
        (each) => each.by === caller.by && each.name === name && each.token.join() === String(third),
      )
      state.held = state.held.filter((each) => each !== mine)
      giveAll(state, context)
      return [true, mine !== undefined]
    }
    if (kind === 'await') {
      const [, of, holders, told] = body as [string, string, Told['holders'], readonly Claim[]]
      state.age += 1
      state.told.push({ ...caller, age: state.age, claims: told, table: of, holders })
      return 'waits'
    }
    if (kind === 'confirm') {
      const [, id, calls] = body as [string, number, readonly number[]]
      const { suspicion } = state
      if (suspicion === null || suspicion.id !== id) return [true, null]
      const circle = [...state.queue, ...state.told].filter(({ age }) => suspicion.ages.includes(age))
      for (const { by, n, age } of circle)
        if (by === caller.by && calls.includes(n) && !suspicion.confirmed.includes(age)) suspicion.confirmed.push(age)
      if (suspicion.confirmed.length < suspicion.ages.length) return [true, null]
      const victim = circle.sort((a, b) => a.age - b.age).findLast((each) => each.claims.length > 0)
      if (victim === undefined) return [true, null]
      context.answer({ by: victim.by, n: victim.n }, [false, 'deadlock'])
      drop(state, victim, context)
      return [true, null]
    }
    state.age += 1
    const wish: Wish = { ...caller, name, mode: String(third), age: state.age, claims }
    if (state.queue.every((each) => each.name !== name) && isFree(state, name, wish.mode))
      return [true, give(state, wish, context)]
    state.queue.push(wish)
    return (claims.length > 0 ? refuse(state, context, caller) : null) ?? 'waits'
  }

  return {
    start: () => ({ age: 0, held: [], queue: [], told: [], suspicions: 0, suspicion: null }),
    apply(state, body, caller, context) {
      const answer = apply(state, body as readonly unknown[], caller, context)
      suspect(state)
      return answer
    },
    cancel(state, caller, context) {
      drop(state, caller, context)
      suspect(state)
    },
    release(state, process, context) {
      state.held = state.held.filter(({ by }) => by !== process)
      giveAll(state, context)
      suspect(state)
    },
    viewed(state, context) {
      giveAll(state, context)
      refuse(state, context)
      suspect(state)
    },
    waiting: (state) => [...state.queue, ...state.told],
    holders: (state) => state.held.map(({ by }) => by),
  }
}

function keyOf([table, token]: Claim): string {
  return `${table} ${token.join()}`
}

/** A circle among these, by age: of all parts in which each keeps each, the one with the oldest. */
function circleIn(nodes: readonly Node[]): { readonly waits: Waiting[]; readonly by: string } | null {
  const byAge = [...nodes].sort((a, b) => a.wait.age - b.wait.age)
  const stuck = stuckIn(byAge)
  const keeperOf = ({ by, key }: Way): Waiting | undefined =>
    byAge.find(({ wait }) => stuck.has(wait.age) && wait.by === by && wait.claims.some((claim) => keyOf(claim) === key))
      ?.wait
  /** By age: the ages of those that keep it. */
  const keepers = new Map<number, number[]>()
  const why = new Map<number, string>()
  for (const { wait, ways, isPermit, turn } of byAge) {
    if (!stuck.has(wait.age)) continue
    const known = ways.flatMap((way) => keeperOf(way)?.age ?? [])
    const isKept = isPermit ? known.length > 0 && known.length === ways.length : known.length > 0
    const kept = ways.filter((way) => keeperOf(way) !== undefined).map(({ key }) => key)
    why.set(wait.age, isKept ? (isPermit ? kept : kept.slice(0, 1)).join() : `behind ${turn}`)
    keepers.set(wait.age, isKept ? (isPermit ? known : known.slice(0, 1)) : turn === null ? [] : [turn])
  }
  const behind = (age: number): Set<number> => {
    const all = new Set(keepers.get(age))
    for (const each of all) for (const next of keepers.get(each) ?? []) all.add(next)
    return all
  }
  for (const age of keepers.keys()) {
    const all = behind(age)
    if (!all.has(age) || [...all].some((each) => !behind(each).has(age))) continue
    const waits = byAge.flatMap(({ wait }) => (all.has(wait.age) ? [wait] : []))
    return { waits, by: waits.map((wait) => `${wait.age} ${why.get(wait.age)}`).join() }
  }
  return null
}

/** The ages of those that never end: all but those that end in some round. */
function stuckIn(nodes: readonly Node[]): Set<number> {
  const stuck = new Set(nodes.map(({ wait }) => wait.age))
  for (;;) {
    const before = stuck.size
    for (const { wait, ways, isPermit, turn } of nodes) {
      const ends = ways.map(({ by, key }) =>
        nodes.every(
          (each) =>
            !stuck.has(each.wait.age) || each.wait.by !== by || each.wait.claims.every((claim) => keyOf(claim) !== key),
        ),
      )
      const isServed = isPermit && ends.length > 0 ? ends.includes(true) : !ends.includes(false)
      if (isServed && (turn === null || !stuck.has(turn))) stuck.delete(wait.age)
    }
    if (stuck.size === before) return stuck
  }
}
