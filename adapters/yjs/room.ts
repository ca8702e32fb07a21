/**
 * A room: the group of all who have a document of one name open, and what of it is in this process.
 *
 * One room per space and name, however many documents and providers the page has for it: mounted twice, it is shared, and
 * documents that share it are kept equal here. Updates are cast in causal order; what each member says of itself
 * (`members.ts`) is the state that newcomers get with their first view, and the document comes by state vector (`sync.ts`).
 */
import type { GroupPort, GroupView, ObjectKind, OpInfo, Replica } from 'tutti'
import { apply, clientsOf, deletionsOf, PENDING_BYTES_MAX, pendingBytes, without } from './guard.ts'
import { IDS_MAX, Members } from './members.ts'
import { OP, Outbox } from './outbox.ts'
import { Parcels } from './parcels.ts'
import { readStateVector, writeStateVector } from './state-vector.ts'
import { Sync } from './sync.ts'
import type { DocLike, YjsModule } from './yjs-types.ts'

/** What a member did wrong, or an application's observer (`observer`; then the member is this process). */
export type FaultCode = 'malformed-update' | 'forged-client' | 'too-much-pending' | 'bad-letter' | 'observer'

/** A room that a document has left is left without its last edits after so long, in ms. */
const LEAVE_MS = 1000

/** A document in a room, as its provider attaches it. */
export interface Attachment {
  readonly yjs: YjsModule
  readonly doc: DocLike
  /** The origin of transactions that apply what comes from elsewhere. */
  readonly origin: unknown
  /** The clientIDs at which something is said here, with what. */
  said(): readonly (readonly [id: number, json: string])[]
  /** All clientIDs that are this document's own. */
  ids(): readonly number[]
  /** The space has looked for others, so that whoever is alone in the room is alone. */
  hasSearched(): boolean
  /** There are other members, or other things said. Called once for what comes together. */
  changed(): void
  /** The document has all that a view began with. */
  synced(): void
  fault(code: FaultCode, member: string, detail?: unknown): void
  /** The group has ended. */
  ended(error: Error | null): void
}

/** The part of a room that is in this process: the handle that `space.open` gives. */
export class Room {
  readonly members: Members = new Members()
  readonly #port: GroupPort
  readonly #outbox: Outbox
  readonly #parcels: Parcels
  readonly #sync: Sync
  readonly #attachments = new Set<Attachment>()
  readonly #handlers = new Map<Attachment, (...args: never[]) => void>()
  /** Casts that came before there was a document. */
  readonly #early: { readonly op: readonly unknown[]; readonly info: OpInfo }[] = []
  #view: GroupView | null = null
  #k: number
  /** This process has something new to say of itself, or the cast that says it (its number). */
  #saying: 'nothing' | 'due' | number = 'nothing'
  #isTouched = false
  /** How much of what waits in the document each member has sent. */
  readonly #pending = new Map<string, number>()
  /** What was written here, by client from which clock on, that has been cast again in this view. */
  readonly #vouched = new Map<number, number>()
  #isEnded = false
  #isOver = false
  #end: () => void = () => undefined
  readonly #ended = new Promise<void>((resolve) => {
    this.#end = resolve
  })

  constructor(port: GroupPort) {
    this.#port = port
    this.#k = port.opening
    this.#outbox = new Outbox(port, () => this.#say())
    this.#sync = new Sync({
      self: port.self,
      vector: () => this.#with(({ yjs, doc }) => yjs.encodeStateVector(doc)),
      deletions: () => this.#with(({ yjs, doc }) => deletionsOf(yjs, doc)),
      since: (vector) => this.#with(({ yjs, doc }) => yjs.encodeStateAsUpdate(doc, vector)),
      take: (from, update, isFirst) => this.#takeState(from, update, isFirst),
      share: (vector) => this.#share(vector),
      hasSearched: () => this.#with((attachment) => attachment.hasSearched()),
      hold: (isHeld) => this.#outbox.hold(isHeld),
      hasEdits: () => this.#outbox.hasQueue,
      after: (ms, fn) => port.after(ms, fn),
      brings: (client) => this.#brings(client),
      send: (to, parcel) => this.#parcels.send(to, parcel),
      synced: () => {
        for (const attachment of [...this.#attachments]) attachment.synced()
      },
      fault: (member, code) => this.#fault(code as FaultCode, member),
    })
    this.#parcels = new Parcels(port, `yjs:${port.name}`, {
      take: (from, parcel) => this.#sync.take(from, parcel),
      fault: (member, code) => this.#fault(code as FaultCode, member),
    })
  }

  get self(): string {
    return this.#port.self
  }

  get view(): GroupView | null {
    return this.#view
  }

  get isSynced(): boolean {
    return this.#sync.isSynced
  }

  /** It may be known by now that nobody else is here. */
  checkAlone(): void {
    if (this.#attachments.size > 0) this.#sync.checkAlone()
  }

  /**
   * Its last document has left: it is being left itself, and takes no other one, for in this view the others have come to
   * an understanding with the one that has gone. Wait until it has ended, and open it anew.
   */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Resolves when the group has ended. */
  get ended(): Promise<void> {
    return this.#ended
  }

  /** Resolves when all edits of this process have been delivered, or never will be. */
  delivered(): Promise<void> {
    return this.#outbox.emptied()
  }

  /** Runs `fn` after `ms`; returns the cancel function. */
  after(ms: number, fn: () => void): () => void {
    return this.#port.after(ms, fn)
  }

  now(): number {
    return this.#port.now()
  }

  /** Reports what only this process can know of a member. */
  report(code: string, detail?: unknown): void {
    this.#port.fault(`yjs-${code}`, detail)
  }

  // Documents

  /** Brings a document in: it gets what the others have, and they get what it has. */
  attach(attachment: Attachment): void {
    const { yjs, doc } = attachment
    const [sibling] = this.#attachments
    const handler = (
      update: Uint8Array,
      origin: unknown,
      _doc: unknown,
      transaction?: { readonly local?: boolean },
    ) => {
      if (origin !== attachment.origin) this.#edit(attachment, update, transaction?.local !== true)
    }
    this.#handlers.set(attachment, handler as (...args: never[]) => void)
    if (sibling !== undefined) {
      const theirs = sibling.yjs.encodeStateAsUpdate(sibling.doc, yjs.encodeStateVector(doc))
      const mine = yjs.encodeStateAsUpdate(doc, sibling.yjs.encodeStateVector(sibling.doc))
      this.#apply(attachment, theirs)
      // As if it were an edit there: so the others get it too.
      sibling.yjs.applyUpdate(sibling.doc, mine, attachment)
    }
    this.#attachments.add(attachment)
    doc.on('update', handler as (...args: never[]) => void)
    this.touch()
    this.saySoon()
    if (sibling !== undefined) {
      if (this.isSynced) attachment.synced()
      return
    }
    // Before it is said how far this document has come: of views that are over, no cast will bring it to who is told less.
    for (const { op, info } of this.#early.splice(0)) this.#applyOp(op, info)
    if (this.#view !== null) this.#sync.view(this.#view)
    this.settle()
  }

  /** Takes a document out again. Whoever has attached it closes the room after that. */
  detach(attachment: Attachment): void {
    if (this.#attachments.size === 1) {
      // While the group is open: what is written in the step in which one leaves counts.
      this.#sync.leaving()
      this.#outbox.flush()
    }
    const handler = this.#handlers.get(attachment)
    if (handler !== undefined) attachment.doc.off('update', handler)
    this.#handlers.delete(attachment)
    this.#attachments.delete(attachment)
    if (this.#attachments.size > 0) return this.saySoon()
    this.#sync.pause()
    this.#isOver = true
  }

  /** Leaves, unless somebody else in this process is here too. What was written before is cast first: a view may refuse it once. */
  async close(): Promise<void> {
    if (this.#attachments.size === 0 && !this.#outbox.isEmpty) {
      await new Promise<void>((resolve) => {
        const cancel = this.#port.after(LEAVE_MS, resolve)
        void this.#outbox.emptied().then(() => {
          cancel()
          resolve()
        })
      })
    }
    await this.#port.close()
  }

  /** What an attachment says has changed. */
  saySoon(): void {
    this.#saying = 'due'
    this.#outbox.soon()
  }

  touch(): void {
    this.#isTouched = true
  }

  #with<Result>(fn: (attachment: Attachment) => Result): Result {
    const [attachment] = this.#attachments
    if (attachment === undefined) throw new TypeError('there is no document')
    return fn(attachment)
  }

  /** A document has changed here. */
  #edit(attachment: Attachment, bytes: Uint8Array, isImport: boolean): void {
    for (const other of this.#attachments) {
      if (other !== attachment) this.#apply(other, bytes)
    }
    const { yjs } = attachment
    this.#sync.editing()
    // Yjs draws another clientID if it finds its own in use; and what is not typed here may be anybody's.
    const own = this.members.get(this.self)?.ids
    if (own === undefined || attachment.ids().some((id) => !own.includes(id))) this.saySoon()
    this.#outbox.push({ bytes: isImport ? this.#mineOf(yjs, bytes) : bytes, isImport })
  }

  /** The update without what members wrote that are here: they bring it themselves. */
  #mineOf(yjs: YjsModule, bytes: Uint8Array): Uint8Array {
    return without(yjs, bytes, this.#foreign(clientsOf(yjs, bytes)?.keys() ?? [], this.self))
  }

  #foreign(clients: Iterable<number>, member: string): number[] {
    const own = member === this.self ? this.#ownIds() : []
    return [...clients].filter((client) => {
      const owner = this.members.owner(client)
      return owner !== undefined && owner !== member && !own.includes(client)
    })
  }

  #ownIds(): number[] {
    const ids = new Set([...this.#attachments].flatMap((attachment) => [...attachment.ids()]))
    return [...ids].sort((a, b) => a - b).slice(-IDS_MAX)
  }

  #brings(client: number): boolean {
    const owner = this.members.owner(client)
    return owner === undefined || owner === this.self
  }

  #share(vector: Uint8Array): void {
    this.#with(({ yjs, doc }) => {
      const bytes = this.#mineOf(yjs, yjs.encodeStateAsUpdate(doc, vector))
      this.#outbox.pushFirst({ bytes, isImport: true })
    })
  }

  // What comes from the others

  /** Of the group: see {@link roomKind}. */
  applyOp(op: unknown, info: OpInfo): boolean {
    if (!Array.isArray(op)) return false
    const [kind, ...rest] = op as unknown[]
    if (kind === OP.say) {
      this.touch()
      if (info.local && this.#saying === info.n) this.#saying = 'nothing'
      return this.members.take(info.author, rest)
    }
    if (info.local) {
      this.#outbox.delivered(info.n)
      return true
    }
    if (this.#attachments.size > 0) return this.#applyOp(op, info)
    this.#early.push({ op, info })
    return true
  }

  #applyOp([kind, updates]: readonly unknown[], { author }: OpInfo): boolean {
    if (kind === OP.ask) {
      // Delivered before there was a document: its author may have gone.
      if (this.#view?.members.includes(author) !== false) this.#sync.fetch(author)
      return true
    }
    const isImport = kind === OP.imports
    if (!isImport && kind !== OP.updates) return false
    if (!Array.isArray(updates) || !updates.every((each) => each instanceof Uint8Array)) return false
    const isGood = this.#takeUpdates(author, updates as Uint8Array[], isImport)
    if (isImport) this.#sync.imported(author)
    return isGood
  }

  /** Nothing of what one cast has is applied unless all of it may be. */
  #takeUpdates(author: string, updates: readonly Uint8Array[], isImport: boolean): boolean {
    return this.#with(({ yjs, doc }) => {
      const checked: Uint8Array[] = []
      for (const update of updates) {
        const clients = clientsOf(yjs, update)
        if (clients === null) return this.#refuse('malformed-update', author)
        const foreign = this.#foreign(clients.keys(), author)
        // Content from storage may hold, in good faith, what somebody wrote who is here: it is brought by that one.
        if (foreign.length > 0 && !isImport) return this.#refuse('forged-client', author, foreign)
        checked.push(without(yjs, update, foreign))
        if (isImport) this.#vouch(clients)
      }
      const before = pendingBytes(doc)
      const waiting = before === 0 ? 0 : (this.#pending.get(author) ?? 0)
      if (before === 0) this.#pending.clear()
      if (waiting > PENDING_BYTES_MAX) return this.#refuse('too-much-pending', author)
      const isGood = checked.every((update) => this.#applyToAll(author, update))
      const more = pendingBytes(doc) - before
      if (more > 0) this.#pending.set(author, waiting + more)
      return isGood
    })
  }

  /**
   * Somebody has brought what was written here. Who has heard whose it is leaves it out, and who has not takes it: so it is
   * cast again from here, for all. Once in a view, and once more if less was asked for then.
   */
  #vouch(clients: ReadonlyMap<number, number>): void {
    const own = this.#ownIds()
    this.#with(({ yjs, doc }) => {
      const vector = readStateVector(yjs.encodeStateVector(doc))
      for (const [client, clock] of clients) {
        if (!own.includes(client) || clock >= (vector.get(client) ?? 0)) continue
        const before = this.#vouched.get(client)
        if (before !== undefined && before <= clock) continue
        const from = before === undefined ? clock : 0
        this.#vouched.set(client, from)
        this.#sync.editing()
        const all = yjs.encodeStateAsUpdate(doc, writeStateVector(new Map(vector).set(client, from)))
        // What waits in the document is in it too, and may be another member's.
        const others = [...(clientsOf(yjs, all)?.keys() ?? [])].filter((each) => each !== client)
        this.#outbox.push({ bytes: without(yjs, all, others), isImport: false })
      }
    })
  }

  /** The document of the first by rank, or a large update of a member. */
  #takeState(from: string, update: Uint8Array, isFirst: boolean): boolean {
    if (this.#attachments.size === 0) return true
    if (!isFirst) return this.#takeUpdates(from, [update], true)
    if (this.#with(({ yjs }) => clientsOf(yjs, update)) === null) return this.#refuse('malformed-update', from)
    return this.#applyToAll(from, update)
  }

  #applyToAll(author: string, update: Uint8Array): boolean {
    let isGood = true
    for (const attachment of [...this.#attachments]) isGood = this.#apply(attachment, update) && isGood
    return isGood || this.#refuse('malformed-update', author)
  }

  #apply({ yjs, doc, origin, fault }: Attachment, update: Uint8Array): boolean {
    const outcome = apply(yjs, doc, update, origin)
    if (typeof outcome === 'string') return outcome === 'applied'
    this.#port.fault('yjs-observer', outcome.threw)
    fault('observer', this.self, outcome.threw)
    return true
  }

  #refuse(code: FaultCode, member: string, detail?: unknown): false {
    this.#fault(code, member, detail)
    return false
  }

  #fault(code: FaultCode, member: string, detail?: unknown): void {
    for (const attachment of [...this.#attachments]) attachment.fault(code, member, detail)
  }

  // The group's own

  applyView(view: GroupView): void {
    this.#view = view
    this.#vouched.clear()
    this.members.view(view.members)
    for (const member of this.#pending.keys()) if (!view.members.includes(member)) this.#pending.delete(member)
    this.touch()
    if (this.#attachments.size > 0) this.#sync.view(view)
  }

  /** An own cast will not be delivered: its view is over, say. */
  lost(n: number): void {
    if (n === this.#saying) this.saySoon()
    else this.#outbox.lost(n)
  }

  settle(): void {
    const said = this.members.get(this.self)
    // The state may have been replaced by one that does not know of it.
    if (this.#attachments.size > 0 && this.#port.isWhole && this.#saying === 'nothing' && (said?.k ?? 0) < this.#k) {
      this.saySoon()
    }
    if (!this.#isTouched) return
    this.#isTouched = false
    for (const attachment of [...this.#attachments]) attachment.changed()
  }

  /** Casts what this process says of itself, if there is news. Before all that it writes: so nobody else can use its ids. */
  #say(): boolean {
    if (this.#saying !== 'due' || this.#attachments.size === 0) return true
    const ids = this.#ownIds()
    const states = [...this.#attachments].flatMap((each) => [...each.said()]).filter(([id]) => ids.includes(id))
    this.#k += 1
    const { n } = this.#port.cast([OP.say, this.#k, ids, states])
    this.#saying = n
    return true
  }

  /** @internal Called by the space. */
  handleWritable(isWritable: boolean): void {
    if (isWritable) this.#outbox.flush()
  }

  /** @internal Called by the space. */
  handleEnd(error: Error | null): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#outbox.clear()
    this.#parcels.close()
    this.#end()
    for (const attachment of [...this.#attachments]) attachment.ended(error)
  }
}

/** Opens a room: `space.open(roomKind, name, {})`. */
export const roomKind: ObjectKind<Room, object> = {
  kind: 'yjs',
  order: 'causal',
  uniform: false,
  // What was written before a view is cast again in it, after what the others lack of what is here: see `sync.ts`.
  strong: true,
  consistency: 'available',
  // Its state is of who is there. The document is the application's, who stores it by what Yjs has for that.
  isPassing: true,
  create(port) {
    const room = new Room(port)
    const replica: Replica = {
      apply: (op, info) => room.applyOp(op, info),
      view: (view) => room.applyView(view),
      lost: (n) => room.lost(n),
      save: () => room.members.save(),
      load(state) {
        room.members.clear()
        room.members.merge(state)
        room.touch()
      },
      merge(state) {
        room.members.merge(state)
        room.touch()
      },
      settle: () => room.settle(),
    }
    return { replica, handle: room }
  },
}
