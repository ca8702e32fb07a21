/**
 * Ends that a page does not ask for: its process is taken for dead, or the page is left.
 */
import { assertEqual, assertTrue } from './assert.ts'
import { freshSpace, meetingPlace, untilTogether } from './members.ts'
import { closeAll, type Tab } from './tabs.ts'

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

describe('a page that is closed, and had to pass on what its worker sends', () => {
  afterEach(closeAll)

  // The worker's goodbye reaches the page when that has gone. Without a proof the junior of two waits for ever.
  for (const [what, leave] of [
    ['closed', (page: Tab) => page.close()],
    ['left', (page: Tab) => page.navigate('about:blank')],
  ] as const) {
    it(`is gone for the other one at once, which goes on without it, when it is ${what}`, async () => {
      const open = await meetingPlace('webrtc', 'member', { pump: '' })
      const space = freshSpace()
      const senior = await open(space)
      await untilTogether([senior], 1)
      const junior = await open(space)
      await untilTogether([senior, junior])
      const self = await senior.evaluate(() => window.member.space?.self ?? '')
      await junior.evaluate(async () => {
        const { member } = window
        await member.until(() => member.space?.view.primary === true, 'a primary view')
        member.space?.addEventListener('view', () => member.log.push(Date.now()))
      })
      const at = Date.now()
      await leave(senior)
      const end = await junior.evaluate(async () => {
        const { member } = window
        await member.until(() => member.space?.view.members.length === 1, 'alone')
        const { view } = member.space ?? {}
        return { at: member.log[0] as number, primary: view?.primary, dead: view?.dead, left: view?.left }
      })
      assertEqual([end.primary, end.dead, end.left], [true, [self], []], 'the view after it')
      console.log(`end: ${what}: gone after ${end.at - at} ms`)
      assertTrue(end.at - at < 1000, `it was seen for ${end.at - at} ms`)
    })
  }
})
