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
    const [, reads, writes] = body as [number, unknown[], unknown[]]
    const versionOf = (key: unknown): number => bank.keys.find((each) => each.key === key)?.version ?? 0
    if (pairs(reads).some(([key, version]) => versionOf(key) !== version)) return [true, null]
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
    return [true, [bank.version, deleted]]
  },
}

function pairs(list: readonly unknown[]): [key: string, second: unknown][] {
  return list.flatMap((each, i) => (i % 2 === 0 ? [[String(each), list[i + 1]] as [string, unknown]] : []))
}
