/**
 * One card of the board: its text, edited in place, and the buttons that move and delete it.
 */
import { make, setAttribute, setText } from './dom.ts'

/** The columns, from left to right. */
export const COLUMNS = [
  { id: 'todo', title: 'To rehearse' },
  { id: 'doing', title: 'Rehearsing' },
  { id: 'done', title: 'Ready to play' },
] as const

/** A column's id. */
export type ColumnId = (typeof COLUMNS)[number]['id']

/** A card as the map holds it. */
export interface Card {
  readonly text: string
  readonly column: ColumnId
  /** Sorts the cards of a column. */
  readonly at: number
  /** The process that wrote it last. */
  readonly by: string
}

/** What a card's buttons do. */
export interface CardActions {
  edit(id: string, text: string): void
  move(id: string, column: ColumnId): void
  remove(id: string): void
  /** The name and the hue to show for a process. */
  name(id: string): string
  hue(id: string): string
}

/** The longest text of a card. */
export const CARD_TEXT_MAX = 500

/** A peer may have put anything into the map: a card, or null if it is none. */
export function readCard(value: unknown): Card | null {
  if (typeof value !== 'object' || value === null) return null
  const { text, column, at, by } = value as Partial<Record<keyof Card, unknown>>
  const known = COLUMNS.find(({ id }) => id === column)
  if (typeof text !== 'string' || known === undefined || typeof at !== 'number' || typeof by !== 'string') return null
  return { text, column: known.id, at, by }
}

/** The element of one card, for as long as the card lives. */
export class CardView {
  readonly element: HTMLElement
  readonly #text: HTMLTextAreaElement
  readonly #author: HTMLElement
  readonly #back: HTMLButtonElement
  readonly #forth: HTMLButtonElement
  readonly #remove: HTMLButtonElement
  readonly #actions: CardActions
  #card: Card

  constructor(id: string, card: Card, actions: CardActions) {
    this.#card = card
    this.#actions = actions
    this.#text = make('textarea', { rows: '1', maxlength: String(CARD_TEXT_MAX), spellcheck: 'false' })
    this.#author = make('span', { class: 'card-author' })
    this.#back = makeButton('←', () => this.#move(id, -1))
    this.#forth = makeButton('→', () => this.#move(id, 1))
    this.#remove = makeButton('×', () => actions.remove(id))
    const buttons = make('div', { class: 'card-buttons' }, this.#author, this.#back, this.#forth, this.#remove)
    this.element = make('li', { class: 'card', 'data-id': id, draggable: 'true' }, this.#text, buttons)
    this.#text.addEventListener('input', () => this.#fit())
    this.#text.addEventListener('keydown', (event) => {
      if (event.isComposing) return
      if (event.key === 'Escape') this.#text.value = this.#card.text
      if (event.key === 'Escape' || (event.key === 'Enter' && !event.shiftKey)) {
        event.preventDefault()
        this.#text.blur()
      }
    })
    this.#text.addEventListener('blur', () => {
      const text = this.#text.value.trim()
      if (text !== '' && text !== this.#card.text) actions.edit(id, text)
      else this.#text.value = this.#card.text
      this.#fit()
    })
    // Text is selected with the mouse, not dragged.
    this.#text.addEventListener('mousedown', () => setAttribute(this.element, 'draggable', 'false'))
    this.#text.addEventListener('mouseup', () => setAttribute(this.element, 'draggable', 'true'))
    this.#text.addEventListener('blur', () => setAttribute(this.element, 'draggable', 'true'))
    this.element.addEventListener('dragstart', (event) => {
      event.dataTransfer?.setData('text/x-tutti-card', id)
      this.element.classList.add('dragged')
    })
    this.element.addEventListener('dragend', () => this.element.classList.remove('dragged'))
  }

  /** Shows the card as it is now; text that is being edited here is left alone. */
  update(card: Card): void {
    this.#card = card
    const column = COLUMNS.findIndex(({ id }) => id === card.column)
    const [before, after] = [COLUMNS[column - 1], COLUMNS[column + 1]]
    if (document.activeElement !== this.#text && this.#text.value !== card.text) {
      this.#text.value = card.text
      this.#fit()
    }
    const short = card.text.length > 30 ? `${card.text.slice(0, 30)}…` : card.text
    setAttribute(this.#text, 'aria-label', `Text of card “${short}”`)
    label(this.#back, before === undefined ? `Move “${short}” left` : `Move “${short}” to ${before.title}`)
    label(this.#forth, after === undefined ? `Move “${short}” right` : `Move “${short}” to ${after.title}`)
    label(this.#remove, `Delete “${short}”`)
    this.#back.disabled = before === undefined
    this.#forth.disabled = after === undefined
    setText(this.#author, this.#actions.name(card.by))
    this.element.style.setProperty('--hue', this.#actions.hue(card.by))
  }

  /** Fits the height to the text, where style alone cannot. */
  #fit(): void {
    if (!this.element.isConnected || CSS.supports('field-sizing', 'content')) return
    this.#text.style.height = 'auto'
    this.#text.style.height = `${this.#text.scrollHeight}px`
  }

  /** The card has been put into the page. */
  placed(): void {
    this.#fit()
  }

  #move(id: string, step: -1 | 1): void {
    const column = COLUMNS.findIndex((each) => each.id === this.#card.column)
    const target = COLUMNS[column + step]
    if (target === undefined) return
    this.#actions.move(id, target.id)
    // At the edge the button just pressed is disabled and would drop the focus.
    const isLast = COLUMNS[column + 2 * step] === undefined
    const next = (step === 1) === isLast ? this.#back : this.#forth
    next.disabled = false
    next.focus()
  }
}

function makeButton(sign: string, onClick: () => void): HTMLButtonElement {
  const button = make('button', { type: 'button', class: 'icon' }, sign)
  button.addEventListener('click', onClick)
  return button
}

function label(button: HTMLButtonElement, text: string): void {
  setAttribute(button, 'aria-label', text)
  setAttribute(button, 'title', text)
}
