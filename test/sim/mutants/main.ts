/**
 * `npm run sim:mutants`: plants protocol bugs, one at a time, in a copy of the sources, and runs seeds until the checker
 * of a property that it breaks reports it. A bug that is not found fails the run: then the simulator is blind there. So
 * does a checker that finds none: whose property was violated in no bug's last seed is tried alone on those that break it.
 *
 *   npm run sim:mutants -- [--part K/N] [--only a,b | --checkers A,B] [--seeds 2000] [--jobs 2] [--anew]
 *
 * What is found is kept as long as the sources stay as they are: a run that was stopped goes on, and the last of the parts
 * judges them all. `--anew` forgets it. The whole list takes about half an hour on two cores that have nothing else to do.
 *
 * The last line is a JSON summary. Exit code 1 if the bar is not met (`verdict.ts`); of a part, if one was not found.
 */
import { parseArgs } from 'node:util'
import { checkers } from '../checkers/index.ts'
import { FoundMutants } from './found.ts'
import { hunt } from './hunt.ts'
import { layerOf } from './layers.ts'
import { MUTANTS } from './list.ts'
import type { Mutant } from './mutant.ts'
import { type Hunted, judge, SEEDS_MAX } from './verdict.ts'

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    /** `2/3`: the second of three parts of the list. */
    part: { type: 'string', default: '1/1' },
    /** Only these checkers, each alone on the bugs that break its property. */
    checkers: { type: 'string' },
    seeds: { type: 'string', default: String(SEEDS_MAX) },
    jobs: { type: 'string', default: '2' },
    anew: { type: 'boolean', default: false },
  },
})
const PROPERTIES: readonly string[] = checkers.map(({ property }) => property)
const found = new FoundMutants()
process.exitCode = await main()

async function main(): Promise<number> {
  const seedsMax = readNumber('seeds', values.seeds)
  if (values.anew) found.clear()
  if (values.checkers !== undefined)
    return await tryCheckers(readNames('checkers', values.checkers, PROPERTIES), seedsMax)
  const start = Date.now()
  const chosen = chooseMutants()
  const ended = await huntAll(chosen, seedsMax)
  const all = MUTANTS.flatMap((mutant) => {
    return (
      ended.find((each) => each.mutant.name === mutant.name) ?? found.get(mutant, mutant.properties, seedsMax) ?? []
    )
  })
  const missed = ended.filter(({ by }) => by.length === 0).map(({ mutant }) => mutant.name)
  if (all.length < MUTANTS.length) {
    const rest = MUTANTS.length - all.length
    console.log(
      JSON.stringify({
        mutants: ended.length,
        found: ended.length - missed.length,
        missed,
        rest,
        ms: Date.now() - start,
      }),
    )
    return missed.length > 0 ? 1 : 0
  }
  const alone = await huntAlone(judge(all, PROPERTIES).silent, seedsMax)
  const whole = all.map((each) => ({ ...each, by: [...each.by, ...(alone.get(each.mutant.name) ?? [])] }))
  const verdict = judge(whole, PROPERTIES)
  for (const lack of verdict.lacks) console.log(lack)
  console.log(
    `${verdict.found} of ${verdict.mutants} planted bugs in ${verdict.layers} layers found, half of them within ` +
      `${verdict.median} seeds, all within ${verdict.seedsMax}; ${PROPERTIES.length - verdict.silent.length} of ` +
      `${PROPERTIES.length} checkers have found one`,
  )
  console.log(JSON.stringify({ ...verdict, ms: Date.now() - start }))
  return verdict.lacks.length > 0 ? 1 : 0
}

/** Hunts them, as many at a time as there are jobs, or says again what is kept. */
async function huntAll(mutants: readonly Mutant[], seedsMax: number): Promise<Hunted[]> {
  const queue = [...mutants]
  const all: Hunted[] = []
  const work = async (): Promise<void> => {
    for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift())
      all.push(await huntOne(mutant, mutant.properties, seedsMax))
  }
  await Promise.all(Array.from({ length: Math.max(1, readNumber('jobs', values.jobs)) }, work))
  return all
}

/** By mutant: the checkers, of these, that find it when they are looked for alone. */
async function huntAlone(properties: readonly string[], seedsMax: number): Promise<Map<string, string[]>> {
  const alone = new Map<string, string[]>()
  for (const property of properties) {
    for (const mutant of MUTANTS.filter((each) => each.properties.includes(property))) {
      const { by } = await huntOne(mutant, [property], seedsMax)
      if (by.length === 0) continue
      alone.set(mutant.name, [...(alone.get(mutant.name) ?? []), property])
      break
    }
  }
  return alone
}

async function tryCheckers(properties: readonly string[], seedsMax: number): Promise<number> {
  const alone = [...(await huntAlone(properties, seedsMax)).values()].flat()
  const silent = properties.filter((property) => !alone.includes(property))
  console.log(JSON.stringify({ checkers: properties.length, silent }))
  return silent.length > 0 ? 1 : 0
}

async function huntOne(mutant: Mutant, properties: readonly string[], seedsMax: number): Promise<Hunted> {
  const start = Date.now()
  const kept = found.get(mutant, properties, seedsMax)
  const hunted = kept ?? (await hunt(mutant, properties, seedsMax))
  found.keep(hunted, mutant, properties)
  const { by, seeds } = hunted
  const end = by.length > 0 ? `${by.join('+')} after ${seeds} seeds` : `NOT FOUND in ${seeds} seeds`
  const time = kept === null ? `${((Date.now() - start) / 1_000).toFixed(1)} s` : 'kept'
  console.log(
    `${mutant.name.padEnd(28)} ${layerOf(mutant.file).padEnd(10)} ${end.padEnd(26)} ${time}  (${mutant.about})`,
  )
  return hunted
}

function chooseMutants(): Mutant[] {
  const names = MUTANTS.map(({ name }) => name)
  const only = values.only === undefined ? names : readNames('only', values.only, names)
  const [part = 0, parts = 0] = values.part.split('/').map(Number)
  if (!(Number.isInteger(part) && Number.isInteger(parts) && part >= 1 && part <= parts)) {
    throw new Error(`--part ${values.part}: 1/2 and 2/2 are the halves of the list`)
  }
  return MUTANTS.filter(({ name }) => only.includes(name)).filter((_, i) => i % parts === part - 1)
}

function readNames(option: string, text: string, known: readonly string[]): string[] {
  const names = text.split(',')
  const unknown = names.filter((name) => !known.includes(name))
  if (unknown.length > 0) throw new Error(`--${option}: there is no ${unknown.join(', ')}`)
  return names
}

function readNumber(option: string, text: string): number {
  const number = Number(text)
  if (!(Number.isSafeInteger(number) && number > 0)) throw new Error(`--${option} takes a whole number above 0`)
  return number
}
