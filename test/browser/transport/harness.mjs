/** Chromium, and pages in it that run the transports; for the tests of this folder, run by Node's test runner. */
import { createServer } from 'node:http'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { launch } from 'puppeteer-core'

const here = dirname(fileURLToPath(import.meta.url))
const page = '<!doctype html><meta charset="utf-8"><title>transport</title><script src="/page.js"></script>'

/** Builds the fixture and starts a browser and a server for it. */
export async function startWorld() {
  const files = await bundle()
  const server = createServer((request, response) => {
    const path = new URL(request.url, 'http://x').pathname
    response.setHeader('Content-Type', path.endsWith('.js') ? 'text/javascript' : 'text/html')
    response.end(files.get(path) ?? page)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const browser = await launch({
    executablePath: process.env.CHROME_PATH || '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--disable-features=WebRtcHideLocalIpsWithMdns',
    ],
  })
  return {
    browser,
    url: `http://127.0.0.1:${server.address().port}/`,
    context: () => browser.createBrowserContext(),
    async close() {
      await browser.close()
      server.close()
      server.closeAllConnections()
    },
  }
}

/** Opens the fixture's page in a context of its own, or in the given one. */
export async function openPage(world, context) {
  const target = await (context ?? (await world.context())).newPage()
  const errors = []
  target.on('pageerror', (error) => errors.push(String(error)))
  await target.goto(world.url)
  const call = (name, ...args) => target.evaluate((method, values) => globalThis.fixture[method](...values), name, args)
  return {
    target,
    errors,
    call,
    tell: (self, command) => call('call', self, command),
    state: (self) => call('call', self, { do: 'state' }),
    problems: () => target.evaluate(() => globalThis.fixture.problems),
    async crash() {
      const session = await target.createCDPSession()
      const gone = new Promise((resolve) => target.once('error', resolve))
      const at = Date.now()
      session.send('Page.crash').catch(() => {})
      await gone
      return at
    },
  }
}

/** Asks until `check` gives something true; fails after a while with the last state. */
export async function until(ask, check, what, timeoutMs = 8000) {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const state = await ask()
    if (check(state)) return state
    if (Date.now() > deadline) throw new Error(`${what} did not come: ${JSON.stringify(state).slice(0, 2000)}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** The first entry of a kind in a host's log. */
export function entry(state, what, peer) {
  return state.log.find((line) => line.what === what && (peer === undefined || line.peer === peer))
}

async function bundle() {
  const { outputFiles } = await build({
    entryPoints: { page: join(here, 'fixture-page.ts'), worker: join(here, 'fixture-worker.ts') },
    bundle: true,
    format: 'iife',
    platform: 'browser',
    conditions: ['tutti-source'],
    target: 'es2022',
    write: false,
    outdir: '/',
    logLevel: 'error',
  })
  return new Map(outputFiles.map((file) => [file.path, Buffer.from(file.contents)]))
}
