/**
 * Two pages over WebRTC: of those that compare and set at once exactly one writes; presence of a page goes when it does.
 */
import type { Presence, SharedRegister } from 'tutti'
import { assertEqual, assertTrue } from './assert.ts'
import { freshSpace, meetingPlace, untilTogether } from './members.ts'
import { closeAll, type Tab } from './tabs.ts'

const rounds = 20

/** What these tests open in a page. */
interface Opened {
  register?: SharedRegister<string>
  presence?: Presence<string>
}

declare global {
  interface Window {
    opened?: Opened
  }
}

describe('two pages', () => {
  afterEach(closeAll)

  it('that compare and set at the same time: exactly one writes, every time', async function () {
    this.timeout(60_000)
    const pages = await openTwo()
    await Promise.all(pages.map((page) => page.evaluate(openRegister)))
    for (let version = 0; version < rounds; version += 1) {
      const results = await Promise.all(
        pages.map((page, index) => page.evaluate(compareAndSet, version, `page ${index}`)),
      )
      const winners = results.filter(({ ok }) => ok)
      assertEqual(winners.length, 1, `writes over version ${version}`)
      for (const result of results) {
        assertEqual([result.value, result.version], [winners[0]?.value, version + 1], `told after version ${version}`)
      }
    }
    for (const page of pages) assertEqual(await page.errors(), [])
  })

  it('show each other’s presence, until one of them is closed', async function () {
    this.timeout(60_000)
    const [first, second] = await openTwo()
    const ids = await Promise.all([first, second].map((page, index) => page.evaluate(openPresence, `page ${index}`)))
    await Promise.all([first, second].map((page) => page.evaluate(untilPresent, 2)))
    assertEqual(
      (await first.evaluate(readPresence)).sort(),
      ids.map((id, index) => [id, `page ${index}`] as [string, string]).sort(),
    )
    const closedAt = Date.now()
    await second.close()
    await first.evaluate(untilPresent, 1)
    console.log(`presence: ${Date.now() - closedAt} ms from closing a page to the end of its entry`)
    assertEqual(await first.evaluate(readPresence), [[ids[0], 'page 0']])
    assertTrue(await first.evaluate(wasTogether), 'the entry went at another time than the member')
    assertEqual(await first.errors(), [])
  })
})

async function openTwo(): Promise<readonly [Tab, Tab]> {
  const open = await meetingPlace('webrtc')
  const space = freshSpace()
  const pages = await Promise.all([open(space), open(space)])
  await untilTogether(pages)
  return pages
}

// What follows runs in the pages.

async function openRegister(): Promise<void> {
  const register = await window.member.space?.register<string>('register')
  if (register === undefined) throw new Error('no space')
  window.opened = { register }
}

async function compareAndSet(
  version: number,
  value: string,
): Promise<{ ok: boolean; value: string | undefined; version: number }> {
  const result = await window.opened?.register?.compareAndSet(version, value)
  if (result === undefined) throw new Error('no register')
  return result
}

async function openPresence(text: string): Promise<string> {
  const { space, log } = window.member
  const presence = await space?.presence<string>('people')
  if (space === undefined || presence === undefined) throw new Error('no space')
  window.opened = { presence }
  presence.addEventListener('change', ({ changes }) => {
    // Whoever is gone from the one is gone from the other.
    for (const { type, id } of changes) {
      if (type === 'gone') log.push(space.view.members.every((member) => member.id !== id))
    }
  })
  presence.set(text)
  return space.self
}

async function untilPresent(count: number): Promise<void> {
  await window.member.until(() => window.opened?.presence?.size === count, `${count} present`)
}

function readPresence(): [string, string][] {
  return [...(window.opened?.presence ?? [])]
}

function wasTogether(): boolean {
  const { log } = window.member
  return log.length === 1 && log[0] === true
}
