/**
 * Direct messages of this process, as the application's side sees them: numbered, bounded, and handed to whoever listens at
 * their address.
 *
 * A message for an address at which nobody listens goes back empty, so that its sender knows. Empty ones never go back.
 */
import { BusyError, type ClosedError, TooLargeError } from './errors.ts'
import type { AppEvent, Command, ProcessId, ViewInfo } from './kernel/api.ts'
import type { Mail, MailListener, MailView } from './ports/group.ts'
import type { TraceSink } from './trace.ts'
import { decodeValue, encodeValue, hashBytes } from './values.ts'

/** Own messages that may wait in the kernel, unsent. */
export const MESSAGES_MAX = 4096
/** The largest message, encoded. */
export const MESSAGE_BYTES_MAX: number = 1024 * 1024

type Of<Type extends AppEvent['type']> = Extract<AppEvent, { type: Type }>

/** What it needs of the side it belongs to. */
export interface MailContext {
  readonly self: ProcessId
  readonly trace: TraceSink | undefined
  push(command: Command): void
  after(ms: number, fn: () => void): () => void
  fault(peer: string, code: string, detail?: unknown): void
}

/** The mail of one process. */
export class AppMail implements Mail {
  readonly #context: MailContext
  readonly #listeners = new Map<string, MailListener>()
  #made = 0
  #gone = 0
  #view: MailView | null = null
  #closed: ClosedError | null = null

  constructor(context: MailContext) {
    this.#context = context
  }

  get self(): string {
    return this.#context.self
  }

  get view(): MailView | null {
    return this.#view
  }

  send(to: string, address: string, value: unknown): number {
    const payload = encodeValue(value)
    if (payload.length > MESSAGE_BYTES_MAX) {
      throw new TooLargeError(`a message of ${payload.length} bytes`, payload.length, MESSAGE_BYTES_MAX)
    }
    return this.#post(to, address, payload)
  }

  #post(to: string, address: string, payload: Uint8Array): number {
    if (this.#closed !== null) throw this.#closed
    if (this.#made - this.#gone >= MESSAGES_MAX) throw new BusyError(`${MESSAGES_MAX} messages wait to be sent`)
    this.#made += 1
    const n = this.#made
    this.#context.trace?.({ e: 'post', m: `${this.self}>${n}`, to, g: address, h: hashBytes(payload) })
    this.#context.push({ type: 'send', to, group: address, n, payload })
    return n
  }

  after(ms: number, fn: () => void): () => void {
    return this.#context.after(ms, fn)
  }

  listen(address: string, listener: MailListener): () => void {
    this.#listeners.set(address, listener)
    return () => {
      if (this.#listeners.get(address) === listener) this.#listeners.delete(address)
    }
  }

  /** A message has come. */
  take({ from, group, n, payload }: Of<'message'>): void {
    const view = this.#view?.id ?? null
    this.#context.trace?.({ e: 'get', m: `${from}>${n}`, g: group, view, h: hashBytes(payload) })
    if (payload.length === 0) {
      for (const listener of [...this.#listeners.values()])
        if (listener.bouncesOf === group) this.#tell(() => listener.bounced?.(from))
      return
    }
    const listener = this.#listeners.get(group)
    if (listener === undefined) return this.#bounce(from, group)
    const value = this.#decode(from, payload)
    if (value !== null) this.#tell(() => listener.message(from, value.value))
  }

  #bounce(to: string, address: string): void {
    try {
      this.#post(to, address, new Uint8Array(0))
    } catch {
      // Whoever has no room for this has none for anything: its sender hears when it is gone.
    }
  }

  #decode(from: string, payload: Uint8Array): { readonly value: unknown } | null {
    try {
      return { value: decodeValue(payload) }
    } catch {
      this.#context.fault(from, 'bad-message')
      return null
    }
  }

  /** One may not be handed over. */
  end({ group, to, n, outcome }: Of<'messageEnd'>): void {
    this.#context.trace?.({ e: 'postEnd', m: `${this.self}>${n}`, to, g: group, outcome })
  }

  /** So many have left the kernel's queue. */
  left(count: number): void {
    this.#gone = Math.max(this.#gone, count)
  }

  /** There is a view of the space. */
  viewed({ id, members, trans, left, dead }: ViewInfo): void {
    const before = this.#view
    const ids = members.map((member) => member.id)
    const parted = (before?.members ?? []).filter((member) => !trans.includes(member))
    this.#view = { id, members: ids }
    const gone = [...left, ...dead]
    for (const listener of [...this.#listeners.values()])
      this.#tell(() => listener.viewed?.({ id, members: ids }, parted, gone))
  }

  /** Nothing follows. */
  close(error: ClosedError): void {
    this.#closed = error
    this.#listeners.clear()
  }

  #tell(fn: () => void): void {
    try {
      fn()
    } catch (error) {
      this.#context.fault('', 'mail', error)
    }
  }
}
