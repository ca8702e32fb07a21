/**
 * The demo's two pages in Chromium, under a strict Content Security Policy: each panel comes up, nothing throws, and what the
 * toolbox says of its tools holds while one of three tabs is killed.
 */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, afterEach, before, describe, it } from 'node:test'
import { launch } from 'puppeteer-core'
import { startServer } from '../../../demo/server.mjs'
import { buildDemo } from '../../../scripts/bundle.mjs'
import { root } from '../../../scripts/setup.mjs'

const site = join(root, '.cache', 'demo-pages')
const policy =
  "default-src 'self'; connect-src 'self' ws:; img-src data:; require-trusted-types-for 'script'; trusted-types tutti"
const panels = {
  index: ['who', 'counter', 'baton', 'board', 'queue', 'story'],
  tools: ['who', 'leader', 'decide', 'waiting', 'write', 'bank', 'order', 'snapshot', 'service', 'topics', 'desk'],
}

describe('demo', { timeout: 150_000 }, () => {
  let server
  let browser
  let spaces = 0
  let opened = []

  before(async () => {
    await buildDemo(site)
    for (const file of Object.keys(panels)) {
      const path = join(site, `${file}.html`)
      const page = await readFile(path, 'utf8')
      const meta = `<meta http-equiv="Content-Security-Policy" content="${policy}" />`
      await writeFile(path, page.replace('<meta charset="utf-8" />', `$&${meta}`))
    }
    server = await startServer({ root: site })
    browser = await launch({
      executablePath: process.env.CHROME_PATH || '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-sync'],
    })
  })
  after(async () => {
    await browser?.close()
    await server?.close()
  })
  afterEach(async () => {
    const pages = opened
    opened = []
    for (const { page } of pages) await page.close()
    for (const { name, wrong } of pages) assert.deepEqual(wrong, [], name)
  })

  /** Opens a page of the demo as a tab of one browser; resolves when its panels can be used. */
  const open = async (file, name) => {
    const page = await browser.newPage()
    const wrong = []
    page.on('pageerror', (error) => wrong.push(String(error)))
    page.on('console', (message) => {
      // The browser says of the worker's first start that it was refused, before it is started by the policy.
      const isOfWorker = /^This document requires 'TrustedScriptURL'/.test(message.text())
      if (['error', 'warn'].includes(message.type()) && !isOfWorker) wrong.push(message.text())
    })
    page.on('response', (response) => {
      if (response.status() >= 400) wrong.push(`${response.status()} ${response.url()}`)
    })
    await page.goto(`${server.url}${file}.html?space=demo-${spaces}&name=${name}`)
    const tab = { name, page, wrong }
    opened.push(tab)
    await until(tab, () => document.querySelectorAll('[aria-busy]').length === 0, 'all panels')
    return tab
  }
  const until = async ({ name, page }, check, what, ...args) => {
    await page.waitForFunction(check, { polling: 50, timeout: 30_000 }, ...args).catch(async () => {
      const text = await page.evaluate(() => document.body.textContent.replaceAll(/\s+/g, ' '))
      assert.fail(`${name}: ${what} did not come\n${text}`)
    })
  }
  const says = (tab, id, pattern) =>
    until(
      tab,
      (element, source) => new RegExp(source).test(document.getElementById(element).textContent),
      `${pattern} in #${id}`,
      id,
      pattern.source,
    )
  /** The calls are spread by their ids: once in eleven times or so none of the six goes to a certain one of three tabs. */
  const callUntilRings = async (caller, tab) => {
    for (let tries = 0; tries < 10; tries += 1) {
      await click(caller, 'service-call')
      await says(caller, 'service-state', /6 called, \d with an outcome, one each; begun [6-9] times/)
      if (await tab.page.evaluate(() => document.getElementById('service-here').textContent.includes('rings'))) return
      await says(caller, 'service-state', /6 called, 6 with an outcome/)
    }
    assert.fail(`${tab.name}: of sixty calls none came`)
  }
  const click = ({ page }, id) => page.evaluate((element) => document.getElementById(element).click(), id)
  /** Types before and after what is in the text area. */
  const type = ({ page }, before, after) =>
    page.evaluate(
      (start, end) => {
        const area = document.getElementById('write-text')
        area.value = start + area.value + end
        area.dispatchEvent(new InputEvent('input'))
      },
      before,
      after,
    )
  /** What the panels tell of errors. */
  const problems = ({ page }) =>
    page.evaluate(() =>
      [...document.querySelectorAll('[role="alert"]')].flatMap(({ textContent }) => textContent || []),
    )

  it('both pages come up in one space, lead to each other, and every panel can be used', async () => {
    spaces += 1
    const tabs = [await open('index', 'Ada'), await open('tools', 'Ben'), await open('tools', 'Cleo')]
    for (const tab of tabs) {
      await says(tab, 'status', /Together with 2 others/)
      const ids = await tab.page.evaluate(() => [...document.querySelectorAll('.panel')].map(({ id }) => id))
      assert.deepEqual(ids.sort(), [...panels[tab === tabs[0] ? 'index' : 'tools']].sort())
      assert.deepEqual(await problems(tab), [], tab.name)
      const other = await tab.page.evaluate(() => document.querySelector('a[data-page]').href)
      assert.match(
        other,
        new RegExp(`${tab === tabs[0] ? 'tools.html' : '/'}[?]space=demo-${spaces}&name=${tab.name}$`),
      )
    }
    const docs = await tabs[1].page.evaluate(() =>
      Promise.all(
        [...document.querySelectorAll('.docs a')].map(async ({ href }) => [href, (await fetch(href)).status]),
      ),
    )
    assert.ok(docs.length >= 9)
    assert.deepEqual(
      docs.filter(([, status]) => status !== 200),
      [],
    )
  })

  it('the toolbox says what is so, while one of three tabs is killed', async () => {
    spaces += 1
    const [a, b, c] = [await open('tools', 'Ada'), await open('tools', 'Ben'), await open('tools', 'Cleo')]
    for (const tab of [a, b, c]) await says(tab, 'status', /Together with 2 others/)
    for (const tab of [a, b, c]) await click(tab, 'leader-stand')
    await click(b, 'race-go')
    await click(b, 'dice-all')
    await click(b, 'propose-go')
    await click(b, 'region-go')
    await click(b, 'write-all')
    for (const tab of [a, b, c]) {
      await says(tab, 'race-state', /Of 3 tabs that wrote over version 0, 1 got it/)
      await says(tab, 'dice-state', /3 rolls\. 3 of 3 tabs/)
      await says(tab, 'leader-check', /✓ 1 term/)
      await says(tab, 'propose-state', /Piece 1: .* by 3 tabs, of which 3 got this one/)
      await says(tab, 'region-state', /3 of 3 tabs that came as far had one order/)
      await says(tab, 'region-order', /what they ran came as 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15\./)
      await says(tab, 'write-state', /43 characters, 3 pieces, 1 tag: the same in 3 of 3 tabs/)
    }
    await click(b, 'desk-cast')
    await says(c, 'desk-state', /Told 20 messages\. Twice: 0\. Missing: 0/)
    await click(a, 'topic-burst')
    await says(c, 'topic-state', /30 messages\. Strays: 0\. Missing: 0/)

    await callUntilRings(c, a)
    await click(c, 'bank-go')
    // It conducts, or will not; it serves, and is in the middle of transfers.
    await click(a, 'kill')
    for (const tab of [b, c]) await says(tab, 'status', /Together with 1 other$/)
    await says(c, 'service-state', /6 called, 6 with an outcome, one each; begun ([7-9]|1\d) times/)
    for (const tab of [b, c]) {
      await says(tab, 'leader-now', /(Ben|Cleo).* conducts/)
      await says(tab, 'leader-check', /✓/)
      await says(tab, 'bank-tabs', /Ben.*(\d+) done.*Cleo/)
      await tab.page.bringToFront()
      await says(tab, 'bank-sum', /✓ 1000 in (\d+) of \1 look/)
    }
    // Both type at once, at either end of the text.
    await Promise.all([type(b, 'Overture. ', ''), type(c, '', 'Finale.')])
    for (const tab of [b, c]) {
      await says(tab, 'write-state', /60 characters.*the same in 2 of 2 tabs/)
      const written = await tab.page.evaluate(() => document.getElementById('write-text').value)
      assert.match(written, /^Overture\. (?:.* was here\.\n){3}Finale\.$/)
    }
    await click(b, 'snapshot-take')
    await says(b, 'snapshot-state', /of 2 processes.*✓ The bank's sum in it: 1000/)
    for (const tab of [b, c]) assert.deepEqual(await problems(tab), [], tab.name)

    await c.page.evaluate(() => {
      document.getElementById('topic-pattern').value = 'a..b'
      document.querySelector('#topic-subscribe button').click()
    })
    await until(
      c,
      () => document.querySelector('[role="alert"] a')?.href.includes('/docs/errors.md#usage'),
      'the error',
    )
  })
})
