/**
 * Chromium and Firefox, and pages in them, driven in one way: DevTools protocol and WebDriver BiDi, both by puppeteer.
 */
import { launch } from 'puppeteer-core'
import { plainHost } from './site.mjs'

const launchTimeoutMs = 90_000
/** Machines that run tests are slow, and this is no test of speed. */
const patienceMs = 30_000

/**
 * Starts a browser of its own process.
 * @param {'chromium' | 'firefox'} kind
 * @param {string} executablePath
 */
export async function startBrowser(kind, executablePath) {
  const common = { executablePath, headless: true, timeout: launchTimeoutMs, protocolTimeout: launchTimeoutMs }
  const browser = await launch(kind === 'firefox' ? { ...common, ...firefox } : { ...common, ...chromium })
  const version = (await browser.version()).replace('/', ' ')
  return {
    kind,
    version,
    /** A profile of its own. */
    profile: () => browser.createBrowserContext(),
    /** Ends the browser as a crash would: no page says goodbye. */
    async kill() {
      const child = browser.process()
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGKILL')
      await ended
    },
    close: () => browser.close().catch(() => {}),
  }
}

const chromium = {
  browser: 'chrome',
  args: [
    '--disable-gpu',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    `--host-resolver-rules=MAP ${plainHost} 127.0.0.1`,
    // Chromium's sandbox refuses to run as root (containers, CI).
    ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
  ],
}
const firefox = {
  browser: 'firefox',
  extraPrefsFirefox: {
    'network.dns.localDomains': plainHost,
    // Or Firefox tries https first, and waits.
    'dom.security.https_first': false,
  },
}

/**
 * Opens a page of the site.
 * @param {import('puppeteer-core').BrowserContext} profile
 * @param {string} url
 */
export async function openPage(profile, url) {
  const target = await profile.newPage()
  const errors = []
  target.on('pageerror', (error) => errors.push(String(error?.stack ?? error)))
  await target.goto(url, { timeout: patienceMs })
  // A module may still be on its way when the page has loaded, as Firefox counts it.
  const call = async (name, ...args) =>
    await target.evaluate((method, values) => globalThis.reach[method](...values), name, args)
  await until(
    () => target.evaluate(() => globalThis.reach !== undefined),
    (isThere) => isThere,
    () => `the page's script ${errors.join()}`,
  )
  return {
    errors,
    call,
    evaluate: (...args) => target.evaluate(...args),
    /** Waits until what the page sees is as it should be. */
    until: (fits, what, timeoutMs = patienceMs) =>
      until(
        () => call('see'),
        fits,
        () => what,
        timeoutMs,
      ),
    close: () => target.close(),
    /** Kills the renderer (Chromium only): the protocol never answers. */
    async crash() {
      const session = await target.createCDPSession()
      const gone = new Promise((resolve) => target.once('error', resolve))
      session.send('Page.crash').catch(() => {})
      await gone
    },
  }
}

/** Asks until the answer fits; fails after a while with the last answer. */
export async function until(ask, fits, what, timeoutMs = patienceMs) {
  const end = Date.now() + timeoutMs
  for (;;) {
    const answer = await ask()
    if (fits(answer)) return answer
    if (Date.now() > end) throw new Error(`not within ${timeoutMs} ms: ${what()}; ${JSON.stringify(answer)}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
