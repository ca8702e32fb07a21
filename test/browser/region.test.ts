/**
 * Regions over a real worker: what handlers do overlaps, what they run comes in the order of the events, and handlers
 * that never end, or throw, hold up nobody outside their own region.
 */
import { assertEqual, assertTrue } from './assert.ts'
import { freshSpace, meetingPlace, untilTogether } from './members.ts'
import { closeAll } from './tabs.ts'

const casts = 60

describe('a region', () => {
  afterEach(closeAll)

  it('lets asynchronous handlers of two groups act in the order of the events, past others that hang or throw', async () => {
    const open = await meetingPlace('tabs')
    const space = freshSpace()
    const pages = await Promise.all([open(space), open(space)])
    await untilTogether(pages)
    const [sender, receiver] = pages

    await Promise.all(pages.map((page) => page.evaluate(openGroups)))
    const receiving = receiver.evaluate(receive, casts)
    await receiver.evaluate(() => window.member.until(() => window.member.log.includes('ready'), 'the handlers'))
    await sender.evaluate(send, casts)
    const { told, arrived, entered, most, heard, isMapThere, stuckPending, errors, unhandled } = await receiving

    assertEqual(told.length, casts, 'events told')
    assertEqual(
      told,
      [...told].sort((a, b) => a - b),
      'numbers grow',
    )
    assertEqual(entered, told, 'entered in the order of the events')
    assertTrue(JSON.stringify(arrived) !== JSON.stringify(told), 'the handlers did not overtake each other: no test')
    assertEqual(most, 1, 'how many were inside at once')
    assertEqual(heard, casts, 'casts heard beside the handler that hangs')
    assertTrue(isMapThere, 'the map beside the handler that hangs')
    assertEqual(stuckPending, casts, 'turns outstanding behind the handler that hangs')
    assertEqual(errors, [], 'errors')
    assertEqual(unhandled, Array(casts).fill('broken'), 'errors of a handler that nobody catches')
    assertEqual(await receiver.errors(), [])
  })
})

// What follows runs in the pages.

async function openGroups(): Promise<void> {
  const { member } = window
  if (member.space === undefined) throw new Error('no space')
  const { space } = member
  const names = ['chat', 'orders']
  const groups = await Promise.all(names.map((name) => space.group(name, { order: 'total' })))
  member.map = await space.map<string>('map')
  for (const group of groups) await member.until(() => group.view?.members.length === 2, 'both in the group')
}

async function send(count: number): Promise<void> {
  const { space, map, turn } = window.member
  // One handle a name: these are open.
  const [chat, orders] = await Promise.all(['chat', 'orders'].map((name) => space?.group(name, { order: 'total' })))
  for (let i = 0; i < count; i += 1) {
    const group = i % 3 === 0 ? chat : orders
    group?.cast(i)
    if (i % 7 === 0) await turn()
  }
  map?.set('done', 'yes')
}

async function receive(count: number): Promise<{
  told: number[]
  arrived: number[]
  entered: number[]
  most: number
  heard: number
  isMapThere: boolean
  stuckPending: number
  errors: string[]
  unhandled: string[]
}> {
  const { member } = window
  const { space, map, log, pause, until } = member
  if (space === undefined) throw new Error('no space')
  const [told, arrived, entered, errors] = [[] as number[], [] as number[], [] as number[], [] as string[]]
  let [inside, most, heard] = [0, 0, 0]
  const unhandled: string[] = []
  addEventListener('unhandledrejection', (event) => {
    event.preventDefault()
    unhandled.push((event.reason as Error).message)
  })
  const [region, stuck, broken] = [space.region(), space.region(), space.region()]
  for (const name of ['chat', 'orders']) {
    const group = await space.group(name, { order: 'total' })
    group.addEventListener('cast', () => {
      heard += 1
    })
    stuck.follow(group, () => new Promise(() => undefined))
    broken.follow(group, () => {
      throw new Error('broken')
    })
    region.follow(group, async (event) => {
      told.push(event.number)
      await pause(Math.random() * 40)
      arrived.push(event.number)
      const fn = async (): Promise<void> => {
        inside += 1
        most = Math.max(most, inside)
        entered.push(event.number)
        await pause(Math.random() * 4)
        inside -= 1
        // An error is its caller's, and keeps nobody out.
        if (event.number % 5 === 0) throw new Error('of no concern')
      }
      await region.run(event, fn).catch((error: Error) => {
        if (error.message !== 'of no concern') errors.push(error.message)
      })
    })
  }
  log.push('ready')
  await until(() => entered.length === count && inside === 0 && map?.get('done') === 'yes', 'all are through')
  const isMapThere = map?.get('done') === 'yes'
  return { told, arrived, entered, most, heard, isMapThere, stuckPending: stuck.pending, errors, unhandled }
}
