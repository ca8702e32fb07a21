/**
 * `npm run test:editor`: CodeMirror 6 with y-codemirror.next over our provider, in three pages with contexts of their own,
 * typed in through the DevTools protocol: the initial content is there once, what is typed is equal, cursors come and go
 * with their page. Exit code 1 if not.
 */
import assert from 'node:assert/strict'
import { launch, openPage, Signaling, servePages } from './browser.mjs'

const names = ['Ann', 'Bob', 'Cleo']
const limit = 20_000

const browser = await launch()
if (browser === null) process.exit(1)
const site = await servePages([{ out: 'editor', in: 'bench/yjs/editor-page.ts' }])
const signaling = new Signaling()
await signaling.start()
try {
  const room = `editor-${process.pid}`
  const pages = await Promise.all(
    names.map((name) => {
      const query = new URLSearchParams({ room, name, signaling: signaling.url })
      return openPage(browser, `${site.url}/editor.html?${query}`, { onError: (error) => assert.fail(error) })
    }),
  )
  await Promise.all(pages.map(({ page }) => page.evaluate(() => window.editor.ready())))
  for (const each of pages) await until(each, () => textOf(each), '# Notes\n', 'initial content, once')

  // Headless Chromium has one page in front; each is typed in in its turn, and twice.
  const lines = []
  for (const turn of [1, 2]) {
    for (const [i, each] of pages.entries()) {
      await each.page.bringToFront()
      await each.page.evaluate(() => window.editor.toEnd())
      await each.page.keyboard.type(`${names[i]} writes ${turn}\n`, { delay: 5 })
      lines.push(`${names[i]} writes ${turn}\n`)
      const wanted = `# Notes\n${lines.join('')}`
      for (const other of pages) await until(other, () => textOf(other), wanted, 'typed text')
    }
  }
  console.log(`test:editor: the text is equal in all three: ${JSON.stringify(await textOf(pages[0]))}`)

  // All at once: three keyboards.
  await Promise.all(pages.map((each, i) => each.page.keyboard.type(`${i}`.repeat(20), { delay: 3 })))
  const deadline = Date.now() + limit
  let texts = []
  do texts = await Promise.all(pages.map(textOf))
  while ((new Set(texts).size > 1 || ![0, 1, 2].every((i) => count(texts[0], `${i}`) >= 20)) && Date.now() < deadline)
  assert.equal(new Set(texts).size, 1, 'typed at once')
  for (const i of [0, 1, 2]) assert.ok(count(texts[0], `${i}`) >= 20, `${i} is missing`)

  const [ann, bob, cleo] = pages
  await until(ann, () => cursorsOf(ann), ['Bob', 'Cleo'], 'cursors')
  await until(bob, () => cursorsOf(bob), ['Ann', 'Cleo'], 'cursors')
  let since = Date.now()
  await bob.page.close({ runBeforeUnload: true })
  await until(ann, () => cursorsOf(ann), ['Cleo'], 'the cursor of a closed page is gone')
  console.log(`test:editor: closed: the cursor is gone after ${Date.now() - since} ms`)
  since = Date.now()
  cleo.page.goto('chrome://crash').catch(() => undefined)
  await until(ann, () => cursorsOf(ann), [], 'the cursor of a crashed page is gone')
  console.log(`test:editor: crashed: the cursor is gone after ${Date.now() - since} ms`)
  console.log('test:editor: ok')
} finally {
  await signaling.stop()
  await browser.close()
  site.close()
}

function textOf({ page }) {
  return page.evaluate(() => window.editor.text())
}

function cursorsOf({ page }) {
  return page.evaluate(() => window.editor.cursors())
}

function count(text, part) {
  return text.split(part).length - 1
}

async function until(_page, read, wanted, what) {
  const end = Date.now() + limit
  for (;;) {
    const got = await read()
    if (JSON.stringify(got) === JSON.stringify(wanted)) return
    if (Date.now() > end) assert.deepEqual(got, wanted, what)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
