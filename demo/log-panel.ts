/**
 * What has happened: views and deliveries, newest first, bounded.
 */
import type { SharedCounter, SharedMap, SharedQueue, Space, SpaceView } from 'tutti'
import { byId, type Child, make } from './dom.ts'
import type { People } from './people.ts'

/** Lines kept; the oldest go. */
const LINES_MAX = 100
/** Changes of one event told one by one; more are counted. */
const CHANGES_TOLD_MAX = 3

/** What a line is about; it has a colour and a word of its own. */
export type LogKind = 'view' | 'delivery' | 'problem'

/** The log. */
export class LogPanel {
  readonly #list = byId('log', HTMLElement)
  readonly #people: People
  readonly #sound: (author: string) => void

  /** `sound` is called with the author of every delivery. */
  constructor(people: People, sound: (author: string) => void) {
    this.#people = people
    // It scrolls, so the keyboard must reach it, also in browsers that do not see to that themselves.
    this.#list.tabIndex = 0
    this.#sound = sound
  }

  /** Adds a line on top. */
  add(kind: LogKind, ...children: readonly Child[]): void {
    const time = new Date()
    const stamp = make('time', { datetime: time.toISOString() }, time.toLocaleTimeString())
    this.#list.prepend(
      make('li', { 'data-kind': kind }, stamp, make('span', { class: 'kind' }, kind), make('p', {}, ...children)),
    )
    while (this.#list.childElementCount > LINES_MAX) this.#list.lastElementChild?.remove()
  }

  /** Tells the views and problems of a space from now on. */
  watchSpace(space: Space): void {
    this.#addView(space.view)
    space.addEventListener('view', ({ view }) => this.#addView(view))
    space.addEventListener('linelost', () => {
      this.add('view', 'Met another orchestra that was here before: its queue replaces this one')
    })
    space.addEventListener('problem', ({ error }) => this.add('problem', error.message))
    space.addEventListener('fault', ({ peer, faultCode }) => {
      this.add('problem', peer === '' ? 'An object here' : this.#people.tag(peer), ` broke the protocol: ${faultCode}`)
    })
  }

  /** Tells the changes of the cards. */
  watchCards(cards: SharedMap<unknown>): void {
    cards.addEventListener('change', ({ changes }) => {
      this.#addChanges(changes, ({ type, key, value, previous }) => {
        const text = textOf(value ?? previous) ?? key
        if (type === 'delete') return `deleted “${text}”`
        if (previous === undefined) return `added “${text}”`
        return textOf(previous) === textOf(value)
          ? `moved “${text}”`
          : `changed “${textOf(previous) ?? key}” to “${text}”`
      })
    })
  }

  /** Tells the steps of the counter. */
  watchPlays(plays: SharedCounter): void {
    plays.addEventListener('change', ({ changes }) => {
      this.#addChanges(changes, ({ delta, value }) => {
        return delta === 1 ? `played (${value})` : `played ${delta} times (${value})`
      })
    })
  }

  /** Tells the steps of the jobs. */
  watchJobs(jobs: SharedQueue<unknown>): void {
    jobs.addEventListener('change', ({ changes }) => {
      this.#addChanges(changes, ({ type, id, author }) => {
        if (type === 'returned')
          return author === null ? `Job ${id} is back in the queue: its taker is gone` : `put job ${id} back in front`
        if (type === 'due') return `Job ${id} may be taken now`
        if (type === 'dead') return author === null ? `Job ${id} was tried too often` : `gave job ${id} up`
        const told = { added: 'added', taken: 'took', done: 'finished', restored: 'put back', dropped: 'dropped' }
        return `${told[type]} job ${id}`
      })
    })
  }

  #addChanges<Change extends { readonly author: string | null }>(
    changes: readonly Change[],
    tell: (change: Change) => string,
  ): void {
    for (const { author } of changes) if (author !== null) this.#sound(author)
    const told = changes.slice(0, CHANGES_TOLD_MAX)
    for (const change of told) {
      const text = tell(change)
      if (change.author === null) this.add('delivery', text)
      else this.add('delivery', this.#people.tag(change.author), ` ${text}`)
    }
    if (changes.length > told.length) this.add('delivery', `… and ${changes.length - told.length} more changes`)
  }

  #addView(view: SpaceView): void {
    const { id, members, primary, joined, left, dead, expelled, away, wasAwayMs } = view
    const others = joined.filter((member) => member !== this.#people.self)
    const tell = (ids: readonly string[], what: string): string[] => {
      return ids.length === 0 ? [] : [`${this.#people.names(ids)} ${what}`]
    }
    const news = [
      ...tell(others, 'joined'),
      ...tell(left, 'left'),
      ...tell(dead, 'died (proven)'),
      ...tell(expelled, 'vanished without a word'),
      ...tell(
        away.flatMap((each) => (each.since === id ? [each.id] : [])),
        'fell asleep',
      ),
      ...(wasAwayMs > 0 ? [`this page was asleep for ${Math.round(wasAwayMs / 1_000)} s`] : []),
    ]
    const size = `${members.length} ${members.length === 1 ? 'member' : 'members'}${primary ? '' : ', not primary'}`
    this.add('view', make('code', {}, shorten(id)), ` ${size}${news.length > 0 ? `: ${news.join('; ')}` : ''}`)
  }
}

/** A view id is `epoch.coordinator`; the coordinator's id is long. */
function shorten(id: string): string {
  return id.length > 12 ? `${id.slice(0, 12)}…` : id
}

function textOf(value: unknown): string | null {
  const text = typeof value === 'object' && value !== null && 'text' in value ? value.text : null
  return typeof text !== 'string' ? null : text.length > 40 ? `${text.slice(0, 40)}…` : text
}
