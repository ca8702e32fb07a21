/**
 * The little of a view library that the demo needs: make an element, keep a keyed list of them in order, draw soon.
 *
 * Text only ever becomes text nodes and attributes, never markup: names and cards come from other people.
 */

/** What an element may contain. */
export type Child = Node | string

/** Makes an element. An attribute that is false is left out, one that is true is empty. */
export function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, string | boolean>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) setAttribute(element, name, value)
  element.append(...children)
  return element
}

/** Sets an attribute only if it changes, so that nothing is announced or restyled for nothing. */
export function setAttribute(element: Element, name: string, value: string | boolean): void {
  if (value === false) element.removeAttribute(name)
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value === true ? '' : value)
}

/** Sets an element's text only if it changes. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text
}

/** The element of the page with this id. Throws if the page lacks it: page and script belong together. */
export function byId<Kind extends HTMLElement>(id: string, kind: new () => Kind): Kind {
  const element = document.getElementById(id)
  if (!(element instanceof kind)) throw new Error(`the page has no ${kind.name} with id "${id}"`)
  return element
}

/** Puts exactly these children into a parent, moving as few as possible. The focus stays where it was. */
export function arrange(parent: Element, children: readonly Element[]): void {
  const focused = document.activeElement
  const wanted = new Set(children)
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove()
  let next = parent.firstElementChild
  for (const child of children) {
    if (child === next) next = next.nextElementSibling
    else parent.insertBefore(child, next)
  }
  // A node that moves loses the focus on the way.
  const isLost = focused instanceof HTMLElement && focused !== document.activeElement
  if (isLost && parent.contains(focused)) focused.focus({ preventScroll: true })
}

/** How the items of a {@link KeyedList} become elements. */
export interface KeyedListOptions<Item> {
  key(item: Item): string
  make(item: Item): HTMLElement
  update(element: HTMLElement, item: Item): void
}

/** A list whose elements live as long as their keys, so that focus, selection and animations survive. */
export class KeyedList<Item> {
  readonly #parent: Element
  readonly #options: KeyedListOptions<Item>
  #elements = new Map<string, HTMLElement>()

  constructor(parent: Element, options: KeyedListOptions<Item>) {
    this.#parent = parent
    this.#options = options
  }

  /** Shows exactly these items. */
  show(items: readonly Item[]): void {
    const elements = new Map<string, HTMLElement>()
    for (const item of items) {
      const key = this.#options.key(item)
      const element = this.#elements.get(key) ?? this.#options.make(item)
      this.#options.update(element, item)
      elements.set(key, element)
    }
    this.#elements = elements
    arrange(this.#parent, [...elements.values()])
  }
}

/** How long changes are gathered before they are drawn. A timer, as hidden pages get no animation frames. */
const DRAW_DELAY_MS = 16

/** A function that calls `draw` once, soon, however often it is called. */
export function soon(draw: () => void): () => void {
  let isScheduled = false
  return () => {
    if (isScheduled) return
    isScheduled = true
    setTimeout(() => {
      isScheduled = false
      draw()
    }, DRAW_DELAY_MS)
  }
}
