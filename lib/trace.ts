/**
 * Lines of the trace (docs/trace.md), as both sides of the port write them, and as they leave the library.
 */
import type { ViewInfo } from './kernel/api.ts'
import type { TraceLine as FullLine } from './testing/trace.ts'
import { hashBytes } from './values.ts'

/** One line without `t` and `p`, which whoever collects the lines adds. */
export type TraceLine = Readonly<Record<string, unknown>> & { readonly e: string }

/** Takes lines in the order in which they happen. */
export type TraceSink = (line: TraceLine) => void

/** Kernel lines that are too many to keep. */
const UNKEPT: ReadonlySet<string> = new Set(['number'])
/** Kernel lines whose name means something else in the trace. */
const RENAMED: ReadonlyMap<string, string> = new Map([
  ['cut', 'cutAgreed'],
  ['drop', 'dropped'],
])

/** A line as the kernel writes it in the form of the trace, a payload as its hash; null for those that are left out. */
export function kernelLine(line: TraceLine): TraceLine | null {
  if (UNKEPT.has(line.e)) return null
  const { payload, ...rest } = line
  const e = RENAMED.get(line.e) ?? line.e
  return payload instanceof Uint8Array ? { ...rest, e, h: hashBytes(payload) } : { ...rest, e }
}

/** The `view` line of the trace, for the space (`g` empty) and for groups. */
export function viewLine(group: string, view: ViewInfo): TraceLine {
  const isMerged = view.subviews.length > 1
  return {
    e: 'view',
    g: group,
    id: view.id,
    sv: view.spaceView,
    members: view.members.map((member) => member.id),
    prev: view.prev,
    trans: view.trans,
    primary: view.primary,
    line: view.line,
    ...(isMerged ? { subviews: view.subviews.map((part) => ({ id: part.id, members: part.members })) } : {}),
    left: view.left,
    dead: view.dead,
    expelled: view.expelled,
    away: view.away.map(({ id }) => id),
    ...(view.members.some(({ weight }) => weight !== 1) ? { weights: view.members.map(({ weight }) => weight) } : {}),
    ...(view.wasAwayMs > 0 ? { wasAwayMs: view.wasAwayMs } : {}),
  }
}

/** Completes the lines of one process for a reader of the application's, who must not harm the space by throwing. */
export class ProcessTrace {
  readonly #self: string
  readonly #read: (line: FullLine) => void
  readonly #failed: (error: unknown) => void
  #isFailed = false

  /** @param failed is called once, if `read` throws; it is not called again then. */
  constructor(self: string, read: (line: FullLine) => void, failed: (error: unknown) => void) {
    this.#self = self
    this.#read = read
    this.#failed = failed
  }

  /** A line of the application's side, at a wall-clock time in ms. */
  app(t: number, line: TraceLine): void {
    if (this.#isFailed) return
    try {
      // The lines are those of docs/trace.md, and the kernel's own, which readers skip.
      this.#read({ t, p: this.#self, ...line } as unknown as FullLine)
    } catch (error) {
      this.#isFailed = true
      this.#failed(error)
    }
  }

  /** A line of the kernel. */
  kernel(t: number, line: TraceLine): void {
    const kept = kernelLine(line)
    if (kept !== null) this.app(t, kept)
  }
}
