/**
 * A page joins a space that is large and busy: it gets the state, and the old members hardly notice.
 */
import { assertEqual, assertTrue } from './assert.ts'
import { freshSpace, meetingPlace, untilTogether } from './members.ts'
import { closeAll, type Tab } from './tabs.ts'

const keys = 10_000
const valueBytes = 100
const everyMs = 5
/** A gap that nobody sees, whatever the control run says. */
const gapAllowedMs = 100
/** How long the control run watches; the other one watches as long as it takes and no shorter. */
const watchMs = 4000

describe('a page that joins', () => {
  afterEach(closeAll)

  it('gets 10,000 keys while another page sets one every 5 ms, and holds nobody up', async function () {
    this.timeout(120_000)
    const open = await meetingPlace('webrtc')
    const space = freshSpace()
    const old = await Promise.all([open(space), open(space)])
    const [writer] = old
    await untilTogether(old)
    await Promise.all(old.map((page) => page.evaluate(openObjects)))
    await writer.evaluate(fill, keys, valueBytes)
    await Promise.all(old.map((page) => page.evaluate(untilSize, keys)))
    await writer.evaluate(writeOn, keys, valueBytes, everyMs)
    await Promise.all(old.map((page) => page.evaluate(() => window.member.pause(1000))))

    // The control run opens a page as well, which takes processor time but does not join.
    await Promise.all(old.map((page) => page.evaluate(watch)))
    await Promise.all([open(freshSpace()).then(untilOpen), pause(watchMs)])
    const control = await Promise.all(old.map((page) => page.evaluate(watched)))

    await Promise.all(old.map((page) => page.evaluate(watch)))
    const start = performance.now()
    const [newcomer] = await Promise.all([open(space).then(openJoined), pause(watchMs)])
    const joinMs = Math.round(newcomer.at - start)
    const joined = await Promise.all(old.map((page) => page.evaluate(watched)))

    await writer.evaluate(stopWriting)
    const pages = [...old, newcomer.page]
    await untilTogether(pages)
    await agree(pages)
    assertEqual(await newcomer.page.evaluate(() => window.member.map?.size), keys, 'keys at the newcomer')

    console.log(`join: whole after ${joinMs} ms, the opening of the page included`)
    for (const [index, { longest, deliveries }] of joined.entries()) {
      const base = control[index]
      if (base === undefined) throw new Error('no control run')
      console.log(
        `join: member ${index + 1}: longest gap ${longest} ms over ${deliveries} deliveries; ` +
          `control run ${base.longest} ms over ${base.deliveries}`,
      )
      assertTrue(
        longest <= Math.max(2 * base.longest, gapAllowedMs),
        `member ${index + 1} was held up for ${longest} ms, control run ${base.longest} ms`,
      )
    }
  })
})

async function untilOpen(page: Tab): Promise<void> {
  await page.evaluate(() => window.member.until(() => window.member.space !== undefined, 'the space is open'))
}

/** Waits until the newcomer holds the whole map. */
async function openJoined(page: Tab): Promise<{ page: Tab; at: number }> {
  await untilTogether([page], 3)
  await page.evaluate(openObjects)
  await page.evaluate(untilSize, keys)
  return { page, at: performance.now() }
}

async function agree(pages: readonly Tab[]): Promise<void> {
  const read = (): Promise<string[]> =>
    Promise.all(pages.map((page) => page.evaluate(() => window.member.fingerprint())))
  const end = performance.now() + 10_000
  let prints = await read()
  while (new Set(prints).size > 1 && performance.now() < end) prints = await read()
  assertEqual(new Set(prints).size, 1, 'different maps')
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

// What follows runs in the pages.

/** The group's casts go with the map's in one batch: they show when the writer itself delivers. */
async function openObjects(): Promise<void> {
  const { member } = window
  const [map, group] = await Promise.all([member.space?.map<string>('map'), member.space?.group('beat')])
  if (map === undefined || group === undefined) throw new Error('no space')
  Object.assign(member, { map, group })
}

async function fill(count: number, bytes: number): Promise<void> {
  const { map, patiently, turn } = window.member
  for (let i = 0; i < count; i += 1) {
    await patiently(() => map?.set(`key-${i}`, String(i).padStart(bytes, '.')))
    if (i % 100 === 99) await turn()
  }
}

async function untilSize(size: number): Promise<void> {
  await window.member.until(() => window.member.map?.size === size, `a map of ${size}`)
}

function writeOn(count: number, bytes: number, periodMs: number): void {
  const { space, map, group } = window.member
  let i = 0
  const timer = setInterval(() => {
    space?.batch(() => {
      map?.set(`key-${(i * 7919) % count}`, String(i).padStart(bytes, '-'))
      group?.cast(i)
    })
    i += 1
  }, periodMs)
  document.documentElement.dataset['timer'] = String(timer)
}

function stopWriting(): void {
  clearInterval(Number(document.documentElement.dataset['timer']))
}

/** Remembers the time of each delivery from here on. */
function watch(): void {
  const { group, log } = window.member
  log.length = 0
  const { dataset } = document.documentElement
  if (dataset['watches'] === undefined) group?.addEventListener('cast', () => log.push(performance.now()))
  dataset['watches'] = 'yes'
}

/** The longest time without a delivery since `watch`, in whole milliseconds. */
function watched(): { longest: number; deliveries: number } {
  const times = [...(window.member.log as number[]), performance.now()]
  const gaps = times.map((time, index) => time - (times[index - 1] ?? time))
  return { longest: Math.round(Math.max(...gaps)), deliveries: times.length - 1 }
}
