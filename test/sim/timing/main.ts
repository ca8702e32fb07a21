/**
 * `npm run sim:timing`: the kernel's times and view counts at a constant one-way delay of 40 ms.
 *
 *   npm run sim:timing -- [--seeds N] [--from S0] [--json]
 *   npm run sim:timing -- --engines [--members N]       what the total order engines cost instead, as a table
 *   npm run sim:timing -- --tools [--members N]         what the tools cost
 *
 * Prints every case (with `--json` only the last line), and as the last line the worst figure of each kind and its
 * bound. Exit code 1 if one is exceeded.
 */
import { parseArgs } from 'node:util'
import { measureCalls } from './calls.ts'
import { ENGINES, LOADS, measureEngine } from './engines.ts'
import {
  FLUSH_KINDS,
  HEAL_KINDS,
  type Measured,
  measureFlush,
  measureHeal,
  measureHerd,
  TIMING_BOUNDS,
} from './measure.ts'
import { measureTools } from './tools.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '3' },
    from: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
    engines: { type: 'boolean', default: false },
    tools: { type: 'boolean', default: false },
    members: { type: 'string', default: '5' },
  },
})

if (values.engines) await printEngines(Number(values.members))
else if (values.tools) await printTools(Number(values.members))
else await printTimes()

async function printTimes(): Promise<void> {
  const cases: Record<keyof typeof TIMING_BOUNDS, Measured[]> = { heal: [], flush: [], herd: [] }
  const from = Number(values.from)

  for (let seed = from; seed < from + Number(values.seeds); seed += 1) {
    for (const kind of HEAL_KINDS) add('heal', await measureHeal(seed, 10, kind))
    for (const kind of FLUSH_KINDS) add('flush', await measureFlush(seed, 50, kind))
    for (const incumbents of [0, 1, 5]) add('herd', await measureHerd(seed, 50, incumbents))
  }

  const worst = Object.fromEntries(
    Object.entries(TIMING_BOUNDS).map(([name, bound]) => {
      const figures = cases[name as keyof typeof TIMING_BOUNDS].map(({ figure }) => figure)
      return [name, { worst: Math.max(...figures), bound, cases: figures.length }]
    }),
  )
  console.log(JSON.stringify(worst))
  process.exitCode = Object.values(worst).some(({ worst: figure, bound }) => !(figure <= bound)) ? 1 : 0

  function add(name: keyof typeof TIMING_BOUNDS, measured: Measured): void {
    cases[name].push(measured)
    if (!values.json) console.log(name, JSON.stringify(measured))
  }
}

async function printTools(n: number): Promise<void> {
  console.log('| tool | call | delays | copies of casts | records | messages | frames |')
  console.log('|---|---|---|---|---|---|---|')
  for (const { tool, call, delays, copies, records, messages, frames } of [
    ...(await measureTools(n)),
    ...(await measureCalls(n)),
  ])
    console.log(`| ${tool} | ${call} | ${delays} | ${copies} | ${records} | ${messages} | ${frames} |`)
}

async function printEngines(n: number): Promise<void> {
  console.log('| engine | who casts | delay, mean | delay, max | copies of casts | records | frames |')
  console.log('|---|---|---|---|---|---|---|')
  for (const load of LOADS) {
    for (const engine of ENGINES) {
      const { meanMs, maxMs, copies, records, frames } = await measureEngine(engine, load, n)
      console.log(`| \`${engine}\` | ${load} | ${meanMs} ms | ${maxMs} ms | ${copies} | ${records} | ${frames} |`)
    }
  }
}
