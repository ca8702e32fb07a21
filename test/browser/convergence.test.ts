/**
 * Three pages in browser profiles of their own, over WebRTC only, agree on a map, a counter and a queue.
 */
import { assertEqual, assertTrue } from './assert.ts'
import { openThree } from './members.ts'
import { closeAll, type Tab } from './tabs.ts'

const times = 1000
const held = 10

describe('three pages over WebRTC', () => {
  afterEach(closeAll)

  it('end with equal maps after 1,000 sets each', async function () {
    this.timeout(60_000)
    const pages = await openThree('webrtc')
    await Promise.all(pages.map((page) => page.evaluate(openMap)))
    // Half of the keys are written by all three.
    await Promise.all(pages.map((page, index) => page.evaluate(setMany, index, times)))
    const size = times / 2 + (times / 2) * pages.length
    await Promise.all(pages.map((page) => page.evaluate(untilSize, size)))
    await agree(pages)
    assertEqual(await Promise.all(pages.map((page) => page.errors())), [[], [], []])
  })

  it('count to 3,000 together', async function () {
    this.timeout(60_000)
    const pages = await openThree('webrtc')
    await Promise.all(pages.map((page) => page.evaluate(openCounter)))
    await Promise.all(pages.map((page) => page.evaluate(countMany, times)))
    const values = await Promise.all(pages.map((page) => page.evaluate(readCounter, times * pages.length)))
    assertEqual(values, [3000, 3000, 3000])
  })

  it('complete each of 1,000 items once, though one page crashes with ten in hand', async function () {
    this.timeout(120_000)
    const [first, second, third] = await openThree('webrtc')
    const pages = [first, second, third]
    await Promise.all(pages.map((page) => page.evaluate(openQueue)))
    await Promise.all(pages.map((page, index) => page.evaluateWithin(60_000, addMany, index, times, pages.length)))
    await Promise.all(pages.map((page) => page.evaluateWithin(60_000, untilAdded, times)))

    await third.evaluate(workThenHang, held, 50)
    await Promise.all([first, second].map((page) => page.evaluate(work, held)))
    const doomed = await third.evaluate(() => window.member.space?.self ?? '')
    await third.evaluate(untilHangs)
    // The others know it as well: nothing of this is under way.
    await first.evaluate(untilHolds, doomed, held)
    await third.crash()
    const survivors = [first, second]
    const logs = await Promise.all(survivors.map((page) => page.evaluateWithin(90_000, settledOf, times)))

    const [log] = logs
    assertTrue(log !== undefined, 'no log')
    assertEqual(new Set(log.map(({ id }) => id)).size, times, 'accepted completions, one for each item')
    assertEqual(log.length, times, 'accepted completions in all')
    assertEqual(
      log.map(({ value }) => value).sort((a, b) => a - b),
      Array.from({ length: times }, (_, index) => index),
      'items done',
    )
    assertEqual(logs[1], log, 'the survivors log the same completions')
    for (const page of survivors) assertEqual(await page.errors(), [])
    const byDoomed = log.filter(({ by }) => by === doomed).length
    const regranted = log.filter(({ attempts }) => attempts > 1).length
    assertTrue(byDoomed > 0, 'the page that crashed had done nothing')
    assertTrue(regranted >= held, `${regranted} items were given out again, expected ${held} or more`)
    console.log(`queue: ${byDoomed} items done by the page that crashed, ${regranted} given out again`)
  })
})

async function agree(pages: readonly Tab[]): Promise<void> {
  const read = (): Promise<string[]> =>
    Promise.all(pages.map((page) => page.evaluate(() => window.member.fingerprint())))
  const end = performance.now() + 10_000
  let prints = await read()
  while (new Set(prints).size > 1 && performance.now() < end) prints = await read()
  assertEqual(new Set(prints).size, 1, 'different maps')
}

// What follows runs in the pages.

async function openMap(): Promise<void> {
  const { member } = window
  Object.assign(member, { map: await member.space?.map<string>('map') })
}

async function setMany(writer: number, count: number): Promise<void> {
  const { map, patiently, turn } = window.member
  for (let i = 0; i < count; i += 1) {
    const key = i % 2 === 0 ? `shared-${i}` : `own-${writer}-${i}`
    await patiently(() => map?.set(key, `${writer} wrote ${i}`))
    await turn()
  }
}

async function untilSize(size: number): Promise<void> {
  await window.member.until(() => window.member.map?.size === size, `a map of ${size}`)
}

async function openCounter(): Promise<void> {
  const { member } = window
  Object.assign(member, { counter: await member.space?.counter('counter') })
}

async function countMany(count: number): Promise<void> {
  const { counter, patiently, turn } = window.member
  for (let i = 0; i < count; i += 1) {
    await patiently(() => counter?.add(1))
    await turn()
  }
}

async function readCounter(expected: number): Promise<number> {
  const { counter, until, pause } = window.member
  await until(() => (counter?.value ?? 0) >= expected, `a count of ${expected}`)
  // It stays there.
  await pause(200)
  return counter?.value ?? 0
}

async function openQueue(): Promise<void> {
  const { member } = window
  const queue = await member.space?.queue<number>('queue')
  if (queue === undefined) throw new Error('no space')
  member.queue = queue
  queue.addEventListener('settled', ({ id, outcome, by, result }) => {
    if (outcome === 'done') member.log.push({ id, by, ...(result as object) })
  })
}

async function addMany(writer: number, count: number, writers: number): Promise<void> {
  const { queue } = window.member
  const adds: Promise<unknown>[] = []
  for (let i = writer; i < count; i += writers) {
    adds.push(queue?.add(i) ?? Promise.reject(new Error('no queue')))
    if (adds.length % 50 === 0) await Promise.all(adds)
  }
  await Promise.all(adds)
}

async function untilAdded(count: number): Promise<void> {
  await window.member.until(() => window.member.queue?.size === count, `${count} items`, 60_000)
}

/** Works on `concurrency` items at a time, until the page goes. */
function work(concurrency: number): void {
  const { queue, pause } = window.member
  const job = async (
    value: number,
    { attempts }: { attempts: number },
  ): Promise<{ value: number; attempts: number }> => {
    await pause(10)
    return { value, attempts }
  }
  queue?.process(job, { concurrency }).catch(console.error)
}

/** As `work`, but after `quick` items every further one stays in hand. */
function workThenHang(concurrency: number, quick: number): void {
  const { queue, pause } = window.member
  let taken = 0
  const job = async (
    value: number,
    { attempts }: { attempts: number },
  ): Promise<{ value: number; attempts: number }> => {
    taken += 1
    if (taken === quick + concurrency) document.documentElement.dataset['hangs'] = 'yes'
    if (taken > quick) await new Promise<never>(() => {})
    await pause(10)
    return { value, attempts }
  }
  queue?.process(job, { concurrency }).catch(console.error)
}

async function untilHangs(): Promise<void> {
  await window.member.until(() => document.documentElement.dataset['hangs'] === 'yes', 'all workers hang')
}

async function untilHolds(taker: string, count: number): Promise<void> {
  const { queue, until } = window.member
  await until(() => (queue?.items.filter((item) => item.taker === taker).length ?? 0) >= count, `${count} items held`)
}

async function settledOf(
  count: number,
): Promise<readonly { id: string; by: string; value: number; attempts: number }[]> {
  const { queue, log, until, pause } = window.member
  await until(() => queue?.size === 0 && log.length >= count, 'an empty queue', 80_000)
  // Nothing is done twice later.
  await pause(300)
  return log as { id: string; by: string; value: number; attempts: number }[]
}
