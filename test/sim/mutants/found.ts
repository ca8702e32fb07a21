/**
 * What was found on the present sources, kept in `.cache`: a hunt through the whole list can be stopped and goes on where
 * it stood, or is shared out (`--part`). The simulator gives the same on the same sources, so a find need not be found
 * again; what was missed is not kept.
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Mutant } from './mutant.ts'
import type { Hunted } from './verdict.ts'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const folder = join(root, '.cache', 'found-mutants')

/** The finds that are kept. */
export class FoundMutants {
  readonly #sources = hashSources()

  /** The find of that mutant by one of these properties within so many seeds; null if it is to be hunted. */
  get(mutant: Mutant, properties: readonly string[], seedsMax: number): Hunted | null {
    const file = this.#fileOf(mutant, properties)
    if (!existsSync(file)) return null
    const { key, by, seeds } = JSON.parse(readFileSync(file, 'utf8')) as Kept
    return key === this.#keyOf(mutant) && seeds <= seedsMax ? { mutant, by, seeds } : null
  }

  /** Keeps a find; one that is none is passed over. */
  keep({ by, seeds }: Hunted, mutant: Mutant, properties: readonly string[]): void {
    if (by.length === 0) return
    mkdirSync(folder, { recursive: true })
    const kept: Kept = { key: this.#keyOf(mutant), by, seeds }
    writeFileSync(this.#fileOf(mutant, properties), JSON.stringify(kept))
  }

  /** Forgets all of them. */
  clear(): void {
    rmSync(folder, { recursive: true, force: true })
  }

  /** One file each: runs that share the list do not disturb each other. */
  #fileOf({ name }: Mutant, properties: readonly string[]): string {
    return join(folder, `${name}.${properties.join('-')}.json`)
  }

  #keyOf(mutant: Mutant): string {
    return createHash('sha256').update(this.#sources).update(JSON.stringify(mutant)).digest('hex')
  }
}

interface Kept {
  readonly key: string
  readonly by: readonly string[]
  readonly seeds: number
}

/** Of what a seed runs: the library and the simulator, but not tests, and not the mutants, which count one by one. */
function hashSources(): string {
  const hash = createHash('sha256').update(process.version)
  for (const part of ['lib', 'test/sim']) {
    const files = readdirSync(join(root, part), { recursive: true, encoding: 'utf8' }).sort()
    for (const file of files) {
      if (!file.endsWith('.ts') || file.endsWith('.test.ts') || /^(mutants|explore|regressions)\//.test(file)) continue
      hash.update(`\n${part}/${file}\n`).update(readFileSync(join(root, part, file)))
    }
  }
  return hash.digest('hex')
}
