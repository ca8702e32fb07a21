/**
 * The board: the map `cards` as three columns.
 */
import type { SharedMap } from 'tutti'
import { CARD_TEXT_MAX, type Card, type CardActions, CardView, COLUMNS, type ColumnId, readCard } from './card-view.ts'
import { arrange, byId, make, setText, soon } from './dom.ts'
import type { People } from './people.ts'
import { randomId } from './random-id.ts'

/** Cards drawn in a column; more are counted. */
const CARDS_DRAWN_MAX = 100

interface Column {
  readonly id: ColumnId
  readonly list: HTMLElement
  readonly count: HTMLElement
  readonly more: HTMLElement
}

/** Shows the board from now on. */
export function showBoard(cards: SharedMap<Card>, people: People): void {
  const views = new Map<string, CardView>()
  const change = (id: string, part: Partial<Card>): void => {
    const card = readCard(cards.get(id))
    if (card !== null) cards.set(id, { ...card, ...part, by: people.self })
  }
  const actions: CardActions = {
    edit: (id, text) => change(id, { text: text.slice(0, CARD_TEXT_MAX) }),
    move(id, column) {
      if (readCard(cards.get(id))?.column === column) return
      change(id, { column, at: Date.now() })
      draw()
    },
    remove(id) {
      cards.delete(id)
      draw()
      input.focus()
    },
    name: (id) => people.name(id),
    hue: (id) => people.hue(id),
  }
  const columns = COLUMNS.map(({ id, title }) => makeColumn(id, title, actions))
  byId('columns', HTMLElement).replaceChildren(...columns.map(({ list }) => list.parentElement ?? list))

  const form = byId('new-card', HTMLFormElement)
  const input = byId('new-card-text', HTMLInputElement)
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    const text = input.value.trim().slice(0, CARD_TEXT_MAX)
    if (text === '') return input.focus()
    cards.set(randomId(), { text, column: 'todo', at: Date.now(), by: people.self })
    input.value = ''
    draw()
  })

  const draw = (): void => {
    const all = readCards(cards)
    for (const id of views.keys()) if (!cards.has(id)) views.delete(id)
    for (const column of columns) {
      const here = all.filter(({ card }) => card.column === column.id)
      const drawn = here.slice(0, CARDS_DRAWN_MAX).map(({ id, card }) => {
        const view = views.get(id) ?? new CardView(id, card, actions)
        views.set(id, view)
        view.update(card)
        return view
      })
      arrange(
        column.list,
        drawn.map((view) => view.element),
      )
      for (const view of drawn) view.placed()
      setText(column.count, String(here.length))
      const hidden = here.length - drawn.length
      setText(column.more, hidden > 0 ? `and ${hidden} more` : here.length === 0 ? 'Nothing here' : '')
    }
  }
  cards.subscribe(soon(draw))
  draw()
}

function readCards(cards: SharedMap<Card>): { readonly id: string; readonly card: Card }[] {
  const all: { readonly id: string; readonly card: Card }[] = []
  for (const [id, value] of cards.snapshot) {
    const card = readCard(value)
    if (card !== null) all.push({ id, card })
  }
  return all.sort((a, b) => a.card.at - b.card.at || (a.id < b.id ? -1 : 1))
}

function makeColumn(id: ColumnId, title: string, actions: CardActions): Column {
  const list = make('ul', { class: 'cards', 'aria-labelledby': `column-${id}` })
  const count = make('span', { class: 'count' }, '0')
  const more = make('p', { class: 'hint' })
  const heading = make('h3', { id: `column-${id}` }, title, ' ', count)
  const element = make('div', { class: 'column', 'data-column': id }, heading, list, more)
  element.addEventListener('dragover', (event) => {
    if (!event.dataTransfer?.types.includes('text/x-tutti-card')) return
    event.preventDefault()
    element.classList.add('target')
  })
  element.addEventListener('dragleave', () => element.classList.remove('target'))
  element.addEventListener('drop', (event) => {
    event.preventDefault()
    element.classList.remove('target')
    const card = event.dataTransfer?.getData('text/x-tutti-card')
    if (card) actions.move(card, id)
  })
  return { id, list, count, more }
}
