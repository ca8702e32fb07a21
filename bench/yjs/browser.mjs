/**
 * What benches and checks with Yjs in real pages need: Chromium, bundles served to it, and y-webrtc's signaling server.
 */
import { spawn } from 'node:child_process'
import { createServer } from 'node:http'
import { createServer as createSocketServer } from 'node:net'
import { join } from 'node:path'
import { bundleInMemory, workerEntry } from '../../scripts/bundle.mjs'
import { ensureChromium } from '../../scripts/chromium.mjs'
import { root } from '../../scripts/setup.mjs'

/** Serves `/NAME.html` with the bundle of each page, and the worker. */
export async function servePages(entries) {
  const files = await bundleInMemory([workerEntry, ...entries])
  const server = createServer((request, response) => {
    const path = (request.url ?? '').slice(1).split('?')[0]
    const page = /^([a-z-]+)\.html$/.exec(path)?.[1]
    if (page !== undefined) {
      response.setHeader('content-type', 'text/html')
      // y-webrtc's simple-peer looks for Node's global object.
      const script = `<script>globalThis.global = globalThis</script><script type="module" src="/${page}.js"></script>`
      response.end(
        `<!doctype html><meta charset="utf-8"><title>${page}</title><link rel="icon" href="data:,">${script}`,
      )
      return
    }
    const file = files.get(path)
    if (file === undefined) response.statusCode = 404
    else response.setHeader('content-type', 'text/javascript')
    response.end(file === undefined ? '' : Buffer.from(file))
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() }
}

/** Starts Chromium; null after a message if there is none. */
export async function launch() {
  const executablePath = ensureChromium()
  if (executablePath === null) return null
  const { default: puppeteer } = await import('puppeteer-core')
  const flags = ['--no-first-run', '--disable-features=WebRtcHideLocalIpsWithMdns', '--disable-gpu']
  const args = process.getuid?.() === 0 ? [...flags, '--no-sandbox'] : flags
  return await puppeteer.launch({ executablePath, headless: true, args, protocolTimeout: 300_000 })
}

/** A page in a browser context of its own. */
export async function openPage(browser, url, { onError = console.error } = {}) {
  const context = await browser.createBrowserContext()
  const page = await context.newPage()
  page.on('pageerror', (error) => onError(`page: ${error.message}`))
  await page.goto(url)
  return { page, close: () => context.close() }
}

/** y-webrtc's own signaling server, which both speak to; it can be stopped and started again at its port. */
export class Signaling {
  #child = null
  port = 0

  get url() {
    return `ws://127.0.0.1:${this.port}`
  }

  async start() {
    this.port ||= await freePort()
    const file = join(root, 'node_modules/y-webrtc/bin/server.js')
    this.#child = spawn(process.execPath, [file], {
      env: { ...process.env, PORT: String(this.port) },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    // Its first line says that it listens.
    await new Promise((resolve, reject) => {
      this.#child.stdout.once('data', resolve)
      this.#child.once('exit', () => reject(new Error('the signaling server ended')))
    })
  }

  async stop() {
    const child = this.#child
    this.#child = null
    if (child === null) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await ended
  }
}

async function freePort() {
  const server = createSocketServer()
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}
