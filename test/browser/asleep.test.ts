/**
 * Pages that are frozen or fall asleep for longer than the others wait, and come back.
 */
import { briefly, forAMinute, onALaptop } from './asleep.ts'
import { closeAll } from './tabs.ts'

describe('a page that is frozen', () => {
  afterEach(closeAll)

  it('until it is excluded loses nothing, and holds the others up for one suspicion at most', async function () {
    this.timeout(120_000)
    await briefly('webrtc', 1)
  })

  it('for a minute, as the coordinator, loses nothing, and holds the others up for one suspicion at most', async function () {
    this.timeout(180_000)
    await forAMinute('webrtc', 0)
  })
})

describe('a laptop that falls asleep', () => {
  afterEach(closeAll)

  it('with two pages until its connections are lost: nothing is, and the others were held up for one suspicion', async function () {
    this.timeout(180_000)
    await onALaptop(6, [0, 2])
  })
})
