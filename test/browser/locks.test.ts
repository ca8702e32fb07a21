/**
 * `space.locks` over real pages: what the Web Locks API promises between the tabs of one browser, between processes that
 * have no browser in common as well.
 */
import type { LockMode } from 'tutti'
import { assertEqual, assertTrue } from './assert.ts'
import { freshSpace, meetingPlace, untilTogether } from './members.ts'
import { closeAll, type Tab } from './tabs.ts'

/** What a request came to. */
interface Told {
  /** The lock's name and mode, `none` for null; null while the callback was not called. */
  readonly lock: string | null
  readonly token: readonly [line: string, view: string, n: number] | null
  /** `pending`, or how the promise settled. */
  readonly result: string
  /** Why the lock's signal aborted, if it did. */
  readonly lost: string | null
}

interface AskOptions {
  readonly mode?: LockMode
  readonly ifAvailable?: boolean
  readonly steal?: boolean
  /** Can be taken back with `abort`. */
  readonly abortable?: boolean
}

interface LocksPage {
  ask(id: string, name: string, options?: AskOptions): void
  end(id: string): void
  abort(id: string): void
  tell(id: string): Told
}

declare global {
  interface Window {
    locksPage: LocksPage
  }
}

describe('locks', () => {
  let pages: readonly [Tab, Tab]

  beforeEach(async () => {
    const open = await meetingPlace('webrtc')
    const space = freshSpace()
    pages = await Promise.all([open(space), open(space)])
    await untilTogether(pages)
    await Promise.all(pages.map((page) => page.evaluate(install)))
    await Promise.all(pages.map((page) => page.evaluate(warmUp)))
  })

  afterEach(closeAll)

  it('are as navigator.locks, to TypeScript and by their shape', async () => {
    const [a] = pages
    const shape = await a.evaluate(() => {
      const locks = window.member.space?.locks
      if (locks === undefined) throw new Error('no space')
      // Whoever is written for the platform's locks takes these.
      const platform: LockManager = locks
      return [platform.request.length, navigator.locks.request.length, platform.query.length]
    })
    assertEqual(shape, [2, 2, 0])
  })

  it('exclusive: one holder in both pages, then the next, with a higher token', async () => {
    const [a, b] = pages
    await a.evaluate(ask, '1', 'x')
    await told(a, '1', ({ lock }) => lock === 'x exclusive')
    await b.evaluate(ask, '2', 'x')
    await pending(a, ['x exclusive'])
    assertEqual((await b.evaluate(tell, '2')).lock, null)
    const first = await a.evaluate(tell, '1')
    await a.evaluate(end, '1')
    const second = await told(b, '2', ({ lock }) => lock === 'x exclusive')
    assertTrue((second.token?.[2] ?? 0) > (first.token?.[2] ?? 0), 'the token did not rise')
    await told(a, '1', ({ result }) => result === 'ended 1')
  })

  it('shared: held by both; mixed: an exclusive one waits for both, and holds up a shared one behind it', async () => {
    const [a, b] = pages
    await a.evaluate(ask, '1', 'x', { mode: 'shared' })
    await b.evaluate(ask, '1', 'x', { mode: 'shared' })
    await Promise.all(pages.map((page) => told(page, '1', ({ lock }) => lock === 'x shared')))
    await a.evaluate(ask, '2', 'x')
    await pending(b, ['x exclusive'])
    await b.evaluate(ask, '3', 'x', { mode: 'shared' })
    await pending(a, ['x exclusive', 'x shared'])
    await a.evaluate(end, '1')
    await b.evaluate(end, '1')
    await told(a, '2', ({ lock }) => lock === 'x exclusive')
    assertEqual((await b.evaluate(tell, '3')).lock, null)
    await a.evaluate(end, '2')
    await told(b, '3', ({ lock }) => lock === 'x shared')
  })

  it('ifAvailable: null while the other page holds it, the lock when it does not', async () => {
    const [a, b] = pages
    await a.evaluate(ask, '1', 'x')
    await told(a, '1', ({ lock }) => lock !== null)
    await b.evaluate(ask, '2', 'x', { ifAvailable: true })
    assertEqual(await told(b, '2', ({ result }) => result !== 'pending'), {
      lock: 'none',
      token: null,
      result: 'none',
      lost: null,
    })
    await a.evaluate(end, '1')
    await told(a, '1', ({ result }) => result === 'ended 1')
    await b.evaluate(ask, '3', 'x', { ifAvailable: true })
    await told(b, '3', ({ lock }) => lock === 'x exclusive')
  })

  it('steal: the other page’s promise rejects and its signal aborts, and who waits goes on waiting', async () => {
    const [a, b] = pages
    await a.evaluate(ask, '1', 'x')
    await told(a, '1', ({ lock }) => lock !== null)
    await a.evaluate(ask, '2', 'x')
    await pending(b, ['x exclusive'])
    await b.evaluate(ask, '3', 'x', { steal: true })
    await told(b, '3', ({ lock }) => lock !== null)
    const stolen = await told(a, '1', ({ result }) => result !== 'pending')
    assertEqual([stolen.result, stolen.lost], ['AbortError', 'AbortError'])
    await a.evaluate(end, '1')
    await pending(b, ['x exclusive'])
    await b.evaluate(end, '3')
    await told(a, '2', ({ lock }) => lock !== null)
  })

  it('abort: before the grant it takes the request back, after it it changes nothing', async () => {
    const [a, b] = pages
    await a.evaluate(ask, '1', 'x', { abortable: true })
    await told(a, '1', ({ lock }) => lock !== null)
    await b.evaluate(ask, '2', 'x', { abortable: true })
    await pending(a, ['x exclusive'])
    await a.evaluate(abort, '1')
    await b.evaluate(abort, '2')
    assertEqual((await told(b, '2', ({ result }) => result !== 'pending')).result, 'AbortError')
    await pending(a, [])
    assertEqual((await a.evaluate(tell, '1')).result, 'pending')
    assertEqual((await a.evaluate(tell, '1')).lost, null)
    await a.evaluate(end, '1')
    assertEqual((await told(a, '1', ({ result }) => result !== 'pending')).result, 'ended 1')
    assertEqual((await b.evaluate(tell, '2')).lock, null)
  })

  it('query: the same from both pages, in the order of requests, with the processes’ ids', async () => {
    const [a, b] = pages
    const [idA, idB] = await Promise.all(pages.map((page) => page.evaluate(() => window.member.space?.self ?? '')))
    const expected: string[] = []
    for (const [at, name] of ['z', 'y', 'x', 'z', 'y', 'x'].entries()) {
      await (at % 2 === 0 ? a : b).evaluate(ask, String(at), name)
      if (at >= 3) expected.push(`${name} exclusive`)
      else await told(at % 2 === 0 ? a : b, String(at), ({ lock }) => lock !== null)
      await pending(b, expected)
    }
    const seen = await Promise.all(pages.map((page) => page.evaluate(query)))
    assertEqual(seen[0], seen[1])
    assertEqual(seen[0], {
      held: [`z exclusive ${idA}`, `y exclusive ${idB}`, `x exclusive ${idA}`],
      pending: [`z exclusive ${idB}`, `y exclusive ${idA}`, `x exclusive ${idB}`],
    })
  })
})

describe('locks of a page that is gone', () => {
  afterEach(closeAll)

  for (const how of ['crash', 'close'] as const) {
    it(`are free after its ${how}, as are its places in line`, async function () {
      this.timeout(60_000)
      const open = await meetingPlace('tabs')
      const space = freshSpace()
      const [a, b, c] = await Promise.all([open(space), open(space), open(space)])
      await untilTogether([a, b, c])
      await Promise.all([a, b, c].map((page) => page.evaluate(install)))
      await Promise.all([a, b, c].map((page) => page.evaluate(warmUp)))
      await a.evaluate(ask, '1', 'x')
      await told(a, '1', ({ lock }) => lock !== null)
      await a.evaluate(ask, '2', 'x')
      await pending(b, ['x exclusive'])
      await b.evaluate(ask, '3', 'x')
      await pending(c, ['x exclusive', 'x exclusive'])
      const at = Date.now()
      await a[how]()
      await told(b, '3', ({ lock }) => lock !== null)
      console.log(`locks: free ${Date.now() - at} ms after the ${how} of their holder`)
      await pending(c, [])
    })
  }

  it('by space.close: held ones are lost to the page first, what waits is refused', async () => {
    const open = await meetingPlace('tabs')
    const space = freshSpace()
    const [a, b] = await Promise.all([open(space), open(space)])
    await untilTogether([a, b])
    await Promise.all([a, b].map((page) => page.evaluate(install)))
    await a.evaluate(ask, '1', 'x')
    await told(a, '1', ({ lock }) => lock !== null)
    await b.evaluate(ask, '2', 'x')
    await pending(a, ['x exclusive'])
    await a.evaluate(ask, '3', 'x')
    await a.evaluate(() => void window.member.space?.close())
    await told(b, '2', ({ lock }) => lock !== null)
    assertEqual((await a.evaluate(tell, '1')).lost, 'StaleTokenError')
    assertEqual((await a.evaluate(tell, '3')).result, 'InvalidStateError')
    assertEqual((await a.evaluate(tell, '1')).result, 'pending')
    await a.evaluate(end, '1')
    assertEqual((await told(a, '1', ({ result }) => result !== 'pending')).result, 'ended 1')
    await a.evaluate(ask, '4', 'x')
    assertEqual((await told(a, '4', ({ result }) => result !== 'pending')).result, 'InvalidStateError')
  })
})

/** Waits until a request has come so far. */
async function told(page: Tab, id: string, isTrue: (told: Told) => boolean): Promise<Told> {
  for (let tries = 0; tries < 400; tries += 1) {
    const now = await page.evaluate(tell, id)
    if (isTrue(now)) return now
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  throw new Error(`request ${id}: ${JSON.stringify(await page.evaluate(tell, id))}`)
}

/** Waits until these wait, as that page sees it. */
async function pending(page: Tab, expected: readonly string[]): Promise<void> {
  let seen: readonly string[] = []
  for (let tries = 0; tries < 200; tries += 1) {
    const now = await page.evaluate(query)
    seen = now.pending.map((each) => each.split(' ').slice(0, 2).join(' '))
    if (JSON.stringify(seen) === JSON.stringify(expected)) return
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  assertEqual(seen, expected, 'what waits')
}

// What follows runs in the pages.

function install(): void {
  const { space } = window.member
  if (space === undefined) throw new Error('no space')
  const controllers = new Map<string, AbortController>()
  const ends = new Map<string, () => void>()
  const known = new Map<string, { -readonly [Key in keyof Told]: Told[Key] }>()
  const nameOf = (error: unknown): string =>
    error instanceof Error || error instanceof DOMException ? error.name : '?'
  window.locksPage = {
    ask(id, name, { abortable = false, ...options } = {}) {
      const controller = new AbortController()
      const entry: { -readonly [Key in keyof Told]: Told[Key] } = {
        lock: null,
        token: null,
        result: 'pending',
        lost: null,
      }
      controllers.set(id, controller)
      known.set(id, entry)
      const given = abortable ? { ...options, signal: controller.signal } : options
      space.locks
        .request(name, given, (lock) => {
          entry.lock = lock === null ? 'none' : `${lock.name} ${lock.mode}`
          if (lock === null) return 'none'
          entry.token = lock.token
          lock.signal.addEventListener('abort', () => {
            entry.lost = nameOf(lock.signal.reason)
          })
          return new Promise<string>((resolve) => ends.set(id, () => resolve(`ended ${id}`)))
        })
        .then(
          (value) => {
            entry.result = value
          },
          (error: unknown) => {
            entry.result = nameOf(error)
          },
        )
    },
    end: (id) => ends.get(id)?.(),
    abort: (id) => controllers.get(id)?.abort(),
    tell: (id) => known.get(id) ?? { lock: null, token: null, result: 'never asked', lost: null },
  }
}

/** Joins the group of the locks. */
async function warmUp(): Promise<void> {
  await window.member.space?.locks.query()
}

function ask(id: string, name: string, options: AskOptions = {}): void {
  window.locksPage.ask(id, name, options)
}

function end(id: string): void {
  window.locksPage.end(id)
}

function abort(id: string): void {
  window.locksPage.abort(id)
}

function tell(id: string): Told {
  return window.locksPage.tell(id)
}

async function query(): Promise<{ held: readonly string[]; pending: readonly string[] }> {
  const { locks } = window.member.space ?? {}
  if (locks === undefined) throw new Error('no space')
  const { held, pending } = await locks.query()
  const text = (list: readonly { name: string; mode: string; clientId: string }[]): string[] =>
    list.map(({ name, mode, clientId }) => `${name} ${mode} ${clientId}`)
  return { held: text(held), pending: text(pending) }
}
