/**
 * `npm run test:apps`: installs the packed library in fresh apps, builds each with its own bundler, and runs it in
 * Chromium.
 *
 * An app is a folder here, with what a user would write. It is copied out of this tree, so that nothing of the tree's
 * `node_modules` is found; needs the npm registry. Each must build without asking for a polyfill of Node's, start the
 * worker, and bring two tabs and a page of another browser profile into one space.
 *
 *   npm run test:apps [-- vite-react webpack esbuild]
 */
import { spawn, spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ensureChromium } from '../../scripts/chromium.mjs'
import { run } from '../../scripts/run-command.mjs'
import { ensureInstalled } from '../../scripts/setup.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const timeLimitMs = 30_000
/** What bundlers say where something of Node's is missing. */
const polyfill = /polyfill|externalized for browser|could not resolve|can't resolve|module not found/i

ensureInstalled()
const { default: puppeteer } = await import('puppeteer-core')
const { startServer } = await import('../../demo/server.mjs')
const executablePath = ensureChromium()
if (executablePath === null) process.exit(1)

const wanted = process.argv.slice(2)
const all = readdirSync(here, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []))
const unknown = wanted.filter((name) => !all.includes(name))
if (unknown.length > 0) {
  console.error(`test:apps: there is no app ${unknown.join(', ')}; there are ${all.join(', ')}`)
  process.exit(2)
}

const folder = mkdtempSync(join(tmpdir(), 'tutti-apps-'))
let browser = null
let failures = 0
try {
  if ((await run('npm', ['pack', '--silent', '--pack-destination', folder])) !== 0) throw new Error('npm pack failed')
  const tarball = join(folder, readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? '')
  const flags = ['--no-first-run', '--disable-features=WebRtcHideLocalIpsWithMdns']
  const args = process.getuid?.() === 0 ? [...flags, '--no-sandbox'] : flags
  browser = await puppeteer.launch({ executablePath, headless: true, args })
  for (const name of wanted.length > 0 ? wanted : all) {
    try {
      await checkApp(name, tarball)
    } catch (error) {
      failures += 1
      console.error(`test:apps: FAILED ${name}: ${error instanceof Error ? error.message : error}`)
    }
  }
} finally {
  await browser?.close()
  rmSync(folder, { recursive: true, force: true })
}
process.exit(failures > 0 ? 1 : 0)

async function checkApp(name, tarball) {
  const app = join(folder, name)
  cpSync(join(here, name), app, { recursive: true })
  const manifest = JSON.parse(readFileSync(join(app, 'package.json'), 'utf8'))
  manifest.dependencies = { ...manifest.dependencies, tutti: `file:${tarball}` }
  writeFileSync(join(app, 'package.json'), JSON.stringify(manifest))
  npm(app, ['install', '--no-audit', '--no-fund', '--loglevel=error'])
  const said = npm(app, ['run', 'build'])
  if (polyfill.test(said)) throw new Error(`its build asks for something of Node's:\n${said}`)
  const server = await startServer({ port: 0, host: '127.0.0.1', root: join(app, 'dist') })
  try {
    console.log(`${name}, built: ${await checkPages(server.url, server.signalingUrl)}`)
    if (manifest.scripts.dev !== undefined) await checkDevelopment(name, app, server.signalingUrl)
  } finally {
    await server.close()
  }
}

/** The bundler's own development server, as one works with it. */
async function checkDevelopment(name, app, signalingUrl) {
  const port = await freePort()
  const child = spawn('npm', ['run', 'dev', '--', '--port', String(port), '--host', '127.0.0.1'], {
    cwd: app,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (said += data))
  try {
    const url = `http://127.0.0.1:${port}/`
    await until(
      () =>
        fetch(url).then(
          ({ ok }) => ok,
          () => false,
        ),
      () => `its development server is not up:\n${said}`,
    )
    console.log(`${name}, in development: ${await checkPages(url, signalingUrl)}`)
  } finally {
    // The group that npm leads: it does not end what it has started.
    process.kill(-child.pid, 'SIGTERM')
  }
}

/** Two tabs of one profile, and a page of another one over WebRTC. */
async function checkPages(url, signalingUrl) {
  const contexts = [await browser.createBrowserContext(), await browser.createBrowserContext()]
  const [tabs, other] = contexts
  const pages = []
  const problems = []
  try {
    const started = performance.now()
    for (const context of [tabs, tabs, other]) {
      const page = await context.newPage()
      page.on('pageerror', (error) => problems.push(String(error)))
      page.on('console', (message) => {
        if (['error', 'warn'].includes(message.type())) problems.push(message.text())
      })
      const address = new URL(url)
      address.searchParams.set('signaling', signalingUrl)
      await page.goto(address.href)
      pages.push(page)
    }
    const shown = (page) => page.evaluate(() => JSON.parse(document.getElementById('state')?.textContent || '{}'))
    const states = async () => JSON.stringify(await Promise.all(pages.map(shown)))
    const isReady = async () => {
      const all = await Promise.all(pages.map(shown))
      return all.every(({ members, plays }) => members === pages.length && plays === pages.length)
    }
    await until(isReady, async () => `the pages show ${await states()}; ${problems.join('\n')}`)
    const ms = Math.round(performance.now() - started)
    const workers = pages.map((page) => page.workers().length)
    if (workers.some((count) => count !== 1))
      throw new Error(`workers of the pages: ${workers}; ${problems.join('\n')}`)
    if (problems.length > 0) throw new Error(`the pages complain:\n${problems.join('\n')}`)
    return `${pages.length} pages in one space, each with its worker, after ${ms} ms`
  } finally {
    for (const context of contexts) await context.close()
  }
}

function npm(cwd, args) {
  const { status, stdout, stderr } = spawnSync('npm', args, { cwd, encoding: 'utf8', timeout: 5 * 60_000 })
  if (status !== 0) throw new Error(`npm ${args.join(' ')}: ${stdout}\n${stderr}`)
  return `${stdout}\n${stderr}`
}

async function until(isTrue, why) {
  const end = performance.now() + timeLimitMs
  while (!(await isTrue())) {
    if (performance.now() > end) throw new Error(await why())
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}
