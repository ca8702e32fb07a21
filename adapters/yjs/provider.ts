/**
 * The provider: what connects a document, and an awareness, to all who have a document of the same name open in a space.
 *
 * It has the face of those that it takes the place of: fields, methods and events of `y-webrtc` and of `y-websocket`, so
 * that editors and their bindings need not know. Where the two differ (`synced`), `docs/yjs.md` says which it follows.
 */
import { ClosedError, type Space, UsageError } from 'tutti'
import { AwarenessBridge } from './awareness.ts'
import { Emitter } from './emitter.ts'
import { runInitialContent } from './initial-content.ts'
import { IDS_MAX, STATE_LENGTH_MAX } from './members.ts'
import { type Attachment, type FaultCode, type Room, roomKind } from './room.ts'
import type { AwarenessChanges, AwarenessLike, DocLike, YjsModule } from './yjs-types.ts'

/** Options of a provider. */
export interface ProviderOptions<Doc extends DocLike = DocLike, Awareness extends AwarenessLike = AwarenessLike> {
  /** Where people's cursors and names are. Null: none is carried. Default: one of its own. */
  readonly awareness?: Awareness | null
  /** Connects at once. Default true. */
  readonly connect?: boolean
  /**
   * Writes what a document begins with. It is run by exactly one of all who pass it, in a document of its own, if nothing is
   * in the shared one; all get the result. Give every member the same function. See `whenReady`.
   */
  readonly initialContent?: (doc: Doc) => void | PromiseLike<void>
}

/** What a provider needs of the packages that its document is of. */
export interface ProviderModules {
  readonly yjs: YjsModule
  /** Makes an awareness for who brings none. */
  makeAwareness(doc: DocLike): AwarenessLike
}

/** What a member did that it must not, or an observer of the document threw (`observer`; then it is this process). */
export interface ProviderFault {
  readonly code: FaultCode | 'awareness-flood' | 'awareness-too-large'
  /** The process. */
  readonly member: string
  readonly detail: unknown
}

/** Its events, with their arguments. */
export interface ProviderEvents {
  /** `connected` as y-webrtc has it, `status` as y-websocket does. */
  status(event: { readonly connected: boolean; readonly status: 'connecting' | 'connected' | 'disconnected' }): void
  /** As y-webrtc has it. */
  synced(event: { readonly synced: boolean }): void
  /** As y-websocket has it. */
  sync(isSynced: boolean): void
  /** Processes that have come and gone; all there are, over WebRTC (or a way of its own), and in tabs of this browser. */
  peers(event: {
    readonly added: readonly string[]
    readonly removed: readonly string[]
    readonly webrtcPeers: readonly string[]
    readonly bcPeers: readonly string[]
  }): void
  /** A member did what it must not: it had no effect. */
  fault(fault: ProviderFault): void
  /** It could not connect. */
  'connection-error'(error: Error, provider: unknown): void
  /** The connection has ended otherwise than by `disconnect`: the space is closed. */
  'connection-close'(error: Error | null, provider: unknown): void
  destroy(provider: unknown): void
}

/** The longest name, so that what is made of it is a name too. */
const NAME_LENGTH_MAX = 200

/** A connection, or the way to one. */
interface Connection {
  readonly abort: AbortController
  room: Room | null
  attachment: Attachment | null
  bridge: AwarenessBridge | null
  /** What ends what it listens to. */
  readonly undo: (() => void)[]
}

/** Connects a document of any version of Yjs; `index.ts` has the one for `yjs` 13. */
export class Provider<
  Doc extends DocLike = DocLike,
  Awareness extends AwarenessLike = AwarenessLike,
> extends Emitter<ProviderEvents> {
  readonly roomName: string
  readonly doc: Doc
  /** Null only if it was opened so. */
  readonly awareness: Awareness | null
  /** Whether it is, or is to be, connected. */
  shouldConnect = false

  readonly #space: PromiseLike<Space> | Space
  readonly #modules: ProviderModules
  readonly #initialContent: ((doc: never) => void | PromiseLike<void>) | undefined
  readonly #ownsAwareness: boolean
  /** The clientIDs that the document has had here. */
  readonly #ids = new Set<number>()
  readonly #onDestroy = (): void => this.destroy()
  readonly #onAwareness = ({ added, updated, removed }: AwarenessChanges): void => this.#say([added, updated, removed])
  #connection: Connection | null = null
  #isSynced = false
  #isReady = false
  #isDestroyed = false
  /** What was said last, as JSON. */
  #said: string | null = null
  #peers: readonly string[] = []
  #error: Error | null = null
  readonly #waiting = new Set<{ readonly isDone: () => boolean; resolve(): void; reject(error: Error): void }>()

  /** @throws UsageError for a name that is not of 1 to 200 characters, and for an `initialContent` that is no function. */
  constructor(
    space: PromiseLike<Space> | Space,
    roomName: string,
    doc: Doc,
    options: ProviderOptions<Doc, Awareness>,
    modules: ProviderModules,
  ) {
    super()
    if (typeof roomName !== 'string' || roomName.length < 1 || roomName.length > NAME_LENGTH_MAX) {
      throw new UsageError(`the name of a document has 1 to ${NAME_LENGTH_MAX} characters`)
    }
    const { initialContent } = options
    if (initialContent !== undefined && typeof initialContent !== 'function') {
      throw new UsageError('initialContent is a function, which writes into the document that it is given')
    }
    this.#space = space
    this.#modules = modules
    this.roomName = roomName
    this.doc = doc
    this.#ownsAwareness = options.awareness === undefined
    this.awareness = options.awareness === undefined ? (modules.makeAwareness(doc) as Awareness) : options.awareness
    this.#initialContent = initialContent
    doc.on('destroy', this.#onDestroy)
    if (options.connect !== false) this.connect()
  }

  // What y-webrtc and y-websocket have

  /** It is in the room. */
  get connected(): boolean {
    return this.#connection?.attachment != null
  }

  /** The document has all that one of the others had when this one came, and all since. */
  get synced(): boolean {
    return this.#isSynced
  }

  /** y-websocket's name for {@link roomName}. */
  get roomname(): string {
    return this.roomName
  }

  /** y-websocket's name for {@link connected}. */
  get wsconnected(): boolean {
    return this.connected
  }

  /** It is on its way into the room. */
  get wsconnecting(): boolean {
    return this.#connection !== null && !this.connected
  }

  /** Tabs of this browser are reached by the space as all others are. */
  get bcconnected(): boolean {
    return this.connected
  }

  /** The room, as far as users of y-webrtc look into it; null unless it is connected. */
  get room(): {
    readonly name: string
    readonly peerId: string
    readonly webrtcConns: ReadonlyMap<string, { readonly connected: boolean; readonly synced: boolean }>
    readonly bcConns: ReadonlySet<string>
    readonly synced: boolean
  } | null {
    const room = this.#connection?.attachment == null ? null : this.#connection.room
    if (room === null) return null
    const { webrtcPeers, bcPeers } = this.#split()
    const peer = { connected: true, synced: this.#isSynced }
    const webrtcConns = new Map(webrtcPeers.map((id) => [id, peer]))
    return { name: this.roomName, peerId: room.self, webrtcConns, bcConns: new Set(bcPeers), synced: this.#isSynced }
  }

  /** Resolves when it is {@link synced}; rejects with a ClosedError if it is destroyed before, or with why it could not connect. */
  get whenSynced(): Promise<void> {
    return this.#when(() => this.#isSynced)
  }

  /** Resolves when it is synced and what `initialContent` writes is in the document; without that option as {@link whenSynced}. */
  get whenReady(): Promise<void> {
    return this.#when(() => this.#isReady)
  }

  /** Enters the room, if it is not there or on its way. */
  connect(): void {
    if (this.#isDestroyed) return
    this.shouldConnect = true
    if (this.#connection !== null) return
    const connection: Connection = {
      abort: new AbortController(),
      room: null,
      attachment: null,
      bridge: null,
      undo: [],
    }
    this.#connection = connection
    this.#error = null
    this.emit('status', [{ connected: false, status: 'connecting' }])
    this.#enter(connection).catch((error: Error) => {
      if (this.#connection !== connection) return
      this.#error = error
      this.#leave()
      this.#checkWaiting()
      this.emit('connection-error', [error, this])
    })
  }

  /** Leaves the room. The document stays as it is; what is written meanwhile is shared when it is connected again. */
  disconnect(): void {
    this.shouldConnect = false
    this.#leave()
  }

  /** Disconnects for good. The document stays. */
  override destroy(): void {
    if (this.#isDestroyed) return
    this.#isDestroyed = true
    this.disconnect()
    this.doc.off('destroy', this.#onDestroy)
    if (this.#ownsAwareness) this.awareness?.destroy()
    this.#error = new ClosedError(`the provider of "${this.roomName}" is destroyed`)
    this.#checkWaiting()
    this.emit('destroy', [this])
    super.destroy()
  }

  [Symbol.dispose](): void {
    this.destroy()
  }

  // Entering and leaving

  async #enter(connection: Connection): Promise<void> {
    const { signal } = connection.abort
    const space = await this.#space
    signal.throwIfAborted()
    let room = await space.open(roomKind, this.roomName, { signal })
    while (room.isOver) {
      void room.close()
      await room.ended
      signal.throwIfAborted()
      room = await space.open(roomKind, this.roomName, { signal })
    }
    if (signal.aborted) return void room.close()
    connection.room = room
    const { awareness } = this
    if (awareness !== null) {
      const flood = (member: string): void => this.#fault('awareness-flood', member)
      connection.bridge = new AwarenessBridge(room, awareness, this, flood)
      awareness.on('update', this.#onAwareness as (...args: never[]) => void)
      connection.undo.push(() => awareness.off('update', this.#onAwareness as (...args: never[]) => void))
    }
    // A view of the space is told before those of its groups, which come with it.
    const onStatus = (): void => void room.after(0, () => room.checkAlone())
    space.addEventListener('status', onStatus)
    space.addEventListener('connection', this.#onConnection)
    connection.undo.push(() => {
      space.removeEventListener('status', onStatus)
      space.removeEventListener('connection', this.#onConnection)
    })
    this.#split = () => splitPeers(this.#peers, space)
    const attachment = this.#makeAttachment(connection, space)
    connection.attachment = attachment
    this.emit('status', [{ connected: true, status: 'connected' }])
    room.attach(attachment)
    this.#checkSynced(connection, space)
  }

  #leave(): void {
    const connection = this.#connection
    if (connection === null) return
    this.#connection = null
    connection.abort.abort(new ClosedError(`"${this.roomName}" is disconnected`))
    for (const undo of connection.undo) undo()
    if (connection.attachment !== null) connection.room?.detach(connection.attachment)
    void connection.room?.close()
    connection.bridge?.clear()
    this.#said = null
    this.#isReady = false
    this.#setPeers([])
    this.#setSynced(false)
    this.emit('status', [{ connected: false, status: 'disconnected' }])
  }

  #makeAttachment(connection: Connection, space: Space): Attachment {
    return {
      yjs: this.#modules.yjs,
      doc: this.doc,
      origin: this,
      said: () => this.#statesToSay(),
      ids: () => this.#ownIds(),
      hasSearched: () => space.status !== 'connecting',
      changed: () => {
        connection.bridge?.update()
        const { room } = connection
        this.#setPeers(room?.view?.members.filter((member) => member !== room.self) ?? [])
        this.#checkSynced(connection, space)
      },
      synced: () => this.#checkSynced(connection, space),
      fault: (code, member, detail) => this.#fault(code, member, detail),
      ended: (error) => {
        if (this.#connection !== connection) return
        this.#error = error
        this.#leave()
        this.#checkWaiting()
        this.emit('connection-close', [error, this])
      },
    }
  }

  #checkSynced(connection: Connection, space: Space): void {
    const { room } = connection
    if (this.#connection !== connection || room === null || connection.attachment === null) return
    if (this.#isSynced || !room.isSynced) return
    this.#setSynced(true)
    void this.#becomeReady(connection, space)
  }

  async #becomeReady(connection: Connection, space: Space): Promise<void> {
    const write = this.#initialContent
    const { room, abort } = connection
    const { yjs } = this.#modules
    try {
      if (write !== undefined && room !== null) {
        const place = { yjs, doc: this.doc, origin: this, key: `yjs:${this.roomName}`, room }
        await runInitialContent(space, place, (doc) => write(doc as never), abort.signal)
      }
      if (abort.signal.aborted) return
      this.#isReady = true
    } catch (error) {
      if (abort.signal.aborted) return
      this.#error = error as Error
      this.emit('connection-error', [error as Error, this])
    }
    this.#checkWaiting()
  }

  // Awareness

  #ownIds(): readonly number[] {
    this.#ids.add(this.doc.clientID)
    if (this.awareness !== null) this.#ids.add(this.awareness.clientID)
    return [...this.#ids].slice(-IDS_MAX)
  }

  #statesToSay(): (readonly [number, string])[] {
    const { awareness } = this
    const state = awareness?.getLocalState() ?? null
    if (awareness === null || state === null) return []
    const json = JSON.stringify(state)
    if (json.length <= STATE_LENGTH_MAX) return [[awareness.clientID, json]]
    this.#fault('awareness-too-large', this.#connection?.room?.self ?? '', json.length)
    return []
  }

  /** An awareness renews what it says every 15 s, so that nobody forgets it: nobody does here, and only news is sent. */
  #say(changes: readonly (readonly number[])[]): void {
    const { awareness } = this
    if (awareness === null || !changes.some((ids) => ids.includes(awareness.clientID))) return
    const json = JSON.stringify(awareness.getLocalState())
    if (json === this.#said) return
    this.#said = json
    this.#connection?.room?.saySoon()
  }

  // Events

  readonly #onConnection = (): void => this.#setPeers(this.#peers, true)
  #split: () => { webrtcPeers: string[]; bcPeers: string[] } = () => ({ webrtcPeers: [], bcPeers: [] })
  #lastSplit = ''

  #setPeers(peers: readonly string[], isSame = false): void {
    const before = this.#peers
    this.#peers = peers
    const added = isSame ? [] : peers.filter((peer) => !before.includes(peer))
    const removed = isSame ? [] : before.filter((peer) => !peers.includes(peer))
    const split = this.#split()
    const key = JSON.stringify(split)
    if (added.length + removed.length === 0 && key === this.#lastSplit) return
    this.#lastSplit = key
    this.emit('peers', [{ added, removed, ...split }])
  }

  #setSynced(isSynced: boolean): void {
    if (isSynced === this.#isSynced) return
    this.#isSynced = isSynced
    this.#checkWaiting()
    this.emit('synced', [{ synced: isSynced }])
    this.emit('sync', [isSynced])
  }

  #fault(code: ProviderFault['code'], member: string, detail?: unknown): void {
    this.emit('fault', [{ code, member, detail }])
  }

  #when(isDone: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.add({ isDone, resolve, reject })
      this.#checkWaiting()
    })
  }

  #checkWaiting(): void {
    for (const waiter of [...this.#waiting]) {
      if (waiter.isDone()) waiter.resolve()
      else if (this.#error !== null) waiter.reject(this.#error)
      else continue
      this.#waiting.delete(waiter)
    }
  }
}

function splitPeers(peers: readonly string[], space: Space): { webrtcPeers: string[]; bcPeers: string[] } {
  const tabs = new Set(space.members.filter(({ connection }) => connection === 'tabs').map(({ id }) => id))
  return {
    webrtcPeers: peers.filter((peer) => !tabs.has(peer)),
    bcPeers: peers.filter((peer) => tabs.has(peer)),
  }
}
