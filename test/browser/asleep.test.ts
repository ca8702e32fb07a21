/**
 * Pages that stop for longer than the others wait, and come back. More of it, and longer: `npm run test:long`.
 */
import { briefly, forAMinute, onALaptop } from './asleep.ts'
import { closeAll } from './tabs.ts'

describe('a page that stops loses nothing, and holds the others up for one suspicion at most', () => {
  afterEach(closeAll)

  it('a junior, frozen until it is excluded', async function () {
    this.timeout(300_000)
    await briefly('webrtc', 1)
  })

  it('the coordinator, frozen for a minute', async function () {
    this.timeout(300_000)
    await forAMinute('webrtc', 0)
  })

  it('the coordinator, on a laptop that sleeps until all connections to it have failed', async function () {
    this.timeout(300_000)
    await onALaptop(4, [0])
  })
})
