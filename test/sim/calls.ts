/**
 * `npm run sim:calls`: bar of the services. Many calls, half of them of processes that do not serve, while whoever runs one is
 * killed at random, before, while and after its outcome is recorded; others begin to serve in their place.
 *
 *   npm run sim:calls -- [--calls 10000] [--seed 1] [--kills 0.02]
 *
 * Checked: of each call there is one recorded outcome, the same at all who serve; none is run again once it is recorded
 * anywhere; each caller that lives gets exactly one reply, which is that outcome, or a typed error. Exit code 1 if not.
 */
import { parseArgs } from 'node:util'
import { runCourse } from './calls-course.ts'

const { values } = parseArgs({
  options: {
    calls: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    /** How often the start of a run is the end of its runner. */
    kills: { type: 'string', default: '0.02' },
  },
})
const result = await runCourse({
  calls: Number(values.calls),
  seed: Number(values.seed),
  killChance: Number(values.kills),
})
for (const breach of result.breaches.slice(0, 20)) console.error(breach)
console.log(JSON.stringify({ ...result, breaches: result.breaches.length }))
process.exitCode = result.breaches.length > 0 ? 1 : 0
