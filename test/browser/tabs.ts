/**
 * Pages that a browser test opens and drives from outside. The server side is `tabs-plugin.mjs`.
 */
import { executeServerCommand } from '@web/test-runner-commands'

/** A page of its own, driven through the DevTools protocol. */
export interface Tab {
  readonly id: number
  /** Runs `fn` in the page and gives its (awaited) result. Both it and `args` cross as text: `fn` sees no variables of the test. */
  evaluate<Args extends readonly unknown[], Result>(
    fn: (...args: Args) => Result | Promise<Result>,
    ...args: Args
  ): Promise<Result>
  /** As `evaluate`, with a limit other than 60 s. */
  evaluateWithin<Args extends readonly unknown[], Result>(
    timeoutMs: number,
    fn: (...args: Args) => Result | Promise<Result>,
    ...args: Args
  ): Promise<Result>
  /** Crashes the renderer: no goodbye, no `pagehide`. */
  crash(): Promise<void>
  /** Closes the page, with `pagehide` but without asking. */
  close(): Promise<void>
  /** Stops the page and its workers, as a browser does with tabs long hidden. */
  freeze(): Promise<void>
  /** Undoes `freeze`. */
  thaw(): Promise<void>
  /** Goes to another address. */
  navigate(url: string): Promise<void>
  /** Uncaught errors and `console.error` lines of the page so far. */
  errors(): Promise<readonly string[]>
}

/** How a tab is opened. */
export interface OpenTabOptions {
  /** The page's query parameters. */
  readonly query?: Readonly<Record<string, string>>
  /** Tabs that name the same context share a browser profile; by default each has its own. */
  readonly context?: string
}

const evaluateTimeoutMs = 60_000
/** Opens `test/browser/pages/NAME.ts` in a page of its own; resolves when it has loaded. */
export async function openTab(name: string, options: OpenTabOptions = {}): Promise<Tab> {
  const { query = {}, context = null } = options
  const { id } = await tabs<{ id: number }>('open', { page: name, query, context })
  const evaluateWithin: Tab['evaluateWithin'] = (timeoutMs, fn, ...args) => {
    const expression = `(${fn.toString()})(...${JSON.stringify(args)})`
    return tabs('evaluate', { id, expression, timeoutMs })
  }
  return {
    id,
    evaluateWithin,
    evaluate: (fn, ...args) => evaluateWithin(evaluateTimeoutMs, fn, ...args),
    crash: () => tabs('crash', { id }),
    close: () => tabs('close', { id }),
    freeze: () => tabs('freeze', { id, isFrozen: true }),
    thaw: () => tabs('freeze', { id, isFrozen: false }),
    navigate: (url) => tabs('navigate', { id, url }),
    errors: () => tabs('errors', { id }),
  }
}

/** Stops the processes of these tabs, as a laptop that falls asleep does: no timer runs, no packet is answered. */
export async function fallAsleep(sleepers: readonly Tab[]): Promise<void> {
  await tabs('sleep', { ids: sleepers.map(({ id }) => id), isAsleep: true })
}

/** Undoes `fallAsleep`: their clocks have jumped. */
export async function wakeUp(sleepers: readonly Tab[]): Promise<void> {
  await tabs('sleep', { ids: sleepers.map(({ id }) => id), isAsleep: false })
}

/** Closes every tab and signaling server that this test file has opened; for `afterEach`. */
export async function closeAll(): Promise<void> {
  await tabs('closeAll', {})
}

/** A signaling server on a free port of this machine. */
export interface Signaling {
  /** Its `ws:` address. */
  readonly url: string
  stop(): Promise<void>
}

/** Starts the demo's signaling server. */
export async function startSignaling(): Promise<Signaling> {
  const { id, url } = await tabs<{ id: number; url: string }>('startSignaling', {})
  return { url, stop: () => tabs('stopSignaling', { id }) }
}

type Answer<Result> = { readonly value: Result } | { readonly error: string } | { readonly pending: number }

async function tabs<Result>(op: string, args: Readonly<Record<string, unknown>>): Promise<Result> {
  let answer = await ask<Result>({ op, ...args })
  // web-test-runner gives a command 20 s; what takes longer is asked for again.
  while ('pending' in answer) answer = await ask<Result>({ op: 'wait', pending: answer.pending })
  if ('error' in answer) throw new Error(answer.error)
  return answer.value
}

function ask<Result>(payload: Readonly<Record<string, unknown>>): Promise<Answer<Result>> {
  return executeServerCommand<Answer<Result>, typeof payload>('tabs', payload)
}
