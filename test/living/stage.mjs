/**
 * Pages of one space, from outside: what `run.mjs` asks of them.
 */

const settleMs = 20_000

/** Three pages of one space. */
export class Stage {
  pages = []
  #browser
  #server
  #reach
  #contexts = []
  #space = `living-${Math.random().toString(36).slice(2)}`

  constructor(browser, server, reach) {
    this.#browser = browser
    this.#server = server
    this.#reach = reach
  }

  async open(count) {
    for (let i = 0; i < count; i += 1) {
      // Tabs of one profile, or a profile each.
      if (this.#reach === 'webrtc' || i === 0) this.#contexts.push(await this.#browser.createBrowserContext())
      const page = await this.#contexts.at(-1).newPage()
      const url = new URL(`${this.#server.url}page.html`)
      url.search = new URLSearchParams({
        transport: this.#reach,
        signaling: this.#server.signalingUrl,
        space: this.#space,
      }).toString()
      await page.goto(url.href)
      this.pages.push(page)
      await until(() => page.evaluate(() => window.living.space !== null), 'a page opens its space')
    }
    await this.untilSize(count)
  }

  async close() {
    for (const context of this.#contexts) await context.close()
  }

  /** A blank page of each profile comes to the front. */
  async hideAll() {
    for (const context of this.#contexts) {
      const front = await context.newPage()
      await front.bringToFront()
    }
  }

  each(fn) {
    return Promise.all(this.pages.map((page) => page.evaluate(fn)))
  }

  members(page) {
    return page.evaluate(() => window.living.space?.view.members.map(({ id }) => id) ?? [])
  }

  /** How long each page's log is. */
  logs() {
    return this.each(() => window.living.log.length)
  }

  async viewsSince(lengths) {
    const logs = await this.each(() => window.living.log)
    return logs.flatMap((log, page) =>
      log.slice(lengths[page] ?? 0).flatMap((line) => (line.what === 'view' ? [{ page, ...line }] : [])),
    )
  }

  untilSize(size) {
    return until(
      async () => (await Promise.all(this.pages.map((page) => this.members(page)))).every((all) => all.length === size),
      async () =>
        `views of ${size}: ${JSON.stringify(await Promise.all(this.pages.map((page) => this.members(page))))}`,
    )
  }

  /** When this page was told that the process is in the view, or is not. */
  async untilTold(page, self, isMember) {
    await until(
      async () => (await this.members(page)).includes(self) === isMember,
      `${self} ${isMember ? 'in' : 'out'}`,
    )
    return page.evaluate(
      (id, isIn) =>
        window.living.log.findLast(({ what, members }) => what === 'view' && members.includes(id) === isIn)?.at ?? 0,
      self,
      isMember,
    )
  }

  /** Of those whose logs are left: from when it leads until it is told that it does not, each alone. */
  async judgeLeaders() {
    const logs = await this.each(() => ({ log: window.living.log, now: Date.now() }))
    const terms = logs.flatMap(({ log, now }, page) => {
      const begins = log.filter(({ what }) => what === 'leads')
      const ends = log.filter(({ what }) => what === 'ends')
      return begins.map(({ at, self }, i) => ({ page, self, from: at, to: ends[i]?.at ?? now }))
    })
    terms.sort((a, b) => a.from - b.from)
    for (const [i, term] of terms.entries()) {
      const rival = terms.slice(i + 1).find(({ from }) => from < term.to)
      if (rival !== undefined) throw new Error(`two lead at once: ${JSON.stringify([term, rival])}`)
    }
    if (terms.length === 0) throw new Error('nobody ever led')
  }
}

/** Which process the page is. */
export function selfOf(page) {
  return page.evaluate(() => window.living.space?.self ?? '')
}

/** Resolves when it is so; looks every few milliseconds. */
export async function until(isTrue, what) {
  const end = performance.now() + settleMs
  while (!(await isTrue())) {
    if (performance.now() > end)
      throw new Error(`not within ${settleMs} ms: ${typeof what === 'string' ? what : await what()}`)
    await pause(20)
  }
}

export function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
