/**
 * A page that stores what it has, driven through `window.keeping`.
 *
 * Query: `space`, and `database`: pages of one browser profile that name different ones stand for different devices.
 */
import { NotPrimaryError, openSpace, type SharedCounter, type SharedMap, type SharedRegister, type Space } from 'tutti'
import { tabs } from 'tutti/adapters/broadcast-channel'
import { idbKeyval } from 'tutti/adapters/idb-keyval'

/** See the module's comment. */
export interface KeepingPage {
  space: Space | null
  map: SharedMap<number> | null
  counter: SharedCounter | null
  register: SharedRegister<string> | null
  /** The numbers that it has when it has just opened, ascending, and the counter's value. */
  found: { readonly numbers: readonly number[]; readonly count: number } | null
  /** Up to here, what it has written is durable, and counted. */
  durable: number
  durableCount: number
  /** What `storage` events have said. */
  readonly faults: string[]
  /** Resolves when the objects are open. */
  opened(): Promise<void>
  /** Writes the numbers from `from` on, one after the other, until `to`; each that is a multiple of `every` is waited for. */
  write(from: number, to: number, every: number): Promise<void>
  until(isTrue: () => boolean, what: string, timeoutMs?: number): Promise<void>
  numbers(): number[]
  /** Writes the register; whom it misses if it cannot, null if it could. */
  agree(value: string): Promise<readonly string[] | null>
}

declare global {
  interface Window {
    readonly keeping: KeepingPage
  }
}

const query = new URLSearchParams(location.search)
const keeping: KeepingPage = {
  space: null,
  map: null,
  counter: null,
  register: null,
  found: null,
  durable: 0,
  durableCount: 0,
  faults: [],
  opened: () => opening,
  write,
  until,
  numbers,
  agree,
}
Object.assign(window, { keeping })
const opening = open()
opening.catch(console.error)

async function open(): Promise<void> {
  const space = await openSpace(query.get('space') ?? '', {
    transports: [tabs()],
    worker: () => new Worker('/worker/worker.js', { type: 'module' }),
    storage: idbKeyval({ database: query.get('database') ?? 'objects' }),
  })
  space.addEventListener('storage', ({ group, reason }) => keeping.faults.push(`${group}: ${reason}`))
  keeping.space = space
  keeping.map = await space.map<number>('numbers')
  keeping.counter = await space.counter('count')
  keeping.register = await space.register<string>('agreed', { whenNotPrimary: 'reject' })
  keeping.found = { numbers: numbers(), count: keeping.counter.value }
}

function numbers(): number[] {
  return [...(keeping.map?.keys() ?? [])].map(Number).sort((a, b) => a - b)
}

async function agree(value: string): Promise<readonly string[] | null> {
  try {
    await keeping.register?.set(value)
    return null
  } catch (error) {
    if (error instanceof NotPrimaryError) return error.missing
    throw error
  }
}

async function write(from: number, to: number, every: number): Promise<void> {
  for (let n = from; n <= to; n += 1) {
    keeping.map?.set(String(n), n)
    keeping.counter?.add(1)
    if (n % every !== 0) {
      await new Promise((resolve) => setTimeout(resolve))
      continue
    }
    const count = keeping.counter?.value ?? 0
    await keeping.space?.durable()
    keeping.durable = n
    keeping.durableCount = count
  }
}

async function until(isTrue: () => boolean, what: string, timeoutMs = 20_000): Promise<void> {
  const end = performance.now() + timeoutMs
  while (!isTrue()) {
    if (performance.now() > end) {
      const { found, space } = keeping
      const { view, status, members } = space ?? {}
      const stands = JSON.stringify({ found, status, view, members })
      throw new Error(`not within ${timeoutMs} ms: ${what}, ${stands}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
