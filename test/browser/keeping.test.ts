/**
 * Objects that are stored in IndexedDB: pages that are left, killed, and opened again.
 */
import { assertEqual, assertTrue } from './assert.ts'
import { closeAndReopenTen, found, killWhileWriting, openKeeping, range } from './keeping.ts'
import { freshSpace } from './members.ts'
import { closeAll, type Tab } from './tabs.ts'

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
    await closeAndReopenTen({ isNoted: true })
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
