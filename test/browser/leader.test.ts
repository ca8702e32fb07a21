/**
 * A task that runs in one page at a time, whose page is crashed over and over: a tab of one browser, whose death is proven,
 * and a page in a browser profile of its own, which merely vanishes.
 */
import { compareTokens, type Token } from 'tutti'
import { assertEqual, assertTrue } from './assert.ts'
import { freshSpace, meetingPlace, untilTogether } from './members.ts'
import { closeAll, type Tab } from './tabs.ts'

const crashes = 10
/** From the crash until the task runs elsewhere. */
const reaches = [
  { reach: 'tabs', boundMs: 1_000 },
  { reach: 'webrtc', boundMs: 5_000 },
] as const

interface Begun {
  readonly token: Token
  readonly at: number
}

describe('a leader whose page is crashed', () => {
  afterEach(closeAll)

  for (const { reach, boundMs } of reaches) {
    it(`${reach}: is replaced in time, ${crashes} times over, and never are there two`, async function () {
      this.timeout(240_000)
      const open = await meetingPlace(reach)
      const space = freshSpace()
      let pages: readonly Tab[] = await Promise.all([open(space), open(space), open(space)])
      await untilTogether(pages)
      await Promise.all(pages.map((page) => page.evaluate(standForLeader)))
      const tokens: Token[] = [(await untilOneLeads(pages, '')).token]
      const times: number[] = []
      for (let round = 1; round <= crashes; round += 1) {
        const leading = await Promise.all(pages.map((page) => page.evaluate(isLeading)))
        assertEqual(leading.filter((leads) => leads).length, 1, `round ${round}: pages in which the task runs`)
        const leader = pages[leading.indexOf(true)]
        if (leader === undefined) throw new Error('no leader')
        const survivors = pages.filter((page) => page !== leader)
        const crashedAt = Date.now()
        await leader.crash()
        const { token, at } = await untilOneLeads(survivors, String(tokens.at(-1)))
        assertTrue(at > crashedAt, `round ${round}: the next began ${crashedAt - at} ms before the crash`)
        times.push(at - crashedAt)
        tokens.push(token)
        pages = [...survivors, await open(space)]
        await untilTogether(pages)
        await pages.at(-1)?.evaluate(standForLeader)
      }

      assertEqual(tokens, [...tokens].sort(compareTokens), 'the tokens, in their order')
      assertEqual(new Set(tokens.map(String)).size, crashes + 1, 'different tokens')
      // What a page hears of the leaders' work: none is heard after its successor.
      for (const heard of await Promise.all(pages.map((page) => page.evaluate(tokensHeard)))) {
        assertEqual(new Set(heard.map(String)).size, heard.length, 'leaders whose work was heard, one after the other')
        assertEqual(heard, [...heard].sort(compareTokens), 'their order')
      }
      console.log(`leader, ${reach}: ${crashes} crashes; the task ran again after ${times.join(', ')} ms`)
      assertTrue(Math.max(...times) <= boundMs, `it took up to ${Math.max(...times)} ms, bound ${boundMs} ms`)
    })
  }
})

/** Resolves when the task runs in one of these pages under another token than `last`. */
async function untilOneLeads(pages: readonly Tab[], last: string): Promise<Begun> {
  for (;;) {
    const all = await Promise.all(pages.map((page) => page.evaluate(lastBegun)))
    const begun = all.filter((each) => each !== null && String(each.token) !== last)
    assertTrue(begun.length <= 1, `it runs in ${begun.length} pages`)
    if (begun[0]) return begun[0]
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

// What follows runs in the pages.

/** Stands, and once it leads, says so on a channel every few milliseconds; notes whose work it hears, when that changes. */
async function standForLeader(): Promise<void> {
  const { member } = window
  const { space, log } = member
  if (space === undefined) throw new Error('no space')
  const channel = space.channel('work')
  let last = ''
  const hear = (token: unknown): void => {
    if (String(token) === last) return
    last = String(token)
    log.push({ heard: token })
  }
  channel.onmessage = ({ data }: { readonly data: unknown }) => hear(data)
  const leadership = await space.leaderOf('chief')
  const work = async ({ token, signal }: { token: unknown; signal: AbortSignal }): Promise<void> => {
    log.push({ begun: { token, at: Date.now() } })
    while (!signal.aborted) {
      hear(token)
      channel.postMessage(token)
      await member.pause(10)
    }
    log.push({ ended: true })
  }
  leadership.whenLeader(work).catch(console.error)
}

function isLeading(): boolean {
  const log = window.member.log as { begun?: unknown; ended?: boolean }[]
  return log.some(({ begun }) => begun !== undefined) && !log.some(({ ended }) => ended)
}

function lastBegun(): Begun | null {
  const log = window.member.log as { begun?: Begun }[]
  return log.find(({ begun }) => begun !== undefined)?.begun ?? null
}

function tokensHeard(): Token[] {
  return (window.member.log as { heard?: Token }[]).flatMap(({ heard }) => (heard === undefined ? [] : [heard]))
}
