/**
 * Founding and votes among the processes of one origin.
 *
 * Every process in a line holds the space's line lock in shared mode. Founding is one critical section:
 * whoever is in it and sees the line lock held by nobody else may found, and holds it before it leaves.
 * Without Web Locks a short election by messages decides, which is best effort.
 */
import type { ProcessId, VoteRecord } from '../../lib/kernel/api.ts'
import type { OriginServices } from '../../lib/ports/transport.ts'
import { countHeld, holdLock, inSection } from './locks.ts'
import type { PublicMessage } from './messages.ts'
import type { VoteStore } from './votes.ts'

/** A section that is not entered within this time grants nothing: the caller asks again later. */
const sectionTimeoutMs = 5000
/** How long the election without locks waits for an objection. */
const electionMs = 300

/** What the services need of the transport. */
export interface OriginHost {
  readonly self: ProcessId
  /** The locks of this browser, or null where there are none. */
  locks(): LockManager | null
  /** The prefix of all names of this space. */
  readonly prefix: string
  readonly votes: VoteStore
  /** Sends on the space's channel. */
  announce(message: PublicMessage): void
  /** Sends into one process's inbox. */
  tell(peer: ProcessId, message: PublicMessage): void
  /** A lock was taken from this process. */
  lostLock(cause: unknown): void
  /** Storage is denied: this process's record is void from now on. */
  lostStorage(cause: unknown): void
  /** Storage is denied, and an older record in it cannot be removed: it would pass for the last one after a restart. */
  staleStorage(cause: unknown): void
}

/** This origin's founding section and vote storage, for one process. */
export class Origin implements OriginServices {
  readonly #host: OriginHost
  /** The line lock, held or asked for; resolves with what gives it up. */
  #line: Promise<() => void> | null = null
  #election: { lose: () => void } | null = null
  #isStorageDenied = false
  #hasWritten = false
  #isStopped = false
  /** Writes follow each other: a later record is never overtaken by an earlier one. */
  #writes: Promise<void> = Promise.resolve()

  constructor(host: OriginHost) {
    this.#host = host
  }

  async requestFound(): Promise<boolean> {
    const { prefix } = this.#host
    const locks = this.#host.locks()
    if (this.#isStopped) return false
    if (locks === null) return this.#elect()
    try {
      const granted = await inSection(locks, `${prefix}:founding`, sectionTimeoutMs, async () => {
        const own = this.#line === null ? 0 : 1
        await this.#line
        if ((await countHeld(locks, `${prefix}:line`)) > own || this.#isStopped) return false
        await this.#enterLine(locks)
        return !this.#isStopped
      })
      return granted ?? false
    } catch (cause) {
      this.#host.lostLock(cause)
      return false
    }
  }

  giveUpFound(): void {
    this.#leaveLine()
  }

  inLine(): void {
    const locks = this.#host.locks()
    if (this.#isStopped) return
    if (locks === null) this.#line ??= Promise.resolve(() => undefined)
    else this.#enterLine(locks).catch((cause: unknown) => this.#host.lostLock(cause))
  }

  persist(record: VoteRecord): Promise<void> {
    const write = async (): Promise<void> => {
      if (this.#isStorageDenied) return
      try {
        await this.#host.votes.write(this.#host.self, record, this.#host.locks() !== null)
        this.#hasWritten = true
      } catch (cause) {
        this.#isStorageDenied = true
        // An older record must not pass for the last one: peers are told before the caller goes on.
        this.#host.lostStorage(cause)
        await this.#host.votes.remove(this.#host.self).catch(() => {
          if (this.#hasWritten) this.#host.staleStorage(cause)
        })
      }
    }
    this.#writes = this.#writes.then(write)
    return this.#writes
  }

  /** True as long as what storage holds is this process's last record. */
  get isRecorded(): boolean {
    return !this.#isStorageDenied
  }

  /** An election message from a peer. */
  handle(message: PublicMessage): void {
    if (message.t === 'founded') this.#election?.lose()
    else if (message.t === 'founding' && message.from !== this.#host.self) {
      const claims = this.#line !== null || (this.#election !== null && this.#host.self < message.from)
      if (claims) this.#host.tell(message.from, { t: 'founded', from: this.#host.self })
    }
  }

  /** Gives the line lock up. */
  stop(): void {
    this.#isStopped = true
    this.#election?.lose()
    this.#leaveLine()
  }

  #enterLine(locks: LockManager): Promise<() => void> {
    this.#line ??= holdLock(locks, `${this.#host.prefix}:line`, 'shared', (cause) => this.#host.lostLock(cause)).then(
      (release) => release ?? (() => undefined),
    )
    return this.#line
  }

  /** Also a lock that is only asked for is given up, as soon as it is held. */
  #leaveLine(): void {
    this.#line?.then(
      (release) => release(),
      () => undefined,
    )
    this.#line = null
  }

  #elect(): Promise<boolean> {
    if (this.#election !== null) return Promise.resolve(false)
    return new Promise((resolve) => {
      const end = (granted: boolean): void => {
        clearTimeout(timer)
        this.#election = null
        if (granted) this.#line ??= Promise.resolve(() => undefined)
        resolve(granted)
      }
      const timer = setTimeout(() => end(true), electionMs)
      this.#election = { lose: () => end(false) }
      this.#host.announce({ t: 'founding', from: this.#host.self })
    })
  }
}
