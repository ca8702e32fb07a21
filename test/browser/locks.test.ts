/**
 * `space.locks` across two pages does what `navigator.locks` does across two tabs: the same script is played with both,
 * and what each page sees must be the same.
 */
import { assertEqual, assertTrue } from './assert.ts'
import { freshSpace, meetingPlace, untilTogether } from './members.ts'
import { closeAll, type Tab } from './tabs.ts'

/** What one page does next. */
type Step =
  | { readonly at: 0 | 1; readonly request: string; readonly of: string; readonly options?: LockStep }
  | { readonly at: 0 | 1; readonly end: string; readonly fails?: boolean }
  | { readonly at: 0 | 1; readonly abort: string }
  | { readonly at: 0 | 1; readonly query: string }

/** `LockOptions`, as they cross to the page. */
interface LockStep {
  readonly mode?: string
  readonly ifAvailable?: boolean
  readonly steal?: boolean
  /** With a signal, which has aborted already, or may later. */
  readonly signal?: 'aborted' | 'later'
}

const shared: LockStep = { mode: 'shared' }

const scripts: Readonly<Record<string, readonly Step[]>> = {
  'exclusive, one after the other': [
    { at: 0, request: 'a', of: 'x' },
    { at: 1, request: 'b', of: 'x' },
    { at: 0, request: 'c', of: 'x' },
    { at: 1, request: 'other', of: 'y' },
    { at: 0, query: 'q' },
    { at: 1, query: 'q' },
    { at: 0, end: 'a' },
    { at: 1, end: 'b', fails: true },
    { at: 0, end: 'c' },
    { at: 1, end: 'other' },
    { at: 1, query: 'q' },
  ],
  'shared, and mixed with exclusive': [
    { at: 0, request: 'a', of: 'x', options: shared },
    { at: 1, request: 'b', of: 'x', options: shared },
    { at: 0, request: 'alone', of: 'x' },
    { at: 1, request: 'c', of: 'x', options: shared },
    { at: 0, request: 'd', of: 'x', options: shared },
    { at: 1, query: 'q' },
    { at: 0, end: 'a' },
    { at: 1, end: 'b' },
    { at: 0, query: 'q' },
    { at: 0, end: 'alone' },
    { at: 1, query: 'q' },
    { at: 1, end: 'c' },
    { at: 0, end: 'd' },
  ],
  ifAvailable: [
    { at: 0, request: 'a', of: 'x', options: { ifAvailable: true } },
    { at: 1, request: 'b', of: 'x', options: { ifAvailable: true } },
    { at: 1, request: 'c', of: 'x', options: { mode: 'shared', ifAvailable: true } },
    { at: 0, end: 'a' },
    { at: 0, request: 'd', of: 'x', options: shared },
    { at: 1, request: 'e', of: 'x', options: { mode: 'shared', ifAvailable: true } },
    { at: 1, request: 'alone', of: 'x' },
    { at: 0, request: 'f', of: 'x', options: { mode: 'shared', ifAvailable: true } },
    { at: 0, end: 'd' },
    { at: 1, end: 'e' },
    { at: 1, end: 'alone' },
  ],
  steal: [
    { at: 0, request: 'a', of: 'x' },
    { at: 1, request: 'waits', of: 'x' },
    { at: 1, request: 'thief', of: 'x', options: { steal: true } },
    { at: 0, query: 'q' },
    { at: 0, end: 'a' },
    { at: 0, request: 'again', of: 'x', options: { steal: true } },
    { at: 0, end: 'again' },
    { at: 1, end: 'waits' },
    { at: 0, request: 'b', of: 'x', options: shared },
    { at: 1, request: 'c', of: 'x', options: shared },
    { at: 1, request: 'third', of: 'x', options: { steal: true } },
    { at: 1, end: 'third' },
  ],
  'abort before the grant, and after it': [
    { at: 0, request: 'a', of: 'x', options: { signal: 'later' } },
    { at: 1, request: 'b', of: 'x', options: { signal: 'later' } },
    { at: 0, request: 'c', of: 'x', options: { signal: 'later' } },
    { at: 1, abort: 'b' },
    { at: 0, query: 'q' },
    { at: 0, abort: 'a' },
    { at: 0, query: 'q' },
    { at: 0, end: 'a' },
    { at: 0, end: 'c' },
    { at: 1, request: 'd', of: 'x', options: { signal: 'aborted' } },
    { at: 1, query: 'q' },
  ],
  'what is refused': [
    { at: 0, request: 'hyphen', of: '-x' },
    { at: 0, request: 'both', of: 'x', options: { steal: true, ifAvailable: true } },
    { at: 0, request: 'share', of: 'x', options: { steal: true, mode: 'shared' } },
    { at: 0, request: 'signal 1', of: 'x', options: { steal: true, signal: 'later' } },
    { at: 0, request: 'signal 2', of: 'x', options: { ifAvailable: true, signal: 'later' } },
    { at: 0, request: 'mode', of: 'x', options: { mode: 'both' } },
    { at: 0, request: 'first things first', of: '-x', options: { mode: 'both', signal: 'aborted' } },
    { at: 0, request: 'then', of: '-x', options: { steal: true, signal: 'aborted' } },
    { at: 0, query: 'q' },
  ],
}

/** Long enough for what follows from a step; the platform and a space of two tabs take a few milliseconds. */
const settleMs = 150

describe('the locks of a space, beside those of the platform', () => {
  afterEach(closeAll)

  for (const [name, steps] of Object.entries(scripts)) {
    it(name, async function () {
      this.timeout(120_000)
      const pages = await openPair('tabs')
      const platform = await play(pages, 'platform', steps)
      const space = await play(pages, 'space', steps)
      assertTrue(platform.length >= steps.length / 2, 'the script shows something')
      assertEqual(space.join('\n'), platform.join('\n'), name)
    })
  }

  it('are released when a page crashes, and who of it waited does not wait any more', async function () {
    this.timeout(120_000)
    const logs: string[][] = []
    for (const which of ['platform', 'space'] as const) {
      const pages = await openPair('tabs')
      const [first, second] = pages
      await act(second, which, { at: 1, request: 'a', of: 'x' })
      await second.evaluate(() => window.member.until(() => window.member.log.length > 0, 'the lock is granted'))
      await act(second, which, { at: 1, request: 'waits', of: 'x' })
      // Had at once where it is another's: so this page has the state of the locks.
      await first.evaluate(async (side) => {
        const locks: LockManager | undefined = side === 'space' ? window.member.space?.locks : navigator.locks
        await locks?.request('y', () => undefined)
      }, which)
      await act(first, which, { at: 0, request: 'b', of: 'x' })
      await second.crash()
      await first.evaluate(() => window.member.until(() => window.member.log.length > 0, 'the lock is granted', 5000))
      await act(first, which, { at: 0, query: 'q' })
      logs.push(await readLog(first))
    }
    assertEqual(logs[1]?.join('\n'), logs[0]?.join('\n'), 'after the crash')
  })

  it('has tokens that rise from page to page, over WebRTC', async function () {
    this.timeout(120_000)
    const pages = await openPair('webrtc')
    const tokens = await Promise.all(
      pages.map((page) =>
        page.evaluate(async () => {
          const { space } = window.member
          if (space === undefined) throw new Error('no space')
          const seen: number[] = []
          for (let i = 0; i < 20; i++) {
            await space.locks.request('baton', (lock) => seen.push(lock?.token[2] ?? Number.NaN))
          }
          return seen
        }),
      ),
    )
    const [ours = [], theirs = []] = tokens
    const all = [...ours, ...theirs].sort((a, b) => a - b)
    assertEqual(all.join(), Array.from({ length: 40 }, (_, i) => i + 1).join(), 'tokens')
    for (const seen of tokens) assertEqual(seen.join(), [...seen].sort((a, b) => a - b).join(), 'in order at each page')
  })
})

async function openPair(reach: 'tabs' | 'webrtc'): Promise<readonly [Tab, Tab]> {
  const open = await meetingPlace(reach)
  const space = freshSpace()
  const pages = await Promise.all([open(space), open(space)])
  await untilTogether(pages)
  return pages
}

async function play(
  pages: readonly [Tab, Tab],
  which: 'platform' | 'space',
  steps: readonly Step[],
): Promise<string[]> {
  const lines: string[] = []
  for (const step of steps) {
    await act(pages[step.at], which, step)
    await pages[0].evaluate((ms) => window.member.pause(ms), settleMs)
    for (const [index, page] of pages.entries()) {
      for (const line of await readLog(page)) lines.push(`page ${index}: ${line}`)
    }
  }
  return lines
}

/** Does one step in its page, which notes what comes of it in its log. */
function act(page: Tab, which: 'platform' | 'space', step: Step): Promise<void> {
  return page.evaluate(
    (side, what) => {
      const { member } = window
      const locks: LockManager | undefined = side === 'space' ? member.space?.locks : navigator.locks
      if (locks === undefined) throw new Error('no locks')
      const state = (Object.getOwnPropertyDescriptor(member, 'lockState')?.value ?? {
        ends: new Map<string, { end(value: string): void; fail(error: Error): void }>(),
        aborts: new Map<string, AbortController>(),
      }) as {
        ends: Map<string, { end(value: string): void; fail(error: Error): void }>
        aborts: Map<string, AbortController>
      }
      Object.defineProperty(member, 'lockState', { value: state, configurable: true })
      const note = (line: string): void => void member.log.push(line)
      if ('request' in what) {
        const { request: id, of, options = {} } = what
        const { signal: when, ...rest } = options
        const controller = new AbortController()
        state.aborts.set(id, controller)
        const reason = new RangeError('given up')
        if (when === 'aborted') controller.abort(reason)
        const given = { ...rest, ...(when === undefined ? {} : { signal: controller.signal }) } as LockOptions
        const running = (lock: Lock | null): Promise<string> => {
          note(lock === null ? `${id}: not available` : `${id}: has ${lock.name}, ${lock.mode}`)
          if (lock === null) return Promise.resolve('without')
          return new Promise((end, fail) => state.ends.set(id, { end, fail }))
        }
        locks.request(of, given, running).then(
          (value) => note(`${id}: ${value}`),
          (error: Error) => note(`${id}: rejects with ${error.name}`),
        )
      } else if ('end' in what) {
        const { end: id, fails = false } = what
        if (fails) state.ends.get(id)?.fail(new SyntaxError('on purpose'))
        else state.ends.get(id)?.end(`done ${id}`)
      } else if ('abort' in what) state.aborts.get(what.abort)?.abort(new RangeError('given up'))
      else {
        // The platform's own also has those that the space itself uses, and Chromium gives names in the order of the alphabet.
        const describe = (infos: LockInfo[] = []): string =>
          infos
            .map((info) => ({ ...info, name: info.name ?? '' }))
            .filter((info) => !info.name.startsWith('tutti:'))
            .sort((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)))
            .map((info) => `${info.name} ${info.mode}`)
            .join(', ')
        // What this page asks for in the same task comes before the query, and is named by it.
        const before = locks.request('probe', { ifAvailable: true }, () => member.pause(20))
        locks.query().then(({ held, pending }) => note(`held: ${describe(held)}; pending: ${describe(pending)}`))
        before.catch(() => note('the probe fails'))
      }
    },
    which,
    step,
  )
}

/** Takes what the page has noted. */
function readLog(page: Tab): Promise<string[]> {
  return page.evaluate(() => window.member.log.splice(0) as string[])
}
