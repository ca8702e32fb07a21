/**
 * Collects the lines of a run: those of the world, of the applications and of the kernels, in the order in which they
 * happen, and shows each to whoever watches (the counter of situations, faults that wait for a moment).
 */
import type { TraceLine } from '../../lib/testing/trace.ts'
import { hashBytes } from '../../lib/values.ts'

/** A line as a process writes it, without time and place. */
export type RawLine = Readonly<Record<string, unknown>> & { readonly e: string }

/** A line as watchers see it. */
export type AnyLine = RawLine & { readonly t: number; readonly p?: string }

/** Kernel lines that are too many to keep. */
const UNKEPT: ReadonlySet<string> = new Set(['number'])
/** Kernel lines whose name means something else in the trace. */
const RENAMED: ReadonlyMap<string, string> = new Map([
  ['cut', 'cutAgreed'],
  ['drop', 'dropped'],
])

/** The lines of a run so far. */
export class Trace {
  readonly lines: AnyLine[] = []
  /** Called with every line, after it is written. */
  watch: (line: AnyLine) => void = () => undefined

  /** A line of the world. */
  world(t: number, line: RawLine): void {
    this.#add({ t, ...line })
  }

  /** A line of an application. */
  app(t: number, p: string, line: RawLine): void {
    this.#add({ t, p, ...line })
  }

  /** A line of a kernel; a payload becomes its hash. */
  kernel(t: number, p: string, line: RawLine): void {
    if (UNKEPT.has(line.e)) return
    const { payload, ...rest } = line
    if (payload instanceof Uint8Array) this.#add({ t, p, ...rest, e: line.e, h: hashBytes(payload) })
    else this.#add({ t, p, ...line, e: RENAMED.get(line.e) ?? line.e })
  }

  /** The lines in the type that checkers read. */
  get checked(): readonly TraceLine[] {
    return this.lines as unknown as readonly TraceLine[]
  }

  #add(line: AnyLine): void {
    this.lines.push(line)
    this.watch(line)
  }
}
