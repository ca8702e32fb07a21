/**
 * A page that is frozen for longer than the others wait, and comes back. Longer sleeps: `npm run test:long`.
 */
import { briefly } from './asleep.ts'
import { closeAll } from './tabs.ts'

describe('a page that is frozen', () => {
  afterEach(closeAll)

  it('until it is excluded loses nothing, and holds the others up for one suspicion at most', async function () {
    this.timeout(120_000)
    await briefly('webrtc', 1)
  })
})
