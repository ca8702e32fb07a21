/**
 * Takes snapshots: begins attempts until one is complete, and fetches what others have recorded.
 */
import { ClosedError } from '../errors.ts'
import type { GroupPort } from '../objects/replica.ts'
import { SnapshotError } from '../tool-errors.ts'
import type { SnapshotHost, SpacePart } from './snapshot-host.ts'
import type { AttemptEnd } from './snapshot-member.ts'
import { INDEX, type RecordEntry, type Recording, readIndex } from './snapshot-store.ts'

/** Attempts before it is said that it does not come to anything. */
const TRIES_MAX = 12
/** Attempts before which others' go, as well: each of them may ask at the same time. */
const PASSES_MAX = 64
/** So many of them wait for objects that await their states; then those are missing in the snapshot. */
const WHOLE_TRIES = 4
/** Before it is tried again, in ms, more with each time. */
const PAUSE_MS = 40
/** How long it waits for all to come, and then for all to say that they have recorded, in ms. */
const REPORT_MS = 6_000
/** Before it is looked again whether all processes are there, and those who are not are asked again. */
const GATHER_MS = 500

/** Where other processes listen. */
export const SNAPSHOT_ADDRESS = 'tutti:snapshots'

/** One group of a snapshot, with its state as it was recorded. */
export interface TakenGroup extends RecordEntry {
  /** Who recorded it. */
  readonly from: string
  readonly state: Uint8Array
}

/** What came of an attempt. */
export interface Taken {
  readonly id: string
  /** What part of the space came to rest. */
  readonly part: SpacePart
  readonly groups: readonly TakenGroup[]
  /** Groups of which nobody has the whole state now. */
  readonly missing: readonly RecordEntry[]
}

/** An attempt of this process. */
interface Attempt {
  readonly id: string
  readonly part: SpacePart
  readonly members: readonly string[]
  /** Those of whom it is not known that they have recorded. */
  readonly waiting: Set<string>
  own: Recording | null
  /** What others say that they have recorded. */
  readonly indexes: Map<string, Uint8Array>
  readonly done: PromiseWithResolvers
  /** By process, item and place. */
  readonly pulls: Map<string, PromiseWithResolvers<Piece>>
  /** Those who have parted since. */
  readonly gone: Set<string>
}

interface Piece {
  readonly total: number
  readonly bytes: Uint8Array
}

interface PromiseWithResolvers<Value = void> {
  readonly promise: Promise<Value>
  readonly resolve: (value: Value) => void
  readonly reject: (reason: unknown) => void
}

/** The attempt failed; another one may not. */
class Failed extends Error {
  readonly names: readonly string[]
  /** It has only been passed by another process's. */
  readonly isPassed: boolean

  constructor(message: string, names: readonly string[], isPassed = false) {
    super(message)
    this.names = names
    this.isPassed = isPassed
  }
}

/** This process's own part in attempts. */
export interface OwnPart {
  /** It ends in that one. */
  giveUp(id: string): void
  /** Is it in one? */
  isBusy(): boolean
}

/** The half of the one who asks. One snapshot at a time. */
export class SnapshotTaker {
  readonly #port: GroupPort
  readonly #host: SnapshotHost
  readonly #own: OwnPart
  #count = 0
  #attempt: Attempt | null = null
  /** Woken when the views change. */
  #wake: () => void = () => undefined
  #isStopped = false

  constructor(port: GroupPort, host: SnapshotHost, own: OwnPart) {
    this.#port = port
    this.#host = host
    this.#own = own
  }

  /** Takes one. Rejects with SnapshotError (`incomplete`), ClosedError, BusyError, or the signal's reason. */
  async take(signal: AbortSignal | undefined): Promise<Taken> {
    let passes = 0
    for (let tries = 1; ; tries += 1) {
      try {
        await this.#gather(signal)
        // Another one's comes first, and lasts for no longer than a hold does. Somebody may have come meanwhile.
        while (this.#own.isBusy()) {
          await this.#pause(GATHER_MS, signal)
          await this.#gather(signal)
        }
        return await this.#try(tries, signal)
      } catch (error) {
        if (!(error instanceof Failed)) throw error
        if (error.isPassed && passes < PASSES_MAX) {
          passes += 1
          tries -= 1
          continue
        }
        if (tries >= TRIES_MAX) {
          const about = { reason: 'incomplete', names: error.names } as const
          throw new SnapshotError(`no snapshot after ${tries} attempts: ${error.message}`, about)
        }
      }
      const rank = Math.max(0, this.#port.view?.members.indexOf(this.#port.self) ?? 0)
      await this.#pause(PAUSE_MS * (tries + rank), signal)
    }
  }

  /** Resolves when all processes of the space are in the group; asks those who are not to come. The attempt fails if some do not. */
  async #gather(signal: AbortSignal | undefined): Promise<void> {
    const asked = new Set<string>()
    const since = this.#port.now()
    for (;;) {
      signal?.throwIfAborted()
      if (this.#isStopped) throw new ClosedError('the space is closed')
      const space = this.#host.part()
      const inside = this.#port.view?.members ?? []
      const absent = space?.members.filter((member) => !inside.includes(member)) ?? []
      if (space !== null && absent.length === 0) return
      // A page that is blocked stays in the space as long as its worker beats, and does not come.
      if (this.#port.now() - since >= REPORT_MS) throw new Failed('some do not come', absent)
      for (const member of absent) {
        const key = `${space?.view} ${member}`
        if (!asked.has(key)) this.#send(member, ['invite'])
        asked.add(key)
      }
      const isChanged = await this.#pause(GATHER_MS, signal)
      // Somebody who had no room for the message, or was not listening yet.
      if (!isChanged) asked.clear()
    }
  }

  /** Resolves after so long (false), or when a view changes (true). */
  async #pause(ms: number, signal: AbortSignal | undefined): Promise<boolean> {
    const { promise, resolve, reject } = withResolvers<boolean>()
    const cancel = this.#port.after(ms, () => resolve(false))
    const onAbort = (): void => reject(signal?.reason)
    this.#wake = () => resolve(true)
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      if (signal?.aborted) onAbort()
      return await promise
    } finally {
      cancel()
      signal?.removeEventListener('abort', onAbort)
    }
  }

  async #try(tries: number, signal: AbortSignal | undefined): Promise<Taken> {
    const members = this.#port.view?.members ?? []
    const part = this.#host.part()
    if (part === null) throw new Failed('there is no view of the space', [])
    this.#count += 1
    const id = `${this.#port.self}/${this.#port.opening}.${this.#count}`
    const attempt: Attempt = {
      ...{ id, part, members, own: null },
      waiting: new Set(members),
      done: withResolvers(),
      indexes: new Map(),
      pulls: new Map(),
      gone: new Set(),
    }
    attempt.done.promise.catch(() => undefined)
    this.#attempt = attempt
    const onAbort = (): void => this.#fail(attempt, signal?.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    const stopTimer = this.#port.after(REPORT_MS, () => {
      if (attempt.waiting.size > 0) this.#fail(attempt, new Failed('some do not answer', [...attempt.waiting]))
    })
    try {
      this.#port.cast(['begin', id, this.#port.view?.id ?? '']).delivered.catch(() => {
        this.#fail(attempt, new Failed('it did not reach the others', members))
      })
      await attempt.done.promise
      return await this.#collect(attempt, tries)
    } finally {
      stopTimer()
      signal?.removeEventListener('abort', onAbort)
      this.#attempt = null
      this.#own.giveUp(id)
      for (const member of members) if (!attempt.gone.has(member)) this.#send(member, ['done', id])
    }
  }

  /** Puts together what all have recorded. */
  async #collect(attempt: Attempt, tries: number): Promise<Taken> {
    const { self } = this.#port
    const { id, part, members, own } = attempt
    const indexes = await Promise.all(
      members.map(async (member): Promise<[string, readonly RecordEntry[]]> => {
        if (member === self) return [member, own?.entries ?? []]
        const entries = readIndex(attempt.indexes.get(member) ?? (await this.#fetch(attempt, member, INDEX)))
        if (entries === null) throw new Failed(`${member} does not make sense`, [member])
        return [member, entries]
      }),
    )
    const groups = new Map<string, { readonly entry: RecordEntry; readonly from: string }[]>()
    for (const [from, entries] of indexes) {
      for (const entry of entries) {
        const list = groups.get(entry.name) ?? []
        // What is here need not be fetched.
        if (from === self) list.unshift({ entry, from })
        else list.push({ entry, from })
        groups.set(entry.name, list)
      }
    }
    const taken: TakenGroup[] = []
    const missing: RecordEntry[] = []
    for (const name of [...groups.keys()].sort()) {
      const all = groups.get(name) ?? []
      const held = all.filter(({ entry }) => entry.bytes >= 0)
      if (held.length > 0) taken.push(await this.#fetchOne(attempt, name, held))
      else if (all[0] !== undefined) missing.push(all[0].entry)
    }
    if (missing.length > 0 && tries < WHOLE_TRIES) {
      const names = missing.map(({ name }) => name)
      throw new Failed(`nobody has the whole state of ${names.join(', ')}`, names)
    }
    return { id, part, groups: taken, missing }
  }

  /** One group's state, from whoever still has it. */
  async #fetchOne(
    attempt: Attempt,
    name: string,
    held: readonly { readonly entry: RecordEntry; readonly from: string }[],
  ): Promise<TakenGroup> {
    let failure: unknown = null
    for (const { entry, from } of held) {
      try {
        const own = from === this.#port.self ? attempt.own?.states.get(name) : undefined
        return { ...entry, from, state: own ?? (await this.#fetch(attempt, from, name)) }
      } catch (error) {
        if (!(error instanceof Failed)) throw error
        failure = error
      }
    }
    throw failure
  }

  async #fetch(attempt: Attempt, from: string, name: string): Promise<Uint8Array> {
    const pieces: Uint8Array[] = []
    let length = 0
    for (;;) {
      const { total, bytes } = await this.#pull(attempt, { from, name, at: length })
      if (total < 0) throw new Failed(`${from} has it no more`, [from])
      pieces.push(bytes)
      length += bytes.length
      if (length >= total) return joined(pieces, length)
      if (bytes.length === 0) throw new Failed(`${from} does not make sense`, [from])
    }
  }

  #pull(
    attempt: Attempt,
    { from, name, at }: { readonly from: string; readonly name: string; readonly at: number },
  ): Promise<Piece> {
    if (attempt.gone.has(from)) return Promise.reject(new Failed(`${from} is gone`, [from]))
    const key = keyOf(from, name, at)
    const pull = withResolvers<Piece>()
    attempt.pulls.set(key, pull)
    if (!this.#send(from, ['pull', attempt.id, name, at])) pull.reject(new Failed('there is no room', [from]))
    return pull.promise.finally(() => attempt.pulls.delete(key))
  }

  // What is heard

  /** Its own part in an attempt has ended. */
  ended(id: string, end: AttemptEnd, recording: Recording | null): void {
    const attempt = this.#attempt
    if (attempt?.id !== id) return
    if (recording === null) {
      const message = `this process did not record: ${end}`
      return this.#fail(attempt, new Failed(message, [this.#port.self], end === 'passed'))
    }
    attempt.own = recording
    this.#reported(attempt, this.#port.self)
  }

  /** A member has given one up, or says whether it has recorded, and what, if that is short. */
  heard(id: string, by: string, isRecorded: boolean, index: Uint8Array | null = null): void {
    const attempt = this.#attempt
    if (attempt?.id !== id) return
    if (isRecorded) {
      if (index !== null) attempt.indexes.set(by, index)
      this.#reported(attempt, by)
    } else if (attempt.waiting.has(by)) this.#fail(attempt, new Failed(`${by} gave up`, [...attempt.waiting]))
  }

  #reported(attempt: Attempt, by: string): void {
    attempt.waiting.delete(by)
    if (attempt.waiting.size === 0) attempt.done.resolve()
  }

  /** A piece of what somebody has recorded. */
  piece(from: string, id: string, about: { readonly name: string; readonly at: number } & Piece): void {
    if (this.#attempt?.id === id) this.#attempt.pulls.get(keyOf(from, about.name, about.at))?.resolve(about)
  }

  /** This process is in no attempt any more. */
  idle(): void {
    this.#wake()
  }

  /** There is another view of the space, or of the group. */
  viewed(parted: readonly string[] = []): void {
    this.#wake()
    const attempt = this.#attempt
    if (attempt === null) return
    for (const member of parted) attempt.gone.add(member)
    const lost = [...attempt.waiting].filter((member) => attempt.gone.has(member))
    if (lost.length > 0) this.#fail(attempt, new Failed(`${lost.join(', ')} went`, lost))
    for (const [key, pull] of attempt.pulls) {
      const [from = ''] = key.split(' ', 1)
      if (attempt.gone.has(from)) pull.reject(new Failed(`${from} went`, [from]))
    }
  }

  /** Nothing follows. */
  stop(): void {
    this.#isStopped = true
    this.#wake()
    if (this.#attempt !== null) this.#fail(this.#attempt, new ClosedError('the space is closed'))
  }

  #fail(attempt: Attempt, error: unknown): void {
    attempt.done.reject(error)
    for (const pull of attempt.pulls.values()) pull.reject(error)
  }

  /** False if there is no room, or an end. */
  #send(to: string, value: unknown): boolean {
    try {
      this.#port.mail.send(to, SNAPSHOT_ADDRESS, value)
      return true
    } catch {
      return false
    }
  }
}

function keyOf(from: string, name: string, at: number): string {
  return `${from} ${at} ${name}`
}

function joined(pieces: readonly Uint8Array[], length: number): Uint8Array {
  const [only] = pieces
  if (pieces.length === 1 && only !== undefined) return only
  const bytes = new Uint8Array(length)
  let at = 0
  for (const piece of pieces) {
    bytes.set(piece, at)
    at += piece.length
  }
  return bytes
}

function withResolvers<Value = void>(): PromiseWithResolvers<Value> {
  let resolve: (value: Value) => void = () => undefined
  let reject: (reason: unknown) => void = () => undefined
  const promise = new Promise<Value>((onResolve, onReject) => {
    resolve = onResolve
    reject = onReject
  })
  return { promise, resolve, reject }
}
