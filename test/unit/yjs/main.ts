/**
 * `npm run yjs:rounds -- --rounds 1000 --seed 1`: Yjs's random workload over the provider (`rounds.ts`).
 *
 * Prints what happened. The exit code is 1 at the first round after which two documents differ, or something is pending.
 */
import { Rounds } from './rounds.ts'

const option = (name: string, standard: number): number => {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? standard : Number(process.argv[at + 1])
}
const count = option('rounds', 1000)
const seed = option('seed', 1)
/** Rounds on one set of processes, after which others begin. */
const perSeed = 50

const totals = { rounds: 0, edits: 0, disconnects: 0, crashes: 0, joins: 0, splits: 0 }
const begun = performance.now()
for (let at = seed; totals.rounds < count; at += 1) {
  const rounds = await Rounds.start(at)
  try {
    for (let i = 0; i < Math.min(perSeed, count - totals.rounds); i += 1) await rounds.round()
  } catch (error) {
    console.error(`yjs:rounds: seed ${at}, round ${rounds.counts.rounds}:`, error)
    process.exit(1)
  }
  for (const key of Object.keys(totals) as (keyof typeof totals)[]) totals[key] += rounds.counts[key]
}
const seconds = ((performance.now() - begun) / 1000).toFixed(1)
console.log(
  `yjs:rounds: ${totals.rounds} rounds, all equal, nothing pending, in ${seconds} s: ${JSON.stringify(totals)}`,
)
