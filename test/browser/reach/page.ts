/**
 * A member of a space that `npm run test:reach` drives from outside, in Chromium and in Firefox, through `window.reach`.
 * Its kernel runs in the worker that the library names by itself.
 */
import { openSpace, type SharedMap, type SharedQueue, type Space } from 'tutti'
import { tabs } from 'tutti/adapters/broadcast-channel'
import { webrtc } from 'tutti/adapters/simple-peer'

/** How a page reaches others. */
export type Reach = 'tabs' | 'webrtc'

/** What a page is told to open. */
export interface Opening {
  readonly space: string
  readonly reach: Reach
  /** The `ws:` address of the signaling server. */
  readonly signaling: string
  readonly name: string
  readonly witness?: boolean
}

/** What a page knows. */
export interface Seen {
  readonly status: string
  readonly members: readonly string[]
  readonly primary: boolean
  readonly connections: readonly (string | null)[]
  /** The code of each problem that the space told of. */
  readonly problems: readonly string[]
  readonly isSecure: boolean
}

/** One accepted completion. */
export interface Settled {
  readonly value: number
  readonly by: string
}

/** One time in which a page had the lock: by the wall clock, and its token's number. */
export interface Held {
  readonly from: number
  readonly to: number
  readonly n: number
}

declare global {
  interface Window {
    readonly reach: typeof reach
  }
}

const problems: string[] = []
const settled: Settled[] = []
/** Items at a time. */
const concurrency = 2
let hangs = false
let open: Space | null = null
let map: SharedMap<string> | null = null
let queue: SharedQueue<number> | null = null

const reach = {
  async open({ space: name, reach: way, signaling, ...options }: Opening): Promise<string> {
    const transport = way === 'tabs' ? tabs() : webrtc({ signaling: [signaling], iceServers: [] })
    const space = await openSpace(name, { transports: [transport], ...options })
    open = space
    space.addEventListener('problem', ({ error }) => problems.push('reason' in error ? error.reason : error.code))
    return space.self
  },

  /** Opens them, unless they are. */
  async openObjects(): Promise<void> {
    if (queue !== null) return
    map = await opened().map<string>('map')
    queue = await opened().queue<number>('queue')
    queue.addEventListener('settled', ({ outcome, by, result }) => {
      if (outcome === 'done') settled.push({ value: result as number, by })
    })
    // Joins the group of the locks.
    await opened().locks.query()
  },

  see(): Seen {
    const { view, status, members } = opened()
    return {
      status,
      members: view.members.map(({ name }) => name ?? ''),
      primary: view.primary,
      connections: members.map(({ connection }) => connection),
      problems: [...problems],
      isSecure: isSecureContext,
    }
  },

  async set(writer: string, count: number): Promise<void> {
    for (let i = 0; i < count; i += 1) {
      // Every other key is written by everyone.
      map?.set(i % 2 === 0 ? `shared ${i}` : `${writer} ${i}`, `${writer} wrote ${i}`)
      if (i % 10 === 9) await pause(1)
    }
  },

  /** The map's size, and a digest of all of it in key order. */
  digest(): { readonly size: number; readonly digest: number } {
    const text = JSON.stringify([...(map ?? [])].sort(([a], [b]) => (a < b ? -1 : 1)))
    let digest = 0
    for (let i = 0; i < text.length; i += 1) digest = (Math.imul(digest, 31) + text.charCodeAt(i)) | 0
    return { size: map?.size ?? 0, digest }
  },

  async add(from: number, count: number): Promise<void> {
    await Promise.all(Array.from({ length: count }, (_, i) => queue?.add(from + i)))
  },

  /** Works on the queue for as long as the page lives. */
  work(): void {
    const job = async (value: number): Promise<number> => {
      await (hangs ? new Promise<never>(() => undefined) : pause(10))
      return value
    }
    queue?.process(job, { concurrency }).catch(() => undefined)
  },

  /** Every further item stays in hand. */
  hang(): void {
    hangs = true
  },

  settled: (): readonly Settled[] => [...settled],

  /** How many items of the queue a process has in hand. */
  held: (taker: string): number => (queue?.items ?? []).filter((item) => item.taker === taker).length,

  async hold(times: number): Promise<readonly Held[]> {
    const log: Held[] = []
    for (let i = 0; i < times; i += 1) {
      await opened().locks.request('baton', async (lock) => {
        const from = Date.now()
        await pause(5)
        log.push({ from, to: Date.now(), n: lock?.token[2] ?? -1 })
      })
    }
    return log
  },

  close: (): Promise<void> => opened().close(),
}
Object.assign(window, { reach })

function opened(): Space {
  if (open === null) throw new Error('the space is not open')
  return open
}

/** Lets other tasks run for a while. By messages: only one tab is in front, and the timers of the others run once a second. */
async function pause(ms: number): Promise<void> {
  const { port1, port2 } = new MessageChannel()
  for (const end = performance.now() + ms; performance.now() < end; ) {
    await new Promise((resolve) => {
      port1.onmessage = resolve
      port2.postMessage(null)
    })
  }
  port1.close()
}
