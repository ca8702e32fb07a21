/**
 * Pages that stop for longer than `npm test` has time for: `npm run test:long`.
 */
import { forAMinute, onALaptop } from './asleep.ts'
import { closeAll } from './tabs.ts'

describe('a long sleep', () => {
  afterEach(closeAll)

  it('a page is frozen for three minutes', async function () {
    this.timeout(300_000)
    await forAMinute('webrtc', 1, 3)
  })

  for (const ranks of [[0], [0, 2], [1, 2], [4]]) {
    it(`a laptop with the pages of rank ${ranks.join(' and ')} falls asleep`, async function () {
      this.timeout(300_000)
      await onALaptop(6, ranks)
    })
  }
})
