/**
 * Six pages in browser profiles of their own, cut in two by closing the WebRTC channels between the sides, and healed.
 */
import { assertEqual, assertTrue } from './assert.ts'
import {
  assertItemsKept,
  assertStable,
  assertUndisturbed,
  assertUnited,
  closeBooks,
  hear,
  hold,
  type Keeper,
  ms,
  openKeepers,
  release,
  starvedOf,
  untilPassedOn,
  untilViewOf,
} from './keepers.ts'
import type { Books } from './pages/keeper.ts'
import { closeAll } from './tabs.ts'

/** Who is cut off, by rank: with the coordinator where the others have the majority, without it where they do not. */
const splits = [
  { name: '4–2', cutOff: [0, 3] },
  { name: '3–3', cutOff: [1, 3, 5] },
]

describe('six pages over WebRTC that are cut in two', () => {
  afterEach(closeAll)

  for (const { name, cutOff } of splits) {
    it(`${name}: both sides write, one side works, and healed they have it all`, async function () {
      this.timeout(300_000)
      const all = await openKeepers('webrtc', 6)
      const minority = all.filter((_, rank) => cutOff.includes(rank))
      const primary = all.filter((keeper) => !minority.includes(keeper))
      const [holder, survivor] = [minority[0], primary[0]]
      if (holder === undefined || survivor === undefined) throw new Error('too few pages')
      const [doomed] = await Promise.all([hold(holder), hold(survivor)])

      const cutAt = performance.now()
      const closed = await Promise.all([reachOnly(minority, all), reachOnly(primary, all)])
      assertTrue(Math.max(...closed) > 0, 'nothing was cut')
      await Promise.all([untilViewOf(primary, true), untilViewOf(minority, false)])
      const splitMs = performance.now() - cutAt
      await hear(all)
      await Promise.all(minority.map(({ page }) => page.evaluate(untilRefused)))
      await untilPassedOn(primary, doomed)

      const healAt = performance.now()
      await reachOnly(all, all)
      await untilViewOf(all, true)
      const healMs = performance.now() - healAt
      assertEqual(await release(holder), { end: 'stale-token', wasLost: true }, 'who was cut off with an item in hand')
      assertEqual(await release(survivor), { end: 'done', wasLost: false }, 'who was not')
      await hear(all)
      const books = await closeBooks(all)

      await assertUnited(all, books)
      assertStable(books, primary)
      assertStable(books, minority)
      assertItemsKept(books, primary)
      const undisturbed = assertUndisturbed(books, primary)
      assertNeverTwoHolders(books, starvedOf(books, all))
      const ids = primary.map(({ self }) => self)
      for (const { self, refused, missing } of books) {
        if (ids.includes(self)) continue
        assertTrue((refused['not-primary'] ?? 0) > 0, `${self} was refused nothing`)
        assertTrue(missing.length > 0 && missing.every((id) => ids.includes(id)), `missed are ${missing}, not ${ids}`)
      }
      const given = books.flatMap(({ grants }) => grants).length
      const items = new Set(books.flatMap(({ done }) => done.map(({ id }) => id))).size
      console.log(
        `partition ${name}: apart after ${ms(splitMs)}, one view ${ms(healMs)} after the heal; ` +
          `${books.reduce((sum, { written }) => sum + written, 0)} writes, ${items} items, ${given} grants; ${undisturbed}`,
      )
    })
  }
})

/**
 * Cuts these pages off from the others of all, and from nobody else. Gives how many channels they closed: none where the
 * others were faster.
 */
async function reachOnly(side: readonly Keeper[], all: readonly Keeper[]): Promise<number> {
  const others = all.filter((keeper) => !side.includes(keeper)).map(({ self }) => self)
  const closed = await Promise.all(side.map(({ page }) => page.evaluate((ids) => window.keeper.cut(ids), others)))
  return Math.max(...closed)
}

/** No item was in two hands at a time: whoever was cut off knew before the others gave its item away, if it was let run. */
function assertNeverTwoHolders(books: readonly Books[], starved: number): void {
  const grants = books.flatMap(({ grants }) => grants).sort((a, b) => a.at - b.at)
  const held = new Map<string, number>()
  for (const { id, at, endedAt } of grants) {
    assertTrue((held.get(id) ?? 0) <= at + starved, `${id} was given away while it was held`)
    held.set(id, endedAt)
  }
}

// What follows runs in the pages.

async function untilRefused(): Promise<void> {
  const { keeper } = window
  await keeper.until(() => (keeper.books().refused['not-primary'] ?? 0) > 0, 'a refusal')
}
