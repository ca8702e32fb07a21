/**
 * `space.channel` in two pages with profiles of their own, over WebRTC: what the HTML Standard says of `BroadcastChannel`.
 * Where it can be told, the same is asked of the browser's own, in the same page.
 */
import { assertEqual } from './assert.ts'
import { freshSpace, meetingPlace, untilTogether } from './members.ts'
import { closeAll, type Tab } from './tabs.ts'

declare global {
  interface Window {
    /** What the channel of the page was given: the data, or the error's type. */
    heard: unknown[]
    channel: BroadcastChannelLike
  }
}

/** What both have. */
type BroadcastChannelLike = Pick<
  BroadcastChannel,
  'name' | 'postMessage' | 'close' | 'onmessage' | 'addEventListener' | 'removeEventListener'
>

async function openTwo(): Promise<readonly [Tab, Tab]> {
  const open = await meetingPlace('webrtc')
  const space = freshSpace()
  const pages = await Promise.all([open(space), open(space)])
  await untilTogether(pages)
  const [a, b] = pages
  if (a === undefined || b === undefined) throw new Error('no pages')
  await Promise.all(pages.map((page) => page.evaluate(openChannel)))
  // Each hears the other: both are in the group of the channel.
  await Promise.all(pages.map((page) => page.evaluate(untilHeard)))
  return [a, b]
}

describe('a channel in two pages over WebRTC', () => {
  afterEach(closeAll)

  it('gives the other page, and no one else, what is posted, in its order and as a copy', async function () {
    this.timeout(60_000)
    const [a, b] = await openTwo()
    await a.evaluate(postMany, 300)
    assertEqual(
      await b.evaluate(numbersHeard, 300),
      Array.from({ length: 300 }, (_, i) => i),
    )
    assertEqual(await a.evaluate(numbersHeard, 0), [])
    await a.evaluate(() => {
      window.channel.postMessage({ date: new Date(7), map: new Map([['k', new Uint8Array([1, 2])]]), big: 9n })
    })
    assertEqual(await b.evaluate(describeLast), '1970-01-01T00:00:00.007Z Map 1,2 9')
  })

  it('behaves as the platform does, here and across pages', async function () {
    this.timeout(60_000)
    const [a, b] = await openTwo()
    const own = await a.evaluate(behaviours, 'tutti')
    const platform = await a.evaluate(behaviours, 'platform')
    assertEqual(own, platform)
    // Closed in one page, it is still open in the other.
    await a.evaluate(() => window.channel.close())
    const { errors } = { errors: await b.errors() }
    assertEqual(errors, [])
    assertEqual(await b.evaluate(() => window.channel.postMessage('still here') === undefined), true)
  })
})

// What follows runs in the pages.

async function openChannel(): Promise<void> {
  const { space } = window.member
  if (space === undefined) throw new Error('no space')
  const channel = space.channel('news') as unknown as BroadcastChannelLike
  window.channel = channel
  window.heard = []
  channel.addEventListener('message', (event) => window.heard.push(event.data))
}

async function untilHeard(): Promise<void> {
  const { member, channel } = window
  const timer = setInterval(() => channel.postMessage('hello'), 20)
  await member.until(() => window.heard.length > 0, 'the other page is heard')
  // It may not have heard this one.
  await member.pause(300)
  clearInterval(timer)
}

function postMany(count: number): void {
  for (let i = 0; i < count; i += 1) window.channel.postMessage(i)
}

async function numbersHeard(count: number): Promise<unknown[]> {
  const numbers = (): unknown[] => window.heard.filter((data) => typeof data === 'number')
  await window.member.until(() => numbers().length >= count, `${count} numbers`)
  await window.member.pause(100)
  return numbers()
}

async function describeLast(): Promise<string> {
  const isOne = (data: unknown): boolean => typeof data === 'object' && data !== null && 'date' in data
  await window.member.until(() => window.heard.some(isOne), 'an object')
  const { date, map, big } = window.heard.find(isOne) as { date: Date; map: Map<string, Uint8Array>; big: bigint }
  return `${date.toISOString()} ${map.constructor.name} ${map.get('k')} ${big}`
}

/** What a channel does within one page, in words. */
async function behaviours(of: 'tutti' | 'platform'): Promise<string[]> {
  const { space } = window.member
  const open = (name: string): BroadcastChannelLike =>
    of === 'platform' ? new BroadcastChannel(name) : (space?.channel(name) as unknown as BroadcastChannelLike)
  const said: string[] = []
  const [a, b, c] = [open('words'), open('words'), open('words')]
  const until = async (isDone: () => boolean): Promise<void> => {
    for (let i = 0; i < 500 && !isDone(); i += 1) await new Promise((resolve) => setTimeout(resolve, 10))
  }
  let isThere = 0
  for (const each of [b, c]) each.addEventListener('message', () => (isThere += 1), { once: true })
  while (isThere < 2) {
    a.postMessage('there?')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await new Promise((resolve) => setTimeout(resolve, 200))
  const heard: string[] = []
  const note = (who: string) => (event: MessageEvent) => {
    heard.push(
      `${who} ${String(event.data)} ${event.type} ${event instanceof MessageEvent} ${event.source} ${event.ports.length}`,
    )
  }
  a.onmessage = note('a')
  b.onmessage = note('b')
  c.addEventListener('message', note('c'))
  said.push(`${a.name} ${String(a.onmessage !== null)}`)
  for (const value of [1, 'two', null, undefined]) a.postMessage(value)
  await until(() => heard.length >= 8)
  said.push(...heard.filter((each) => each.startsWith('b')), ...heard.filter((each) => each.startsWith('c')))
  heard.length = 0
  const refused = (post: () => void): string => {
    try {
      post()
      return 'posted'
    } catch (error) {
      return `${error instanceof DOMException} ${(error as Error).name}`
    }
  }
  said.push(refused(() => a.postMessage(() => 1)))
  b.close()
  said.push(refused(() => b.postMessage(1)))
  b.close()
  a.postMessage('after')
  await until(() => heard.length >= 1)
  await new Promise((resolve) => setTimeout(resolve, 100))
  said.push(heard.join())
  b.onmessage = 'no function' as never
  said.push(String(b.onmessage))
  for (const each of [a, c]) each.close()
  return said
}
