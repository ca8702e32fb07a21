/**
 * The matrix: two pages of one browser do their work over each way to each other, with one thing taken away.
 */
import assert from 'node:assert/strict'
import { openPage } from './browsers.mjs'
import { rows } from './rows.mjs'
import { shareLock, shareMap, shareQueue, untilTogether } from './work.mjs'

let spaces = 0

/**
 * Runs the rows, one cell after the other, and prints them.
 * @param {{ browsers: readonly object[], site: object, only: string | null }} options
 * @returns {Promise<number>} how many cells failed
 */
export async function runMatrix({ browsers, site, only }) {
  const chosen = rows.filter(({ name }) => only === null || name.includes(only))
  const ways = browsers.flatMap((browser) => ['tabs', 'webrtc'].map((way) => ({ browser, way })))
  console.log(`reach: taken away, then ${ways.map(({ browser, way }) => `${browser.kind} ${way}`).join(', ')}`)
  let failures = 0
  for (const row of chosen) {
    const cells = []
    for (const { browser, way } of ways) {
      const at = performance.now()
      try {
        const what = await runCell(browser, row, way, site)
        cells.push(`${what} ${((performance.now() - at) / 1000).toFixed(1)} s`)
      } catch (error) {
        failures += 1
        cells.push('FAILED')
        console.error(`reach: ${row.name}, ${browser.kind} ${way}: ${error?.stack ?? error}`)
      }
    }
    console.log(`reach: ${row.name.padEnd(26)} ${cells.map((cell) => cell.padEnd(14)).join(' ')}`)
  }
  return failures
}

/** One cell. Gives what it came to: `works`, or `says so` where this way to others cannot be. */
async function runCell(browser, row, way, site) {
  const profiles = []
  try {
    // Tabs share a profile; what meets over WebRTC shares nothing.
    profiles.push(await browser.profile())
    if (way === 'webrtc') profiles.push(await browser.profile())
    const pages = await Promise.all([0, 1].map((i) => openPage(profiles[i % profiles.length], site.pageUrl(row))))
    spaces += 1
    const opening = { space: `reach-${spaces}`, reach: way, signaling: site.signalingUrl }
    const selves = await Promise.all(pages.map((page, i) => page.call('open', { ...opening, name: `page ${i}` })))
    const problems = row.problems?.[way] ?? []
    const isIsolated = row.isolated === way
    const seen = await Promise.all(
      pages.map((page) => page.until(({ problems: told }) => told.length >= problems.length, 'the problems')),
    )
    for (const { isSecure } of seen) assert.equal(isSecure, row.isPlain !== true, 'a secure context')
    if (isIsolated) {
      await Promise.all(pages.map((page) => page.until(({ status }) => status === 'alone', 'alone')))
    } else await shareWork(pages, selves)
    const told = await Promise.all(pages.map((page) => page.call('see')))
    for (const each of told) assert.deepEqual(each.problems, problems, 'what the space reports')
    if (!isIsolated) await endOne(browser, pages, row, way)
    for (const { errors } of pages) {
      // Firefox reports what a policy has refused as an error of the page.
      const own = errors.filter((error) => row.policy === undefined || !error.includes('Content-Security-Policy'))
      assert.deepEqual(own, [], 'errors of the page')
    }
    return isIsolated ? 'says so' : 'works'
  } finally {
    await Promise.all(profiles.map((profile) => profile.close().catch(() => {})))
  }
}

async function shareWork(pages, selves) {
  await untilTogether(pages)
  await Promise.all(pages.map((page) => page.call('openObjects')))
  await shareMap(pages, 100)
  await Promise.all(pages.map((page) => page.call('work')))
  await shareQueue(pages, selves, 10)
  await shareLock(pages, 3)
}

/**
 * The senior page ends; the other one goes on, or says that it waits. Tabs crash, or are closed where the driver cannot crash
 * one. Where no death is proven a page of Firefox leaves by `close()`: its goodbye on `pagehide` may not get out.
 */
async function endOne(browser, pages, row, way) {
  const { members } = await pages[0].call('see')
  const [doomed, survivor] = members[0] === 'page 0' ? pages : [pages[1], pages[0]]
  const crashes = browser.kind === 'chromium' && way === 'tabs'
  if (crashes) await doomed.crash()
  else if (way === 'tabs' && !row.noProof) await doomed.close()
  else await doomed.call('close')
  if (crashes && row.noProof) {
    await survivor.until(({ status }) => status === 'degraded', 'to wait, for no death is proven')
    return
  }
  await survivor.until(({ status, primary }) => status === 'alone' && primary, 'to go on alone')
  await survivor.call('add', 1000, 1)
}
