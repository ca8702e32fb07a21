/**
 * Objects that are stored in IndexedDB: pages that are left, killed, and opened again.
 */
import { assertEqual, assertTrue } from './assert.ts'
import { found, killWhileWriting, openKeeping } from './keeping.ts'
import { freshSpace } from './members.ts'
import { closeAll, type Tab } from './tabs.ts'

const pages = 10

describe('storage', () => {
  afterEach(closeAll)

  it('a page that is left, and one that is killed, comes back with what it had, before anybody is met', async () => {
    const space = freshSpace()
    const tab = await openKeeping(space, space)
    await tab.evaluate(() => window.keeping.write(1, 20, 20))
    const self = await tab.evaluate(() => window.keeping.space?.self)
    await tab.evaluate(() => location.reload())
    await untilReloaded(tab, self)
    assertEqual(await found(tab), { numbers: range(20), count: 20 })
    assertTrue((await tab.evaluate(() => window.keeping.space?.self)) !== self, 'it is another process')
    await tab.evaluate(() => window.keeping.write(21, 30, 10))
    await tab.crash()
    const again = await openKeeping(space, space)
    assertEqual(await found(again), { numbers: range(30), count: 30 })
    assertEqual(await again.evaluate(() => window.keeping.faults), [])
  })

  it('ten pages of ten devices that are all closed come back, in any order, with all that was durable; without one store, too', async function () {
    this.timeout(120_000)
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
    // Each once all have noted the one before: what comes of faster ones is under "Open" in docs/track-record.md.
    for (const [i, tab] of closed.entries()) {
      await leave(tab)
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
  })

  it('tabs of one browser that share a database take over what a closed one has left, and count it once', async () => {
    const space = freshSpace()
    const [a, b] = [await openKeeping(space, space), await openKeeping(space, space)]
    await a.evaluate(() => window.keeping.write(1, 10, 10))
    await a.evaluate(async () => {
      await window.keeping.until(() => window.keeping.space?.view.primary === true, 'primary')
      await window.keeping.agree('once')
    })
    await b.evaluate(async () => {
      await window.keeping.until(() => window.keeping.map?.size === 10, 'the numbers of the other')
      await window.keeping.write(11, 20, 10)
    })
    await a.crash()
    await b.close()
    const again = await openKeeping(space, space)
    assertEqual(await found(again), { numbers: range(20), count: 20 })
    await again.evaluate(() => window.keeping.space?.durable())
    const copies = await again.evaluate(countCopies)
    assertEqual(copies, 1)
    const agreed = await again.evaluate(() => window.keeping.register?.value)
    assertEqual(agreed, 'once')
  })

  it('a database that is deleted under a page is written anew', async () => {
    const space = freshSpace()
    const tab = await openKeeping(space, space)
    await tab.evaluate(async () => {
      const { keeping } = window
      await keeping.write(1, 10, 10)
      await new Promise((resolve, reject) => {
        const request = indexedDB.deleteDatabase('objects')
        request.onsuccess = resolve
        request.onerror = reject
        request.onblocked = reject
      })
      await keeping.write(11, 20, 10)
    })
    assertEqual(await tab.evaluate(() => window.keeping.faults), [])
    await tab.crash()
    assertEqual(await found(await openKeeping(space, space)), { numbers: range(20), count: 20 })
  })

  it('holds what was durable, and nothing that was not written, when a page is killed while it writes', async function () {
    this.timeout(60_000)
    await killWhileWriting(6)
  })
})

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

function range(to: number): number[] {
  return Array.from({ length: to }, (_, i) => i + 1)
}

function shuffled<Item>(items: readonly Item[]): Item[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item)
}

/** How many heads of copies of the map are stored. */
function countCopies(): Promise<number> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open('objects')
    opening.onerror = reject
    opening.onsuccess = () => {
      const asking = opening.result.transaction('keyval').objectStore('keyval').getAllKeys()
      asking.onerror = reject
      asking.onsuccess = () => resolve(asking.result.filter((key) => /\/numbers\/.*\/h$/.test(String(key))).length)
    }
  })
}

/** The page has opened its objects anew: it is another process than that one. */
async function untilReloaded(tab: Tab, former: string | undefined): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      await tab.evaluate(() => window.keeping.opened())
      // A reload may not have begun yet.
      if ((await tab.evaluate(() => window.keeping.space?.self)) !== former) return
    } catch (error) {
      // The page is between one document and the next.
      if (attempt >= 20) throw error
    }
    if (attempt === 200) throw new Error('the page was not reloaded')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
