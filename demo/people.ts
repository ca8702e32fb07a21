/**
 * Who is who: names and colours of everyone seen so far, also of those who have left.
 */
import type { Space } from 'tutti'
import { make } from './dom.ts'

const NAMES_MAX = 500
/** Colours that can be told apart, and a step between them that is prime to their number. */
const HUES = 12
const HUE_STEP = 5

/** The names and colours of a space's members, past and present. */
export class People {
  readonly self: string
  readonly #names = new Map<string, string>()
  readonly #hues = new Map<string, number>()

  constructor(space: Space) {
    this.self = space.self
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

  /** The colour of someone, as a hue. */
  hue(id: string): string {
    return String((this.#hues.get(id) ?? firstHue(id)) * (360 / HUES) + 8)
  }

  #learn(members: readonly { readonly id: string; readonly name: string }[]): void {
    for (const { id, name } of members) {
      this.#hues.set(id, this.#hues.get(id) ?? this.#freeHue(id, members))
      this.#names.delete(id)
      this.#names.set(id, name || 'Unnamed')
    }
    for (const id of this.#names.keys()) {
      if (this.#names.size <= NAMES_MAX) break
      this.#names.delete(id)
      this.#hues.delete(id)
    }
  }

  /** The id's own colour, or the next that no other member has. */
  #freeHue(id: string, members: readonly { readonly id: string }[]): number {
    const taken = new Set(members.map((member) => this.#hues.get(member.id)))
    const first = firstHue(id)
    for (let step = 0; step < HUES; step += 1) {
      const hue = (first + step * HUE_STEP) % HUES
      if (!taken.has(hue)) return hue
    }
    return first
  }
}

/** Where the search for a colour begins: the same at everyone. */
function firstHue(id: string): number {
  let hash = 7
  for (const character of id) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 1_000_003
  return hash % HUES
}
