/**
 * Waiting for each other: a barrier that lets two tabs go on together, a semaphore with two permits, a latch.
 */
import type { SharedLatch } from 'tutti'
import { byId, type Child, setText, soon } from '../dom.ts'
import type { People } from '../people.ts'
import { count, type Panel, type Toolbox, untilAborted } from './panel.ts'

const PARTIES = 2
const PERMITS = 2
const COUNT = 5

/** Shows the three from now on. */
export async function openWaiting(toolbox: Toolbox, panel: Panel): Promise<void> {
  await Promise.all([openBarrier(toolbox, panel), openSemaphore(toolbox, panel), openLatch(toolbox, panel)])
}

async function openBarrier({ space, people }: Toolbox, panel: Panel): Promise<void> {
  const bar = await space.barrier('bar line', { parties: PARTIES })
  const state = byId('barrier-state', HTMLElement)
  panel.switch('barrier-arrive', (signal) => bar.arrive({ signal }))
  const draw = (): void => {
    const { arrived, generation } = bar.snapshot
    const together = `${count(PARTIES, 'tab')} went on together ${count(generation, 'time')}.`
    state.replaceChildren(...namesOf(people, arrived, 'waits. '), together)
  }
  bar.subscribe(soon(draw))
  draw()
}

async function openSemaphore({ space, people }: Toolbox, panel: Panel): Promise<void> {
  const stands = await space.semaphore('stands', { permits: PERMITS })
  const state = byId('semaphore-state', HTMLElement)
  panel.switch('semaphore-take', async (signal) => {
    const permit = await stands.acquire({ signal })
    await Promise.race([untilAborted(signal), untilAborted(permit.signal)])
    await permit.release()
    if (permit.signal.aborted && !signal.aborted) throw permit.signal.reason
  })
  const draw = (): void => {
    const { holders, waiting, permits } = stands.snapshot
    state.replaceChildren(
      `${holders.length} of ${permits} taken. `,
      ...namesOf(people, holders, ''),
      ...(waiting.length > 0 ? ['In line: ', ...namesOf(people, waiting, '')] : []),
    )
  }
  stands.subscribe(soon(draw))
  draw()
}

async function openLatch({ space }: Toolbox, panel: Panel): Promise<void> {
  // A latch opens once, for good: each further one has a name of its own.
  const round = await space.register<number>('doors')
  let latch: SharedLatch | null = null
  const state = byId('latch-state', HTMLElement)
  panel.button('latch-down', async () => {
    if (latch === null || latch.snapshot.count > 0) await latch?.countDown()
    else await round.compareAndSet(round.version, round.version + 1)
  })
  const draw = (): void => {
    if (latch === null) return
    const left = latch.snapshot.count
    setText(byId('latch-down', HTMLElement), left > 0 ? 'Count down' : 'Set up the next')
    setText(state, left > 0 ? `${left} of ${COUNT} to go until it opens.` : 'Open, for all and for good.')
  }
  const drawSoon = soon(draw)
  const follow = async (): Promise<void> => {
    const { version } = round
    const next = await space.latch(`doors ${version}`, { count: COUNT })
    if (version !== round.version) return next.close()
    await latch?.close()
    latch = next
    next.subscribe(drawSoon)
    draw()
  }
  round.subscribe(() => void panel.run(follow))
  await follow()
}

/** Names with their colours, one after the other. */
function namesOf(people: People, ids: readonly string[], after: string): Child[] {
  return ids.length === 0 ? [] : [...ids.flatMap((id): Child[] => [people.tag(id), ' ']), after]
}
