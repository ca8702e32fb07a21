/**
 * Pages that keep books (`pages/keeper.ts`): how tests open them, and what they hold their books against.
 */
import { assertEqual, assertTrue } from './assert.ts'
import { freshSpace, meetingPlace, type Reach } from './members.ts'
import type { Books } from './pages/keeper.ts'
import type { Tab } from './tabs.ts'

/** A page, and its process's id in the space. */
export interface Keeper {
  readonly page: Tab
  readonly self: string
}

/** How long a silent member holds the others up before they suspect it: `suspectAfterMs` of the kernel's limits. */
const suspicionMs = 3000
/** What the agreement on the view without it may take beyond that, where the machine lets all pages run. */
const agreementMs = 500

/** Opens pages of one space; resolves when all are in one primary view and at work, by seniority. */
export async function openKeepers(reach: Reach, size: number): Promise<readonly Keeper[]> {
  const open = await meetingPlace(reach, 'keeper')
  const space = freshSpace()
  // One after the other: of six at once on a slow machine one has no worker in time, and goes on without.
  const pages: Tab[] = []
  while (pages.length < size) {
    const page = await open(space)
    await page.evaluate(() => window.keeper.until(() => window.keeper.members() !== null, 'a space'))
    pages.push(page)
  }
  const keepers = await Promise.all(
    pages.map(async (page) => ({ page, self: await page.evaluate(untilOpenAndTogether, size) })),
  )
  await Promise.all(pages.map((page) => page.evaluate(() => window.keeper.begin())))
  await Promise.all([hear(keepers), ...pages.map((page) => page.evaluate(untilAtWork))])
  await Promise.all(pages.map((page) => page.evaluate(() => window.keeper.forgive())))
  const ranks = (await pages[0]?.evaluate(() => window.keeper.members())) ?? []
  return keepers.sort((a, b) => ranks.indexOf(a.self) - ranks.indexOf(b.self))
}

/** Waits until each has heard every member of its view again, many times. */
export async function hear(keepers: readonly Keeper[]): Promise<void> {
  await Promise.all(keepers.map(({ page }) => page.evaluate(() => window.keeper.hear(20))))
}

/** Waits until each is in a view of exactly these. */
export async function untilViewOf(keepers: readonly Keeper[], isPrimary: boolean): Promise<void> {
  const members = keepers.map(({ self }) => self).sort()
  await Promise.all(keepers.map(({ page }) => page.evaluate(untilMembers, members, isPrimary)))
}

/** Those who are away by the views of these, and nobody else. */
export async function assertAway(keepers: readonly Keeper[], away: readonly Keeper[]): Promise<void> {
  const ids = away.map(({ self }) => self).sort()
  for (const { page } of keepers) {
    const found = await page.evaluate(() => (window.keeper.space?.view.away ?? []).map(({ id }) => id).sort())
    assertEqual(found, ids, 'who is away')
  }
}

/** Makes this page take an item and keep it in hand. Gives the item's id. */
export function hold({ page }: Keeper): Promise<string> {
  return page.evaluate(() => window.keeper.hold())
}

/** Makes the page complete what it holds. */
export function release({ page }: Keeper): Promise<{ readonly end: string; readonly wasLost: boolean }> {
  return page.evaluate(() => window.keeper.release())
}

/** Waits until these see the item in other hands, or done. */
export async function untilPassedOn(keepers: readonly Keeper[], item: string): Promise<void> {
  await Promise.all(keepers.map(({ page }) => page.evaluate((id) => window.keeper.passOn(id), item)))
}

/** Ends the work, and gives everybody's books once the queue is empty. */
export async function closeBooks(keepers: readonly Keeper[]): Promise<readonly Books[]> {
  await Promise.all(keepers.map(({ page }) => page.evaluate(() => window.keeper.rest())))
  await Promise.all(
    keepers.map(({ page }) => page.evaluateWithin(120_000, (size) => window.keeper.finish(size), keepers.length)),
  )
  return await readBooks(keepers)
}

/** The books as they are now. */
export function readBooks(keepers: readonly Keeper[]): Promise<readonly Books[]> {
  return Promise.all(keepers.map(({ page }) => page.evaluate(() => window.keeper.books())))
}

/** All maps and counters are equal, and contain every write of everybody. */
export async function assertUnited(keepers: readonly Keeper[], books: readonly Books[]): Promise<void> {
  const written = books.reduce((sum, each) => sum + each.written, 0)
  const ends = await Promise.all(keepers.map(({ page }) => page.evaluate(untilUnited, written)))
  for (const end of ends) assertEqual([end.size, end.value], [written, written], 'keys of the map, and the count')
  assertEqual(new Set(ends.map(({ state }) => state)).size, 1, 'different states')
}

/**
 * What anybody was told is stable, with all of these in the view that it was sent in and in every view up to then, was
 * delivered to each of them.
 */
export function assertStable(books: readonly Books[], side: readonly Keeper[]): void {
  const ids = side.map(({ self }) => self)
  const seen = books.filter(({ self }) => ids.includes(self)).map(({ delivered }) => new Set(delivered))
  let checked = 0
  for (const { self, stable, views, groupViews } of books) {
    for (const { n, view, sentIn } of stable) {
      const until = views.findIndex(({ id }) => id === view)
      const audiences = [groupViews[sentIn] ?? [], ...views.slice(0, until + 1).map(({ members }) => members)]
      if (!audiences.every((members) => ids.every((id) => members.includes(id)))) continue
      checked += 1
      const isKept = seen.every((each) => each.has(`${self}/${n}`))
      assertTrue(isKept, `cast ${self}/${n} was stable in view ${view}, and is missing somewhere`)
    }
  }
  assertTrue(checked > 0, 'no cast was stable')
}

/** Every item whose `add` returned was completed once, as all who stayed saw; and no token was given twice. */
export function assertItemsKept(books: readonly Books[], stayed: readonly Keeper[]): void {
  const theirs = books.filter(({ self }) => stayed.some((keeper) => keeper.self === self))
  for (const { self, done } of theirs) {
    const ids = new Set(done.map(({ id }) => id))
    assertEqual(ids.size, done.length, `items, and completions of them, seen by ${self}`)
    const lost = books.flatMap(({ added }) => added.filter((id) => !ids.has(id)))
    assertEqual(lost, [], `items whose add returned, not completed at ${self}`)
  }
  const takers = new Map<string, string>()
  for (const { id, by } of books.flatMap(({ done }) => done)) {
    assertEqual(by, takers.get(id) ?? by, `who completed ${id}`)
    takers.set(id, by)
  }
  const tokens = books.flatMap(({ grants }) => grants.map(({ token }) => token))
  assertEqual(new Set(tokens).size, tokens.length, 'tokens given, and grants')
}

/** For how long the machine did not let these run, at worst: so much later may be what they do. */
export function starvedOf(books: readonly Books[], keepers: readonly Keeper[]): number {
  const ids = keepers.map(({ self }) => self)
  return Math.max(0, ...books.filter(({ self }) => ids.includes(self)).map(({ starved }) => starved))
}

/** The longest disturbance of those who stayed: they were always together, always primary, and never waited long. */
export function assertUndisturbed(books: readonly Books[], stayed: readonly Keeper[]): string {
  const ids = stayed.map(({ self }) => self)
  const theirs = books.filter(({ self }) => ids.includes(self))
  for (const { views } of theirs) {
    const apart = views.filter(({ members, primary }) => !primary || !ids.every((id) => members.includes(id)))
    assertEqual(apart, [], 'views in which one of the others was missing')
  }
  const silence = Math.max(...theirs.flatMap(({ silence }) => ids.map((id) => silence[id] ?? 0)))
  const slowest = Math.max(...theirs.map(({ slowestAdd }) => slowestAdd))
  const refused = theirs.flatMap(({ self, refusals }) =>
    Object.entries(refusals).flatMap(([code, said]) => (code === 'busy' ? [] : `${self}: ${said}`)),
  )
  assertEqual(refused, [], 'adds refused to those who stayed')
  const starved = starvedOf(books, stayed)
  const max = suspicionMs + agreementMs + starved
  assertTrue(silence <= max, `no cast for ${ms(silence)}, at most ${ms(max)} allowed`)
  assertTrue(slowest <= max, `an add took ${ms(slowest)}, at most ${ms(max)} allowed`)
  const views = Math.max(...theirs.map((each) => each.views.length))
  return (
    `others: casts at most ${ms(silence)} apart, slowest add ${ms(slowest)}, ${views} views seen, ` +
    `starved for ${ms(starved)}`
  )
}

/** A duration for the console. */
export function ms(value: number): string {
  return `${Math.round(value)} ms`
}

// What follows runs in the pages.

async function untilOpenAndTogether(size: number): Promise<string> {
  const { keeper } = window
  await keeper.until(() => keeper.space !== null, 'the space and its objects')
  const { space } = keeper
  await keeper.until(() => space?.view.members.length === size && space.view.primary, `a primary view of ${size}`)
  return space?.self ?? ''
}

/** A page that is given the queue's state is not told of what was done before. */
async function untilAtWork(): Promise<void> {
  const { keeper } = window
  await keeper.until(() => keeper.books().done.length >= 20, '20 completions')
}

async function untilMembers(members: readonly string[], isPrimary: boolean): Promise<void> {
  const { keeper } = window
  const are = (): string => [...(keeper.members() ?? [])].sort().join()
  const isThere = (): boolean => are() === members.join() && keeper.space?.view.primary === isPrimary
  await keeper.until(isThere, `a view of ${members}`, 50_000)
}

async function untilUnited(written: number): Promise<{ size: number; value: number; state: string }> {
  const { keeper } = window
  const { map, counter } = keeper
  // If not, the caller says how far it came.
  await keeper.until(() => map?.size === written && counter?.value === written, `${written} writes`).catch(() => {})
  return { size: map?.size ?? 0, value: counter?.value ?? 0, state: await keeper.state() }
}
