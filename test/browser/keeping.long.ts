/**
 * A page that is killed two hundred times while it writes: `npm run test:long`.
 */
import { killWhileWriting } from './keeping.ts'
import { closeAll } from './tabs.ts'

describe('storage', () => {
  afterEach(closeAll)

  it('holds what was durable, and nothing that was not written, through 200 kills in the middle of writes', async function () {
    this.timeout(1_200_000)
    await killWhileWriting(200)
  })
})
