/**
 * `npm run bench:yjs`: our Yjs provider against y-webrtc, in one run: Chromium, each page in a context of its own, WebRTC,
 * y-webrtc's signaling server for both.
 *
 *  - pairs: two pages that open a document at once; 50 times. Stuck: what each has written is not at both after 10 s.
 *  - restart: five pages that look for each other when a signaling server comes back; 8 times, so 80 pairs. Stuck: after
 *    10 s connected and not synced (theirs says so itself), or not in the other's view, or the documents differ.
 *  - updates of 1 MB and 20 MB; from the opening of a second page until it is synced; from the crash of a page until its
 *    cursor is gone at the other.
 *
 * Prints both; the exit code is 1 if one of ours is stuck, or an update of ours does not arrive. `--pairs`, `--rounds`,
 * `--joins`, `--crashes` change the numbers.
 */
import { launch, openPage, Signaling, servePages } from './browser.mjs'

const option = (name, standard) => {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? standard : Number(process.argv[at + 1])
}
const pairCount = option('pairs', 50)
const roundCount = option('rounds', 8)
const joinCount = option('joins', 10)
const crashCount = option('crashes', 3)
const clients = 5
const limit = 10_000
const goneLimit = 90_000

const browser = await launch()
if (browser === null) process.exit(1)
const site = await servePages([{ out: 'page', in: 'bench/yjs/page.ts' }])
const signaling = new Signaling()
await signaling.start()
let next = 0
let failures = 0
const results = {}
try {
  for (const side of ['ours', 'theirs']) {
    results[side] = {
      pairs: await pairs(side),
      restart: await restart(side),
      synced: await joins(side),
      updates: await updates(side),
      gone: await crashes(side),
    }
    console.log(side, JSON.stringify(results[side]))
  }
  print()
} finally {
  await signaling.stop()
  await browser.close()
  site.close()
}
const { ours } = results
if (ours.pairs.stuck > 0 || ours.restart.stuck > 0 || ours.updates.some((ms) => ms === null) || failures > 0) {
  console.error('bench:yjs: FAILED')
  process.exit(1)
}

function open() {
  return openPage(browser, `${site.url}/page.html`)
}

function begin(side, { page }, room, name) {
  return page.evaluate((...args) => window.bench.start(...args), side, room, signaling.url, name)
}

function stop({ page }) {
  return page.evaluate(() => window.bench.stop())
}

function newRoom() {
  next += 1
  return `room-${process.pid}-${next}`
}

async function pairs(side) {
  const [a, b] = [await open(), await open()]
  const times = []
  let stuck = 0
  for (let i = 0; i < pairCount; i += 1) {
    const room = newRoom()
    await Promise.all([begin(side, a, room, 'a'), begin(side, b, room, 'b')])
    const wait = ({ page }) => page.evaluate((ms) => window.bench.untilNames(['a', 'b'], ms), limit)
    const both = await Promise.all([wait(a), wait(b)])
    if (both.includes(null)) stuck += 1
    else times.push(Math.max(...both))
    await Promise.all([stop(a), stop(b)])
  }
  await Promise.all([a.close(), b.close()])
  return { of: pairCount, stuck, medianMs: median(times), maxMs: Math.max(...times) }
}

async function restart(side) {
  const pages = []
  for (let i = 0; i < clients; i += 1) pages.push(await open())
  let [stuck, unequal] = [0, 0]
  for (let round = 0; round < roundCount; round += 1) {
    await signaling.stop()
    const room = newRoom()
    await Promise.all(pages.map((page, i) => begin(side, page, room, `${i}`)))
    await signaling.start()
    const wanted = pages.map((_, i) => `${i}`)
    const wait = ({ page }) => page.evaluate((...args) => window.bench.untilNames(...args), wanted, limit)
    const since = Date.now()
    const complete = await Promise.all(pages.map(wait))
    // Theirs may need the while for the rest of their connections: ours is asked as late.
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, since + limit - Date.now())))
    const views = await Promise.all(pages.map(({ page }) => page.evaluate(() => window.bench.peers())))
    stuck += stuckPairs(side, views)
    unequal += complete.filter((ms) => ms === null).length
    await Promise.all(pages.map(stop))
  }
  await Promise.all(pages.map((page) => page.close()))
  if (side === 'ours') failures += unequal
  return { of: (roundCount * clients * (clients - 1)) / 2, stuck, documentsIncomplete: unequal }
}

function stuckPairs(side, views) {
  let stuck = 0
  for (const [i, a] of views.entries()) {
    for (const b of views.slice(i + 1)) {
      const isDeaf = a.deaf.includes(b.id) || b.deaf.includes(a.id)
      const isAway = side === 'ours' && !(a.there.includes(b.id) && b.there.includes(a.id))
      if (isDeaf || isAway) stuck += 1
    }
  }
  return stuck
}

/** A document is there; somebody opens it. */
async function joins(side) {
  const [a, b] = [await open(), await open()]
  const times = []
  for (let i = 0; i < joinCount; i += 1) {
    const room = newRoom()
    await begin(side, a, room, 'a')
    await new Promise((resolve) => setTimeout(resolve, 1500))
    await begin(side, b, room, 'b')
    const synced = await b.page.evaluate((ms) => window.bench.untilSynced(ms), limit)
    // Synced means that it is there.
    const names = await b.page.evaluate(() => window.bench.names())
    if (synced !== null && !names.includes('a')) console.error(`${side}: synced without what was there`)
    if (synced !== null && !names.includes('a') && side === 'ours') failures += 1
    times.push(synced)
    await Promise.all([stop(a), stop(b)])
  }
  await Promise.all([a.close(), b.close()])
  return { medianMs: median(times), maxMs: times.includes(null) ? null : Math.max(...times) }
}

async function updates(side) {
  const [a, b] = [await open(), await open()]
  const room = newRoom()
  await Promise.all([begin(side, a, room, 'a'), begin(side, b, room, 'b')])
  for (const { page } of [a, b]) await page.evaluate((ms) => window.bench.untilNames(['a', 'b'], ms), limit)
  const times = []
  for (const megabytes of [1, 20]) {
    const size = megabytes * 1_000_000
    const begun = Date.now()
    await a.page.evaluate((...args) => window.bench.writeBytes(...args), `${megabytes}`, size)
    const at = await b.page.evaluate((...args) => window.bench.untilBytes(...args), `${megabytes}`, size, 30_000)
    times.push(at === null ? null : at - begun)
  }
  await Promise.all([a.close(), b.close()])
  return times
}

async function crashes(side) {
  const times = []
  for (let i = 0; i < crashCount; i += 1) {
    const [a, b] = [await open(), await open()]
    const room = newRoom()
    await Promise.all([begin(side, a, room, 'a'), begin(side, b, room, 'b')])
    await a.page.evaluate((ms) => window.bench.untilNames(['a', 'b'], ms), limit)
    await b.page.evaluate(() => window.bench.appear('B'))
    await a.page.evaluate((ms) => window.bench.untilSeen('B', true, ms), limit)
    const gone = a.page.evaluate((ms) => window.bench.untilSeen('B', false, ms), goneLimit)
    const begun = Date.now()
    b.page.goto('chrome://crash').catch(() => undefined)
    const at = await gone
    times.push(at === null ? null : at - begun)
    await Promise.all([a.close(), b.close()])
  }
  if (side === 'ours' && times.includes(null)) failures += 1
  return times
}

function print() {
  const { ours, theirs } = results
  const seconds = (times) => times.map((ms) => (ms === null ? 'never' : `${(ms / 1000).toFixed(1)} s`)).join(', ')
  const rows = [
    ['', 'Tutti', 'y-webrtc'],
    ...[['stuck of simultaneous pairs', ({ pairs: { stuck, of } }) => `${stuck} of ${of}`]],
    ['both have both, median (max)', ({ pairs: { medianMs, maxMs } }) => `${medianMs} ms (${maxMs} ms)`],
    ['stuck pairs after a signaling restart', ({ restart: { stuck, of } }) => `${stuck} of ${of}`],
    ['… and incomplete documents', ({ restart: { documentsIncomplete } }) => `${documentsIncomplete}`],
    ['opened until synced, median (max)', ({ synced: { medianMs, maxMs } }) => `${medianMs} ms (${maxMs} ms)`],
    ['an update of 1 MB, of 20 MB', ({ updates: times }) => seconds(times)],
    ['crashed until its cursor is gone', ({ gone }) => seconds(gone)],
  ]
  for (const [name, left, right] of rows) {
    const cells = typeof left === 'function' ? [left(ours), left(theirs)] : [left, right]
    console.log([name.padEnd(40), ...cells.map((cell) => String(cell).padEnd(28))].join(' '))
  }
}

function median(all) {
  const sorted = all.filter((each) => each !== null).sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? null
}
