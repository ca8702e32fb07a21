/**
 * Lines of the trace (docs/trace.md), as both sides of the port write them.
 */

/** One line without `t` and `p`, which whoever collects the lines adds. */
export type TraceLine = Readonly<Record<string, unknown>> & { readonly e: string }

/** Takes lines in the order in which they happen. */
export type TraceSink = (line: TraceLine) => void
