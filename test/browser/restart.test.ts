/**
 * Two browsers with one tab each: the senior's crashes, and nothing proves that to the other until it is opened again.
 */
import { freshSpace, untilTogether } from './members.ts'
import { closeAll, openTab, startSignaling, type Tab } from './tabs.ts'

describe('of two browsers with a tab each', () => {
  afterEach(closeAll)

  it('the junior waits when the senior crashes, and goes on once that browser opens the page again', async function () {
    this.timeout(60_000)
    const { url } = await startSignaling()
    const space = freshSpace()
    const query = { transport: 'both', signaling: url, space }
    const open = (browser: string): Promise<Tab> => openTab('member', { query, context: `${space}-${browser}` })
    const senior = await open('senior')
    // Before it has founded its line nobody is senior but by chance.
    await untilTogether([senior])
    await senior.evaluate(untilPrimary, true, 1)
    const junior = await open('junior')
    await untilTogether([senior, junior])
    await Promise.all([senior, junior].map((page) => page.evaluate(untilPrimary, true, 2)))

    await senior.crash()
    await junior.evaluate(untilPrimary, false, 1)
    await junior.evaluate(() => window.member.pause(1_000))
    await junior.evaluate(untilPrimary, false, 1)

    const openedAt = Date.now()
    const again = await open('senior')
    await Promise.all([again, junior].map((page) => page.evaluate(untilPrimary, true, 2)))
    console.log(`restart: ${Date.now() - openedAt} ms from opening the page again to a primary view of both`)
  })
})

async function untilPrimary(isPrimary: boolean, count: number): Promise<void> {
  const { member } = window
  await member.until(() => member.space !== undefined, 'the space is open')
  const isThere = (): boolean => {
    const view = member.space?.view
    return view?.primary === isPrimary && view.members.length === count && view.line !== null
  }
  await member.until(isThere, `a view of ${count} that is ${isPrimary ? '' : 'not '}primary`, 15_000)
}
