/**
 * Pages that are frozen, over either transport: what `npm test` has no time for, and `npm run test:long` runs.
 */
import { briefly, forAMinute } from './asleep.ts'
import { closeAll } from './tabs.ts'

describe('a frozen page', () => {
  afterEach(closeAll)

  for (const reach of ['tabs', 'webrtc'] as const) {
    for (const [rank, name] of ['the coordinator', 'a junior'].entries()) {
      it(`${name} is frozen over ${reach} until it is excluded`, async function () {
        this.timeout(300_000)
        await briefly(reach, rank)
      })

      it(`${name} is frozen over ${reach} for a minute`, async function () {
        this.timeout(300_000)
        await forAMinute(reach, rank)
      })
    }
  }
})
