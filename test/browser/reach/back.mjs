/**
 * How fast a page is back at its signaling server when something tells that it is worth a try: `online`, `resume`,
 * `pageshow`.
 *
 * The server refuses connections until the page waits for seconds between two tries; then it takes them, and the page is
 * told. Without the event the next try would come after 6 s at the earliest.
 */
import assert from 'node:assert/strict'
import { openPage } from './browsers.mjs'
import { rows } from './rows.mjs'
import { listen } from './site.mjs'

/** After so many the pauses are of 8 s, give or take a quarter. */
const refusals = 6
const soonMs = 5000

const events = {
  online: () => dispatchEvent(new Event('online')),
  resume: () => document.dispatchEvent(new Event('resume')),
  pageshow: () => dispatchEvent(new PageTransitionEvent('pageshow', { persisted: false })),
}

/**
 * Runs it for each event in each browser, all at once.
 * @param {{ browsers: readonly object[], site: object }} options
 */
export async function runBack({ browsers, site }) {
  for (const browser of browsers) {
    const times = await Promise.all(
      Object.entries(events).map(async ([name, tell]) => `${name} ${await back(browser, site, tell)} ms`),
    )
    console.log(`reach: ${browser.kind} is back after ${times.join(', ')}`)
  }
}

async function back(browser, site, tell) {
  const profile = await browser.profile()
  const { server, port, close } = await listen((_request, response) => response.end())
  let tries = 0
  let reached = null
  const waiting = new Promise((resolve) => {
    server.on('upgrade', (_request, socket) => {
      socket.on('error', () => undefined)
      tries += 1
      if (tries > refusals) reached ??= performance.now()
      if (tries === refusals) setTimeout(resolve, 500)
      socket.destroy()
    })
  })
  try {
    const page = await openPage(profile, site.pageUrl(rows[0]))
    await page.call('open', { space: 'back', reach: 'webrtc', signaling: `ws://127.0.0.1:${port}/`, name: 'back' })
    await waiting
    const at = performance.now()
    await page.evaluate(tell)
    while (reached === null && performance.now() - at < soonMs) await new Promise((resolve) => setTimeout(resolve, 5))
    assert.ok(reached !== null, `${browser.kind} does not try again at once`)
    return Math.round(reached - at)
  } finally {
    await close()
    await profile.close().catch(() => {})
  }
}
