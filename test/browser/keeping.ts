/**
 * Pages that are killed while they write, and opened again: what both the short and the long test of it do.
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
