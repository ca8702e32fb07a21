/**
 * How long the other page of a space sees a page that goes away, over WebRTC: its tab is closed, it is reloaded, or it goes
 * to another address.
 *
 * It is the senior one of two that goes, so the other one goes on only with a proof that it is gone: without, it would wait
 * for ever.
 */
import { openPage } from './browsers.mjs'
import { rows } from './rows.mjs'

const rounds = 5
/** From what the driver says to the end of the page, and to the other one's view. Machines that run tests are slow. */
const ghostMs = 3_000

/** What a page of the driver does to go away. */
const ends = {
  closed: (page) => page.close(),
  reloaded: (page) => page.evaluate(() => void setTimeout(() => location.reload())),
  elsewhere: (page) => page.evaluate(() => void setTimeout(() => location.assign('about:blank'))),
}

/**
 * Runs it for each browser, where it transfers data channels and where the page passes the bytes on; prints the times.
 * @param {{ browsers: readonly object[], site: object }} options
 * @returns {Promise<number>} how many pages were seen for too long
 */
export async function runClosed({ browsers, site }) {
  let ghosts = 0
  for (const browser of browsers) {
    for (const row of rows.filter(({ name, noTransfer }) => name === 'nothing' || noTransfer)) {
      for (const [what, end] of Object.entries(ends)) {
        const times = await goAway({ browser, row, site, space: `closed ${browser.kind} ${row.name} ${what}` }, end)
        // Firefox ends a process with its last tab, at times before what was sent is on the network.
        const isJudged = browser.kind !== 'firefox' || what !== 'closed'
        if (isJudged) ghosts += times.filter((ms) => ms === null).length
        const said = times.map((ms) => ms ?? 'never').join(', ')
        console.log(`reach: ${browser.kind}, ${row.noTransfer ? 'passing on, ' : ''}${what}: gone after ${said} ms`)
      }
    }
  }
  return ghosts
}

/** One page after the other joins one that is there, which then goes. Gives after how long the newer one went on; null: it did not. */
async function goAway({ browser, row, site, space }, end) {
  let joined = 0
  const join = async () => {
    joined += 1
    const profile = await browser.profile()
    const page = await openPage(profile, site.pageUrl(row))
    const name = `${joined}`
    await page.call('open', { space, reach: 'webrtc', signaling: site.signalingUrl, name })
    return { profile, page, name }
  }
  const times = []
  let senior = null
  while (times.length < rounds) {
    if (senior === null) {
      space += '+'
      senior = await join()
      await senior.page.until(({ primary }) => primary, 'a line')
    }
    const junior = await join()
    const names = `${senior.name},${junior.name}`
    const isTogether = ({ members, primary }) => primary && members.join() === names
    await Promise.all([senior, junior].map(({ page }) => page.until(isTogether, 'together')))
    const at = performance.now()
    const ended = end(senior.page)
    const isAlone = ({ status, primary }) => status === 'alone' && primary
    const hasGoneOn = await junior.page.until(isAlone, 'to go on alone', ghostMs).catch(() => null)
    times.push(hasGoneOn === null ? null : Math.round(performance.now() - at))
    await ended
    await senior.profile.close().catch(() => {})
    // What waits for one that is gone would wait on.
    if (hasGoneOn === null || times.length === rounds) await junior.profile.close().catch(() => {})
    senior = hasGoneOn === null ? null : junior
  }
  return times
}
