/**
 * What the panels of the toolbox have in common: buttons, switches, and errors that are shown as text with a link to the docs.
 */
import { type Space, TuttiError } from 'tutti'
import { byId, make, setAttribute } from '../dom.ts'
import { showReady } from '../enter.ts'
import type { People } from '../people.ts'
import type { Bench } from './bench.ts'

/** What every panel is given. */
export interface Toolbox {
  readonly space: Space
  readonly people: People
  readonly bench: Bench
}

/** A switch that the page can turn as well. */
export interface Switch {
  turn(isOn: boolean): void
}

/** One panel. */
export class Panel {
  readonly #id: string
  readonly #problem = make('p', { class: 'hint error', role: 'alert' })

  constructor(id: string) {
    this.#id = id
    byId(id, HTMLElement).append(this.#problem)
  }

  /** It can be used. */
  ready(): void {
    showReady(this.#id)
  }

  /** Does what a person asked for; what goes wrong is shown. */
  async run(work: () => unknown): Promise<void> {
    this.#problem.replaceChildren()
    try {
      await work()
    } catch (error) {
      this.show(error)
    }
  }

  /** Shows what went wrong, in place of what was shown before. */
  show(error: unknown): void {
    this.#problem.replaceChildren(String(error))
    if (!(error instanceof TuttiError)) return
    this.#problem.append(' ', make('a', { href: linkTo(error), target: '_blank', rel: 'noopener' }, error.docs))
  }

  /** Has a button do something. */
  button(id: string, work: () => unknown): HTMLButtonElement {
    const button = byId(id, HTMLButtonElement)
    button.addEventListener('click', () => void this.run(work))
    return button
  }

  /** Has a form do something when it is sent. */
  form(id: string, work: () => unknown): void {
    byId(id, HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault()
      void this.run(work)
    })
  }

  /** Has a switch start something, whose signal aborts when it is switched off. What ends by itself switches it off. */
  switch(id: string, work: (signal: AbortSignal) => Promise<unknown>): Switch {
    const button = byId(id, HTMLButtonElement)
    let stop: AbortController | null = null
    const show = (): void => setAttribute(button, 'aria-checked', String(stop !== null))
    const start = async (own: AbortController): Promise<void> => {
      try {
        await work(own.signal)
      } catch (error) {
        if (!own.signal.aborted) this.show(error)
      }
      if (stop === own) stop = null
      show()
    }
    const turn = (isOn: boolean): void => {
      if (isOn === (stop !== null)) return
      this.#problem.replaceChildren()
      stop?.abort()
      stop = isOn ? new AbortController() : null
      if (stop !== null) void start(stop)
      show()
    }
    button.addEventListener('click', () => turn(stop === null))
    return { turn }
  }
}

/** Where the docs have an error. They are served as plain text, in which a browser finds a heading by its words. */
function linkTo({ docs, code }: TuttiError): string {
  return `./${docs}:~:text=${encodeURIComponent(`## ${code}`).replaceAll('-', '%2D')}`
}

/** Resolves after that time; rejects with the signal's reason. */
export function wait(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const timer = setTimeout(resolve, ms)
    signal?.addEventListener('abort', () => {
      clearTimeout(timer)
      reject(signal.reason)
    })
  })
}

/** Resolves when the signal aborts. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve())
  })
}

/** "one tab", "3 tabs". */
export function count(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString()} ${n === 1 ? one : many}`
}
