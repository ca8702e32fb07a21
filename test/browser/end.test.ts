/**
 * Ends that a page does not ask for: its process is taken for dead, or the page is left.
 */
import { assertEqual } from './assert.ts'
import { freshSpace, meetingPlace, untilTogether } from './members.ts'
import { closeAll } from './tabs.ts'

describe('a process that loses the lock that proves its life', () => {
  afterEach(closeAll)

  it('closes its space at once, and the others go on without it', async () => {
    const open = await meetingPlace('tabs')
    const space = freshSpace()
    const [robbed, other] = await Promise.all([open(space), open(space)])
    await untilTogether([robbed, other])
    const end = await robbed.evaluate(async () => {
      const { member } = window
      const codes: string[] = []
      member.space?.addEventListener('problem', ({ error }) => codes.push(error.code))
      const { held } = await navigator.locks.query()
      const name = held?.find((lock) => lock.name?.endsWith(`:process:${member.space?.self}`))?.name ?? ''
      await navigator.locks.request(name, { steal: true }, () => undefined)
      await member.until(() => member.space?.status === 'closed', 'the end')
      const late = await member.space?.map('late').catch((error: { reason?: string }) => error.reason)
      return { codes, late }
    })
    assertEqual(end, { codes: ['transport', 'closed'], late: 'superseded' })
    await untilTogether([other], 1)
  })
})
