/**
 * Keeps what happens to a process's groups in a store: beside the kernel, where the worker is.
 *
 * It sees what goes to the kernel and what comes from it, in their order, so the page says no operation twice. The page
 * says which groups are stored and gives their states when it is asked, by a `snapshot` event of a negative transfer in the
 * same stream. No failure of the store reaches a group: it is told, and the group goes on in memory.
 */
import { toGroupView } from '../group-view.ts'
import type { AppEvent, Command } from '../kernel/api.ts'
import type { Storage, StorageReason } from '../ports/storage.ts'
import { textOf } from '../thrown.ts'
import { groupPrefix, quarantinePrefix, readCopies, type StoredCopy } from './copies.ts'
import { GroupLog, reasonOf } from './group-log.ts'
import { castsOf, stepsOf } from './log-event.ts'
import type { StorageFaultReason, StoreCommand, StoreNote } from './messages.ts'

/** How long the store may take to say what it has, in ms, before a group begins without it. */
export const READ_MS = 5_000
/** A while after a group was opened it looks once more for copies of those who are gone: one may just have been closing. */
export const LOOK_AGAIN_MS = 3_000
/** How often it is looked whether a process that seems to be closing is gone, in ms. */
const CLOSING_MS = 100
/** In so many steps it is waited for an answer. */
export const WAIT_STEPS = 5
/** What others move while it is read is read so often at most. */
const READS_MAX = 4
/** Characters of what an adapter threw that are told. */
const CAUSE_MAX = 4_096

/** What it needs of its surroundings. */
export interface KeeperContext {
  readonly self: string
  readonly space: string
  readonly storage: Storage
  setTimer(ms: number, fn: () => void): () => void
  note(note: StoreNote): void
  /** A snapshot is wanted: see {@link Keeper.takeRequests}. */
  wanting(): void
}

interface Kept {
  readonly log: GroupLog
  readonly kind: string
  readonly isAgreed: boolean
}

/** How copies were looked for; see `restored` of `StoreNote`. */
interface Look {
  readonly living: readonly StoredCopy[]
  readonly isAnswer: boolean
  readonly isAlone: boolean
}

/** Nobody has asked. */
const NEWS: Look = { living: [], isAnswer: false, isAlone: false }

/** The copies of all groups of one process. */
export class Keeper {
  readonly #context: KeeperContext
  readonly #kept = new Map<string, Kept>()
  /** By group, what was found and the page was told of, by the writers. */
  readonly #found = new Map<string, Map<string, StoredCopy>>()
  /** Groups that go on in memory, because the store has failed. */
  readonly #failing = new Set<string>()
  /** Groups of which nothing could be read, and why. */
  readonly #unread = new Map<string, StorageReason>()
  /** Who lived when it last looked for copies; null: nobody can tell. */
  #living: ReadonlySet<string> | null = null
  readonly #timers = new Set<() => void>()
  /** Snapshots that were asked for. */
  readonly #asked = new Map<number, GroupLog>()
  #requests = 0
  /** Of the space's view. */
  #members: readonly string[] = []
  /** The process leaves the space. */
  #isLeaving = false
  #isStopped = false

  constructor(context: KeeperContext) {
    this.#context = context
  }

  /** Takes what the page says. */
  handle(command: StoreCommand): void {
    switch (command.type) {
      case 'restore':
        void this.#restore(command)
        return
      case 'lookAgain':
        void this.#lookOnDemand(command.group)
        return
      case 'keep':
        return this.#keep(command)
      case 'keepAgreed':
        return this.#kept.get(command.group)?.log.beginAgreed(command)
      case 'setAside':
        this.#tell(command.group, 'overtaken', undefined)
        void this.#setAside(this.#copiesOf(command.group, command.adopt))
        return
      case 'adopted':
        return this.#adopt(command.group, this.#copiesOf(command.group, command.adopt))
      case 'sync':
        return this.#sync(command.id)
      default:
        return command satisfies never
    }
  }

  /** Sees a command on its way to the kernel. False: it is an answer to this keeper, and not for the kernel. */
  pass(command: Command): boolean {
    if (command.type === 'leave') this.#isLeaving = true
    if (command.type === 'cast') this.#kept.get(command.group)?.log.cast(command.n, command.payload)
    if (command.type !== 'snapshot' || command.transfer >= 0) return true
    this.#asked.get(command.transfer)?.answer(command.transfer, command.state)
    this.#asked.delete(command.transfer)
    return false
  }

  /** Sees an event on its way to the page. */
  observe(event: AppEvent): void {
    if (event.type === 'view' && event.group === '') this.#members = event.view.members.map(({ id }) => id)
    if (!('group' in event) || event.group === '') return
    const log = this.#kept.get(event.group)?.log
    if (log === undefined) return
    switch (event.type) {
      case 'deliver':
        return log.deliver(event.from, event.n, event.view, event.payload)
      case 'castEnd':
        // What could not be sent before the end is for whoever takes the copy over.
        if (this.#isLeaving) return
        return log.end(event.n, event.outcome === 'refused' || event.outcome === 'viewChanged')
      case 'view':
        // What the page had is not what it goes on from.
        if (event.state === 'own' || event.state === 'anew') log.state()
        return log.view(event.state === 'merge' || event.state === 'replace', toGroupView(event.view))
      case 'keep':
        return log.keep(event.view)
      case 'state':
        return log.state()
      case 'leftGroup':
        return this.#drop(event.group)
      case 'joined':
        return event.outcome === 'ok' ? undefined : this.#drop(event.group)
      default:
        return undefined
    }
  }

  /** Called when the page has been given everything up to here: the snapshots that are wanted of just that. */
  takeRequests(): AppEvent[] {
    const requests: AppEvent[] = []
    for (const [group, { log }] of this.#kept) {
      const transfer = log.takeRequest(() => {
        this.#requests += 1
        return -this.#requests
      })
      if (transfer === null) continue
      this.#asked.set(transfer, log)
      requests.push({ type: 'snapshot', group, view: '', transfer, to: [] })
    }
    return requests
  }

  /** Something is still to be written. */
  get isBusy(): boolean {
    return [...this.#kept.values()].some(({ log }) => log.isBusy)
  }

  /** The end: what is under way may still be written. */
  stop(): void {
    if (this.#isStopped) return
    this.#isStopped = true
    for (const cancel of this.#timers) cancel()
    for (const { log } of this.#kept.values()) log.close()
    this.#context.storage.close()
  }

  async #restore({ group, kind, isAgreed }: Extract<StoreCommand, { type: 'restore' }>): Promise<void> {
    if (isAgreed) await this.#untilClosed(group)
    const copies = await this.#look(group, kind)
    const living = isAgreed ? await this.#lookElsewhere(group, kind) : []
    const isAlone = this.#isAlone
    if (this.#isStopped) return
    if (isAgreed) await this.#claim(group, kind, copies)
    if (!this.#isStopped) this.#tellRestored(group, copies, { living, isAnswer: true, isAlone })
  }

  /** What whoever has left meanwhile has left behind is found as well. */
  async #lookOnDemand(group: string): Promise<void> {
    await this.#untilClosed(group)
    const kind = this.#kept.get(group)?.kind
    const copies = kind === undefined ? [] : await this.#look(group, kind)
    const living = kind === undefined ? [] : await this.#lookElsewhere(group, kind)
    if (!this.#isStopped) this.#tellRestored(group, copies, { living, isAnswer: true, isAlone: false })
  }

  /** Did nobody else who lives use the store when it was last looked there? */
  get #isAlone(): boolean {
    return this.#living !== null && [...this.#living].every((id) => id === this.#context.self)
  }

  /**
   * Waits a while for the processes that have a copy, live, and are not in the space: one may be the page's former one, which
   * is just being closed. A group that acts would be beyond what that has left.
   */
  async #untilClosed(group: string): Promise<void> {
    for (let waited = 0; waited < LOOK_AGAIN_MS && !this.#isStopped; waited += CLOSING_MS) {
      if ((await this.#writersElsewhere(group)).size === 0) return
      await new Promise<void>((resolve) => this.#after(CLOSING_MS, resolve))
    }
  }

  /** Who has a copy, lives, and is not in the view of the space; none, if that cannot be said. */
  async #writersElsewhere(group: string): Promise<ReadonlySet<string>> {
    const { space, storage, self } = this.#context
    const prefix = groupPrefix(space, group)
    try {
      return await this.#within(READ_MS, async () => {
        const living = await storage.living()
        const keys = living === null ? [] : await storage.keys(prefix)
        const writers = new Set(keys.map((key) => key.slice(prefix.length, key.indexOf('/', prefix.length))))
        const isElsewhere = (id: string): boolean =>
          id !== self && living?.has(id) === true && !this.#members.includes(id)
        return new Set([...writers].filter(isElsewhere))
      })
    } catch {
      // The next call tells why.
      return new Set()
    }
  }

  /**
   * The copies of processes that live and are not in the view of the space: pages of this browser in another part, or frozen.
   * What is in them is theirs, and it says who has gone on.
   */
  async #lookElsewhere(group: string, kind: string): Promise<readonly StoredCopy[]> {
    const { space, storage } = this.#context
    const writers = await this.#writersElsewhere(group)
    if (writers.size === 0) return []
    try {
      return await this.#within(READ_MS, () =>
        readStill(() => readCopies(storage, groupPrefix(space, group), kind, (id) => writers.has(id))),
      )
    } catch {
      return []
    }
  }

  /** Begins a copy that stands for this process, before the group knows it. */
  async #claim(group: string, kind: string, copies: readonly StoredCopy[]): Promise<void> {
    const isEmpty = ({ fault, content }: StoredCopy): boolean =>
      fault === null && content !== null && stepsOf(content.events).acted === null
    const log = this.#begin(group, kind, copies.filter(isEmpty))
    await new Promise<StorageFaultReason | null>((resolve) => log.whenStored(resolve))
    // What could be read of the others is nowhere else until the group has gone on from it.
    const unreadable = copies.filter(({ content }) => content === null)
    this.#setAsideBroken(log, unreadable)
  }

  /** What these hold is in the group's state: they go once that is stored, and the broken ones of them are set aside. */
  #adopt(group: string, copies: readonly StoredCopy[]): void {
    const log = this.#kept.get(group)?.log
    if (log === undefined) return
    log.adopt(copies.filter(({ fault }) => fault === null))
    this.#setAsideBroken(log, copies)
  }

  /** `living`: copies that are left where they are. */
  #tellRestored(group: string, copies: readonly StoredCopy[], { living, ...how }: Look = NEWS): void {
    this.#found.set(group, new Map(copies.map((copy) => [copy.id, copy])))
    const restored = [...copies, ...living].flatMap((copy) => {
      const { id, content } = copy
      if (content === null) return []
      const { state, events, covers } = content
      const { steps, acted } = stepsOf(events)
      const restored = { id, covers, state, steps: acted === null ? castsOf(id, events) : steps, acted }
      return [living.includes(copy) ? { ...restored, isLiving: true } : restored]
    })
    this.#context.note({ type: 'restored', group, copies: restored, ...how })
  }

  /** The copies of whoever is gone. What of them cannot be read is told, and set aside. */
  async #look(group: string, kind: string): Promise<readonly StoredCopy[]> {
    const { space, storage } = this.#context
    try {
      const read = async (): Promise<StoredCopy[]> => {
        const living = await storage.living()
        this.#living = living
        // A copy of its own is of an earlier opening of the group.
        const isGone = (id: string): boolean =>
          id === this.#context.self ? !this.#kept.has(group) : living?.has(id) !== true
        return readCopies(storage, groupPrefix(space, group), kind, isGone)
      }
      const copies = await this.#within(READ_MS, () => readStill(read))
      return copies.filter((copy) => this.#judge(group, copy))
    } catch (cause) {
      const reason = reasonOf(cause)
      if (!this.#kept.has(group)) {
        this.#unread.set(group, reason)
        this.#fail(group, reason, cause)
      }
      return []
    }
  }

  /** Tells what is wrong with a copy. False: it is left alone. */
  #judge(group: string, { fault, content }: StoredCopy): boolean {
    if (fault === null) return true
    if (fault === 'newer' || fault === 'other-kind') {
      this.#tell(group, fault, undefined)
      return false
    }
    this.#tell(group, 'corrupt', content === null ? undefined : 'the log is not whole')
    return true
  }

  #keep({ group, kind, state, adopt }: Extract<StoreCommand, { type: 'keep' }>): void {
    const log = this.#begin(group, kind, null)
    log.begin(
      state,
      this.#copiesOf(group, adopt).filter(({ fault }) => fault === null),
    )
    this.#setAsideBroken(log, [...(this.#found.get(group)?.values() ?? [])])
  }

  /** `empty`: of a group that acts in the primary component only, copies in which nothing has happened. */
  #begin(group: string, kind: string, empty: readonly StoredCopy[] | null): GroupLog {
    this.#kept.get(group)?.log.close()
    const { self, space, storage } = this.#context
    const log = new GroupLog({
      self,
      storage,
      prefix: `${groupPrefix(space, group)}${self}/`,
      kind,
      isAgreed: empty !== null,
      setTimer: (ms, fn) => this.#after(ms, fn),
      wanting: () => this.#context.wanting(),
      failed: (reason, cause) => this.#fail(group, reason, cause),
      mended: () => this.#failing.delete(group),
    })
    this.#kept.set(group, { log, kind, isAgreed: empty !== null })
    const unread = this.#unread.get(group)
    this.#unread.delete(group)
    if (unread !== undefined) log.beginFailed(unread)
    else if (empty !== null) log.claim(empty)
    this.#after(LOOK_AGAIN_MS, () => void this.#lookAgain(group, log, true))
    return log
  }

  /** What could be read of a broken copy is in the state, or the page has it: it is set aside once what is written is stored. */
  #setAsideBroken(log: GroupLog, copies: readonly StoredCopy[]): void {
    const broken = copies.filter(({ fault }) => fault !== null)
    if (broken.length > 0) log.whenStored((fault) => (fault === null ? void this.#setAside(broken) : undefined))
  }

  #copiesOf(group: string, ids: readonly string[]): StoredCopy[] {
    const found = this.#found.get(group)
    return ids.flatMap((id) => found?.get(id) ?? [])
  }

  async #lookAgain(group: string, log: GroupLog, isFirst: boolean): Promise<void> {
    const kept = this.#kept.get(group)
    if (kept?.log !== log || this.#isStopped) return
    const copies = (await this.#look(group, kept.kind)).filter(({ fault }) => fault === null)
    // Whoever was elsewhere may be gone by then.
    const elsewhere = kept.isAgreed ? await this.#writersElsewhere(group) : new Set()
    if (this.#isStopped || this.#kept.get(group)?.log !== log) return
    const isNews = copies.some(({ id }) => this.#found.get(group)?.has(id) !== true)
    if (isNews || (isFirst && copies.length > 0)) this.#tellRestored(group, copies)
    if (elsewhere.size > 0) this.#after(LOOK_AGAIN_MS, () => void this.#lookAgain(group, log, false))
  }

  /** Keeps the bytes of the last broken copy for whoever wants to look into it, and of no other. */
  async #setAside(broken: readonly StoredCopy[]): Promise<void> {
    const { space, storage } = this.#context
    const last = broken.at(-1)
    if (last === undefined) return
    try {
      const prefix = quarantinePrefix(space)
      const former = await storage.keys(prefix)
      const values = await storage.read(last.keys)
      const put = last.keys.flatMap((key, i) => (values[i] === undefined ? [] : [[prefix + key, values[i]] as const]))
      // Somebody else has set it aside meanwhile.
      if (put.length === 0) return
      // One that is whole may have gone on meanwhile.
      const guards = broken.flatMap((copy) => (copy.fault === null ? copy.guards : []))
      await storage.write({ guards, remove: [...former, ...broken.flatMap(({ keys }) => keys)], put })
    } catch {
      // Whoever opens the group next finds it again.
    }
  }

  #sync(id: number): void {
    let waiting = this.#kept.size
    let worst: StorageFaultReason | null = null
    const done = (fault: StorageFaultReason | null): void => {
      waiting -= 1
      worst ??= fault
      if (waiting <= 0) this.#context.note({ type: 'synced', id, fault: worst })
    }
    if (waiting === 0) return done(null)
    for (const { log } of [...this.#kept.values()]) log.whenStored(done)
  }

  /** The store has failed: told once, however many groups find out, until they are stored again. */
  #fail(group: string, reason: StorageReason, cause: unknown): void {
    if (this.#failing.size === 0) this.#tell(null, reason, cause)
    this.#failing.add(group)
  }

  #drop(group: string): void {
    this.#failing.delete(group)
    this.#kept.get(group)?.log.close()
    this.#kept.delete(group)
  }

  #tell(group: string | null, reason: StorageFaultReason, cause: unknown): void {
    if (this.#isStopped) return
    const message = group === null ? messages[reason] : `"${group}": ${messages[reason]}`
    this.#context.note({
      type: 'storage',
      group,
      reason,
      message,
      ...(cause === undefined ? {} : { cause: textOf(() => cause, CAUSE_MAX) }),
    })
  }

  #after(ms: number, fn: () => void): () => void {
    const cancel = this.#context.setTimer(ms, () => {
      this.#timers.delete(cancel)
      if (!this.#isStopped) fn()
    })
    this.#timers.add(cancel)
    return () => {
      this.#timers.delete(cancel)
      cancel()
    }
  }

  /** Time in which the process was frozen, and could hear no answer, counts as one step. */
  #within<Result>(ms: number, act: () => Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      let cancel: () => void = () => undefined
      const wait = (steps: number): void => {
        if (steps === 0) return reject(new Blocked(`no answer within ${ms} ms`))
        cancel = this.#after(ms / WAIT_STEPS, () => wait(steps - 1))
      }
      wait(WAIT_STEPS)
      act()
        .then(resolve, reject)
        .finally(() => cancel())
    })
  }
}

/**
 * Reads copies until none of them moves meanwhile: what somebody takes over is in another one, and nothing has happened to it
 * (seeds 82098, 83049).
 */
async function readStill(read: () => Promise<readonly StoredCopy[]>): Promise<readonly StoredCopy[]> {
  for (let reads = 1; ; reads += 1) {
    const copies = await read()
    const still = copies.filter(({ fault }) => fault !== 'moved')
    if (still.length === copies.length || reads === READS_MAX) return still
  }
}

class Blocked extends Error {
  readonly reason = 'blocked'
}

const messages: Readonly<Record<StorageFaultReason, string>> = {
  quota: 'there is no room in storage; objects go on in memory, and it is tried again from time to time',
  denied: 'storage is denied here (a private window?); objects go on in memory',
  lost: 'the connection to storage is lost; objects go on in memory, and it is tried again from time to time',
  blocked: 'storage does not answer; objects go on in memory, and it is tried again from time to time',
  unknown: 'storage has failed; objects go on in memory, and it is tried again from time to time',
  corrupt: 'a stored record has changed; what came before it is used, and the copy is set aside',
  newer: 'what is stored was written by a later version of Tutti; it is left alone',
  overtaken: 'the group has acted without what was stored here; that is set aside',
  'other-kind': 'what is stored under this name is an object of another kind; it is left alone',
}
