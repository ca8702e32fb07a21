/**
 * The play counter: everyone counts, nothing is lost, also not in a split.
 */
import type { SharedCounter } from 'tutti'
import { byId, setText, soon } from './dom.ts'

/** Shows the counter from now on. */
export function showPlays(plays: SharedCounter): void {
  const value = byId('plays', HTMLElement)
  const draw = (): void => setText(value, plays.value.toLocaleString())
  plays.subscribe(soon(draw))
  byId('play', HTMLButtonElement).addEventListener('click', () => {
    plays.add(1)
    draw()
  })
  draw()
}
