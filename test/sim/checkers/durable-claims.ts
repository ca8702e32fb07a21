/**
 * What processes were told is durable: by store, object and process, the most of it, as long as the store had it.
 */
import type { TraceElements } from '../../../lib/testing/trace.ts'
import type { At, Located, Process } from './model.ts'
import type { Run } from './run.ts'

const NEVER: At = { line: Number.POSITIVE_INFINITY, t: Number.POSITIVE_INFINITY }

/** Something that was said to be durable. */
export interface Claim {
  readonly process: Process
  readonly store: string
  readonly g: string
  readonly has: TraceElements
  /** Where it was asked and where it was said. */
  readonly asked: number
  readonly line: number
  /** The line of primary views that what it asked about was of; null: none. */
  readonly lineName: string | null
  /** From where on its process is known to be gone. */
  readonly goneAt: At
}

/** An element of the second that is not in the first; null: there is none. */
export function lacks(has: TraceElements, wanted: TraceElements): string | null {
  for (const [author, k] of Object.entries(wanted)) {
    const found = has[author] ?? 0
    if (found < k) return `${author}.${found + 1}`
  }
  return null
}

/** Where stores were lost. */
interface Loss {
  readonly store: string
  readonly line: number
}

/** All claims of a run. */
export class Claims {
  /** In the order in which they were said. */
  readonly all: readonly Claim[]
  readonly #stores: ReadonlyMap<string, string>
  readonly #losses: readonly Loss[]
  readonly #gone: ReadonlyMap<string, At>

  constructor(run: Run, stores: ReadonlyMap<string, string>) {
    this.#stores = stores
    this.#losses = run.of('lose').map(({ data, line }) => ({ store: stores.get(data.q) ?? '', line }))
    const asked = new Map(run.of('sync').map((sync) => [`${sync.data.p} ${sync.data.id}`, sync]))
    const gone = new Map(run.of('gone').map(({ data, line, t }) => [data.q, { line, t }]))
    this.#gone = gone
    this.all = run.of('durable').flatMap(({ data, process, line }) => {
      const sync = asked.get(`${data.p} ${data.id}`)
      const store = stores.get(data.p)
      if (!data.ok || process === null || sync === undefined || store === undefined) return []
      const goneAt = gone.get(data.p) ?? NEVER
      return Object.entries(sync.data.holds).map(([g, has]): Claim => {
        return { process, store, g, has, asked: sync.line, line, lineName: lineOf(run, sync, g), goneAt }
      })
    })
  }

  storeOf({ id }: Process): string | null {
    return this.#stores.get(id) ?? null
  }

  /**
   * Was it lost with its store before that line? A process whose store is lost under it finds that out when it writes next:
   * what it is told up to then was so once.
   */
  isLost({ store, process }: Claim, line: number): boolean {
    const start = process.start?.line ?? 0
    return this.#losses.some((loss) => loss.store === store && loss.line > start && loss.line < line)
  }

  /** Who else uses its store then, and may have taken over what others have left in it. */
  kin(process: Process, line: number): string[] {
    const store = this.storeOf(process)
    return [...this.#stores].flatMap(([id, at]) =>
      at === store && id !== process.id && !this.isGone(id, line) ? [id] : [],
    )
  }

  /** Is that process known to be gone then? */
  isGone(id: string, line: number): boolean {
    return (this.#gone.get(id)?.line ?? Number.POSITIVE_INFINITY) <= line
  }

  /** What a process may find of an object that it opens there, of each process the last: of those that were not there for long, too. */
  found(process: Process, g: string, open: At): Claim[] {
    const store = this.storeOf(process)
    // It joins once it has read what is there.
    const read = process.joins.get(g)?.[0]?.line ?? open.line
    const last = new Map<Process, Claim>()
    for (const claim of this.all) {
      const isKin = claim.store === store && claim.g === g && claim.process !== process
      if (isKin && claim.line < open.line && !this.isLost(claim, read)) last.set(claim.process, claim)
    }
    return [...last.values()]
  }
}

/**
 * The line of what an object shows there: that in which its process is, or the lost one, as long as it awaits the state of
 * the line that takes its place (seed 71046).
 */
function lineOf(run: Run, { data, line, space }: Located<'sync'>, g: string): string | null {
  const isEarlier = (each: Located<'stateIn' | 'anew'>): boolean =>
    each.data.p === data.p && each.data.g === g && each.line < line
  const states = [...run.of('stateIn'), ...run.of('anew')].filter(isEarlier)
  const since = Math.max(0, ...states.map((each) => each.line))
  const lost = run.of('lineLost').find((each) => each.data.p === data.p && each.line > since && each.line < line)
  return lost?.data.line ?? space?.data.line ?? null
}
