/**
 * State transfer by state vector: in each view every member comes to an understanding with the first by rank.
 *
 * It says how far it has come (`hello`: state vector, digest of what is deleted), and gets what it lacks (`reply`); that
 * makes it synced. If it has something that the first lacks, it says so (`more`, else `none`), is asked for it in its turn
 * (`pull`), and casts it to all, so that two hundred members who come from one part of a split do not all bring the same.
 *
 * Why it is enough. Whoever is in a view delivers every cast made in it. What was there before the view began is at the
 * first after its `reply`s and `pull`s, and so at all who have asked it. The first answers only in that view, having
 * delivered all of those before it, into its document, however late that came (`Room.attach`). What goes wrong in a view
 * (its first is gone, a cast is lost with its sender after some have its content) is followed by another view, in which all
 * ask again; between equal documents that costs two small letters a member. So nothing has to be remembered of who has what.
 *
 * An edit is not to be seen without what it was made on, which would wait in a document for ever if it is lost with its
 * author. So whoever comes from elsewhere than the first holds its edits back until it knows what the others lack of what
 * it has, and casts that before them; and a first that nobody came along with, until the others have what it has.
 *
 * An update too large for a cast is announced by one (`ask`, see `room.ts`), and fetched from its sender (`fetch`, `give`).
 * Who waits for one answers no `hello`, for what it has is less than what has been delivered.
 */
import type { GroupView } from 'tutti'
import type { Parcel } from './parcels.ts'
import { type Deletions, deletesMore, digest, isAhead, readDeletions, readStateVector } from './state-vector.ts'

/** Who does not answer for so long is not waited for: the next by rank is asked too, in ms. */
const ASK_MS = 2000
/** Edits are held back for so long at most, in ms. */
const HOLD_MS = 1000

/** What it needs of the room. */
export interface SyncHost {
  readonly self: string
  /** How far the document has come. */
  vector(): Uint8Array
  /** What is deleted in it: an update without structs. */
  deletions(): Uint8Array
  /** All of it that is beyond a state vector. */
  since(vector: Uint8Array): Uint8Array
  /** Takes what a member has sent as its document. False: it is malformed. */
  take(from: string, update: Uint8Array, isFirst: boolean): boolean
  /** Casts what is beyond that state vector. */
  share(vector: Uint8Array): void
  /** Holds local edits back, or no more. */
  hold(isHeld: boolean): void
  /** Are there local edits that are held back? */
  hasEdits(): boolean
  after(ms: number, fn: () => void): () => void
  /** Is what this client wrote to be brought by this process, if it is not there? */
  brings(client: number): boolean
  send(to: string, parcel: Parcel): void
  /** Has been looked for others? Until then nobody knows that they are alone. */
  hasSearched(): boolean
  /** This process has all that the view began with. */
  synced(): void
  fault(member: string, code: string): void
}

const NOTHING = new Uint8Array(0)
/** Of an empty document. */
const NO_VECTOR = Uint8Array.of(0)

/** Where this process was when it said hello. */
interface Mine {
  readonly vector: Uint8Array
  readonly deletions: Uint8Array
}

/** One process's side of it. */
export class Sync {
  readonly #host: SyncHost
  #view: GroupView | null = null
  /** Null: not asked in this view, or this process is the first. */
  #mine: Mine | null = null
  /** What the first had, if it lacks something of what is here and has not been given it. */
  #owed: Uint8Array | null = null
  #release: (() => void) | null = null
  /** Who has been asked in this view, and whose answer is awaited: the first, and more if it does not answer. */
  readonly #asked = new Set<string>()
  readonly #hasAsked = new Set<string>()
  #stopAsking: (() => void) | null = null
  #isSynced = false
  /** Grows with each view, and each document that comes in one. */
  #round = 0
  /** At the first: who has not yet said in this view whether it has more. */
  readonly #unheard = new Set<string>()
  /** At the first: who has more, and has not shared it yet. */
  readonly #incomplete = new Set<string>()
  /** At the first: who has more, and who of them is to share it now. */
  #more: string[] = []
  #pulling: string | null = null
  /** What was asked before it could be answered. */
  readonly #stash = new Map<string, Parcel>()
  /** Large updates that were asked for while there was no document here. */
  #fetches: { readonly from: string; readonly parcel: Parcel }[] = []
  /** How many of each member's large updates are still to come. */
  readonly #fetching = new Map<string, number>()

  constructor(host: SyncHost) {
    this.#host = host
  }

  get isSynced(): boolean {
    return this.#isSynced
  }

  /** The last document is about to go: edits that are held back go out now, after all that they may have been made on. */
  leaving(): void {
    if (this.#host.hasEdits()) {
      if (this.#owed !== null) this.#give(this.#owed)
      else if (this.#release !== null) this.#give(NO_VECTOR)
    }
    this.#goOn()
  }

  /** The last document has gone: nothing is asked or answered until another has come. */
  pause(): void {
    this.#view = null
    this.#mine = null
    this.#owed = null
    this.#stopAsking?.()
    this.#isSynced = false
    this.#goOn()
    this.#fetching.clear()
  }

  /** A view has begun, or the document has come in it: `view` is the one in force. */
  view(view: GroupView): void {
    // What was not settled in the view before is not settled by its end.
    const isApart = this.#release !== null || this.#owed !== null || this.#isApart(view)
    const hasCome = this.#view === null
    this.#view = view
    this.#round += 1
    this.#mine = null
    this.#owed = null
    this.#asked.clear()
    this.#hasAsked.clear()
    this.#stopAsking?.()
    this.#stopAsking = null
    this.#more = []
    this.#pulling = null
    this.#unheard.clear()
    this.#incomplete.clear()
    for (const member of this.#fetching.keys()) {
      // A document that has come has asked in this view.
      const isAnew = !hasCome && view.joined.includes(member)
      if (isAnew || !view.members.includes(member)) this.#fetching.delete(member)
    }
    for (const member of this.#stash.keys()) if (!view.members.includes(member)) this.#stash.delete(member)
    this.#goOn()
    if (isApart) this.#holdBack()
    if (this.#isFirst) {
      for (const member of view.members) if (member !== this.#host.self) this.#unheard.add(member)
      this.#checkHeard()
    } else this.#ask()
    this.#answerStash()
    for (const { from, parcel } of this.#fetches.splice(0)) this.take(from, parcel)
  }

  /** It may be known by now that nobody else is here. */
  checkAlone(): void {
    this.#checkHeard()
  }

  /** Something is about to be written here. */
  editing(): void {
    if (this.#owed !== null) this.#give(this.#owed)
  }

  /** A cast of what one had more has been delivered. */
  imported(from: string): void {
    this.#heard(from)
  }

  /** A member has an update that is too large to be cast. */
  fetch(from: string): void {
    this.#fetching.set(from, (this.#fetching.get(from) ?? 0) + 1)
    this.#host.send(from, { type: 'fetch', about: this.#view?.id ?? '', contents: [this.#host.vector()] })
  }

  /** A letter has come, in a parcel. */
  take(from: string, parcel: Parcel): void {
    try {
      if (!this.#handle(from, parcel)) this.#host.fault(from, 'bad-letter')
    } catch {
      this.#host.fault(from, 'bad-letter')
    }
  }

  #handle(from: string, parcel: Parcel): boolean {
    const { type, about, contents } = parcel
    const isNow = about === this.#view?.id
    switch (type) {
      case 'hello':
        if (contents.length !== 3) return false
        // The newest counts: who asks in another view has no use for the answer to the one before.
        this.#stash.set(from, parcel)
        this.#answerStash()
        return true
      case 'reply':
        return contents.length === 4 && (!isNow || this.#handleReply(from, contents))
      case 'more':
        if (!isNow || !this.#isFirst || this.#more.includes(from)) return true
        this.#unheard.delete(from)
        this.#incomplete.add(from)
        this.#checkHeard()
        this.#more.push(from)
        this.#pull()
        return true
      case 'none':
        if (isNow) this.#heard(from)
        return true
      case 'pull':
        return contents.length === 2 && (!isNow || this.#handlePull(from, contents))
      case 'fetch': {
        const [vector] = contents
        if (vector === undefined) return false
        readStateVector(vector)
        if (this.#view === null) {
          this.#fetches.push({ from, parcel })
          return true
        }
        this.#host.send(from, { type: 'give', about, contents: [this.#host.since(vector)] })
        return true
      }
      case 'give': {
        const [update] = contents
        const left = (this.#fetching.get(from) ?? 0) - 1
        if (update === undefined || left < 0) return false
        if (left === 0) this.#fetching.delete(from)
        else this.#fetching.set(from, left)
        const isGood = this.#host.take(from, update, false)
        this.#heard(from)
        this.#answerStash()
        return isGood
      }
      default:
        return false
    }
  }

  /** Does it have what nobody who came along has, or does the first come from elsewhere? */
  #isApart({ members, joined }: GroupView): boolean {
    const before = this.#view?.members ?? []
    const isNew = (member: string): boolean => joined.includes(member) || !before.includes(member)
    const [first] = members
    if (first !== this.#host.self) return first !== undefined && isNew(first)
    return members.length > 1 && members.every((member) => member === first || isNew(member))
  }

  #holdBack(): void {
    this.#host.hold(true)
    // Not for ever: a page that hangs must not keep others from being seen.
    const cancel = this.#host.after(HOLD_MS, () => this.#goOn())
    this.#release = () => {
      cancel()
      this.#host.hold(false)
    }
  }

  #goOn(): void {
    this.#release?.()
    this.#release = null
  }

  /** Casts what the first lacks, before any edit. */
  #give(vector: Uint8Array): void {
    this.#owed = null
    this.#host.share(vector)
  }

  // Whoever is not the first

  /** Asks the first by rank that has not been asked. */
  #ask(): void {
    const to = this.#view?.members.find((member) => member !== this.#host.self && !this.#hasAsked.has(member))
    if (to === undefined) return
    this.#mine ??= { vector: this.#host.vector(), deletions: this.#host.deletions() }
    const { vector, deletions } = this.#mine
    this.#asked.add(to)
    this.#hasAsked.add(to)
    this.#stopAsking?.()
    this.#stopAsking = this.#host.after(ASK_MS, () => this.#ask())
    const contents = [vector, numberBytes(digest(deletions)), numberBytes(this.#round)]
    this.#host.send(to, { type: 'hello', about: this.#view?.id ?? '', contents })
  }

  #handleReply(from: string, contents: readonly Uint8Array[]): boolean {
    const [vector = NOTHING, deletions = NOTHING, update = NOTHING, round = NOTHING] = contents
    // The document may have gone and another have come in the same view: what the one asked is no answer to the other.
    if (!equalBytes(round, numberBytes(this.#round))) return true
    if (!this.#asked.delete(from)) return false
    const isGood = isReadable(vector, deletions) && (update.length === 0 || this.#host.take(from, update, true))
    if (!isGood) {
      // It cannot be told what is wrong with it: perhaps the next one knows.
      this.#ask()
      return false
    }
    this.#stopAsking?.()
    this.#stopAsking = null
    const hasMore = this.#hasMore(vector, deletions)
    const isFirst = from === this.#view?.members[0]
    // Only the first asks for it.
    if (hasMore && (!isFirst || this.#host.hasEdits())) this.#give(vector)
    else this.#owed = hasMore ? vector : null
    this.#goOn()
    this.#host.send(from, { type: hasMore && isFirst ? 'more' : 'none', about: this.#view?.id ?? '', contents: [] })
    this.#becomeSynced()
    return true
  }

  #handlePull(from: string, [vector = NOTHING, deletions = NOTHING]: readonly Uint8Array[]): boolean {
    if (this.#mine === null || from !== this.#view?.members[0]) return false
    if (this.#owed !== null && this.#hasMore(vector, deletions)) this.#give(vector)
    else this.#host.send(from, { type: 'none', about: this.#view.id, contents: [] })
    return true
  }

  /** Had it, when it said hello, anything that is not in this? An empty `deletions` are the same as its own. */
  #hasMore(vector: Uint8Array, deletions: Uint8Array): boolean {
    if (this.#mine === null) return false
    const [mine, theirs] = [readStateVector(this.#mine.vector), readStateVector(vector)]
    if (isAhead(mine, theirs, (client) => this.#host.brings(client))) return true
    return deletions.length > 0 && deletesMore(deletionsOf(this.#mine.deletions), readDeletions(deletions))
  }

  #becomeSynced(): void {
    if (this.#isSynced) return
    this.#isSynced = true
    this.#host.synced()
  }

  // The first by rank

  get #isFirst(): boolean {
    return this.#view?.members[0] === this.#host.self
  }

  /** Answers all that can be answered. Not only the first is asked, if that one answers badly. */
  #answerStash(): void {
    if (this.#fetching.size > 0 || this.#view === null) return
    for (const [from, parcel] of [...this.#stash]) {
      if (parcel.about !== this.#view?.id) continue
      this.#stash.delete(from)
      this.#answer(from, parcel)
    }
  }

  #answer(from: string, { about, contents: [vector = NOTHING, sum = NOTHING, round = NOTHING] }: Parcel): void {
    const [own, deletions] = [this.#host.vector(), this.#host.deletions()]
    const isSame = equalBytes(sum, numberBytes(digest(deletions)))
    let theirs: ReadonlyMap<number, number>
    try {
      theirs = readStateVector(vector)
    } catch {
      return this.#host.fault(from, 'bad-letter')
    }
    const lacksNothing = isSame && !isAhead(readStateVector(own), theirs, () => true)
    const contents = [own, isSame ? NOTHING : deletions, lacksNothing ? NOTHING : this.#host.since(vector), round]
    this.#host.send(from, { type: 'reply', about, contents })
  }

  /** One at a time: what one shares, the next need not. */
  #pull(): void {
    if (this.#pulling !== null) return
    const next = this.#more.shift()
    if (next === undefined) return
    this.#pulling = next
    const contents = [this.#host.vector(), this.#host.deletions()]
    this.#host.send(next, { type: 'pull', about: this.#view?.id ?? '', contents })
  }

  #heard(from: string): void {
    if (this.#fetching.has(from)) return
    if (this.#pulling === from) {
      this.#pulling = null
      this.#pull()
    }
    this.#unheard.delete(from)
    this.#incomplete.delete(from)
    this.#checkHeard()
  }

  #checkHeard(): void {
    if (!this.#isFirst || this.#unheard.size > 0) return
    // All have what it has.
    this.#goOn()
    if (this.#incomplete.size > 0) return
    if (this.#view?.members.length !== 1 || this.#host.hasSearched()) this.#becomeSynced()
  }
}

/** Of a document with structs that wait for others there is no telling what is deleted: as if it were nothing. */
function deletionsOf(update: Uint8Array): Deletions {
  try {
    return readDeletions(update)
  } catch {
    return new Map()
  }
}

function isReadable(vector: Uint8Array, deletions: Uint8Array): boolean {
  try {
    readStateVector(vector)
    if (deletions.length > 0) readDeletions(deletions)
    return true
  } catch {
    return false
  }
}

function numberBytes(value: number): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setFloat64(0, value)
  return bytes
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}
