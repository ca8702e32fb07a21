/**
 * Two tabs of one origin: either may crash, with an item in hand, and the other goes on.
 */
import { assertTrue } from './assert.ts'
import {
  assertItemsKept,
  assertStable,
  assertUndisturbed,
  closeBooks,
  hear,
  hold,
  ms,
  openKeepers,
  readBooks,
  starvedOf,
  untilPassedOn,
  untilViewOf,
} from './keepers.ts'
import { closeAll } from './tabs.ts'

/** From the crash to the view without the crashed one: its lock is proof. */
const bound = 1000

describe('of two tabs of one origin', () => {
  afterEach(closeAll)

  for (const [victim, name] of ['the senior', 'the junior'].entries()) {
    it(`${name} may crash: the other works on its queue, with the item that was in hand`, async function () {
      this.timeout(300_000)
      const tabs = await openKeepers('tabs', 2)
      const crashed = tabs[victim]
      const rest = tabs.filter((keeper) => keeper !== crashed)
      if (crashed === undefined) throw new Error('too few tabs')
      const item = await hold(crashed)
      await hear(rest)
      const last = await readBooks([crashed])

      const crashedAt = performance.now()
      await crashed.page.crash()
      await untilViewOf(rest, true)
      const aloneMs = performance.now() - crashedAt
      await untilPassedOn(rest, item)
      const passedMs = performance.now() - crashedAt
      await hear(rest)
      const books = [...(await closeBooks(rest)), ...last]

      assertStable(books, rest)
      assertItemsKept(books, rest)
      assertTrue(
        books[0]?.done.some(({ id, by }) => id === item && by === rest[0]?.self) ?? false,
        'the item in hand was not done',
      )
      console.log(
        `crash of ${name} of two tabs: alone and primary after ${ms(aloneMs)}, its item in other hands after ` +
          `${ms(passedMs)}; ${assertUndisturbed(books, rest)}`,
      )
      const max = bound + starvedOf(books, rest)
      assertTrue(aloneMs <= max, `the view took ${ms(aloneMs)}, at most ${ms(max)} allowed`)
    })
  }
})
