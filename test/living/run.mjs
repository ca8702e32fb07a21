/**
 * `npm run test:living`: tabs as they live, in Chromium with its throttling on: hidden for long, frozen, in the back/forward
 * cache, duplicated, reloaded over and over, crashed and loaded again (which stands in for discarding: a headless
 * browser discards nothing).
 *
 * Nobody who is merely hidden is excluded; whoever reloads is gone for the others within a second, with no more than a view for
 * its end and one for its return; and never do two pages lead at once.
 *
 *   npm run test:living [-- --minutes 10] [--only hidden,frozen,cached,duplicated,reloaded,crashed] [--reach tabs,webrtc]
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ensureChromium } from '../../scripts/chromium.mjs'
import { ensureInstalled } from '../../scripts/setup.mjs'
import { pause, Stage, selfOf, until } from './stage.mjs'

ensureInstalled()
const { build } = await import('esbuild')
const { bundleOptions, buildWorker } = await import('../../scripts/bundle.mjs')
const { startServer } = await import('../../demo/server.mjs')
const { default: puppeteer } = await import('puppeteer-core')

/** A member that reloads may be seen for so long after, by those who stay. */
const ghostMs = 1_000
const frozenMs = 60_000
const reloads = 10

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    only: { type: 'string' },
    reach: { type: 'string', default: 'tabs,webrtc' },
  },
})
const hiddenMs = Number(values.minutes) * 60_000
const scenes = { hidden, frozen, cached, duplicated, reloaded, crashed }
const names = values.only?.split(',') ?? Object.keys(scenes)
const unknown = names.filter((name) => !(name in scenes))
if (unknown.length > 0 || !(hiddenMs > 0)) {
  console.error(`test:living: --minutes takes a number, --only ${Object.keys(scenes).join(', ')}`)
  process.exit(2)
}
const executablePath = ensureChromium()
if (executablePath === null) process.exit(1)

const site = mkdtempSync(join(tmpdir(), 'tutti-living-'))
await build({
  ...bundleOptions,
  entryPoints: [{ out: 'page', in: 'test/living/page.ts' }],
  splitting: true,
  outdir: site,
})
await buildWorker(site)
const html = (title, body) =>
  `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title><link rel="icon" href="data:,">${body}</html>\n`
writeFileSync(join(site, 'page.html'), html('page', '<script type="module" src="./page.js"></script>'))
writeFileSync(join(site, 'other.html'), html('other', '<p>Another page'))

const server = await startServer({ port: 0, host: '127.0.0.1', root: site })
const flags = [
  '--no-first-run',
  '--disable-features=WebRtcHideLocalIpsWithMdns',
  '--enable-features=IntensiveWakeUpThrottling:grace_period_seconds/10',
]
const browser = await puppeteer.launch({
  executablePath,
  headless: true,
  args: process.getuid?.() === 0 ? [...flags, '--no-sandbox'] : flags,
  // They would keep hidden pages from being throttled.
  ignoreDefaultArgs: [
    '--disable-background-timer-throttling',
    '--disable-backgrounding-occluded-windows',
    '--disable-renderer-backgrounding',
    '--disable-back-forward-cache',
  ],
})
let failures = 0
try {
  for (const reach of values.reach.split(',')) {
    for (const name of names) {
      const stage = new Stage(browser, server, reach)
      try {
        await stage.open(3)
        const said = await scenes[name](stage)
        await stage.judgeLeaders()
        console.log(`${reach}, ${name}: ${said}`)
      } catch (error) {
        failures += 1
        console.error(`${reach}, ${name}: FAILED: ${error instanceof Error ? error.message : error}`)
      } finally {
        await stage.close()
      }
    }
  }
} finally {
  await browser.close()
  await server.close()
  rmSync(site, { recursive: true, force: true })
}
process.exit(failures > 0 ? 1 : 0)

// What happens to pages

/** All pages but a blank one in front are hidden; two of them are throttled to nothing. */
async function hidden(stage) {
  const before = await stage.logs()
  await stage.hideAll()
  const states = await Promise.all(stage.pages.map((page) => page.evaluate(() => document.visibilityState)))
  if (states.some((state) => state !== 'hidden')) throw new Error(`the pages are ${states}`)
  const ticks = await stage.pages[0].evaluate(countTicks, 15_000)
  await pause(hiddenMs)
  const views = await stage.viewsSince(before)
  if (views.length > 0) throw new Error(`views while all were hidden: ${JSON.stringify(views)}`)
  await stage.pages[0].evaluate((at) => void window.living.map.set('hidden', at), Date.now())
  await until(
    async () => (await stage.each(() => window.living.map.size)).every((size) => size === 1),
    'a write arrives',
  )
  return `${hiddenMs / 60_000} min, no other view, nobody excluded; ${ticks} of 300 timers of 50 ms came in 15 s`
}

/** A junior is frozen for a minute, and comes back as itself. */
async function frozen(stage) {
  const [senior, , junior] = stage.pages
  const self = await selfOf(junior)
  await stage.untilTold(senior, self, true)
  const session = await junior.createCDPSession()
  await session.send('Page.setWebLifecycleState', { state: 'frozen' })
  const before = await stage.logs()
  await pause(frozenMs)
  await session.send('Page.setWebLifecycleState', { state: 'active' })
  const thawedAt = Date.now()
  await stage.untilTold(senior, self, true)
  await stage.untilSize(3)
  const back = Date.now() - thawedAt
  const views = (await stage.viewsSince(before)).filter(({ page }) => page === 0)
  // Away, and back.
  if (views.length > 2) throw new Error(`views of the senior: ${JSON.stringify(views)}`)
  return `${frozenMs / 1_000} s; back as itself after ${back} ms, ${views.length} views for the others`
}

/** A page is left, and taken from the back/forward cache again. */
async function cached(stage) {
  const [senior, , page] = stage.pages
  const old = await selfOf(page)
  const reasons = []
  const session = await page.createCDPSession()
  await session.send('Page.enable')
  session.on('Page.backForwardCacheNotUsed', ({ notRestoredExplanations }) =>
    reasons.push(...notRestoredExplanations.map(({ reason }) => reason)),
  )
  const leftAt = Date.now()
  await page.goto(`${server.url}other.html`)
  const gone = await stage.untilTold(senior, old, false)
  if (gone - leftAt > ghostMs) throw new Error(`it was a member for ${gone - leftAt} ms after it was left`)
  await pause(1_000)
  await page.goBack()
  await pause(500)
  const shown = await page.evaluate(() => window.living?.log.filter(({ what }) => what === 'shown').at(-1)?.persisted)
  if (shown !== true)
    throw new Error(`it was not in the back/forward cache: ${reasons.join(', ') || 'no reason given'}`)
  await until(async () => (await selfOf(page)) !== old, 'it opens its space again')
  await stage.untilSize(3)
  const seen = await stage.members(senior)
  if (seen.includes(old)) throw new Error('it came back as a ghost')
  return `gone for the others ${gone - leftAt} ms after it was left, back as a new member (persisted)`
}

/** A tab is duplicated, with its session storage. */
async function duplicated(stage) {
  const [, , page] = stage.pages
  await page.evaluate(() => sessionStorage.setItem('mine', 'yes'))
  const opened = new Promise((resolve) => page.once('popup', resolve))
  await page.evaluate(() => void window.open(location.href))
  const twin = await opened
  stage.pages.push(twin)
  await until(() => twin.evaluate(() => window.living?.space != null), 'the twin opens its space')
  if ((await twin.evaluate(() => sessionStorage.getItem('mine'))) !== 'yes') throw new Error('it is no duplicate')
  await stage.untilSize(4)
  await pause(3_000)
  await stage.untilSize(4)
  const ids = await Promise.all(stage.pages.map(selfOf))
  if (new Set(ids).size !== 4) throw new Error(`ids: ${ids}`)
  return 'both are members, under ids of their own'
}

/** The junior is reloaded ten times in a row. */
async function reloaded(stage) {
  const [senior, , page] = stage.pages
  const times = []
  const before = await stage.logs()
  for (let round = 1; round <= reloads; round += 1) {
    const old = await selfOf(page)
    const at = Date.now()
    await page.reload()
    const gone = await stage.untilTold(senior, old, false)
    times.push(gone - at)
    await until(() => page.evaluate(() => window.living.space !== null), 'it opens its space')
    await stage.untilSize(3)
  }
  const most = Math.max(...times)
  if (most > ghostMs) throw new Error(`ghosts: ${times.join(', ')} ms`)
  const views = (await stage.viewsSince(before)).filter(({ page: index }) => index === 0)
  if (views.length > 2 * reloads) throw new Error(`${views.length} views of the senior for ${reloads} reloads`)
  return `${reloads} times; gone after ${times.join(', ')} ms; ${views.length} views for the others`
}

/** Discarded, as far as can be: its process is gone without a word, and the tab is loaded again. */
async function crashed(stage) {
  const [senior, , page] = stage.pages
  const old = await selfOf(page)
  const session = await page.createCDPSession()
  const address = page.url()
  const gone = new Promise((resolve) => page.once('error', resolve))
  const at = Date.now()
  session.send('Page.crash').catch(() => {})
  await gone
  stage.pages.splice(2, 1)
  const again = await page.browserContext().newPage()
  await again.goto(address)
  stage.pages.push(again)
  await until(() => again.evaluate(() => window.living?.space != null), 'it opens its space again')
  await stage.untilSize(3)
  const left = await stage.untilTold(senior, old, false)
  return `the old one gone after ${left - at} ms, the new one a member`
}

/** Runs in the page. */
function countTicks(ms) {
  return new Promise((resolve) => {
    const end = performance.now() + ms
    let ticks = 0
    const { port1, port2 } = new MessageChannel()
    const timer = setInterval(() => {
      ticks += 1
    }, 50)
    // A timer that is throttled would end late: messages are not.
    port1.onmessage = async () => {
      if (performance.now() < end) return void fetch('./other.html').then(() => port2.postMessage(null))
      clearInterval(timer)
      resolve(ticks)
    }
    port2.postMessage(null)
  })
}
