/**
 * `npm run test:reach`: every browser within reach. Chromium and Firefox in one space, the matrix of what may be missing,
 * how fast a page is back when its signaling server is, and how long a page that has gone away is seen.
 *
 * `--only mixed|matrix|back|closed` runs one part, `--row NAME` the rows of the matrix whose names contain that, `--browser
 * chromium|firefox` one browser of the matrix. Exit code 1 if anything failed.
 */
import { ensureChromium } from '../../../scripts/chromium.mjs'
import { ensureFirefox } from '../../../scripts/firefox.mjs'
import { runBack } from './back.mjs'
import { startBrowser } from './browsers.mjs'
import { runClosed } from './closed.mjs'
import { runMatrix } from './matrix.mjs'
import { runMixed } from './mixed.mjs'
import { startSite } from './site.mjs'

const only = readOption('--only', ['mixed', 'matrix', 'back', 'closed'])
const onlyBrowser = readOption('--browser', ['chromium', 'firefox'])
const paths = { chromium: ensureChromium(), firefox: ensureFirefox() }
if (paths.chromium === null || paths.firefox === null) process.exit(1)

const site = await startSite()
const failures = []
const at = performance.now()
await part('mixed', () => runMixed({ ...paths, site }))
await part('matrix', () => withBrowsers((browsers) => runMatrix({ browsers, site, only: readOption('--row', null) })))
await part('back', () => withBrowsers((browsers) => runBack({ browsers, site })))
await part('closed', () => withBrowsers((browsers) => runClosed({ browsers, site })))
await site.close()

for (const failure of failures) console.error(`reach: FAILED ${failure}`)
console.log(`reach: ${failures.length === 0 ? 'ok' : 'not ok'} after ${Math.round((performance.now() - at) / 1000)} s`)
process.exit(failures.length === 0 ? 0 : 1)

/** Runs a part: it throws, or gives how much of it failed. */
async function part(name, run) {
  if (only !== null && only !== name) return
  try {
    const failed = (await run()) ?? 0
    if (failed > 0) failures.push(`${name}: ${failed}`)
  } catch (error) {
    console.error(error)
    failures.push(name)
  }
}

async function withBrowsers(run) {
  const browsers = []
  try {
    for (const [kind, path] of Object.entries(paths)) {
      if (onlyBrowser === null || onlyBrowser === kind) browsers.push(await startBrowser(kind, path))
    }
    return await run(browsers)
  } finally {
    await Promise.all(browsers.map((browser) => browser.close()))
  }
}

function readOption(name, values) {
  const index = process.argv.indexOf(name)
  if (index < 0) return null
  const value = process.argv[index + 1]
  if (value !== undefined && (values === null || values.includes(value))) return value
  console.error(`${name} takes ${values === null ? 'a name' : values.join(', ')}`)
  process.exit(1)
}
