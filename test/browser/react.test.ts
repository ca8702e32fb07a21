/** React's hooks in real pages, in StrictMode: what is mounted twice at once opens nothing twice. */
import { assertEqual, assertTrue } from './assert.ts'
import { freshSpace } from './members.ts'
import { closeAll, openTab, type Tab } from './tabs.ts'

describe('a React app', () => {
  afterEach(closeAll)

  it('shows the space, objects, presence, a leader and a lock; what goes is gone for the others', async () => {
    const open = pagesOf(freshSpace())
    const pages = [await open(), await open()] as const
    const [a, b] = pages
    for (const page of pages) {
      await untilShown(page, { status: 'together', members: '2', error: 'null', people: '["here","here"]' })
      assertEqual(await page.evaluate(() => window.app.selves.length), 1, 'spaces that StrictMode has opened')
    }

    await a.evaluate(() => window.app.notes?.set('from a', '1') && undefined)
    await b.evaluate(() => window.app.notes?.set('from b', '2') && undefined)
    const notes = '[["from a","1"],["from b","2"]]'
    await Promise.all(pages.map((page) => untilShown(page, { notes })))
    // Lists and texts are opened twice by StrictMode, too: as documents of their own, of which one stays.
    await a.evaluate(() => {
      window.app.order?.push('verse')
      window.app.lyrics?.append('la la')
    })
    await untilShown(b, { order: '["verse"]', lyrics: 'la la' })
    await b.evaluate(() => {
      window.app.order?.push('chorus')
      window.app.lyrics?.insert(0, 'tra ')
    })
    const written = { order: '["verse","chorus"]', lyrics: 'tra la la' }
    await Promise.all(pages.map((page) => untilShown(page, written)))
    await a.evaluate(() => window.app.say('typing'))
    await untilShown(b, { people: '["typing","here"]' })

    // One leads, one has the lock: the first.
    await untilShown(a, { leads: 'true', lock: 'held' })
    await untilShown(b, {
      leads: 'false',
      lock: 'waiting',
      leader: await a.evaluate(() => window.app.space?.self ?? ''),
    })

    // Taken away and shown again before it has lingered out: the same member, with what it had.
    const before = await a.evaluate(() => {
      window.app.show(false)
      return window.app.space?.self ?? ''
    })
    await untilShown(b, { leads: 'true', lock: 'held', people: '["here"]', members: '2' })
    await a.evaluate(() => window.app.show(true))
    await untilShown(a, { leads: 'false', lock: 'waiting', members: '2', notes, ...written, people: '["here","here"]' })
    assertEqual(await a.evaluate(() => window.app.selves), [before], 'the spaces of the page')

    // Taken away for longer: it leaves. When it comes back it is another incarnation.
    await b.evaluate(() => window.app.show(false))
    await untilShown(a, { members: '1', leads: 'true', lock: 'held', status: 'alone' })
    await b.evaluate(() => window.app.show(true))
    await untilShown(b, { members: '2', notes, ...written, lock: 'waiting' })
    assertEqual(await b.evaluate(() => window.app.selves.length), 2, 'the incarnations of the page that left')
    for (const page of pages) assertEqual(await page.errors(), [], 'errors')
  })

  it('comes back as a new member when its space was closed, and says why it could not be opened', async () => {
    const open = pagesOf(freshSpace())
    const page = await open()
    await untilShown(page, { status: 'alone', lock: 'held' })
    await page.evaluate(() => window.app.space?.close())
    await untilShown(page, { status: 'closed' })
    await page.evaluate(() => dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })) && undefined)
    await untilShown(page, { status: 'alone', lock: 'held', members: '1' })
    assertEqual(await page.evaluate(() => new Set(window.app.selves).size), 2, 'incarnations')

    const nameless = await openTab('react', { query: { space: '' } })
    await nameless.evaluate(untilText, { error: 'UsageError' })
    assertTrue((await nameless.errors()).length === 0, 'it is told, not thrown')
  })
})

function pagesOf(space: string): () => Promise<Tab> {
  const context = freshSpace()
  return () => openTab('react', { query: { space }, context })
}

/** Waits until the page shows these texts under these ids. */
function untilShown(page: Tab, texts: Readonly<Record<string, string>>): Promise<void> {
  return page.evaluate(untilText, texts)
}

/** Runs in the page. An error need only begin so. */
async function untilText(texts: Readonly<Record<string, string>>): Promise<void> {
  const end = performance.now() + 20_000
  const shown = (id: string): string => document.getElementById(id)?.textContent ?? ''
  const isShown = ([id, text]: readonly [string, string]): boolean =>
    id === 'error' ? shown(id).startsWith(text) : shown(id) === text
  for (;;) {
    const missing = Object.entries(texts).filter((each) => !isShown(each))
    if (missing.length === 0) return
    if (performance.now() > end)
      throw new Error(missing.map(([id, text]) => `${id} shows ${shown(id)}, not ${text}`).join('; '))
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
