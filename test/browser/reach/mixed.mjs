/**
 * Chromium and Firefox in one space over WebRTC: they agree on a map, a queue and a lock, and either goes on when the
 * other's process is killed.
 *
 * No death is proven between two browsers, so a witness in a browser of its own has the third vote. Whoever is killed is
 * the most senior member, which gives the order and leads the change of view.
 */
import assert from 'node:assert/strict'
import { openPage, startBrowser, until } from './browsers.mjs'
import { rows } from './rows.mjs'
import { shareLock, shareMap, shareQueue, untilSettled, untilTogether } from './work.mjs'

const sets = 500
const items = 100
const holds = 10
/** What a page works on at a time, and the one that is killed has in hand then. */
const inHand = 2

/**
 * Runs it, and prints what it measures.
 * @param {{ chromium: string, firefox: string, site: object }} options paths of the browsers
 */
export async function runMixed({ chromium, firefox, site }) {
  const browsers = []
  const start = async (kind) => {
    const browser = await startBrowser(kind, kind === 'chromium' ? chromium : firefox)
    browsers.push(browser)
    return browser
  }
  const opening = { space: `mixed-${process.pid}`, reach: 'webrtc', signaling: site.signalingUrl }
  const join = async (browser, name, more = {}) => {
    const page = await openPage(await browser.profile(), site.pageUrl(rows[0]))
    const self = await page.call('open', { ...opening, name, ...more })
    return { browser, page, self, name }
  }
  try {
    const foxes = await start('firefox')
    const fox = await join(foxes, 'Firefox')
    // A line is founded before anybody comes: who came first is the senior one.
    await fox.page.until(({ primary }) => primary, 'a line')
    const chrome = await join(await start('chromium'), 'Chromium')
    await untilTogether([fox.page, chrome.page])
    const witness = await join(await start('chromium'), 'witness', { witness: true })
    await untilTogether([fox.page, chrome.page, witness.page])
    console.log(`reach: ${chrome.browser.version} and ${foxes.version} in one space, with a witness`)

    await workTogether([fox, chrome])
    await killed(fox, [chrome], witness, 1000)

    const other = await join(await start('firefox'), 'Firefox again')
    await untilTogether([chrome.page, other.page, witness.page])
    await workTogether([chrome, other], 2000)
    await killed(chrome, [other], witness, 3000)
    for (const { page } of [witness, other]) assert.deepEqual(page.errors, [], 'errors of the page')
  } finally {
    await Promise.all(browsers.map((browser) => browser.close()))
  }
}

async function workTogether(members, first = 0) {
  const pages = members.map(({ page }) => page)
  const selves = members.map(({ self }) => self)
  const [{ connections }] = await Promise.all(pages.map((page) => page.call('see')))
  assert.deepEqual([...new Set(connections)].sort(), ['self', 'webrtc'])
  await Promise.all(pages.map((page) => page.call('openObjects')))
  const map = await shareMap(pages, sets, `round ${first} `)
  for (const { page, isWorking } of members) if (!isWorking) await page.call('work')
  for (const member of members) member.isWorking = true
  const { by, ms } = await shareQueue(pages, selves, items, first)
  const lock = await shareLock(pages, holds)
  const names = members.map(({ name }, i) => `${name} ${by[i]}`).join(', ')
  console.log(
    `reach: ${sets} sets each, one map after ${Math.round(map)} ms; ${2 * items} items done once each after ${Math.round(ms)} ms ` +
      `(${names}); ${2 * holds} grants of a lock in ${Math.round(lock)} ms`,
  )
}

/** Kills the browser of one member, and sees the others go on: with the map, with the lock, and with what it had in hand. */
async function killed(doomed, survivors, witness, first) {
  const pages = survivors.map(({ page }) => page)
  const { members } = await pages[0].call('see')
  assert.equal(members[0], doomed.name, 'the one that is killed is the most senior')
  const left = [...pages, witness.page]
  await doomed.page.call('hang')
  await pages[0].call('add', first, items)
  await until(
    () => pages[0].call('held', doomed.self),
    (held) => held === inHand,
    () => `${inHand} items in the hands of ${doomed.name}`,
  )
  const at = performance.now()
  await doomed.browser.kill()
  await Promise.all(
    left.map((page) =>
      page.until(({ members, primary }) => members.length === left.length && primary, 'a primary view'),
    ),
  )
  const view = performance.now() - at
  await shareMap(pages, sets, `after ${doomed.name} `)
  await shareLock(pages, holds)
  const log = await untilSettled(pages, items, first)
  assert.ok(log.filter(({ by }) => by === doomed.self).length <= items - inHand)
  const done = performance.now() - at
  console.log(
    `reach: ${doomed.name} killed: a primary view without it after ${Math.round(view)} ms, ` +
      `what it had in hand done elsewhere after ${Math.round(done)} ms`,
  )
}
