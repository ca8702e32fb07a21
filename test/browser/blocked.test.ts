/**
 * A page that is blocked by its own code while its worker goes on: it may hold the others up for `lagMs` of the kernel's
 * limits, and comes back by itself.
 */
import { assertEqual, assertTrue } from './assert.ts'
import { openThree } from './members.ts'
import { closeAll } from './tabs.ts'

/** The kernel's `lagMs`, a heartbeat, and the agreement on the view without it, with some to spare for a busy machine. */
const heldUpMax = 5000 + 500 + 2500
const blockedMs = 14_000
/** Much more than a page may leave unconsumed. */
const valueBytes = 100_000
const everyMs = 100

describe('a page that is blocked for long', () => {
  afterEach(closeAll)

  it('is put out of the way of those who write, and is back with what they wrote', async function () {
    this.timeout(120_000)
    const pages = await openThree('tabs')
    await Promise.all(pages.map((page) => page.evaluate(openMap)))
    const [blocked, writer, reader] = pages
    const self = await blocked.evaluate(() => window.member.space?.self ?? '')

    await blocked.evaluate(blockSoon, blockedMs)
    const blockedAt = Date.now()
    const hearing = reader.evaluate(longestGap, blockedMs)
    const writing = writer.evaluate(writeFor, blockedMs, { valueBytes, everyMs })
    await Promise.all(
      [writer, reader].map((page) =>
        page.evaluate(
          (id) => window.member.until(() => window.member.space?.view.away[0]?.id === id, 'it is away'),
          self,
        ),
      ),
    )
    const awayMs = Date.now() - blockedAt
    const [{ changes, gap }, written] = await Promise.all([hearing, writing])

    await Promise.all(
      pages.map((page) =>
        page.evaluate(() => window.member.until(() => window.member.space?.view.members.length === 3, 'all are back')),
      ),
    )
    const backMs = Date.now() - blockedAt - blockedMs
    await writer.evaluate(() => void window.member.map?.set('last', 'x'))
    const prints = await Promise.all(
      pages.map((page) =>
        page.evaluate(async () => {
          await window.member.until(() => window.member.map?.has('last') ?? false, 'the last value')
          return window.member.fingerprint()
        }),
      ),
    )
    console.log(
      `blocked for ${blockedMs} ms: away after ${awayMs} ms, back ${backMs} ms after it; the others wrote ${written} ` +
        `values of ${valueBytes} bytes, and heard ${changes}, with a gap of ${Math.round(gap)} ms at most`,
    )
    assertEqual(prints, Array(3).fill(prints[0]), 'the maps')
    assertTrue(gap <= heldUpMax, `held up for ${gap} ms, at most ${heldUpMax} ms allowed`)
    assertTrue(awayMs >= 5000, `away after ${awayMs} ms`)
    assertTrue(written * valueBytes > 8_000_000, `only ${written} values written`)
    const { wasAwayMs, expelled } = await blocked.evaluate(toldOf)
    assertTrue(wasAwayMs >= 4000, `was away for ${wasAwayMs} ms`)
    assertEqual(expelled, [], 'whom it was told to be expelled')
    assertEqual(await blocked.errors(), [])
  })
})

// What follows runs in the pages.

async function openMap(): Promise<void> {
  const { member } = window
  if (member.space === undefined) throw new Error('no space')
  const { space } = member
  member.map = await space.map<string>('map')
  space.addEventListener('view', ({ view }) => void member.log.push(view))
}

/** In a task of its own, so that this returns. */
function blockSoon(ms: number): void {
  setTimeout(() => {
    for (const end = Date.now() + ms; Date.now() < end; );
  })
}

/** Writes to a few keys, as much as there is room for. Gives how often. */
async function writeFor(ms: number, how: { readonly valueBytes: number; readonly everyMs: number }): Promise<number> {
  const { member } = window
  let written = 0
  for (const end = Date.now() + ms; Date.now() < end; await member.pause(how.everyMs)) {
    const value = String.fromCharCode(97 + (written % 26)).repeat(how.valueBytes)
    await member.patiently(() => member.map?.set(`k${written % 10}`, value))
    written += 1
  }
  return written
}

/** The longest time without a change of the map, and how many there were. */
async function longestGap(ms: number): Promise<{ readonly changes: number; readonly gap: number }> {
  const { member } = window
  let changes = 0
  let gap = 0
  let last = performance.now()
  const note = (): void => {
    changes += 1
    gap = Math.max(gap, performance.now() - last)
    last = performance.now()
  }
  const stop = member.map?.subscribe(note)
  await member.pause(ms)
  gap = Math.max(gap, performance.now() - last)
  stop?.()
  return { changes, gap }
}

/** What the views told a page, since it opened the map. */
function toldOf(): { readonly wasAwayMs: number; readonly expelled: readonly string[] } {
  const views = window.member.log as { readonly wasAwayMs: number; readonly expelled: readonly string[] }[]
  return {
    wasAwayMs: Math.max(...views.map((view) => view.wasAwayMs)),
    expelled: views.flatMap(({ expelled }) => expelled),
  }
}
