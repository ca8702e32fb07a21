/**
 * The coordinator's page is crashed while everybody casts; and pages that open at the same instant.
 */
import { assertEqual, assertTrue } from './assert.ts'
import { freshSpace, meetingPlace, openThree, type Reach } from './members.ts'
import { closeAll, type Tab } from './tabs.ts'

/** From the crash to the last survivor's view. */
const bounds: Readonly<Record<Reach, number>> = { tabs: 1000, webrtc: 5000 }
const rounds = 20

describe('when the coordinator crashes', () => {
  afterEach(closeAll)

  for (const reach of ['tabs', 'webrtc'] as const) {
    it(`the survivors over ${reach} agree on the view and on all before it, in time`, async function () {
      this.timeout(60_000)
      const pages = await openThree(reach)
      await Promise.all(pages.map((page) => page.evaluate(openGroup)))
      await Promise.all(pages.map((page) => page.evaluate(untilPrimaryOf, pages.length)))
      await Promise.all(pages.map((page) => page.evaluate(castOn)))
      await pause(500)
      const ranks = await Promise.all(pages.map((page) => page.evaluate(ownRank)))
      const coordinator = pages[ranks.indexOf(0)]
      if (coordinator === undefined) throw new Error('no coordinator')
      const dead = await coordinator.evaluate(() => window.member.space?.self ?? '')
      const survivors = pages.filter((page) => page !== coordinator)

      const crashedAt = Date.now()
      await coordinator.crash()
      await Promise.all(survivors.map((page) => page.evaluate(untilPrimaryOf, survivors.length)))
      await pause(200)
      await Promise.all(survivors.map((page) => page.evaluate(stopCasting)))
      const stories = await Promise.all(survivors.map((page) => page.evaluate(tellStory, dead)))

      const [first, second] = stories
      if (first === undefined || second === undefined) throw new Error('no survivors')
      assertEqual(first.views, second.views, 'the views after the crash')
      assertEqual(first.views.length, 1, 'views after the crash')
      assertEqual(first.groupView, second.groupView, 'the view of the group')
      assertTrue(first.before.length > 100, `only ${first.before.length} casts before the view`)
      assertTrue(first.fromDead > 0, 'no casts of the coordinator')
      assertEqual([...first.before].sort(), [...second.before].sort(), 'delivered before the view')
      assertEqual(first.before, second.before, 'the order before the view')
      assertTrue(first.after.length > 0, 'no casts after the view')
      assertEqual(first.after, second.after, 'the order after the view')

      const took = Math.max(first.installedAt, second.installedAt) - crashedAt
      console.log(
        `failover: ${reach}: ${took} ms from the crash to the last survivor's view; ` +
          `${first.before.length} casts before it, ${first.fromDead} of them by the coordinator`,
      )
      assertTrue(took <= bounds[reach], `the view took ${took} ms over ${reach}, bound ${bounds[reach]} ms`)
    })
  }
})

describe('three tabs that open at the same instant', () => {
  afterEach(closeAll)

  it(`found one line, in each of ${rounds} rounds`, async function () {
    this.timeout(120_000)
    const open = await meetingPlace('tabs')
    const pages = await Promise.all([open(), open(), open()])
    const times: number[] = []
    for (let round = 1; round <= rounds; round += 1) times.push(await foundTogether(pages, round))
    console.log(`founding: ${rounds} rounds, together after at most ${Math.max(...times)} ms`)
  })
})

/** One round; returns how long it took until the last saw all. */
async function foundTogether(pages: readonly Tab[], round: number): Promise<number> {
  const space = freshSpace()
  const at = Date.now() + 60
  const ends = await Promise.all(pages.map((page) => page.evaluate(openAt, space, at, pages.length)))
  await Promise.all(pages.map((page) => page.evaluate(closeSpace)))
  const lines = new Set(ends.flatMap((end) => end.lines))
  assertEqual([...lines].length, 1, `round ${round}: lines ever seen (${[...lines]})`)
  assertEqual(new Set(ends.map((end) => end.view)).size, 1, `round ${round}: last views`)
  assertTrue(
    ends.every((end) => end.isPrimary && end.linesLost === 0),
    `round ${round}: a line was lost`,
  )
  return Math.max(...ends.map((end) => end.at)) - at
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

// What follows runs in the pages.

async function openGroup(): Promise<void> {
  const { member } = window
  const { space, log } = member
  if (space === undefined) throw new Error('no space')
  space.addEventListener('view', ({ view }) => log.push({ space: view.id, at: Date.now() }))
  const group = await space.group('order', { order: 'total' })
  group.addEventListener('cast', ({ entry }) => log.push({ cast: `${entry.from}#${entry.n}` }))
  group.addEventListener('view', ({ entry }) => log.push({ group: entry.view.id, members: entry.view.members }))
  member.group = group
}

async function untilPrimaryOf(size: number): Promise<void> {
  const { group, until } = window.member
  await until(() => group?.view?.members.length === size && group.view.primary, `a primary view of ${size}`)
}

function ownRank(): number {
  const { space } = window.member
  return space?.view.members.findIndex(({ id }) => id === space.self) ?? -1
}

function castOn(): void {
  const { member } = window
  const timer = setInterval(() => {
    if (member.group?.writable) member.group.cast('x').delivered.catch(() => {})
  }, 2)
  document.documentElement.dataset['timer'] = String(timer)
}

async function stopCasting(): Promise<void> {
  const { group, pause } = window.member
  clearInterval(Number(document.documentElement.dataset['timer']))
  await group?.cast('last').stable
  await pause(300)
}

interface Story {
  /** The views of the space after the crash. */
  readonly views: readonly string[]
  readonly installedAt: number
  readonly groupView: string
  /** Casts between the view of three and that of two. */
  readonly before: readonly string[]
  readonly fromDead: number
  readonly after: readonly string[]
}

function tellStory(dead: string): Story {
  type Line = { cast?: string; space?: string; at?: number; group?: string; members?: string[] }
  const log = window.member.log as Line[]
  const casts = (lines: Line[]): string[] => lines.flatMap(({ cast }) => (cast === undefined ? [] : [cast]))
  // Without an entry of its own, the view of three came before the log began.
  const from = log.findLastIndex(({ members }) => members?.length === 3) + 1
  // Behind it: where the coordinator was the last to join the group, the others had a view of two before, too.
  const cut = log.findIndex(({ members }, at) => at >= from && members?.length === 2 && !members.includes(dead))
  const spaceViews = log.slice(from).filter(({ space }) => space !== undefined)
  const before = casts(log.slice(from, cut))
  return {
    views: spaceViews.map(({ space }) => space ?? ''),
    installedAt: spaceViews[0]?.at ?? Number.NaN,
    groupView: log[cut]?.group ?? '',
    before,
    fromDead: before.filter((cast) => cast.startsWith(dead)).length,
    after: casts(log.slice(cut)),
  }
}

interface Founding {
  readonly lines: readonly string[]
  readonly view: string
  readonly isPrimary: boolean
  readonly linesLost: number
  readonly at: number
}

/** Opens the space at an instant, and waits until all are in its view. */
async function openAt(name: string, instant: number, size: number): Promise<Founding> {
  const { member } = window
  await member.pause(instant - Date.now())
  const space = await member.open(name)
  member.space = space
  const lines = new Set<string>()
  let linesLost = 0
  const see = (): void => {
    if (space.view.line !== null) lines.add(space.view.line)
  }
  see()
  space.addEventListener('view', see)
  space.addEventListener('linelost', () => {
    linesLost += 1
  })
  await member.until(() => space.view.members.length === size && space.view.line !== null, `a view of ${size}`)
  const at = Date.now()
  await member.pause(100)
  return { lines: [...lines], view: space.view.id, isPrimary: space.view.primary, linesLost, at }
}

async function closeSpace(): Promise<void> {
  const { member } = window
  await member.space?.close()
  delete member.space
}
