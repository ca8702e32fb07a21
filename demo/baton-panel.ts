/**
 * The baton: a lock of the space. One holds it at a time, the others wait in line, and whoever is gone holds it no more.
 */
import type { Presence, Space } from 'tutti'
import { byId, KeyedList, make, setText, soon } from './dom.ts'
import type { People, Player } from './people.ts'

/** What the panel needs. */
export interface BatonPanelParts {
  readonly space: Space
  readonly people: People
  readonly players: Presence<Player>
}

/** One in the line. */
interface Place {
  readonly id: string
  readonly isHeld: boolean
  readonly place: number
}

const NAME = 'baton'
const ROWS_MAX = 12

/** Shows who holds the baton and who waits for it, and lets this tab ask. */
export function showBaton({ space, people, players }: BatonPanelParts): void {
  const button = byId('baton-ask', HTMLButtonElement)
  const hint = byId('baton-hint', HTMLElement)
  const rows = new KeyedList<Place>(byId('baton-line', HTMLElement), {
    key: ({ id }) => id,
    make: ({ id }) => make('li', {}, people.tag(id), make('span', { class: 'work' })),
    update: (row, { isHeld, place }) => {
      const state = row.lastElementChild
      if (state !== null) setText(state, isHeld ? 'holds it' : `waits (${place})`)
      row.dataset['work'] = isHeld ? 'busy' : 'ready'
    },
  })
  /** What this tab does about it: takes back its request, or gives the baton up. */
  let stop: (() => void) | null = null
  let isHeld = false

  // One question at a time: its answer is of a moment after it was asked.
  let isAsking = false
  const draw = async (): Promise<void> => {
    if (isAsking) return drawSoon()
    isAsking = true
    try {
      const { held = [], pending = [] } = await space.locks.query()
      const holders = held.filter(({ name }) => name === NAME).length
      const line = [...held, ...pending].filter(({ name }) => name === NAME)
      rows.show(
        line.slice(0, ROWS_MAX).map(({ clientId = '' }, i) => {
          return { id: clientId, isHeld: i < holders, place: i + 1 - holders }
        }),
      )
      setText(hint, line.length === 0 ? 'It lies on the desk.' : '')
    } catch {
      // The space is closed.
    } finally {
      isAsking = false
    }
  }
  const drawSoon = soon(() => void draw())
  const say = (asks: boolean): void => {
    setText(button, isHeld ? 'Give it up' : stop === null ? 'Ask for the baton' : 'Wait no more')
    // That others look again.
    if (space.status !== 'closed') players.set({ hue: people.ownHue, asks })
    drawSoon()
  }

  const ask = (): void => {
    const waiting = new AbortController()
    stop = () => waiting.abort()
    space.locks
      .request(NAME, { signal: waiting.signal }, async (lock) => {
        isHeld = true
        await new Promise<void>((resolve) => {
          stop = resolve
          lock?.signal.addEventListener('abort', () => resolve())
          say(true)
        })
      })
      .catch((error: unknown) => {
        if (!waiting.signal.aborted) setText(hint, String(error))
      })
      .finally(() => {
        isHeld = false
        stop = null
        say(false)
      })
    say(true)
  }
  button.addEventListener('click', () => {
    if (stop === null) ask()
    else stop()
  })
  players.subscribe(drawSoon)
  for (const type of ['view', 'status'] as const) space.addEventListener(type, drawSoon)
  void draw()
}
