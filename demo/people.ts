/**
 * Who is who: names and colours of everyone seen so far, also of those who have left.
 *
 * Each member chooses a colour that nobody else has, and says so by its presence: so it is the same in all tabs.
 */
import type { Presence, Space } from 'tutti'
import { make } from './dom.ts'

/** What each member says of itself. */
export interface Player {
  /** Which of the colours is its own. */
  readonly hue: number
  /** It holds the baton, or waits for it. */
  readonly asks: boolean
}

const NAMES_MAX = 500
/** Colours that can be told apart, and a step between them that is prime to their number. */
const HUES = 12
const HUE_STEP = 5

/** The names and colours of a space's members, past and present. */
export class People {
  readonly self: string
  readonly #names = new Map<string, string>()
  /** The colour of this tab's member. */
  readonly ownHue: number

  constructor(space: Space, players: Presence<Player>) {
    this.self = space.self
    this.ownHue = freeHue(space.self, players)
    players.set({ hue: this.ownHue, asks: false })
    showHues(players)
    players.subscribe(() => showHues(players))
    this.#learn(space.view.members)
    space.addEventListener('view', ({ view }) => this.#learn(view.members))
  }

  /** The name someone chose, also after they have left. */
  name(id: string): string {
    return this.#names.get(id) ?? 'Someone who left'
  }

  /** Several names in a sentence. */
  names(ids: readonly string[]): string {
    const names = ids.map((id) => this.name(id))
    if (names.length < 2) return names.join('')
    return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
  }

  /** A name with its colour; `you` is said in words. */
  tag(id: string): HTMLElement {
    const tag = make('span', { class: 'person' }, this.name(id))
    tag.style.setProperty('--hue', this.hue(id))
    if (id === this.self) tag.append(make('span', { class: 'you' }, 'you'))
    return tag
  }

  /** The colour of someone, as a hue in CSS: it may become known later. */
  hue(id: string): string {
    return `var(${propertyOf(id)}, ${angleOf(firstHue(id))})`
  }

  #learn(members: readonly { readonly id: string; readonly name: string }[]): void {
    for (const { id, name } of members) {
      this.#names.delete(id)
      this.#names.set(id, name || 'Unnamed')
    }
    for (const id of this.#names.keys()) {
      if (this.#names.size <= NAMES_MAX) break
      this.#names.delete(id)
    }
  }
}

/** Keeps the colours of all who are there where the page's styles find them. They stay when somebody leaves. */
function showHues(players: Presence<Player>): void {
  for (const [id, player] of players) {
    const hue = readHue(player)
    if (hue !== null) document.documentElement.style.setProperty(propertyOf(id), angleOf(hue))
  }
}

/** The id's own colour, or the next that no other member has. */
function freeHue(id: string, players: Presence<Player>): number {
  const taken = new Set([...players.values()].map(readHue))
  const first = firstHue(id)
  for (let step = 0; step < HUES; step += 1) {
    const hue = (first + step * HUE_STEP) % HUES
    if (!taken.has(hue)) return hue
  }
  return first
}

/** A peer may have said anything. */
function readHue(player: unknown): number | null {
  const hue = typeof player === 'object' && player !== null && 'hue' in player ? player.hue : null
  return typeof hue === 'number' && Number.isInteger(hue) && hue >= 0 && hue < HUES ? hue : null
}

function propertyOf(id: string): string {
  return `--hue-${id}`
}

function angleOf(hue: number): string {
  return String(hue * (360 / HUES) + 8)
}

/** Where the search for a colour begins: the same at everyone. */
function firstHue(id: string): number {
  let hash = 7
  for (const character of id) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 1_000_003
  return hash % HUES
}
