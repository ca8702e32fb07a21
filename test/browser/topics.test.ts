/**
 * Topics in two pages with profiles of their own, over WebRTC, and a replicated class beside them: with the kernel in a
 * worker, as applications have it.
 */
import { assertEqual } from './assert.ts'
import { freshSpace, meetingPlace, untilTogether } from './members.ts'
import { closeAll } from './tabs.ts'

declare global {
  interface Window {
    /** What the page's subscriptions were told. */
    told: string[]
  }
}

describe('topics in two pages over WebRTC', () => {
  afterEach(closeAll)

  it('reach who subscribed to a name or a pattern, what was kept first, and nobody else', async function () {
    this.timeout(60_000)
    const open = await meetingPlace('webrtc')
    const space = freshSpace()
    const [a, b] = await Promise.all([open(space), open(space)])
    if (a === undefined || b === undefined) throw new Error('no pages')
    await untilTogether([a, b])
    await a.evaluate(async () => {
      const { topics } = window.member.space ?? {}
      for (const value of [1, 2, 3]) await topics?.publish('chat.room-1', value, { keep: 2 })
    })
    await b.evaluate(async () => {
      window.told = []
      const note = ({ topic, value, isKept }: { topic: string; value: unknown; isKept: boolean }): void => {
        window.told.push(`${topic} ${String(value)} ${isKept ? 'kept' : 'live'}`)
      }
      await window.member.space?.topics.subscribe('chat.**', note, { last: 5 })
    })
    await a.evaluate(async () => {
      const { topics } = window.member.space ?? {}
      await topics?.publish('news.today', 'for nobody')
      await topics?.publish('chat.room-2.typing', 'deep')
      await topics?.publish('chat.room-1', 'last')
    })
    const told = await b.evaluate(async () => {
      await window.member.until(() => window.told.some((each) => each.includes('last')), 'the last message')
      return window.told
    })
    assertEqual(told, [
      'chat.room-1 2 kept',
      'chat.room-1 3 kept',
      'chat.room-2.typing deep live',
      'chat.room-1 last live',
    ])
  })

  it('and a class is called in both pages; what it throws changes nothing in either', async function () {
    this.timeout(60_000)
    const open = await meetingPlace('webrtc')
    const space = freshSpace()
    const [a, b] = await Promise.all([open(space), open(space)])
    if (a === undefined || b === undefined) throw new Error('no pages')
    await untilTogether([a, b])
    const added = await Promise.all(
      [a, b].map((page) =>
        page.evaluate(async () => {
          class Log {
            lines: string[] = []
            add(line: string): number {
              if (line === '') throw new RangeError('empty')
              return this.lines.push(line)
            }
          }
          const log = await window.member.space?.replicate('log', new Log())
          if (log === undefined) throw new Error('no space')
          const refused = await log.object.add('').catch((error: Error) => error.name)
          await log.object.add('line')
          await window.member.until(() => log.object.lines.length === 2, 'both lines')
          return `${refused} ${log.object.lines.join()} ${log.calls >= 4}`
        }),
      ),
    )
    assertEqual(added, ['RangeError line,line true', 'RangeError line,line true'])
  })
})
