/**
 * Collects the lines of a run: those of the world, of the applications and of the kernels, in the order in which they
 * happen, and shows each to whoever watches (the counter of situations, faults that wait for a moment).
 */
import type { TraceLine } from '../../lib/testing/trace.ts'
import { kernelLine } from '../../lib/trace.ts'

/** A line as a process writes it, without time and place. */
export type RawLine = Readonly<Record<string, unknown>> & { readonly e: string }

/** A line as watchers see it. */
export type AnyLine = RawLine & { readonly t: number; readonly p?: string }

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
    const kept = kernelLine(line)
    if (kept !== null) this.#add({ t, p, ...kept })
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
