/**
 * `tutti/testing`: the trace format, for checkers of one's own. Everything a run leaves behind can be parsed with it.
 * This folder imports nothing of the library but types.
 */
export type { Cut, LineOf, TraceBounds, TraceEventName, TraceLine, TraceToken } from './trace.ts'
export { compareViewIds, parseMessageId, parseViewId } from './trace-names.ts'
export { formatTrace, parseTrace } from './trace-text.ts'
