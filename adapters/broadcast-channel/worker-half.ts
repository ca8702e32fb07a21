/**
 * The worker half of the tabs transport: finds the other processes of this origin and space, keeps a path to
 * each, and proves deaths.
 *
 * A process takes its lock, then announces itself; everyone answers with a knock in its inbox, and both greet each
 * other on the channel of the pair, each as the other's {@link Peer}. Its lock is free once it is no more. Whoever starts
 * tells of those who have left a record and whose locks are free: the last process of this browser may have died with
 * nobody here to see it.
 */
import type { ProcessId, VoteRecord } from '../../lib/kernel/api.ts'
import type { OriginServices, Transport, TransportHost } from '../../lib/ports/transport.ts'
import type { TabLink } from './link.ts'
import { browserLocks, heldExclusively, holdLock, waitUntilFree } from './locks.ts'
import { type PublicMessage, readPublicMessage } from './messages.ts'
import { Origin } from './origin.ts'
import { Peer, type PeerHost } from './peer.ts'
import { VoteStore } from './votes.ts'

/** Options of `tabs`. */
export interface TabsOptions {
  /** The IndexedDB database in which vote records are kept; all tabs of a space must name the same. Default `tutti-votes`. */
  readonly database?: string
}

/** How long the first look around waits for processes whose locks are held but which do not answer (frozen tabs). */
const searchTimeoutMs = 300
/** How long a goodbye may be on its way when the lock is free already: they travel apart. */
const goodbyeGraceMs = 25
/** How long the lock is kept after the goodbyes were sent. */
const releaseDelayMs = 100
/** How long a survivor waits for storage to read a dead process's record. */
const readTimeoutMs = 1000
/** How long the first look around waits for the records of those who were here before. */
const formersTimeoutMs = 500
/** When to look for records of the long dead. */
const sweepAfterMs = 10_000
const peersMax = 1024
/** So many of the dead are told of at the start. */
const formersMax = 4

/** Makes the worker half of {@link TabsOptions}; also runs in a page or in Node. */
export function createTabsTransport(options: unknown): Transport {
  return new TabsTransport(readOptions(options))
}

class TabsTransport implements Transport {
  readonly type = 'broadcast-channel'
  readonly preference = 30
  readonly #options: TabsOptions
  #locks = browserLocks()
  readonly #peers = new Map<ProcessId, Peer>()
  /** Those that left or died: ids are never used again, late messages are ignored. */
  readonly #gone = new Set<ProcessId>()
  readonly #timers = new Set<ReturnType<typeof setTimeout>>()
  #host: TransportHost | null = null
  #origin: Origin | null = null
  #votes: VoteStore | null = null
  #prefix = ''
  /** What peers need of this transport. */
  readonly #home: PeerHost = {
    running: () => this.#host,
    isRecorded: () => this.#origin?.isRecorded ?? false,
    listen: (name, handle) => this.#listen(name, handle),
    later: (ms, act) => this.#later(ms, act),
    ignored: () => {
      this.#ignored += 1
    },
    linkUp: (peer, link) => this.#handleUp(peer, link),
    goodbye: (peer) => this.#handleGoodbye(peer),
  }
  #space: BroadcastChannel | null = null
  #inbox: BroadcastChannel | null = null
  #releaseLock: () => void = () => undefined
  #awaited: Set<ProcessId> | null = null
  #ignored = 0

  constructor(options: TabsOptions) {
    this.#options = options
  }

  /** Founding and votes; they answer once the transport runs. */
  get origin(): OriginServices {
    const services = (): Origin | null => this.#origin
    return {
      requestFound: async () => (await services()?.requestFound()) ?? false,
      giveUpFound: () => services()?.giveUpFound(),
      inLine: () => services()?.inLine(),
      persist: async (record: VoteRecord) => services()?.persist(record),
    }
  }

  start(host: TransportHost): void {
    if (this.#host !== null) return
    this.#host = host
    if (typeof BroadcastChannel === 'undefined') {
      host.problem({
        code: 'tabs-unsupported',
        message: 'There is no BroadcastChannel here: other tabs are not reached.',
      })
      host.searched()
      return
    }
    const space = host.space.replace(/[%:/]/g, (c) => `%${c.charCodeAt(0).toString(16)}`)
    this.#prefix = `tutti:${space}`
    const votes = new VoteStore(this.#options.database ?? 'tutti-votes', space)
    this.#votes = votes
    this.#origin = new Origin({
      self: host.self,
      locks: () => this.#locks,
      prefix: this.#prefix,
      votes,
      announce: (message) => this.#space?.postMessage(message),
      tell: (peer, message) => this.#tell(peer, message),
      lostLock: (cause) => this.#loseLock(cause),
      lostStorage: (cause) => this.#loseStorage(cause),
      staleStorage: (cause) =>
        this.#stopWith(
          'tabs-storage-stale',
          'An older vote record can be neither replaced nor removed, so this process has stopped.',
          cause,
        ),
    })
    this.#space = this.#listen(this.#prefix, (data) => this.#handlePublic(data))
    this.#inbox = this.#listen(`${this.#prefix}:${host.self}`, (data) => this.#handlePublic(data))
    void this.#appear(host, votes)
  }

  stop(): void {
    const host = this.#host
    if (host === null || this.#space === null) {
      this.#host = null
      return
    }
    const hadPeers = this.#peers.size > 0
    for (const peer of this.#peers.values()) {
      peer.link?.flush()
      peer.post({ t: 'goodbye', from: host.self })
    }
    this.#shut()
    this.#origin?.stop()
    const release = this.#releaseLock
    if (hadPeers) setTimeout(release, releaseDelayMs)
    else release()
  }

  /** Takes the lock, then shows itself. */
  async #appear(host: TransportHost, votes: VoteStore): Promise<void> {
    const { release, locks } = await this.#takeLock(host)
    try {
      if (release === null) throw new Error('The lock of this new process is held by another.')
      if (this.#host === null) return release()
      this.#releaseLock = release
      const alive = locks === null ? null : await heldExclusively(locks, this.#lockName(''))
      if (this.#host === null) return
      alive?.delete(host.self)
      this.#awaited = alive ?? new Set(['*'])
      for (const id of this.#peers.keys()) this.#awaited.delete(id)
    } catch (cause) {
      this.#loseLock(cause)
      return
    }
    // So that whoever finds nothing, should this process end, knows that the record is lost, not that nothing was voted for.
    void this.#origin?.persist({ last: null, attempt: null })
    if (locks !== null) await this.#tellFormers(locks, votes)
    if (this.#host === null) return
    this.#later(searchTimeoutMs, () => this.#endSearch())
    if (this.#awaited?.size === 0) this.#endSearch()
    this.#space?.postMessage({ t: 'announce', from: host.self } satisfies PublicMessage)
    this.#later(sweepAfterMs, () => void this.#sweep(votes))
  }

  /** Before anybody is met. Opens the database early, too: a death is reported as soon as its record is read. */
  async #tellFormers(locks: LockManager, votes: VoteStore): Promise<void> {
    const listAlive = (): Promise<Set<string>> => heldExclusively(locks, this.#lockName(''))
    const reading = votes.dead(listAlive, formersMax).catch(() => [])
    for (const { process, record } of await Promise.race([reading, delay(formersTimeoutMs).then(() => [])])) {
      if (!this.#peers.has(process)) this.#host?.dead(process, record)
    }
  }

  /** Takes the lock of this process. Where locks are denied (sandboxed frames), goes on as where there are none. */
  async #takeLock(
    host: TransportHost,
  ): Promise<{ readonly release: (() => void) | null; readonly locks: LockManager | null }> {
    const locks = this.#locks
    const none = { release: () => undefined, locks: null }
    if (locks === null) return none
    try {
      const release = await holdLock(locks, this.#lockName(host.self), 'exclusive', (cause) => this.#loseLock(cause))
      return { release, locks }
    } catch (cause) {
      this.#locks = null
      this.#host?.problem({
        code: 'tabs-locks-denied',
        message: 'Web Locks are denied here: no death is proven, and two tabs that start at once may both found.',
        cause,
      })
      return none
    }
  }

  #handlePublic(data: unknown): void {
    const message = readPublicMessage(data)
    const host = this.#host
    if (message === null || host === null || message.from === host.self) {
      this.#ignored += 1
      return
    }
    if (message.t === 'announce' || message.t === 'knock') {
      const isNew = !this.#peers.has(message.from)
      const peer = this.#meet(message.from)
      if (peer === null) return
      if (message.t === 'announce') this.#tell(peer.id, { t: 'knock', from: host.self })
      if (isNew || message.t === 'knock') peer.greet(null)
    } else this.#origin?.handle(message)
  }

  #meet(id: ProcessId): Peer | null {
    const known = this.#peers.get(id)
    if (known !== undefined) return known
    const host = this.#host
    if (host === null || this.#gone.has(id)) return null
    if (this.#peers.size >= peersMax) {
      this.#ignored += 1
      return null
    }
    const pair = host.self < id ? `${host.self}:${id}` : `${id}:${host.self}`
    const peer = new Peer(host.self, id, `${this.#prefix}:${pair}`, this.#home)
    this.#peers.set(id, peer)
    return peer
  }

  #handleUp(peer: Peer, link: TabLink): void {
    if (!peer.isWatched) void this.#watch(peer)
    this.#host?.linkUp(link)
    this.#awaited?.delete(peer.id)
    if (this.#awaited?.size === 0) this.#endSearch()
  }

  #handleGoodbye(peer: Peer): void {
    const host = this.#host
    this.#forget(peer)
    if (host !== null) peer.dropLink(host)
  }

  /** Waits for the peer's lock to be free, which is the proof that its process is no more. */
  async #watch(peer: Peer): Promise<void> {
    if (this.#locks === null) return
    peer.isWatched = true
    const { signal } = peer.watch
    const isFree = await waitUntilFree(this.#locks, this.#lockName(peer.id), signal).catch(() => false)
    if (!isFree) {
      peer.isWatched = false
      return
    }
    const [record] = await Promise.all([this.#readRecord(peer), delay(goodbyeGraceMs)])
    const host = this.#host
    if (host === null || signal.aborted || this.#peers.get(peer.id) !== peer) return
    this.#forget(peer)
    peer.dropLink(host)
    this.#host?.dead(peer.id, peer.isRecorded ? record : null)
  }

  async #readRecord(peer: Peer): Promise<VoteRecord | null> {
    const read = this.#votes?.read(peer.id).catch(() => null) ?? null
    return Promise.race([read, delay(readTimeoutMs).then(() => null)])
  }

  #forget(peer: Peer): void {
    peer.close()
    this.#peers.delete(peer.id)
    this.#gone.add(peer.id)
    for (const oldest of this.#gone) {
      if (this.#gone.size <= 4 * peersMax) break
      this.#gone.delete(oldest)
    }
    this.#awaited?.delete(peer.id)
    if (this.#awaited?.size === 0) this.#endSearch()
  }

  #endSearch(): void {
    if (this.#awaited === null) return
    this.#awaited = null
    this.#host?.searched()
  }

  /** Without its lock this process counts as dead: it must not act another moment. */
  #loseLock(cause: unknown): void {
    const message = 'This process lost its Web Lock: others take it for dead, so it has stopped.'
    this.#stopWith('tabs-lock-lost', message, cause)
  }

  #stopWith(code: string, message: string, cause: unknown): void {
    const host = this.#host
    if (host === null) return
    const links: TabLink[] = []
    for (const peer of this.#peers.values()) {
      if (peer.link === null) continue
      links.push(peer.link)
      peer.post({ t: 'down', from: host.self, link: peer.link.name })
    }
    this.#shut()
    this.#origin?.stop()
    this.#releaseLock()
    host.superseded({ code, message, cause })
    for (const link of links) host.linkDown(link)
  }

  #loseStorage(cause: unknown): void {
    const host = this.#host
    if (host === null) return
    for (const peer of this.#peers.values()) peer.post({ t: 'unrecorded', from: host.self })
    host.problem({
      code: 'tabs-storage-denied',
      message: 'IndexedDB is denied: votes are kept in memory, and if this tab dies nobody can count its vote out.',
      cause,
    })
  }

  /** Closes everything but the lock. Nothing is called back after it. */
  #shut(): void {
    this.#host = null
    for (const peer of this.#peers.values()) {
      peer.link?.abandon()
      peer.close()
    }
    this.#peers.clear()
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers.clear()
    this.#space?.close()
    this.#inbox?.close()
  }

  async #sweep(votes: VoteStore): Promise<void> {
    if (this.#locks === null) return
    try {
      const alive = await heldExclusively(this.#locks, this.#lockName(''))
      await votes.sweep((process) => alive.has(process) || this.#host === null, Date.now())
    } catch {
      // Cleaning up is a courtesy: the next process tries again.
    }
  }

  #listen(name: string, handle: (data: unknown) => void): BroadcastChannel {
    const channel = new BroadcastChannel(name)
    channel.onmessage = (event: MessageEvent<unknown>) => handle(event.data)
    channel.onmessageerror = () => {
      this.#ignored += 1
    }
    return channel
  }

  /** Posts into an inbox without staying subscribed to it. */
  #tell(peer: ProcessId, message: PublicMessage): void {
    const channel = new BroadcastChannel(`${this.#prefix}:${peer}`)
    channel.postMessage(message)
    channel.close()
  }

  #lockName(process: string): string {
    return `${this.#prefix}:process:${process}`
  }

  #later(ms: number, act: () => void): ReturnType<typeof setTimeout> {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      act()
    }, ms)
    this.#timers.add(timer)
    return timer
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

function readOptions(options: unknown): TabsOptions {
  const database =
    typeof options === 'object' && options !== null && 'database' in options ? options.database : undefined
  return typeof database === 'string' && database !== '' ? { database } : {}
}
