/**
 * The names that views and casts have in a trace, taken apart and compared.
 */

/** A view's id, taken apart. */
export interface ViewIdParts {
  readonly epoch: number
  readonly coordinator: string
  /** 0 for a space view. */
  readonly n: number
}

/** Takes `epoch.coordinator` or `epoch.coordinator.n` apart. Numbers that are none become NaN. */
export function parseViewId(id: string): ViewIdParts {
  const [epoch = '', coordinator = '', n = '0'] = id.split('.')
  return { epoch: Number(epoch), coordinator, n: Number(n) }
}

/** Orders views by epoch, then by n. 0 for equal ids, and for rivals that have no order. */
export function compareViewIds(a: string, b: string): number {
  if (a === b) return 0
  const x = parseViewId(a)
  const y = parseViewId(b)
  return x.epoch - y.epoch || x.n - y.n
}

/** A cast's name, taken apart. */
export interface MessageIdParts {
  readonly sender: string
  readonly n: number
}

/** Takes `<sender>#<n>` apart. */
export function parseMessageId(m: string): MessageIdParts {
  const at = m.lastIndexOf('#')
  return { sender: m.slice(0, at), n: Number(m.slice(at + 1)) }
}
