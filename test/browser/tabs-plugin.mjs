/**
 * The server side of `tabs.ts`: pages that a browser test opens, drives, crashes, freezes and closes through the
 * DevTools protocol; signaling servers on ports of their own; and the bundles these pages load.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { bundleInMemory, workerEntry } from '../../scripts/bundle.mjs'
import { root } from '../../scripts/setup.mjs'

/** simple-peer is CommonJS: tests that import it get this bundle. */
const vendored = { 'simple-peer': '/vendor/simple-peer.js', 'simple-peer/simplepeer.min.js': '/vendor/simple-peer.js' }
const closeTimeoutMs = 5000
/** Every process of the browser hands in its part. */
const traceTimeoutMs = 30_000
/** Below web-test-runner's own 20 s for a command: what takes longer is asked for again. */
const answerWithinMs = 10_000

let bundles = null

/**
 * Serves `/pages/NAME.html` with the bundle of `test/browser/pages/NAME.ts`, the kernel's worker at
 * `/worker/worker.js`, and vendor bundles. Built once a run, when first asked for.
 */
export async function bundlesMiddleware(context, next) {
  const { path } = context
  const page = /^\/pages\/([a-z0-9-]+)\.html$/.exec(path)
  if (page !== null) {
    context.type = 'html'
    context.body = `<!doctype html><html lang="en"><meta charset="utf-8"><title>${page[1]}</title><link rel="icon" href="data:,"><script type="module" src="./${page[1]}.js"></script></html>\n`
    return
  }
  if (!/^\/(pages\/[^/]+|worker\/worker|vendor\/[^/]+)\.js$/.test(path)) return next()
  bundles ??= buildBundles()
  let files
  try {
    files = await bundles
  } catch (error) {
    // esbuild has printed why; the page says so too.
    context.status = 500
    context.body = String(error)
    return
  }
  const file = files.get(path.slice(1))
  if (file === undefined) {
    context.status = 404
    return
  }
  context.type = 'text/javascript'
  context.body = Buffer.from(file)
}

function buildBundles() {
  const pages = readdirSync(join(root, 'test/browser/pages')).filter((name) => name.endsWith('.ts'))
  return bundleInMemory([
    workerEntry,
    { out: 'vendor/simple-peer', in: 'simple-peer/simplepeer.min.js' },
    ...pages.map((name) => ({ out: `pages/${name.slice(0, -3)}`, in: `test/browser/pages/${name}` })),
  ])
}

/** The web-test-runner plugin that answers the command `tabs`. */
export function tabsPlugin() {
  const world = new World()
  return {
    name: 'tabs',
    resolveImport({ source }) {
      return vendored[source]
    },
    async executeCommand({ command, payload, session }) {
      if (command !== 'tabs') return undefined
      const { op, ...args } = payload
      if (op === 'wait') return await world.answer(args.pending)
      const operation = operations[op]
      if (operation === undefined) throw new Error(`tabs: there is no operation ${op}`)
      return await world.answer(world.add(world.pending, outcomeOf(operation(world, args, session))))
    },
    async serverStop() {
      await world.closeAll(null)
    },
  }
}

/** Errors go to the test that asked, as values: web-test-runner would print thrown ones even where they are expected. */
async function outcomeOf(operation) {
  try {
    return { value: (await operation) ?? null }
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) }
  }
}

/** What the tests of one run have open. */
class World {
  #nextId = 1
  /** By id: the page, its errors, and the session that opened it. */
  tabs = new Map()
  /** Named browser contexts, by session and name. */
  contexts = new Map()
  servers = new Map()
  /** Operations that have not been answered yet. */
  pending = new Map()

  /** The outcome of a pending operation, or that it still is pending. */
  async answer(id) {
    let timer
    const later = new Promise((resolve) => {
      timer = setTimeout(resolve, answerWithinMs, { pending: id })
    })
    const answer = await Promise.race([this.pending.get(id), later])
    clearTimeout(timer)
    if (!('pending' in answer)) this.pending.delete(id)
    return answer
  }

  add(map, value) {
    const id = this.#nextId++
    map.set(id, value)
    return id
  }

  tab(id) {
    const tab = this.tabs.get(id)
    if (tab === undefined) throw new Error(`tabs: there is no tab ${id}`)
    return tab
  }

  /** Closes what a session opened; everything when `sessionId` is null. */
  async closeAll(sessionId) {
    const isOurs = (entry) => sessionId === null || entry.sessionId === sessionId
    const contexts = new Set()
    for (const [id, tab] of this.tabs) {
      if (!isOurs(tab)) continue
      this.tabs.delete(id)
      if (tab.stopped !== null) process.kill(tab.stopped, 'SIGCONT')
      contexts.add(tab.context)
    }
    for (const [key, entry] of this.contexts) if (isOurs(entry)) this.contexts.delete(key)
    for (const context of contexts) await atMost(closeTimeoutMs, context.close(), 'close').catch(() => {})
    for (const [id, server] of this.servers) {
      if (!isOurs(server)) continue
      this.servers.delete(id)
      await server.close()
    }
  }
}

const operations = {
  async open(world, { page, query, context: name }, session) {
    const own = session.browser.getPage(session.id)
    const context = await contextOf(world, session.id, own.browser(), name)
    const target = await context.newPage()
    const tab = { page: target, context, sessionId: session.id, isCrashed: false, stopped: null, errors: [] }
    target.on('pageerror', (error) => tab.errors.push(String(error?.stack ?? error)))
    target.on('console', (message) => {
      if (message.type() === 'error') tab.errors.push(message.text())
    })
    let notLoaded = null
    target.on('response', (response) => {
      if (response.status() >= 400) notLoaded = `${response.url()} answered ${response.status()}`
    })
    const id = world.add(world.tabs, tab)
    const url = new URL(`/pages/${page}.html`, own.url())
    url.search = new URLSearchParams(query).toString()
    await target.goto(url.href)
    if (notLoaded !== null) throw new Error(`tabs: ${notLoaded}`)
    return { id }
  },

  async evaluate(world, { id, expression, timeoutMs }) {
    const tab = world.tab(id)
    if (tab.isCrashed) throw new Error(`tabs: tab ${id} has been crashed`)
    return await atMost(timeoutMs, tab.page.evaluate(expression), `evaluate in tab ${id}`)
  },

  /** Kills the renderer as a crash would. The protocol never answers this call. */
  async crash(world, { id }) {
    const tab = world.tab(id)
    const session = await tab.page.createCDPSession()
    const gone = new Promise((resolve) => tab.page.once('error', resolve))
    tab.isCrashed = true
    session.send('Page.crash').catch(() => {})
    await atMost(closeTimeoutMs, gone, `crash of tab ${id}`)
  },

  async close(world, { id }) {
    const tab = world.tab(id)
    world.tabs.delete(id)
    await atMost(closeTimeoutMs, tab.page.close({ runBeforeUnload: false }), `close of tab ${id}`)
  },

  async freeze(world, { id, isFrozen }) {
    const session = await world.tab(id).page.createCDPSession()
    await session.send('Page.setWebLifecycleState', { state: isFrozen ? 'frozen' : 'active' })
    await session.detach()
  },

  /** Stops the renderer, network and all, or lets it go on. */
  async sleep(world, { ids, isAsleep }) {
    const tabs = ids.map((id) => world.tab(id))
    // One after the other: a browser makes one trace at a time.
    for (const tab of tabs) tab.renderer ??= await rendererOf(tab.page)
    for (const tab of tabs) {
      process.kill(tab.renderer, isAsleep ? 'SIGSTOP' : 'SIGCONT')
      tab.stopped = isAsleep ? tab.renderer : null
    }
  },

  async navigate(world, { id, url }) {
    await world.tab(id).page.goto(url)
  },

  async errors(world, { id }) {
    return world.tab(id).errors
  },

  async closeAll(world, _args, session) {
    await world.closeAll(session.id)
  },

  async startSignaling(world, _args, session) {
    const { startServer } = await import('../../demo/server.mjs')
    const server = await startServer({ port: 0, host: '127.0.0.1', root: join(root, 'test/browser/pages') })
    const url = new URL('/signaling', server.url)
    url.protocol = 'ws:'
    url.hostname = '127.0.0.1'
    const id = world.add(world.servers, { close: () => server.close(), sessionId: session.id })
    return { id, url: url.href }
  },

  async stopSignaling(world, { id }) {
    const server = world.servers.get(id)
    world.servers.delete(id)
    await server?.close()
  },
}

/** The process id of the page's renderer: only the head of a trace tells it. */
export async function rendererOf(page) {
  const session = await page.createCDPSession()
  const { frameTree } = await session.send('Page.getFrameTree')
  let pid = null
  session.on('Tracing.dataCollected', ({ value }) => {
    for (const { name, args } of value) {
      if (name !== 'TracingStartedInBrowser') continue
      pid = args.data.frames.find((each) => each.frame === frameTree.frame.id)?.processId ?? pid
    }
  })
  const complete = new Promise((resolve) => session.once('Tracing.tracingComplete', resolve))
  await session.send('Tracing.start', {
    traceConfig: { includedCategories: ['disabled-by-default-devtools.timeline'] },
    transferMode: 'ReportEvents',
  })
  await session.send('Tracing.end')
  await atMost(traceTimeoutMs, complete, 'the trace')
  await session.detach()
  if (pid === null) throw new Error('tabs: the trace does not tell the process of the page')
  return pid
}

/** A named context is shared by the session's tabs of that name: one browser profile. Without a name, a profile of its own. */
async function contextOf(world, sessionId, browser, name) {
  if (name === null) return await browser.createBrowserContext()
  const key = `${sessionId} ${name}`
  let entry = world.contexts.get(key)
  if (entry === undefined) {
    // The promise, not the context: tabs may be opened at the same instant.
    entry = { sessionId, context: browser.createBrowserContext() }
    world.contexts.set(key, entry)
  }
  return await entry.context
}

async function atMost(ms, promise, what) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`tabs: ${what} took more than ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
