/**
 * `npm run sim:explore`: enumerates what can happen when a third process joins two in a primary view, one cast is sent
 * and one process crashes, and has the checkers judge every state.
 *
 *   npm run sim:explore -- [--states N] [--variant a,b] [--casts 1] [--crashes 1] [--jobs 2] [--json] [--first]
 *   npm run sim:explore -- --variant V --schedule "up c>a, …" [--trace FILE]
 *   npm run sim:explore -- --mutants [--only a,b] [--states N]
 *
 * What is enumerated: the order in which frames arrive (three channels a path, in order on each), in which paths come up
 * and end; the moment of the cast and who casts; the moment of the crash and who crashes; what of the frames of the
 * crashed arrives where. What is not, so that the states are finite: time stands still while anything is under way, then
 * it goes to the next timer (heartbeats, another attempt after a refusal), at which all who are due wake in turn. A
 * suspicion needs no silence: it follows the end of a path, which may come at any moment after a crash. The application
 * and its storage answer within the step that asks them.
 *
 * `--states` bounds each variant; the default is 10^6, 0 means to exhaustion (with `--crashes 0` that takes minutes; with
 * a crash, more memory than most want to give). The last line is a JSON summary. Exit code 1 on a violation, which is
 * printed with the schedule that leads to it, and whose trace `--trace` writes; and if no variant was exhausted or came to
 * 10^6 states, unless `--states` asked for fewer.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { type Explored, exploreAll, serve } from './children.ts'
import { huntMutants } from './hunt.ts'
import { Search } from './search.ts'
import { type Budget, VARIANTS, type Variant } from './variant.ts'

/** More states than anybody has memory for. */
const NO_BOUND = 1e15
/** What is explored to its end, or so far, is explored enough. */
const ENOUGH = 1_000_000
/** Of each variant, for a mutant: most that are found are found within a few thousand. */
const HUNT_STATES = '15000'

const { values } = parseArgs({
  options: {
    states: { type: 'string' },
    variant: { type: 'string' },
    casts: { type: 'string', default: '1' },
    crashes: { type: 'string', default: '1' },
    jobs: { type: 'string', default: '2' },
    schedule: { type: 'string' },
    trace: { type: 'string' },
    json: { type: 'boolean', default: false },
    /** A finding is enough: variants that have not begun are not explored. */
    first: { type: 'boolean', default: false },
    mutants: { type: 'boolean', default: false },
    only: { type: 'string' },
    serve: { type: 'boolean', default: false },
  },
})

const budget: Budget = { casts: readNumber('casts', values.casts), crashes: readNumber('crashes', values.crashes) }
if (values.serve) serve(budget)
else process.exitCode = await main()

async function main(): Promise<number> {
  if (values.mutants) {
    return huntMutants(values.only?.split(',') ?? null, readNumber('states', values.states ?? HUNT_STATES))
  }
  const variants = readVariants()
  if (values.schedule !== undefined) return replay(variants, values.schedule)
  const statesMax = readNumber('states', values.states ?? String(ENOUGH)) || NO_BOUND
  const start = performance.now()
  const reports = await exploreAll(variants, statesMax, readNumber('jobs', values.jobs), (explored) => {
    if (!values.json) console.log(describe(explored))
    printFinding(explored)
    return values.first && explored.finding !== null
  })
  const isEnough = statesMax < ENOUGH || reports.some(isExplored)
  if (!isEnough) console.log(`no variant was exhausted or came to ${ENOUGH} states`)
  console.log(JSON.stringify(sum(reports, Math.round(performance.now() - start))))
  return !isEnough || reports.some(({ finding }) => finding !== null) ? 1 : 0
}

function isExplored({ states, isExhausted }: Explored): boolean {
  return isExhausted || states >= ENOUGH
}

function describe(explored: Explored): string {
  const { variant, states, transitions, ends, depth, deviations, isExhausted, ms, megabytes } = explored
  const reach = isExhausted ? 'exhausted' : `all schedules of at most ${deviations} deviations`
  const rate = Math.round(states / Math.max(0.001, ms / 1_000))
  return (
    `${variant.padEnd(14)} ${states} states, ${transitions} transitions, ${ends} ends, depth ${depth}: ${reach}; ` +
    `${Math.round(ms / 1_000)} s, ${rate} states/s, ${megabytes} MB`
  )
}

function printFinding({ variant, finding }: Explored): void {
  if (finding === null) return
  const schedule = finding.schedule.join(', ')
  const options = `${budget.casts === 1 ? '' : ` --casts ${budget.casts}`}${budget.crashes === 1 ? '' : ` --crashes ${budget.crashes}`}`
  console.log(`${variant}: ${finding.property}: ${finding.message}`)
  console.log(`  npm run sim:explore -- --variant ${variant}${options} --schedule "${schedule}"`)
  const found = VARIANTS.find(({ name }) => name === variant)
  if (values.trace !== undefined && found !== undefined) replay([found], schedule)
}

function replay(variants: readonly Variant[], schedule: string): number {
  const [variant] = variants
  if (variant === undefined || variants.length > 1) return usage('--schedule needs one --variant')
  const { lines, breach, passed } = new Search(variant, budget).replay(schedule.split(', '))
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('')
  if (values.trace !== undefined) writeFileSync(values.trace, text)
  if (values.schedule === undefined) return 1
  console.log(
    JSON.stringify({ variant: variant.name, lines: lines.length, passed, violations: breach === null ? [] : [breach] }),
  )
  return breach === null ? 0 : 1
}

/** What the last line says. */
function sum(reports: readonly Explored[], ms: number): unknown {
  const add = (of: (report: Explored) => number): number => reports.reduce((total, report) => total + of(report), 0)
  const checked: Record<string, number> = {}
  for (const report of reports) {
    for (const [property, count] of Object.entries(report.checked)) checked[property] = (checked[property] ?? 0) + count
  }
  return {
    states: add(({ states }) => states),
    byVariant: Object.fromEntries(reports.map(({ variant, states }) => [variant, states])),
    enough: reports.filter(isExplored).map(({ variant }) => variant),
    transitions: add(({ transitions }) => transitions),
    ends: add(({ ends }) => ends),
    depth: Math.max(0, ...reports.map(({ depth }) => depth)),
    deviations: Object.fromEntries(reports.map(({ variant, deviations }) => [variant, deviations])),
    exhausted: reports.filter(({ isExhausted }) => isExhausted).map(({ variant }) => variant),
    violations: reports.flatMap(({ variant, finding }) => (finding === null ? [] : [{ variant, ...finding }])),
    checked,
    ms,
  }
}

function readVariants(): readonly Variant[] {
  const names = values.variant?.split(',') ?? VARIANTS.map(({ name }) => name)
  const all = VARIANTS.map(({ name }) => name).join(', ')
  return names.map((name) => VARIANTS.find((each) => each.name === name) ?? usage(`--variant takes some of ${all}`))
}

function readNumber(name: string, text: string): number {
  const number = Number(text)
  return Number.isSafeInteger(number) && number >= 0 ? number : usage(`--${name} takes a whole number`)
}

function usage(message: string): never {
  console.error(message)
  process.exit(2)
}
