/**
 * The casts that a member makes for its clients: in each one's order, again if they are lost, and not before this member has
 * delivered what the client was told in the view that both are in.
 *
 * A client is told when its cast is told, of a request with the view in which it was delivered, and when all members hold it: that
 * is all. What is refused takes with it what the
 * client has asked for behind it, which comes again.
 */
import { BusyError, ClosedError, UsageError, ViewChangedError } from '../errors.ts'
import { isCount, isTotal } from '../objects/checks.ts'
import type { GroupPort } from '../objects/replica.ts'
import { decodeValue } from '../values.ts'
import { CLIENT_OP } from './client-casts.ts'
import type { Attached, Item } from './client-session.ts'
import type { ClientTable } from './client-table.ts'
import {
  CLIENT_CAST_SIZE_MAX,
  CLIENT_CASTS_MAX,
  compareViews,
  isOf,
  plainView,
  TO_ATTACHED,
  TO_SPONSOR,
  type Told,
} from './client-words.ts'
import type { FeedLog } from './feed-log.ts'

/** What it needs of the sponsor that it belongs to. */
export interface CastingContext {
  readonly port: GroupPort
  readonly table: ClientTable
  readonly log: FeedLog
  /** Casts are bound to the view in which they are made. */
  readonly isStrong: boolean
  /** Only those act who are in the primary component: what others told goes with their state. */
  readonly isConsistent: boolean
  /** May anything be cast for clients now? */
  isServing(): boolean
  /** Is this session the one that its client is in now? */
  isCurrent(attached: Attached): boolean
  tell(client: string, message: readonly unknown[]): void
  /** Counts what a client did wrong. */
  malformed(from: string, code?: string): void
  /** Has `drive` called for each client a moment later, when nothing rests any more. */
  retry(): void
}

/** What one member casts for clients. */
export class SponsoredCasts {
  readonly #context: CastingContext

  constructor(context: CastingContext) {
    this.#context = context
  }

  /**
   * A client asks for a cast, `[n, after, base, view, isGbcast, bytes]`; or for a request, with how far it has been answered in
   * the place of `isGbcast`. False: what it says makes no sense.
   */
  ask(attached: Attached, kind: number, rest: readonly unknown[]): boolean {
    const [n, after, base, view, how, bytes] = rest
    const heard = kind === TO_SPONSOR.request ? how : null
    const isRead = rest.length === 6 && isCount(n) && isTotal(after) && isTotal(base) && after < n && base < n
    if (!isRead || !(view === null || typeof view === 'string') || !(bytes instanceof Uint8Array)) return false
    if (!(heard === null || (isTotal(heard) && heard < n))) return false
    if (attached.last !== null && after !== attached.last) {
      // It was made before the client heard that the one before it is refused.
      if (!attached.isBroken) this.#refuse(attached, { n, after }, 'number')
      return true
    }
    const fault = faultOf(attached, bytes)
    if (fault !== null) {
      this.#refuse(attached, { n, after }, fault)
      return true
    }
    attached.last = n
    attached.isBroken = false
    attached.base = Math.max(attached.base, base)
    const item: Item = {
      ...{ n, after, view, isGbcast: how === true, heard, bytes },
      ...{ isCast: false, isResting: false, attempts: 0 },
      ...{ isTold: false, isDelivered: false, isStable: false },
    }
    attached.items.set(n, item)
    this.drive(attached)
    return true
  }

  /** What comes behind it follows on it, and is sent again. */
  #refuse(attached: Attached, { n, after }: Pick<Item, 'n' | 'after'>, code: string): void {
    const { malformed, tell } = this.#context
    malformed(attached.id, code)
    if (code !== 'number') dropFrom(attached, { n, after })
    tell(attached.id, [TO_ATTACHED.refused, attached.session, n, code])
  }

  /** What was made in a view that is over, and not told in it; what follows on it is on its way, and of the same kind, or comes again. */
  #refuseOutdated(attached: Attached, item: Item): void {
    const { port, tell } = this.#context
    dropFrom(attached, item)
    tell(attached.id, [TO_ATTACHED.refused, attached.session, item.n, 'view', port.view?.id])
  }

  /** Casts what waits, in its order. */
  drive(attached: Attached): void {
    const { port, isStrong, retry } = this.#context
    if (!this.#context.isServing() || !this.#isReady(attached)) return
    for (const item of [...attached.items.values()]) {
      if (item.isResting) return
      if (item.isCast && this.#isGone(attached, item)) castAnew(item)
      if (item.isCast && item.isStable) this.#hold(attached, item)
      if (item.isCast || !attached.items.has(item.n)) continue
      if (isStrong && this.#isOutdated(attached, item)) continue
      if (!port.isWritable || !this.#cast(attached, item)) return retry()
    }
  }

  /** In a strong group, a cast of a view that is over has been told, or never is. */
  #isOutdated(attached: Attached, item: Item): boolean {
    const { port, table } = this.#context
    if (item.view === port.view?.id) return false
    if (table.last(attached.id) < item.n) this.#refuseOutdated(attached, item)
    else {
      this.tellTold(attached, item.n)
      // It is told already, and cast so that all say what is to come of it.
      if (item.heard !== null) return false
      this.#hold(attached, item)
    }
    return true
  }

  /** Has this member delivered what the client was told in the view that they are in, and what is held of the client's own? */
  #isReady(attached: Attached): boolean {
    if (attached.isReady) return true
    const { log, table } = this.#context
    const { position, heldIn, id } = attached
    const mine = log.view
    if (position === null || mine === null) return true
    const [theirs] = position.views
    const [held = 0, heldWhere] = heldIn ?? []
    if (this.#isToCome(theirs, mine) || this.#isToCome(heldWhere, mine)) return false
    if (theirs === mine) {
      const now = ([, , age]: Told): boolean => age === 0
      const { members, clients, passed } = position
      if (![...members, ...passed.members].filter(now).every(([sender, n]) => log.told(sender) >= n)) return false
      if (![...clients, ...passed.clients].filter(now).every(([sender, n]) => table.last(sender) >= n)) return false
    }
    if (heldWhere === mine && table.last(id) < held) return false
    attached.isReady = true
    return true
  }

  /** Will this member come to that view? A later one that is not of the space's view that it is in is another part's. */
  #isToCome(view: string | undefined, mine: string): boolean {
    return view !== undefined && compareViews(view, mine) > 0 && isOf(view, this.#context.port.mail.view?.id)
  }

  /** False if there is no room. */
  #cast(attached: Attached, item: Item): boolean {
    const { id, born, base } = attached
    const { n, after, heard, bytes } = item
    const op =
      heard === null
        ? [CLIENT_OP.cast, id, born, n, after, base, bytes]
        : [CLIENT_OP.ask, id, born, n, after, base, bytes, heard]
    try {
      const receipt = this.#context.port.castRequest(op, item.isGbcast ? { service: 'gbcast' } : {})
      item.isCast = true
      item.attempts += 1
      item.isDelivered = false
      item.isStable = false
      const { attempts } = item
      const lost = (error: unknown): void => {
        if (attempts === item.attempts) this.#lost(attached, item, error)
      }
      receipt.delivered.then(() => {
        if (attempts !== item.attempts) return
        item.isDelivered = true
        // A state came in the place of what waited for one.
        if (!item.isTold) this.#context.retry()
      }, lost)
      receipt.stable.then(() => {
        if (attempts === item.attempts) this.#hold(attached, item)
      }, lost)
    } catch (error) {
      if (error instanceof BusyError) return false
      if (!(error instanceof ClosedError))
        this.#refuse(attached, item, error instanceof UsageError ? 'service' : 'value')
    }
    return true
  }

  /** It was not delivered here, or is not known to be held by all: cast again, it is told once. */
  #lost(attached: Attached, item: Item, error: unknown): void {
    if (!this.#context.isCurrent(attached) || !attached.items.has(item.n)) return
    item.isCast = false
    if (error instanceof ViewChangedError && !item.isTold && item.view !== this.#context.port.view?.id)
      this.#refuseOutdated(attached, item)
    else this.#rest(item)
  }

  /** It came too early: what is before it is on its way. */
  castAgain(attached: Attached | undefined, n: number, author: string): void {
    const item = attached?.items.get(n)
    if (item === undefined || author !== this.#context.port.self || item.isTold) return
    item.isCast = false
    this.#rest(item)
  }

  #rest(item: Item): void {
    item.isResting = true
    this.#context.retry()
  }

  /** It is told here. */
  tellTold(attached: Attached | undefined, n: number): void {
    const item = attached?.items.get(n)
    if (attached === undefined || item === undefined || item.isTold) return
    item.isTold = true
    this.#context.tell(attached.id, [TO_ATTACHED.told, attached.session, n, ...this.#whereOf(attached, item)])
    if (item.isStable) this.#hold(attached, item)
  }

  /** Of a request: where it was delivered, and the view that this member is in. */
  #whereOf({ id }: Attached, { n, heard }: Item): readonly unknown[] {
    const { table, port } = this.#context
    if (heard === null || port.view === null) return []
    const view = table.viewOf(id, n)
    return [view === null ? null : plainView(view), plainView(port.view)]
  }

  /** The state covers what was told in it, and is not delivered here. */
  tellCovered(attached: Attached): void {
    const last = this.#context.table.last(attached.id)
    for (const { n } of [...attached.items.values()]) if (n <= last) this.tellTold(attached, n)
  }

  /** Was it delivered here, and has gone with the state, another one having come? While one is awaited, nobody can tell. */
  #isGone({ id }: Attached, { n, isDelivered }: Item): boolean {
    return isDelivered && this.#context.table.last(id) < n
  }

  /**
   * Every member of this view holds it: that is all, once it is told. Of a consistent group that does not act here, the state
   * goes, and it with that, if others have gone on meanwhile: then it is looked at again once the group acts, and is cast again
   * if it went.
   */
  #hold(attached: Attached, item: Item): void {
    const { isConsistent, log, port, table } = this.#context
    item.isStable = true
    if (!this.#context.isCurrent(attached) || !item.isTold) return
    if (isConsistent && !(port.isWhole && port.view?.primary === true)) return
    if (table.last(attached.id) < item.n) {
      castAnew(item)
      return this.#context.retry()
    }
    if (!attached.items.delete(item.n)) return
    // What comes behind it is told even where that is lost after all, with the state that has it.
    const [first] = attached.items.values()
    attached.base = Math.max(attached.base, first?.after ?? item.n)
    this.#context.tell(attached.id, [TO_ATTACHED.held, attached.session, item.n, log.view ?? ''])
  }
}

/** A value that may be null; or null: they are no value's bytes. */
export function decode(bytes: Uint8Array): { readonly value: unknown } | null {
  try {
    return { value: decodeValue(bytes) }
  } catch {
    return null
  }
}

/** It went with a state. */
function castAnew(item: Item): void {
  Object.assign(item, { isCast: false, isTold: false, isDelivered: false, isStable: false })
}

/** Why a cast of a client is not taken; null: it is. */
function faultOf({ items }: Attached, bytes: Uint8Array): string | null {
  if (bytes.length > CLIENT_CAST_SIZE_MAX) return 'size'
  if (items.size >= CLIENT_CASTS_MAX) return 'busy'
  return decode(bytes) === null ? 'value' : null
}

/** That one and what comes behind it is not cast. */
function dropFrom(attached: Attached, { n, after }: Pick<Item, 'n' | 'after'>): void {
  for (const number of [...attached.items.keys()]) if (number >= n) attached.items.delete(number)
  attached.last = after
  attached.isBroken = true
}
