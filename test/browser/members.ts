/**
 * Pages that are members of one space: how the tests of the whole library open them and wait for them.
 */
import { openTab, startSignaling, type Tab } from './tabs.ts'

/** How pages reach each other: `tabs` share a browser profile; with `webrtc` each has its own. */
export type Reach = 'tabs' | 'webrtc'

let lastSpace = 0

/** A space's name that no test has used. */
export function freshSpace(): string {
  lastSpace += 1
  return `space-${lastSpace}-${Date.now().toString(36)}`
}

/** Gives what opens pages that can meet, by their number; without a space, they wait for the test to open one. `more` is of their query. */
export async function meetingPlace(
  reach: Reach,
  page = 'member',
  more: Readonly<Record<string, string>> = {},
): Promise<(space?: string) => Promise<Tab>> {
  const query: Record<string, string> = { transport: reach, ...more }
  if (reach === 'webrtc') query['signaling'] = (await startSignaling()).url
  const context = reach === 'tabs' ? { context: freshSpace() } : {}
  return (space) => openTab(page, { query: space === undefined ? query : { ...query, space }, ...context })
}

/** Waits until each page's view has as many members. */
export async function untilTogether(pages: readonly Tab[], size = pages.length): Promise<void> {
  await Promise.all(
    pages.map((page) =>
      page.evaluate(async (count) => {
        const { member } = window
        await member.until(() => member.space !== undefined, 'the space is open')
        await member.until(() => member.space?.view.members.length === count, `a view of ${count}`)
      }, size),
    ),
  )
}

/** Opens three pages of one space, and waits until they are together. */
export async function openThree(reach: Reach): Promise<readonly [Tab, Tab, Tab]> {
  const open = await meetingPlace(reach)
  const space = freshSpace()
  const pages = await Promise.all([open(space), open(space), open(space)])
  await untilTogether(pages)
  return pages
}
