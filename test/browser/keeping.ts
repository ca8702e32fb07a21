/**
 * Pages that are killed while they write, or closed one after the other, and opened again: what both the short and the long test of it do.
 */
import { assertEqual, assertTrue } from './assert.ts'
import { freshSpace } from './members.ts'
import { openTab, type Tab } from './tabs.ts'

/** Opens a page that stores what it has; resolves when its objects are open. */
export async function openKeeping(context: string, space: string, database = 'objects'): Promise<Tab> {
  const tab = await openTab('keeping', { query: { space, database }, context })
  await tab.evaluate(() => window.keeping.opened())
  return tab
}

/** What a page had when it had just opened. */
export function found(tab: Tab): Promise<{ readonly numbers: readonly number[]; readonly count: number } | null> {
  return tab.evaluate(() => window.keeping.found)
}

/**
 * Opens a page so many times and kills it at any moment of its writing. Each time it must come back with the numbers from
 * 1 on without a gap, and with no fewer than it knew to be durable. Logs what it came to.
 */
export async function killWhileWriting(rounds: number): Promise<void> {
  const space = freshSpace()
  let durable = 0
  let counted = 0
  let last = 0
  let lost = 0
  for (let round = 1; round <= rounds; round += 1) {
    const tab = await openKeeping(space, space)
    const had = await found(tab)
    const numbers = had?.numbers ?? []
    const at = `round ${round}`
    assertEqual(
      numbers,
      numbers.map((_, i) => i + 1),
      at,
    )
    assertTrue(numbers.length >= durable, `${at}: ${numbers.length} are there, and ${durable} were durable`)
    assertTrue(numbers.length <= last + 100_000, `${at}: ${numbers.length}`)
    // What was written and not durable may be there of the one and not of the other.
    assertTrue((had?.count ?? 0) >= counted, `${at}: counted ${had?.count}, and ${counted} were durable`)
    assertEqual(await tab.evaluate(() => window.keeping.faults), [], at)
    lost += Math.max(0, last - numbers.length)
    await tab.evaluate((from) => {
      void window.keeping.write(from, from + 100_000, 5).catch(console.error)
    }, numbers.length + 1)
    const ms = Math.floor(Math.random() * 120)
    const now = await tab.evaluate(async (pause) => {
      await new Promise((resolve) => setTimeout(resolve, pause))
      const { durable, durableCount } = window.keeping
      return { durable, durableCount, last: window.keeping.numbers().length }
    }, ms)
    durable = Math.max(numbers.length, now.durable)
    counted = Math.max(had?.count ?? 0, now.durableCount)
    last = now.last
    await tab.crash()
  }
  console.log(`${rounds} kills: ${last} numbers in the end, ${lost} written and not durable ones lost, none that were`)
}

const pages = 10

/**
 * Ten pages of ten devices are closed one after the other, and opened in any order: all that was durable is there, without
 * one store too, and nobody goes on without the last one.
 * @param isNoted each is closed once all others have noted the one before, and have stored that; else at once
 */
export async function closeAndReopenTen({ isNoted }: { readonly isNoted: boolean }): Promise<void> {
  const space = freshSpace()
  const open = (device: number): Promise<Tab> => openKeeping(space, space, `device-${device}`)
  const devices = shuffled(range(pages))
  const tabs = await Promise.all(devices.map(open))
  await Promise.all(
    tabs.map((tab, i) =>
      tab.evaluate(
        async (from) => {
          const { keeping } = window
          await keeping.until(() => keeping.space?.view.members.length === 10, 'all ten')
          await keeping.write(from, from + 9, 10)
        },
        i * 10 + 1,
      ),
    ),
  )
  await Promise.all(
    tabs.map((tab) =>
      tab.evaluate(async () => {
        const { keeping } = window
        await keeping.until(() => keeping.map?.size === 100 && keeping.counter?.value === 100, 'all numbers')
        await keeping.space?.durable()
      }),
    ),
  )
  const ids = await Promise.all(tabs.map((tab) => tab.evaluate(() => window.keeping.space?.self)))
  const closed = shuffled(tabs)
  const last = closed.pop() as Tab
  for (const [i, tab] of closed.entries()) {
    await leave(tab)
    if (!isNoted) continue
    const here = [...closed.slice(i + 1), last]
    await Promise.all(here.map((other) => other.evaluate(untilStored, here.length)))
  }
  const lastId = await last.evaluate(async () => {
    const { keeping } = window
    await keeping.until(() => keeping.space?.view.members.length === 1 && keeping.space.view.primary, 'alone')
    await keeping.register?.set('the last word')
    await keeping.space?.durable()
    return keeping.space?.self
  })
  await leave(last)

  const lastDevice = devices[tabs.indexOf(last)] ?? 0
  const [missing = 0, ...others] = shuffled(devices.filter((device) => device !== lastDevice))
  const [first = 0, ...rest] = others
  const alone = await open(first)
  assertEqual(await found(alone), { numbers: range(100), count: 100 }, `device ${first} alone`)
  await alone.evaluate((database) => {
    indexedDB.deleteDatabase(database)
  }, `device-${missing}`)
  const again = [alone, ...(await Promise.all(shuffled([...rest, missing]).map(open)))]
  await Promise.all(again.map((tab) => tab.evaluate(untilMembers, 9)))
  for (const tab of again) {
    const has = await tab.evaluate(() => ({
      numbers: window.keeping.numbers(),
      count: window.keeping.counter?.value,
    }))
    assertEqual(has, { numbers: range(100), count: 100 })
    // Nobody goes back in time: the one that may have gone on alone is named.
    const named = (await tab.evaluate(() => window.keeping.agree('back in time'))) ?? []
    assertTrue(named.includes(lastId ?? ''), `${named} are missing, and not ${lastId}`)
    // So is the one without its store, if it left just before that.
    assertEqual(
      named.filter((id) => id !== lastId && id !== ids[devices.indexOf(missing)]),
      [],
    )
  }
  const all = [...again, await open(lastDevice)]
  await Promise.all(all.map((tab) => tab.evaluate(untilMembers, 10)))
  for (const tab of all) {
    await tab.evaluate(() =>
      window.keeping.until(() => window.keeping.register?.value === 'the last word', 'the last word'),
    )
  }
  assertEqual(await alone.evaluate(() => window.keeping.agree('gone on')), null)
}

/** With a goodbye, or without. */
function leave(tab: Tab): Promise<void> {
  return Math.random() < 0.5 ? tab.close() : tab.crash()
}

async function untilStored(count: number): Promise<void> {
  const { keeping } = window
  await keeping.until(() => keeping.space?.view.members.length === count && keeping.space.view.primary, `${count} left`)
  await keeping.space?.durable()
}

async function untilMembers(count: number): Promise<void> {
  const { keeping } = window
  await keeping.until(() => keeping.space?.view.members.length === count && keeping.space.view.primary, `all ${count}`)
}

function shuffled<Item>(items: readonly Item[]): Item[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item)
}

export function range(to: number): number[] {
  return Array.from({ length: to }, (_, i) => i + 1)
}
