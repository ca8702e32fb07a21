/**
 * Purses of the workload `snapshots`: counters and maps between which each process moves what it has, in one batch. So what
 * there is of a process in all of them together is 0, in each of its own casts' order; and who sees a part of a batch only,
 * sees another sum.
 */
import type { SharedCounter } from '../../../lib/objects/counter.ts'
import type { SharedMap } from '../../../lib/objects/map.ts'
import { MapState } from '../../../lib/objects/map-state.ts'
import { decodeValue } from '../../../lib/values.ts'
import type { SimProcess } from '../process.ts'
import type { OpenTool, SimTool, ToolPlace } from './tool.ts'

const COUNTERS = ['purse1', 'purse2']
const MAPS = ['purse3', 'purse4']
const NAMES = [...COUNTERS, ...MAPS]

/** Moves money into it. */
type Pay = (amount: number) => void

/** Of a process, those that are open. */
const pursesOf = new WeakMap<SimProcess, Map<string, Pay>>()

function openPurse({ process, name }: ToolPlace, pay: Pay, close: () => Promise<void>): OpenTool {
  const purses = pursesOf.get(process) ?? new Map<string, Pay>()
  pursesOf.set(process, purses)
  purses.set(name, pay)
  return {
    act(random) {
      const [from, to] = random.shuffle(NAMES.filter((each) => process.app.group(each)?.isWhole === true))
      const [take, give] = [purses.get(from ?? ''), purses.get(to ?? '')]
      if (take === undefined || give === undefined) return false
      const amount = random.int(90) + 1
      process.app.batch(() => {
        take(-amount)
        give(amount)
      })
      return true
    },
    close,
  }
}

const counters: readonly SimTool[] = COUNTERS.map((name) => ({
  name,
  async load() {
    const { counterKind } = await import('../../../lib/objects/counter.ts')
    return {
      isPlain: true,
      open: (place, use) =>
        use(counterKind, {}, (counter: SharedCounter) =>
          openPurse(
            place,
            (amount) => void counter.add(amount),
            () => counter.close(),
          ),
        ),
    }
  },
}))

const maps: readonly SimTool[] = MAPS.map((name) => ({
  name,
  async load() {
    const { mapKind } = await import('../../../lib/objects/map.ts')
    return {
      isPlain: true,
      open: (place, use) =>
        use(mapKind, {}, (map: SharedMap) => {
          const { id } = place.process
          return openPurse(
            place,
            (amount) => void map.set(id, ((map.get(id) as number | undefined) ?? 0) + amount),
            () => map.close(),
          )
        }),
    }
  },
}))

export const PURSES: readonly SimTool[] = [...counters, ...maps]

/** What there is of these processes in the states of all purses; null unless all are there. */
export function balanceOf(
  states: ReadonlyMap<string, Uint8Array>,
  processes: readonly string[],
): (readonly [process: string, sum: number])[] | null {
  const sums = new Map(processes.map((id) => [id, 0]))
  const add = (id: string, amount: number): void => {
    const sum = sums.get(id)
    if (sum !== undefined) sums.set(id, sum + amount)
  }
  for (const name of NAMES) {
    const bytes = states.get(name)
    // Nobody has opened it, or nobody has all of it.
    if (bytes === undefined) return null
    const state = decodeValue(bytes)
    if (MAPS.includes(name)) {
      const map = MapState.load(state)
      for (const id of map.keys()) add(id, Number(map.entries(id)[0]?.value))
    } else {
      const totals = state as (string | number)[]
      for (let i = 0; i < totals.length; i += 4)
        add(String(totals[i]).split('/', 1)[0] ?? '', Number(totals[i + 2]) - Number(totals[i + 3]))
    }
  }
  return [...sums]
}
