/** Names of views and ballots, and their order. */
import type { ProcessId, ViewId } from './api.ts'

/** A round of the flush: also the id of the view it would install. Larger epochs win; equal epochs are told apart by leader. */
export interface Ballot {
  readonly epoch: number
  readonly leader: ProcessId
}

/** The ballot that nobody ever leads. */
export const noBallot: Ballot = { epoch: 0, leader: '' }

/** Negative if `a` comes before `b`. */
export function compareBallots(a: Ballot, b: Ballot): number {
  return a.epoch - b.epoch || (a.leader < b.leader ? -1 : a.leader > b.leader ? 1 : 0)
}

/** The space view's id that a ballot installs. */
export function viewIdOf(ballot: Ballot): ViewId {
  return `${ballot.epoch}.${ballot.leader}`
}

/** The id of a group view: the space view it was installed in, and a counter within it. */
export function groupViewId(spaceView: ViewId, n: number): ViewId {
  return `${spaceView}.${n}`
}

/** The parts of a view id; `n` is 0 for a space view. */
export function parseViewId(id: ViewId): {
  readonly epoch: number
  readonly coordinator: ProcessId
  readonly n: number
} {
  const [epoch = '0', coordinator = '', n = '0'] = id.split('.')
  return { epoch: Number(epoch), coordinator, n: Number(n) }
}

/** Orders view ids by epoch, then counter, then coordinator. */
export function compareViewIds(a: ViewId, b: ViewId): number {
  if (a === b) return 0
  const x = parseViewId(a)
  const y = parseViewId(b)
  return x.epoch - y.epoch || x.n - y.n || (x.coordinator < y.coordinator ? -1 : x.coordinator > y.coordinator ? 1 : 0)
}

/** Is this a well-formed process id? Ids are `[A-Za-z0-9_-]{1,64}`: no dots, so that view ids parse. */
export function isProcessId(id: unknown): id is ProcessId {
  return typeof id === 'string' && id !== '__proto__' && /^[A-Za-z0-9_-]{1,64}$/.test(id)
}
