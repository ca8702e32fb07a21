/** What a ledger decides, and what the objects do that are held for transactions: see `deals.ts`. */
import { bankModel } from './bank-model.ts'
import { anyModel, type MachineModel, type ModelAnswer, type ModelCaller, type ModelContext } from './machine-model.ts'
import { registerModel } from './register-model.ts'

/** As in `deals.ts`. */
const TILL_MAX = 80

type Key = readonly [process: string, opening: number, n: number]

interface Ledger {
  commits: { readonly key: string; open: string[] }[]
  /** By process: what is not committed, up to that one. */
  readonly given: Record<string, readonly [opening: number, n: number]>
}

/** The first decision counts; what is given up takes all before it of its maker along. */
export const ledgerModel: MachineModel<Ledger> = {
  start: () => ({ commits: [], given: {} }),
  apply(ledger, body): ModelAnswer {
    const [op, [process, opening, n], third, names = []] = body as [number, Key, unknown, string[]?]
    const key = `${process} ${opening} ${n}`
    const known = ledger.commits.find((each) => each.key === key)
    if (op === 1) {
      if (known !== undefined) known.open = known.open.filter((name) => !(third as readonly string[]).includes(name))
      ledger.commits = ledger.commits.filter(({ open }) => open.length > 0)
      return [true, null]
    }
    if (known !== undefined) return [true, true]
    const [upTo, last] = ledger.given[process] ?? [-1, 0]
    const isGiven = opening < upTo || (opening === upTo && n <= last)
    if (third === true) {
      if (!isGiven) ledger.commits.push({ key, open: [...new Set(names)] })
      return [true, !isGiven]
    }
    if (!isGiven) ledger.given[process] = [opening, n]
    return [true, false]
  },
  release(ledger, process) {
    delete ledger.given[process]
  },
}

/** What an object does with its part of a transaction. */
interface PartModel<State> {
  /** True: now; false: something was read that has changed; else it is refused. */
  check(state: State, part: readonly unknown[]): boolean | ModelAnswer
  carryOut(state: State, part: readonly unknown[], context: ModelContext): void
}

interface Atomic<State> {
  readonly inner: State
  held: { readonly key: string; readonly part: readonly unknown[] } | null
  waiting: (ModelCaller & { readonly body: readonly unknown[] })[]
}

/** While it is held, all wait in the order of asking. */
function atomicModel<State>(inner: MachineModel<State>, parts: PartModel<State>): MachineModel<Atomic<State>> {
  const doNow = (
    atomic: Atomic<State>,
    body: readonly unknown[],
    { caller, context }: { caller: ModelCaller; context: ModelContext },
  ): ModelAnswer | 'waits' | null => {
    if (typeof body[0] === 'number') return inner.apply(atomic.inner, body, caller, context)
    const isAlone = body[0] === 'alone'
    const part = body[isAlone ? 1 : 3] as readonly unknown[]
    const checked = parts.check(atomic.inner, part)
    if (typeof checked !== 'boolean') return checked
    if (!checked) return [true, 2]
    if (isAlone) parts.carryOut(atomic.inner, part, context)
    else atomic.held = { key: String(body[1]), part }
    return [true, isAlone ? 1 : 0]
  }
  return {
    start: (name) => ({ inner: inner.start(name), held: null, waiting: [] }),
    apply(atomic, request, caller, context) {
      const body = request as readonly unknown[]
      if (body[0] === 'end') {
        if (atomic.held?.key !== String(body[1])) return [true, null]
        if (body[2] === true) parts.carryOut(atomic.inner, atomic.held.part, context)
        atomic.held = null
        for (const next of [...atomic.waiting]) {
          if (atomic.held !== null) break
          atomic.waiting = atomic.waiting.filter((each) => each !== next)
          const answer = doNow(atomic, next.body, { caller: next, context })
          if (answer !== null && answer !== 'waits') context.answer({ by: next.by, n: next.n }, answer)
        }
        return [true, null]
      }
      if (atomic.held === null) return doNow(atomic, body, { caller, context })
      atomic.waiting.push({ ...caller, body })
      return 'waits'
    },
    cancel(atomic, { by, n }) {
      atomic.waiting = atomic.waiting.filter((each) => each.by !== by || each.n !== n)
    },
    waiting: ({ waiting }) => waiting,
  }
}

type Bank = Parameters<typeof bankModel.apply>[0]

const vaultModel = atomicModel<Bank>(bankModel, {
  check: (bank, [reads]) =>
    (reads as readonly unknown[]).every(
      (key, i, all) => i % 2 === 1 || (bank.keys.find((each) => each.key === key)?.version ?? 0) === all[i + 1],
    ),
  carryOut(bank, [, writes], context) {
    bankModel.apply(bank, [0, [], writes], { by: '', n: 0 }, context)
  },
})

interface Till {
  value: number
}

const tillModel = atomicModel<Till>(
  { start: () => ({ value: 0 }), apply: (till): ModelAnswer => [true, till.value] },
  {
    check(till, [expected, n]) {
      if (expected !== null && expected !== till.value) return false
      const after = till.value + Number(n)
      return after < 0 || after > TILL_MAX ? [false, 'out-of-bounds'] : true
    },
    carryOut(till, [, n]) {
      till.value += Number(n)
    },
  },
)

const chiefModel = atomicModel(registerModel, {
  check: (register, [expected]) => expected === null || expected === register.version,
  carryOut(register, [, bytes]) {
    if (bytes !== null) register.version += 1
  },
})

/** By name. */
export const dealModels: Readonly<Record<string, MachineModel>> = {
  deals: anyModel(ledgerModel),
  vault: anyModel(vaultModel),
  till: anyModel(tillModel),
  chief: anyModel(chiefModel),
}
