/**
 * What happens to pages that stop for a while, in the tests of every day and in those of `npm run test:long`.
 *
 * All pages write, cast, add and work throughout; one that stops has an item in hand.
 */
import { assertEqual, assertTrue } from './assert.ts'
import {
  assertAway,
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
import type { Reach } from './members.ts'
import { fallAsleep, wakeUp } from './tabs.ts'

/** From the moment at which they go on to the view of all. */
const backMax = 4000

/** How pages stop and go on. */
interface Stop {
  readonly name: string
  /** The browser tells the pages, so they tell the others. */
  readonly isSaid: boolean
  stop(sleepers: readonly Keeper[]): Promise<void>
  /** Resolves when they have stopped for long enough. */
  last(sleepers: readonly Keeper[], others: readonly Keeper[]): Promise<void>
  goOn(sleepers: readonly Keeper[]): Promise<void>
}

const freezing = {
  isSaid: true,
  stop: (sleepers: readonly Keeper[]) => each(sleepers, ({ page }) => page.freeze()),
  goOn: (sleepers: readonly Keeper[]) => each(sleepers, ({ page }) => page.thaw()),
}

const sleeping = {
  isSaid: false,
  stop: (sleepers: readonly Keeper[]) => fallAsleep(sleepers.map(({ page }) => page)),
  goOn: (sleepers: readonly Keeper[]) => wakeUp(sleepers.map(({ page }) => page)),
}

/** One of four pages is frozen until the others have excluded it. */
export async function briefly(reach: Reach, rank: number): Promise<void> {
  await stopAndGoOn(await openKeepers(reach, 4), [rank], {
    ...freezing,
    name: `frozen over ${reach}`,
    last: async () => {},
  })
}

/** One of four pages is frozen for a minute, or longer. */
export async function forAMinute(reach: Reach, rank: number, minutes = 1): Promise<void> {
  const last = (): Promise<void> => pause(minutes * 60_000)
  await stopAndGoOn(await openKeepers(reach, 4), [rank], {
    ...freezing,
    name: `frozen for ${minutes} min over ${reach}`,
    last,
  })
}

/** The processes of some pages are stopped until WebRTC has given up the connections to them. */
export async function onALaptop(size: number, ranks: readonly number[]): Promise<void> {
  const last = async (sleepers: readonly Keeper[], others: readonly Keeper[]): Promise<void> => {
    const gone = sleepers.map(({ self }) => self)
    await each(others, ({ page }) => page.evaluate(untilDisconnected, gone))
  }
  await stopAndGoOn(await openKeepers('webrtc', size), ranks, { ...sleeping, name: 'asleep', last })
}

/** Whoever says that it will be frozen is out of the view by then; whoever is only silent is not yet suspected. */
const saidWithinMs = 2000

async function stopAndGoOn(all: readonly Keeper[], ranks: readonly number[], how: Stop): Promise<void> {
  const sleepers = all.filter((_, rank) => ranks.includes(rank))
  const others = all.filter((keeper) => !sleepers.includes(keeper))
  const [holder] = sleepers
  if (holder === undefined) throw new Error('nobody is to stop')
  const item = await hold(holder)

  await how.stop(sleepers)
  const stoppedAt = performance.now()
  await untilViewOf(others, true)
  const excludedMs = performance.now() - stoppedAt
  // A page that is frozen before its word is out is expelled for its silence, as if it had said nothing.
  const isHeard = how.isSaid && excludedMs < saidWithinMs
  await assertAway(others, isHeard ? sleepers : [])
  await hear(others)
  await how.last(sleepers, others)
  await untilPassedOn(others, item)

  const goneOnAt = performance.now()
  await how.goOn(sleepers)
  await untilViewOf(all, true)
  const backMs = performance.now() - goneOnAt
  await assertAway(all, [])
  assertEqual(await release(holder), { end: 'stale-token', wasLost: true }, 'what it had in hand')
  await hear(all)
  const books = await closeBooks(all)

  await assertUnited(all, books)
  assertStable(books, others)
  assertItemsKept(books, others)
  console.log(
    `${how.name}: ${sleepers.length} of ${all.length} pages for ${ms(goneOnAt - stoppedAt)}, ` +
      `excluded after ${ms(excludedMs)}, back after ${ms(backMs)}; ${assertUndisturbed(books, others)}`,
  )
  const max = backMax + starvedOf(books, others)
  assertTrue(backMs <= max, `back after ${ms(backMs)}, at most ${ms(max)} allowed`)
}

async function each(keepers: readonly Keeper[], act: (keeper: Keeper) => Promise<void>): Promise<void> {
  await Promise.all(keepers.map(act))
}

function pause(duration: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, duration))
}

// What follows runs in the pages.

/** Of connections to processes outside the view only the events tell; `keeper` listens from the beginning. */
async function untilDisconnected(peers: readonly string[]): Promise<void> {
  const { keeper } = window
  await keeper.until(() => peers.every((peer) => !keeper.connected.has(peer)), `no connection to ${peers}`, 50_000)
}
