/**
 * A member that works without a pause, on a map, a counter, a group and a queue, and keeps books of all that it was
 * promised and all that it saw. A browser test drives it through `window.keeper`, and compares the books of all.
 *
 * Query: `transport` (`tabs` or `webrtc`), `signaling` (for `webrtc`, whose channels can then be cut), `space`.
 */
import {
  type Group,
  NotPrimaryError,
  openSpace,
  type SharedCounter,
  type SharedMap,
  type SharedQueue,
  type Space,
  StaleTokenError,
  type TakenItem,
} from 'tutti'
import { tabs } from 'tutti/adapters/broadcast-channel'
import { webrtc } from 'tutti/adapters/simple-peer'

/** A grant of an item to this page. Times are of the machine's clock, which all pages share. */
export interface Grant {
  readonly id: string
  readonly token: string
  readonly at: number
  /** When its signal aborted, or the page had told how it ended. */
  endedAt: number
  /** How the completion was answered: `done`, or the error's code. */
  end: string
}

/** What one page knows. */
export interface Books {
  readonly self: string
  /** Views of the space since `forgive`, the one at that time included. */
  readonly views: readonly { readonly id: string; readonly members: readonly string[]; readonly primary: boolean }[]
  /** So often it wrote to the map and added to the counter; each of these calls has returned. */
  readonly written: number
  /** The members of each view of the group in which own casts were sent. */
  readonly groupViews: Readonly<Record<string, readonly string[]>>
  /** Own casts since `forgive`, by number, whose receipts resolved `stable`: the group's view they were sent in, the space's view then. */
  readonly stable: readonly { readonly n: number; readonly sentIn: string; readonly view: string }[]
  /** Casts delivered here, as `<sender>/<number>`. */
  readonly delivered: readonly string[]
  /** Ids of the items whose `add` returned since `forgive`. */
  readonly added: readonly string[]
  /** How many adds were refused since `forgive`, by the error's code. */
  readonly refused: Readonly<Record<string, number>>
  /** What the last error of each code said. */
  readonly refusals: Readonly<Record<string, string>>
  /** Whom the last NotPrimaryError named. */
  readonly missing: readonly string[]
  readonly grants: readonly Grant[]
  /** Completions seen here: the item, and who had held it. */
  readonly done: readonly { readonly id: string; readonly by: string }[]
  /** The longest time without a cast of that sender since `forgive`, up to its last. */
  readonly silence: Readonly<Record<string, number>>
  /** The longest time that an `add` which returned took since `forgive`. */
  readonly slowestAdd: number
  /** For so long in all, since `forgive`, the page was not let run when its timer was due: the machine is busy. */
  readonly starved: number
}

/** See the module's comment. */
export interface KeeperPage {
  space: Space | null
  /** Whom a connection leads to, in the view or not. */
  readonly connected: ReadonlySet<string>
  /** The ids of the view by seniority; null before the objects are open. */
  members(): readonly string[] | null
  /** Begins to write, cast, add and work. */
  begin(): void
  /** Begins the views, the silences, the items added, the refusals and the slowest add anew. */
  forgive(): void
  /** Resolves when every member of the view has been heard so many times from now on. */
  hear(times: number): Promise<void>
  /** Resolves when the item is in other hands than those that hold it now, or done. */
  passOn(id: string): Promise<void>
  /** The next item that is taken stays in hand: resolves with its id. */
  hold(): Promise<string>
  /** Completes what is held; the error's code, or `done`. Resolves with how its signal was by then, too. */
  release(): Promise<{ readonly end: string; readonly wasLost: boolean }>
  /** Ends writing, casting and adding; working goes on. Resolves when every own receipt and call has settled. */
  rest(): Promise<void>
  /** Resolves when the view has so many members and all items are done; then work ends, too. */
  finish(members: number): Promise<void>
  /** Closes the channels to these peers, and keeps them closed until they are not named any more. Resolves with how many were closed. */
  cut(peers: readonly string[]): Promise<number>
  until(isTrue: () => boolean, what: string, timeoutMs?: number): Promise<void>
  books(): Books
  /** Of the map's content, and the counter's value: what all must agree on. */
  state(): Promise<string>
  readonly map: SharedMap<number> | null
  readonly counter: SharedCounter | null
  readonly queue: SharedQueue<number> | null
}

declare global {
  interface Window {
    readonly keeper: KeeperPage
  }
}

const writeEveryMs = 25
/** Later than so is starved. */
const lateMs = 100
const addPauseMs = 40
const workMs = 15
/** Longer than a split takes to be noticed, or even a holder in the primary component must take its item for lost. */
const leaseMs = 5000

class Keeper implements KeeperPage {
  space: Space | null = null
  readonly connected = new Set<string>()
  map: SharedMap<number> | null = null
  counter: SharedCounter | null = null
  queue: SharedQueue<number> | null = null
  #group: Group | null = null
  #worker: Worker | null = null
  #workerError: Error | null = null
  readonly #views: { id: string; members: readonly string[]; primary: boolean }[] = []
  #written = 0
  #casts = 0
  /** Own casts with lower numbers are not judged. */
  #forgiven = 0
  readonly #groupViews: Record<string, readonly string[]> = {}
  /** The group's view in which the own cast of that number was sent. */
  readonly #sentIn = new Map<number, string>()
  readonly #stable: { n: number; sentIn: string; view: string }[] = []
  readonly #delivered: string[] = []
  readonly #added: string[] = []
  #refused: Record<string, number> = {}
  #refusals: Record<string, string> = {}
  #missing: readonly string[] = []
  readonly #grants: Grant[] = []
  readonly #done: { id: string; by: string }[] = []
  readonly #lastHeard = new Map<string, number>()
  #silence: Record<string, number> = {}
  #slowestAdd = 0
  #starved = 0
  #lastTick = Number.NaN
  #timer: ReturnType<typeof setInterval> | null = null
  /** Receipts and adds that have not settled. */
  #open = 0
  readonly #stopped = new AbortController()
  #held: { readonly taken: TakenItem<number>; readonly grant: Grant } | null = null
  #holding: ((id: string) => void) | null = null

  async open(name: string, query: URLSearchParams): Promise<void> {
    const isWebrtc = query.get('transport') === 'webrtc'
    const space = await openSpace(name, {
      transports: isWebrtc ? [webrtc({ signaling: [query.get('signaling') ?? ''], iceServers: [] })] : [tabs()],
      worker: () => {
        this.#worker = new Worker(isWebrtc ? '/pages/cuttable-worker.js' : '/worker/worker.js', { type: 'module' })
        return this.#worker
      },
    })
    // Without its worker the space is open all the same, but cannot be cut.
    space.addEventListener('problem', ({ error }) => {
      if (error.code === 'worker') this.#workerError = error
    })
    for (const { id, connection } of space.members) if (connection !== null) this.connected.add(id)
    space.addEventListener('connection', ({ peer, connection }) => {
      if (connection === null) this.connected.delete(peer)
      else this.connected.add(peer)
    })
    space.addEventListener('view', ({ view }) => this.#seeView(view))
    const [map, counter, group, queue] = await Promise.all([
      space.map<number>('map'),
      space.counter('counter'),
      space.group('casts'),
      space.queue<number>('queue', { whenNotPrimary: 'reject', leaseMs }),
    ])
    group.addEventListener('cast', ({ entry }) => {
      if (entry.local) this.#noteSent(entry.value as number, entry.view, group.view?.members ?? [])
      this.#deliver(entry.from, entry.value as number)
    })
    queue.addEventListener('settled', ({ id, by, outcome }) => {
      if (outcome === 'done') this.#done.push({ id, by })
    })
    Object.assign(this, { space, map, counter, queue })
    this.#group = group
  }

  members(): readonly string[] | null {
    return this.space?.view.members.map(({ id }) => id) ?? null
  }

  begin(): void {
    this.#timer = setInterval(() => {
      this.#tick()
      this.#write()
    }, writeEveryMs)
    void this.#addOn()
    void this.#workOn()
  }

  forgive(): void {
    this.#views.length = 0
    if (this.space !== null) this.#seeView(this.space.view)
    this.#added.length = 0
    this.#refused = {}
    this.#refusals = {}
    this.#forgiven = this.#casts
    this.#silence = {}
    this.#slowestAdd = 0
    this.#starved = 0
  }

  async hear(times: number): Promise<void> {
    const from = this.#delivered.length
    const isHeard = (member: string): boolean =>
      this.#delivered.slice(from).filter((cast) => cast.startsWith(member)).length >= times
    await this.until(() => this.members()?.every(isHeard) ?? false, `${times} casts of each member`)
  }

  async passOn(id: string): Promise<void> {
    const item = (): unknown => this.queue?.items.find((each) => each.id === id)
    const taker = (): string | null => this.queue?.items.find((each) => each.id === id)?.taker ?? null
    const before = taker()
    await this.until(() => item() === undefined || (taker() !== null && taker() !== before), `${id} in other hands`)
  }

  hold(): Promise<string> {
    return new Promise((resolve) => {
      this.#holding = resolve
    })
  }

  async release(): Promise<{ end: string; wasLost: boolean }> {
    if (this.#held === null) throw new Error('nothing is held')
    const { taken, grant } = this.#held
    this.#held = null
    const wasLost = taken.signal.aborted
    await this.#complete(taken, grant)
    return { end: grant.end, wasLost }
  }

  async rest(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
    await this.until(() => this.#open === 0, 'every receipt and every add settled')
  }

  async finish(members: number): Promise<void> {
    await this.until(
      () => this.space?.view.members.length === members && this.space.view.primary,
      `a view of ${members}`,
    )
    await this.until(() => this.queue?.size === 0, 'an empty queue', 60_000)
    this.#stopped.abort()
  }

  cut(peers: readonly string[]): Promise<number> {
    if (this.#workerError !== null) return Promise.reject(this.#workerError)
    const { port1, port2 } = new MessageChannel()
    return new Promise((resolve) => {
      port1.onmessage = ({ data }: MessageEvent<{ readonly closed: number }>) => {
        port1.close()
        resolve(data.closed)
      }
      this.#worker?.postMessage({ type: 'cut', cut: peers }, [port2])
    })
  }

  async until(isTrue: () => boolean, what: string, timeoutMs = 40_000): Promise<void> {
    const end = performance.now() + timeoutMs
    while (!isTrue()) {
      if (performance.now() > end) throw new Error(`not within ${timeoutMs} ms: ${what} ${this.#describe()}`)
      await pause(5)
    }
  }

  books(): Books {
    return {
      self: this.space?.self ?? '',
      views: this.#views,
      written: this.#written,
      groupViews: this.#groupViews,
      stable: this.#stable,
      delivered: this.#delivered,
      added: this.#added,
      refused: this.#refused,
      refusals: this.#refusals,
      missing: this.#missing,
      grants: this.#grants,
      done: this.#done,
      silence: this.#silence,
      slowestAdd: this.#slowestAdd,
      starved: this.#starved,
    }
  }

  async state(): Promise<string> {
    const text = JSON.stringify([[...(this.map ?? [])], this.counter?.value])
    const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
    return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, '0')).join('')
  }

  #seeView({ id, members, primary }: Space['view']): void {
    this.#views.push({ id, members: members.map((member) => member.id), primary })
  }

  #noteSent(n: number, view: string, members: readonly string[]): void {
    this.#sentIn.set(n, view)
    this.#groupViews[view] ??= members
  }

  #deliver(from: string, n: number): void {
    this.#delivered.push(`${from}/${n}`)
    const now = performance.now()
    const before = this.#lastHeard.get(from)
    this.#lastHeard.set(from, now)
    if (before !== undefined) this.#silence[from] = Math.max(this.#silence[from] ?? 0, now - before)
  }

  #tick(): void {
    const now = performance.now()
    const late = now - this.#lastTick - writeEveryMs
    if (late > lateMs) this.#starved += late
    this.#lastTick = now
  }

  /** One write to each of the available ones: a new key, one more, one cast. */
  #write(): void {
    const { space, map, counter } = this
    const group = this.#group
    if (!space || !map || !counter || !group?.writable) return
    map.set(`${space.self}/${this.#written}`, this.#written)
    counter.add(1)
    this.#written += 1
    const n = this.#casts
    this.#casts += 1
    this.#open += 1
    const receipt = group.cast(n)
    Promise.all([receipt.delivered, receipt.stable])
      .then(
        () => n >= this.#forgiven && this.#stable.push({ n, sentIn: this.#sentIn.get(n) ?? '', view: space.view.id }),
      )
      .catch(() => {})
      .finally(() => {
        this.#open -= 1
      })
  }

  async #addOn(): Promise<void> {
    for (let n = 0; this.#timer !== null; n += 1) {
      const at = performance.now()
      this.#open += 1
      try {
        const { id } = (await this.queue?.add(n)) ?? { id: '' }
        this.#added.push(id)
        this.#slowestAdd = Math.max(this.#slowestAdd, performance.now() - at)
      } catch (error) {
        const code = codeOf(error)
        this.#refused[code] = (this.#refused[code] ?? 0) + 1
        this.#refusals[code] = `${error} in view ${this.space?.view.id}`
        if (error instanceof NotPrimaryError) this.#missing = error.missing
      } finally {
        this.#open -= 1
      }
      await pause(addPauseMs)
    }
  }

  async #workOn(): Promise<void> {
    const { signal } = this.#stopped
    while (!signal.aborted) {
      try {
        const taken = await this.queue?.take({ signal })
        if (taken === undefined) return
        await this.#work(taken)
      } catch {
        // Not primary now: another attempt soon.
        await pause(addPauseMs)
      }
    }
  }

  async #work(taken: TakenItem<number>): Promise<void> {
    const { id, token } = taken
    const grant: Grant = { id, token: token.join(), at: Date.now(), endedAt: 0, end: '' }
    this.#grants.push(grant)
    taken.signal.addEventListener('abort', () => {
      grant.endedAt = Date.now()
    })
    if (this.#holding !== null) {
      this.#held = { taken, grant }
      this.#holding(id)
      this.#holding = null
      return
    }
    await pause(workMs)
    await this.#complete(taken, grant)
  }

  async #complete(taken: TakenItem<number>, grant: Grant): Promise<void> {
    for (;;) {
      try {
        await taken.done()
        grant.end = 'done'
        break
      } catch (error) {
        grant.end = codeOf(error)
        if (error instanceof StaleTokenError || grant.end === 'closed') break
        // Not primary, or nobody can tell: told again under the same token, it counts once.
        await pause(addPauseMs)
      }
    }
    if (grant.endedAt === 0) grant.endedAt = Date.now()
  }

  #describe(): string {
    const { space, queue } = this
    const view = space === null ? null : { members: this.members(), primary: space.view.primary, status: space.status }
    return JSON.stringify({ self: space?.self, view, open: this.#open, items: queue?.size, held: this.#held?.grant })
  }
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown }).code ?? error)
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

const query = new URLSearchParams(location.search)
const keeper = new Keeper()
Object.assign(window, { keeper })
keeper.open(query.get('space') ?? '', query).catch(console.error)
