/**
 * The page of a process of the workload `kept`: what it puts into its objects, what they show, and what it is told of storage,
 * as lines of the trace.
 */
import type { StoreNote } from '../../../lib/storage/messages.ts'
import { PageTask, type SimProcess } from '../process.ts'
import type { RawLine } from '../trace.ts'
import type { World } from '../world.ts'
import type { KeptObject } from './kept-objects.ts'

/** So often it is looked what the objects show, in ms. */
const LOOK_MS = 100

/** What an object shows: of each process that many elements, from its first on; and what is there beside that. */
interface Shown {
  readonly has: Readonly<Record<string, number>>
  /** Elements that come after one that is not there. */
  readonly more?: readonly string[]
  /** Elements that are there more than once. */
  readonly twice?: readonly string[]
}

interface Held {
  readonly object: KeptObject
  /** Elements that this process has put into it. */
  puts: number
  /** The last line, so that only news is written. */
  last: string
}

const pages = new WeakMap<SimProcess, KeptPage>()

/** The page of a process. */
export function pageOf(world: World, process: SimProcess): KeptPage {
  const page = pages.get(process) ?? new KeptPage(world, process)
  pages.set(process, page)
  return page
}

/** See above. */
export class KeptPage {
  readonly #world: World
  readonly #process: SimProcess
  readonly #held = new Map<string, Held>()
  #syncs = 0

  constructor(world: World, process: SimProcess) {
    this.#world = world
    this.#process = process
    process.storeNote = (note) => this.#tell(note)
    this.#lookLater()
  }

  /** An object is open. */
  add(name: string, object: KeptObject): void {
    this.#held.set(name, { object, puts: 0, last: '' })
  }

  /** Puts one element into one object. Throws BusyError, ClosedError. */
  put(name: string): void {
    const held = this.#held.get(name)
    if (held === undefined) return
    const { has } = shownOf(held.object.elements())
    const acts = this.#acts(name)
    held.object.put(held.puts + 1)
    held.puts += 1
    this.#write({ e: 'put', g: name, k: held.puts, seen: has, acts })
  }

  /** Puts one into each that may be used. */
  putAll(): void {
    for (const name of this.#held.keys()) if (this.#process.app.group(name)?.isWhole) this.put(name)
  }

  /** Asks that all that the objects show be stored. */
  sync(): void {
    this.#syncs += 1
    const holds = Object.fromEntries(
      [...this.#held].map(([name, { object }]) => [name, shownOf(object.elements()).has]),
    )
    this.#process.app.flush()
    this.#write({ e: 'sync', id: this.#syncs, holds })
    this.#process.store({ type: 'sync', id: this.#syncs })
  }

  /** Goes on without those who are missing, if any object waits for somebody. False: none does, or that cannot be asked now. */
  giveUp(): boolean {
    const { app, isActive } = this.#process
    if (!isActive || app.view?.primary !== true) return false
    const missing: Record<string, readonly string[]> = {}
    for (const name of this.#held.keys()) {
      const group = app.group(name)
      if (group?.isRestoring && group.view !== null && group.view.missing.length > 0) missing[name] = group.view.missing
    }
    if (Object.keys(missing).length === 0) return false
    this.#write({ e: 'refound', missing })
    this.#process.refound()
    return true
  }

  /** Writes down what the objects show, where that is news. */
  look(): void {
    for (const [g, held] of this.#held) {
      const group = this.#process.app.group(g)
      if (group === undefined || group.view === null) continue
      const waits = group.isRestoring ? { waits: [...group.view.missing] } : {}
      const line = { e: 'holds', g, ...shownOf(held.object.elements()), acts: this.#acts(g), ...waits }
      const text = JSON.stringify(line)
      if (text !== held.last) this.#write(line)
      held.last = text
    }
  }

  /** May it be used as what it is: whole, and, if it acts in the primary component only, there? */
  #acts(name: string): boolean {
    const group = this.#process.app.group(name)
    if (group === undefined || !group.isWhole) return false
    return group.options.consistency === 'available' || group.view?.primary === true
  }

  #lookLater(): void {
    const look = new PageTask(this.#process, () => {
      this.look()
      this.#lookLater()
    })
    if (this.#process.isRunning) this.#world.at(this.#world.now + LOOK_MS, look)
  }

  #tell(note: StoreNote): void {
    if (note.type === 'synced') {
      const { id, fault } = note
      this.#write({ e: 'durable', id, ok: fault === null, ...(fault === null ? {} : { reason: fault }) })
    } else if (note.type === 'storage') this.#write({ e: 'storage', g: note.group ?? '', reason: note.reason })
    else this.look()
  }

  #write(line: RawLine): void {
    this.#world.trace.app(this.#world.now, this.#process.id, line)
  }
}

function shownOf(elements: readonly string[]): Shown {
  const numbers = new Map<string, Set<number>>()
  const twice: string[] = []
  for (const element of elements) {
    const [author = '', k] = element.split('.')
    const of = numbers.get(author) ?? new Set()
    if (of.has(Number(k))) twice.push(element)
    numbers.set(author, of.add(Number(k)))
  }
  const has: Record<string, number> = {}
  const more: string[] = []
  for (const [author, of] of [...numbers].sort(([a], [b]) => (a < b ? -1 : 1))) {
    let k = 0
    while (of.has(k + 1)) k += 1
    if (k > 0) has[author] = k
    more.push(...[...of].filter((each) => each > k).map((each) => `${author}.${each}`))
  }
  return { has, ...(more.length > 0 ? { more: more.sort() } : {}), ...(twice.length > 0 ? { twice } : {}) }
}
