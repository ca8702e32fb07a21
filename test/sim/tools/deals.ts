/**
 * Transactions over several objects, as the simulator uses them: money that is moved between the accounts of a map (`vault`)
 * and a bounded counter (`till`), so that the sum stays the same in whatever is read at one moment; a register (`chief`) says
 * which transaction was the last of those that sign. The objects come as tools of their own, which not everybody has open;
 * the ledger (`deals`) is opened before them.
 */
import type { BoundedCounter } from '../../../lib/objects/bounded-counter.ts'
import type { Ledger } from '../../../lib/objects/ledger.ts'
import type { SharedRegister } from '../../../lib/objects/register.ts'
import type { TotalMap } from '../../../lib/objects/total-map.ts'
import type { Transact, TransactOptions, transact } from '../../../lib/objects/transact.ts'
import type { SimProcess } from '../process.ts'
import type { Random } from '../random.ts'
import { type OpenTool, type SimTool, ToolCalls, type ToolPlace } from './tool.ts'

/** What is in each account at first, and how much the till holds at most; `deals-models.ts` and `deals-history.ts` know these. */
const START = 50
const ACCOUNTS = ['a0', 'a1'] as const
const TILL_MAX = 80
/** How often a call is taken back a moment later. */
const ABORT_CHANCE = 0.1
/** How often an operation on an object is one of it alone. */
const ALONE_CHANCE = 0.45
/** How often a function takes its time, in ms, at most. */
const SLOW = { chance: 0.15, ms: 150 }
/** Transactions of one process that are under way at a time, at most. */
const OPEN_MAX = 3

type Transacting = typeof transact

/** What one process has open. */
class Open {
  ledger: Ledger | null = null
  vault: TotalMap<number> | null = null
  till: BoundedCounter | null = null
  chief: SharedRegister<number> | null = null
  count = 0
}

const openAt = new WeakMap<SimProcess, Open>()

function open(process: SimProcess): Open {
  const known = openAt.get(process) ?? new Open()
  openAt.set(process, known)
  return known
}

let run: Transacting | null = null

/** Makes a transaction over what is open at this process; all are operations of `deals`. */
function deal({ place, random, value }: { place: ToolPlace; random: Random; value: number }): boolean {
  const mine = open(place.process)
  const { ledger, vault, till, chief } = mine
  const calls = new ToolCalls({ ...place, name: 'deals' })
  const draw = random.next()
  const n = random.int(20) + 1
  const [from, to] = random.shuffle(ACCOUNTS)
  const abort = new AbortController()
  if (random.chance(ABORT_CHANCE)) calls.after(random.between(0, 400), () => abort.abort())
  const slow = random.chance(SLOW.chance) ? random.between(0, SLOW.ms) : 0
  if (ledger === null || run === null || mine.count >= OPEN_MAX) return true
  const transacting = run
  const options: TransactOptions = { signal: abort.signal, tries: 12 }
  const make = (f: string, args: readonly unknown[], fn: (tx: Transact) => unknown): true => {
    const wait = (tx: Transact): unknown => (slow === 0 ? fn(tx) : calls.pause(slow).then(() => fn(tx)))
    mine.count += 1
    void calls
      .run(f, args, () => transacting(ledger, wait, options))
      .finally(() => {
        mine.count -= 1
      })
    return true
  }
  const held = (tx: Transact, key: string): number => (vault === null ? 0 : (tx.of(vault).get(key) ?? START))
  const sign = (tx: Transact): void => {
    if (chief !== null) tx.of(chief).set(value)
  }
  const signs = chief !== null
  if (vault !== null && till !== null) {
    if (draw < 0.3)
      return make('deposit', [from, n, signs ? value : null], (tx) => {
        const before = held(tx, from ?? '')
        tx.of(vault).set(from ?? '', before - n)
        tx.of(till).add(n)
        sign(tx)
        return before
      })
    if (draw < 0.6)
      return make('withdraw', [from, n, signs ? value : null], (tx) => {
        const before = [held(tx, from ?? ''), tx.of(till).value]
        tx.of(vault).set(from ?? '', (before[0] ?? 0) + n)
        tx.of(till).add(-n)
        sign(tx)
        return before
      })
    if (draw < 0.85) return make('audit', [], (tx) => [...ACCOUNTS.map((each) => held(tx, each)), tx.of(till).value])
  }
  if (vault !== null && draw < 0.95)
    return make('transfer', [from, to, n, signs ? value : null], (tx) => {
      const before = [held(tx, from ?? ''), held(tx, to ?? '')]
      tx.of(vault).set(from ?? '', (before[0] ?? 0) - n)
      tx.of(vault).set(to ?? '', (before[1] ?? 0) + n)
      sign(tx)
      return before
    })
  if (till !== null && chief !== null)
    return make('glance', [], (tx) => [tx.of(till).value, tx.of(chief).value ?? null])
  return true
}

/** What is done with an object alone. */
type Alone = (random: Random, value: number, calls: ToolCalls) => void

/** One of the objects in the hands of one process. */
class OpenObject implements OpenTool {
  readonly #place: ToolPlace
  readonly #alone: Alone
  readonly #close: () => Promise<void>

  constructor(place: ToolPlace, alone: Alone, close: () => Promise<void>) {
    this.#place = place
    this.#alone = alone
    this.#close = close
  }

  act(random: Random, value: number): boolean {
    if (!random.chance(ALONE_CHANCE)) return deal({ place: this.#place, random, value })
    this.#alone(random, value, new ToolCalls({ ...this.#place, name: 'deals' }))
    return true
  }

  close(): Promise<void> {
    return this.#close()
  }
}

/** Is the ledger open there, as it must be before the objects are? */
function isLedgerReady(process: SimProcess): boolean {
  return open(process).ledger?.port.isWhole === true
}

/** The ledger. */
export const deals: SimTool = {
  name: 'deals',
  async load() {
    const { ledgerKind } = await import('../../../lib/objects/ledger.ts')
    run = (await import('../../../lib/objects/transact.ts')).transact
    return {
      open(place, use) {
        const mine = open(place.process)
        return use(ledgerKind, {}, (ledger): OpenTool => {
          mine.ledger = ledger
          return {
            act: (random, value) => deal({ place, random, value }),
            close: () => ledger.port.close(),
          }
        })
      },
    }
  },
}

function optionsOf(process: SimProcess) {
  const { ledger } = open(process)
  if (ledger === null) throw new TypeError('the ledger is not open here')
  return { atomic: true, ledger } as const
}

const vault: SimTool = {
  name: 'vault',
  async load() {
    const { totalMapKind } = await import('../../../lib/objects/total-map.ts')
    return {
      isReady: isLedgerReady,
      open: (place, use) =>
        use(totalMapKind, { consistency: 'total', ...optionsOf(place.process) }, (handle) => {
          // Nothing but numbers is ever written.
          const map = handle as unknown as TotalMap<number>
          const mine = open(place.process)
          mine.vault = map
          const alone: Alone = (random, value, calls) => {
            if (random.chance(0.5)) void calls.run('note', [value], () => map.set('n', value))
            else
              void calls.run('move', [1], () =>
                map.transaction((view) => {
                  const before = ACCOUNTS.map((each) => view.get(each) ?? START)
                  view.set('a0', (before[0] ?? 0) - 1).set('a1', (before[1] ?? 0) + 1)
                  return before
                }),
              )
          }
          return new OpenObject(place, alone, () => {
            mine.vault = null
            return map.close()
          })
        }),
    }
  },
}

const till: SimTool = {
  name: 'till',
  async load() {
    const { boundedCounterKind } = await import('../../../lib/objects/bounded-counter.ts')
    return {
      isReady: isLedgerReady,
      open: (place, use) =>
        use(boundedCounterKind, { min: 0, max: TILL_MAX, ...optionsOf(place.process) }, (counter) => {
          const mine = open(place.process)
          mine.till = counter
          const alone: Alone = (_random, _value, calls) => void calls.run('count', [], () => counter.read())
          return new OpenObject(place, alone, () => {
            mine.till = null
            return counter.close()
          })
        }),
    }
  },
}

const chief: SimTool = {
  name: 'chief',
  async load() {
    const { registerKind } = await import('../../../lib/objects/register.ts')
    return {
      isReady: isLedgerReady,
      open: (place, use) =>
        use(registerKind, optionsOf(place.process), (handle) => {
          const register = handle as unknown as SharedRegister<number>
          const mine = open(place.process)
          mine.chief = register
          const alone: Alone = (random, value, calls) => {
            if (random.chance(0.5)) void calls.run('sign', [value], () => register.set(value))
            else void calls.run('who', [], async () => (await register.read()).value ?? null)
          }
          return new OpenObject(place, alone, () => {
            mine.chief = null
            return register.close()
          })
        }),
    }
  },
}

/** The objects. */
export const dealt: readonly SimTool[] = [vault, till, chief]
