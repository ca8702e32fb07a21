/** What a total map does: a commit writes all of its keys or none, and one that has read what has changed since is refused. */
import type { MachineModel, ModelAnswer } from './machine-model.ts'

interface Bank {
  version: number
  /** In the order in which they were first written: by the commit of that number. */
  keys: { readonly key: string; readonly version: number }[]
}

export const bankModel: MachineModel<Bank> = {
  start: () => ({ version: 0, keys: [] }),
  apply(bank, body): ModelAnswer {
    const [op, ...steps] = body as [number, ...unknown[]]
    if (op !== STEPS) return [true, commit(bank, steps as Step, [])]
    const committed: Committed[] = []
    for (const step of steps) committed.push(commit(bank, step as Step, committed))
    return [true, committed]
  },
}

type Step = [reads: unknown[], writes: unknown[]]
type Committed = [version: number, deleted: number] | null

/** Several commits as one request. */
const STEPS = 2

/** `before`: what the steps before it have come to; it names them by numbers below 0. */
function commit(bank: Bank, [reads, writes]: Step, before: readonly Committed[]): Committed {
  const versionOf = (key: unknown): number => bank.keys.find((each) => each.key === key)?.version ?? 0
  const isStale = ([key, read]: [key: string, read: unknown]): boolean =>
    versionOf(key) !== (Number(read) < 0 ? before[-1 - Number(read)]?.[0] : read)
  if (pairs(reads).some(isStale)) return null
  const changes = pairs(writes).filter(([key, value]) => value !== null || versionOf(key) > 0)
  if (changes.length > 0) bank.version += 1
  let deleted = 0
  for (const [key, value] of changes) {
    const at = bank.keys.findIndex((each) => each.key === key)
    if (value === null) {
      bank.keys.splice(at, 1)
      deleted += 1
    } else if (at < 0) bank.keys.push({ key, version: bank.version })
    else bank.keys[at] = { key, version: bank.version }
  }
  return [bank.version, deleted]
}

function pairs(list: readonly unknown[]): [key: string, second: unknown][] {
  return list.flatMap((each, i) => (i % 2 === 0 ? [[String(each), list[i + 1]] as [string, unknown]] : []))
}
