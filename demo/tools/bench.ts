/**
 * What lets the toolbox compare: a channel by which one tab has all tabs do something at the same moment, and presence, by
 * which each says what it did and saw.
 */
import type { Presence, Space, SpaceChannel, StandardSchemaV1 } from 'tutti'

/** What a tab says of itself: texts and numbers under names of the panels' own. */
export type Report = Readonly<Record<string, string | number>>

/** What all are to do at once, and with what. */
interface Word {
  readonly what: string
  readonly about: string | number
}

const ENTRIES_MAX = 50

/** A peer may say anything: what is no report is hidden. */
const reportSchema: StandardSchemaV1<unknown, Report> = {
  '~standard': {
    version: 1,
    vendor: 'tutti-demo',
    validate: (value) => (isReport(value) ? { value } : { issues: [{ message: 'no report' }] }),
  },
}

/** All tabs that have the toolbox open. */
export class Bench {
  readonly #self: string
  readonly #reports: Presence<Report>
  readonly #channel: SpaceChannel
  readonly #listeners = new Map<string, (about: string | number) => void>()
  #own: Report = {}

  /** Use {@link openBench}. */
  constructor(space: Space, reports: Presence<Report>) {
    this.#self = space.self
    this.#reports = reports
    this.#channel = space.channel('toolbox')
    this.#channel.onmessage = ({ data }) => {
      if (isWord(data)) this.#listeners.get(data.what)?.(data.about)
    }
    reports.set(this.#own)
  }

  /** The ids of the tabs, by rank. */
  get tabs(): readonly string[] {
    return [...this.#reports.keys()]
  }

  /** Has all tabs do it, this one too. */
  all(what: string, about: string | number = ''): void {
    this.#channel.postMessage({ what, about } satisfies Word)
    this.#listeners.get(what)?.(about)
  }

  /** What this tab does when one says so. */
  on(what: string, fn: (about: string | number) => void): void {
    this.#listeners.set(what, fn)
  }

  /** Says something of this tab, beside what it said before. */
  tell(part: Report): void {
    this.#own = { ...this.#own, ...part }
    // A tab that was killed says no more.
    if (this.#reports.has(this.#self)) this.#reports.set(this.#own)
  }

  /** What each tab says, by rank. */
  reports(): readonly (readonly [id: string, report: Report])[] {
    return [...this.#reports]
  }

  subscribe(fn: () => void): void {
    this.#reports.subscribe(fn)
  }
}

/** Joins the others that have the toolbox open. */
export async function openBench(space: Space): Promise<Bench> {
  return new Bench(space, await space.presence<Report>('toolbox', { schema: reportSchema }))
}

function isReport(value: unknown): value is Report {
  if (typeof value !== 'object' || value === null) return false
  const entries = Object.values(value)
  return entries.length <= ENTRIES_MAX && entries.every(isPlain)
}

function isWord(value: unknown): value is Word {
  return typeof value === 'object' && value !== null && 'what' in value && 'about' in value && isPlain(value.about)
}

function isPlain(value: unknown): value is string | number {
  return typeof value === 'number' || (typeof value === 'string' && value.length < 1_000)
}
