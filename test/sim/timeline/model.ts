/**
 * What a time-space diagram shows of a trace: spans and moments of processes, arrows between them, and what befell the
 * network.
 */
import type { AnyLine } from '../trace.ts'

/** From when to when, in virtual ms. */
export interface Span {
  readonly from: number
  to: number
}

/** A view, from when a process's application gets it until it gets the next or ends. */
export interface ViewSpan extends Span {
  readonly id: string
  readonly members: readonly string[]
  readonly isPrimary: boolean
}

/** The life of a process. */
export interface Life extends Span {
  readonly id: string
  readonly place: string
  end: 'alive' | 'crashed' | 'left'
  readonly views: ViewSpan[]
  readonly frozen: Span[]
  /** From the process's row to its next install: its part of a flush. */
  readonly flushes: Span[]
  readonly proposals: number[]
}

/** A cast or a state on its way. */
export interface Arrow {
  readonly kind: 'cast' | 'state'
  readonly name: string
  readonly group: string
  readonly order: string
  readonly from: string
  readonly to: string
  readonly sent: number
  readonly got: number
}

/** A partition, with who is in which part. */
export interface Partition extends Span {
  readonly parts: readonly (readonly string[])[]
}

/** A breach, where the trace shows it. */
export interface Mark {
  readonly t: number
  readonly text: string
}

/** All of a diagram. */
export interface Model {
  readonly seed: number | null
  readonly end: number
  readonly lives: readonly Life[]
  readonly arrows: readonly Arrow[]
  readonly partitions: readonly Partition[]
  /** Paths that were reset. */
  readonly resets: readonly { readonly t: number; readonly a: string; readonly b: string }[]
  readonly quiet: number | null
}

/** Reads a trace. `group`: the views and casts of one group; by default the space's views and all casts. */
export function modelOf(lines: readonly AnyLine[], group = ''): Model {
  const reader = new Reader(group)
  for (const line of lines) reader.take(line)
  return reader.model()
}

class Reader {
  readonly #group: string
  readonly #lives = new Map<string, Life>()
  readonly #arrows: Arrow[] = []
  readonly #partitions: Partition[] = []
  readonly #resets: { t: number; a: string; b: string }[] = []
  readonly #sent = new Map<string, { t: number; order: string }>()
  readonly #states = new Map<string, number>()
  #partition: Partition | null = null
  #seed: number | null = null
  #quiet: number | null = null
  #end = 0

  constructor(group: string) {
    this.#group = group
  }

  take(line: AnyLine): void {
    this.#end = Math.max(this.#end, line.t)
    switch (line.e) {
      case 'start': {
        const id = String(line.p)
        const place = String(line['origin'] ?? '')
        const life: Life = {
          ...{ id, place, from: line.t, to: Number.POSITIVE_INFINITY, end: 'alive' },
          ...{ views: [], frozen: [], flushes: [], proposals: [] },
        }
        this.#lives.set(id, life)
        return
      }
      case 'run':
        this.#seed = Number(line['seed'])
        return
      case 'quiet':
        this.#quiet = line.t
        return
      case 'cut':
      case 'heal':
        return this.#network(line)
      case 'slow':
        for (const [a, b] of line['links'] as readonly [string, string][]) this.#resets.push({ t: line.t, a, b })
        return
      default: {
        const life = this.#lives.get(String(line.p ?? line['q']))
        if (life !== undefined) this.#ofProcess(life, line)
      }
    }
  }

  model(): Model {
    const close = (span: Span): void => {
      span.to = Math.min(span.to, this.#end)
    }
    const lives = [...this.#lives.values()]
    for (const life of lives) {
      close(life)
      for (const span of [...life.views, ...life.frozen, ...life.flushes]) span.to = Math.min(span.to, life.to)
    }
    this.#partitions.forEach(close)
    return {
      ...{ seed: this.#seed, end: this.#end, quiet: this.#quiet },
      ...{ lives, arrows: this.#arrows, partitions: this.#partitions, resets: this.#resets },
    }
  }

  #network({ t, e, parts }: AnyLine & { readonly parts?: unknown }): void {
    if (this.#partition !== null) this.#partition.to = t
    this.#partition = null
    if (e === 'heal') return
    this.#partition = { from: t, to: Number.POSITIVE_INFINITY, parts: parts as string[][] }
    this.#partitions.push(this.#partition)
  }

  #ofProcess(life: Life, line: AnyLine): void {
    const { t, g } = line as AnyLine & { readonly g?: string }
    switch (line.e) {
      case 'view':
        if (g === this.#group) this.#view(life, line)
        return
      case 'propose':
        life.proposals.push(t)
        return
      case 'row':
        if (!isOpen(life.flushes.at(-1))) life.flushes.push({ from: t, to: Number.POSITIVE_INFINITY })
        return
      case 'install':
        return end(life.flushes.at(-1), t)
      case 'crash':
        life.end = 'crashed'
        life.to = t
        return
      case 'leave':
        if (g === '') {
          life.end = 'left'
          life.to = t
        } else if (g === this.#group) end(life.views.at(-1), t)
        return
      case 'freeze':
        life.frozen.push({ from: t, to: Number.POSITIVE_INFINITY })
        return
      case 'thaw':
        return end(life.frozen.at(-1), t)
      default:
        if (this.#group === '' || g === this.#group) this.#message(life, line)
    }
  }

  #view({ views }: Life, line: AnyLine): void {
    end(views.at(-1), line.t)
    const { id, members, primary } = line as unknown as { id: string; members: string[]; primary: boolean }
    views.push({ from: line.t, to: Number.POSITIVE_INFINITY, id, members, isPrimary: primary })
  }

  #message({ id }: Life, line: AnyLine): void {
    const { t } = line
    const group = String(line['g'])
    const name = String(line['m'])
    switch (line.e) {
      case 'send':
        this.#sent.set(name, { t, order: String(line['order']) })
        return
      case 'deliver': {
        const sent = this.#sent.get(name)
        if (sent === undefined) return
        const from = name.slice(0, name.lastIndexOf('#'))
        this.#arrows.push({ kind: 'cast', name, group, order: sent.order, from, to: id, sent: sent.t, got: t })
        return
      }
      case 'stateOut':
        this.#states.set(`${id} ${line['to']} ${group}`, t)
        return
      case 'stateIn':
      case 'merge':
        // What is united came from each of its donors.
        for (const [key, sent] of this.#states) {
          const [from = '', to, ...rest] = key.split(' ')
          if (to !== id || rest.join(' ') !== group) continue
          this.#states.delete(key)
          this.#arrows.push({ kind: 'state', name: group, group, order: '', from, to: id, sent, got: t })
        }
        return
      default:
        return
    }
  }
}

function isOpen(span: Span | undefined): boolean {
  return span !== undefined && span.to === Number.POSITIVE_INFINITY
}

function end(span: Span | undefined, t: number): void {
  if (span !== undefined && span.to === Number.POSITIVE_INFINITY) span.to = t
}
