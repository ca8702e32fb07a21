/**
 * The harness itself: what other browser tests rely on.
 */
import { assertEqual, assertRejects, assertTrue } from './assert.ts'
import { closeAll, fallAsleep, openTab, startSignaling, wakeUp } from './tabs.ts'

describe('harness', () => {
  afterEach(closeAll)

  it('tabs are separate browser profiles unless they share a context', async () => {
    const [alone, first, second] = await Promise.all([
      openTab('blank'),
      openTab('blank', { context: 'shared' }),
      openTab('blank', { context: 'shared', query: { a: 'b' } }),
    ])
    await first.evaluate(() => {
      // biome-ignore lint/suspicious/noDocumentCookie: the one store that tabs see at once
      document.cookie = 'seen=yes'
    })
    assertEqual(await second.evaluate(() => document.cookie), 'seen=yes')
    assertEqual(await alone.evaluate(() => document.cookie), '')
    assertEqual(await second.evaluate((key) => new URLSearchParams(location.search).get(key), 'a'), 'b')
    assertEqual(await alone.evaluate(() => document.documentElement.dataset['loaded']), 'yes')
    assertEqual(await alone.errors(), [])
  })

  it('a crashed tab answers no more and leaves the others alone', async () => {
    const [first, second] = await Promise.all([
      openTab('blank', { context: 'shared' }),
      openTab('blank', { context: 'shared' }),
    ])
    await first.crash()
    await assertRejects(
      first.evaluate(() => 1),
      /crashed/,
    )
    assertEqual(await second.evaluate(() => 1 + 1), 2)
  })

  it('a frozen tab runs no timers until it is thawed', async () => {
    const tab = await openTab('blank')
    await tab.evaluate(() => {
      const { dataset } = document.documentElement
      setInterval(() => {
        dataset['ticks'] = String(Number(dataset['ticks'] ?? 0) + 1)
      }, 10)
    })
    const ticks = (): Promise<number> => tab.evaluate(() => Number(document.documentElement.dataset['ticks'] ?? 0))
    await tab.freeze()
    const atFreeze = await ticks()
    await pause(300)
    assertTrue((await ticks()) <= atFreeze + 2, 'the frozen tab ticked on')
    await tab.thaw()
    await pause(300)
    assertTrue((await ticks()) > atFreeze + 2, 'the thawed tab stood still')
  })

  it('a tab that sleeps stands still until it is woken, and the others go on', async () => {
    const [sleeper, other] = await Promise.all([openTab('blank'), openTab('blank')])
    const nap = (): Promise<number> =>
      sleeper.evaluate(async () => {
        const before = performance.now()
        await new Promise((resolve) => setTimeout(resolve, 1))
        return performance.now() - before
      })
    const at = performance.now()
    await fallAsleep([sleeper])
    console.log(`harness: asleep after ${Math.round(performance.now() - at)} ms`)
    const asleep = nap()
    await pause(300)
    assertEqual(await other.evaluate(() => 1 + 1), 2)
    assertEqual(await Promise.race([asleep, other.evaluate(() => 'awake')]), 'awake')
    await wakeUp([sleeper])
    assertTrue((await asleep) < 5000, 'it did not go on')
  })

  it('an evaluation that does not end is given up', async () => {
    const tab = await openTab('blank')
    await assertRejects(
      tab.evaluateWithin(200, () => new Promise<void>(() => {})),
      /more than 200 ms/,
    )
  })

  it('a signaling server answers on its address until it is stopped', async () => {
    const signaling = await startSignaling()
    await connect(signaling.url)
    await signaling.stop()
    await assertRejects(connect(signaling.url), /no connection/)
  })
})

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

function connect(url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url)
    socket.onopen = () => {
      socket.close()
      resolve()
    }
    socket.onerror = () => reject(new Error('no connection'))
  })
}
