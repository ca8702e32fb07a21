/**
 * What page and kernel side say to each other, and how it is packed: one message a tick each way, its bytes in
 * one transferred buffer. Types and two pure functions; the in-thread mode passes the same messages unpacked.
 */
import type { AppEvent, Command, ProcessId } from './kernel/api.ts'
import type { StoreCommand, StoreNote } from './storage/messages.ts'
import type { TraceLine } from './trace.ts'

/** Something beside the ordered stream that the application may want to know. */
export type HostNote =
  /** How a peer is reached from now on: the transport's type, or null if no longer. */
  | { readonly type: 'connection'; readonly peer: ProcessId; readonly transport: string | null }
  /** A transport has a problem; it goes on by itself. `cause` is text, so that it crosses the border. */
  | {
      readonly type: 'problem'
      readonly transport: string
      readonly code: string
      readonly message: string
      readonly cause?: string
    }
  /** Every transport has looked around once. */
  | { readonly type: 'searched' }
  /** A line of the kernel's trace, at this time of the host's clock. */
  | { readonly type: 'trace'; readonly t: number; readonly line: TraceLine }
  /** The kernel found itself broken and stopped; `dump` is a readable picture of its state. */
  | { readonly type: 'broken'; readonly message: string; readonly dump: string }
  /** Of what is stored. */
  | StoreNote

/** One message from the kernel's side. */
export interface HostTick {
  readonly events: readonly AppEvent[]
  /** When the kernel said that, by the clock of its thread; the page may be blocked for long before it hears of it. */
  readonly at: number
  readonly notes: readonly HostNote[]
}

/** What a kernel needs to be told to start. Plain data. */
export interface HostConfig {
  readonly self: ProcessId
  readonly space: string
  /** The display name. */
  readonly name: string
  readonly origin: string
  /** Wait for others before founding a line; null: never found. */
  readonly foundAfterMs: number | null
  readonly isTraced: boolean
  /** Of its vote. */
  readonly weight: number
  readonly isWitness: boolean
}

/** One transport of an `open` message. */
export interface WireTransport {
  readonly type: string
  readonly options: unknown
  /** The port to its page half, transferred; null if it has none. */
  readonly port: MessagePort | null
}

/** The storage of an `open` message. */
export interface WireStorage {
  readonly type: string
  readonly options: unknown
}

/** Page to worker. */
export type ToWorker =
  | {
      readonly type: 'open'
      readonly config: HostConfig
      readonly transports: readonly WireTransport[]
      /** Null: nothing is stored. */
      readonly storage: WireStorage | null
    }
  | { readonly type: 'store'; readonly command: StoreCommand }
  | { readonly type: 'commands'; readonly commands: readonly Command[] }
  | { readonly type: 'dump' }
  /** Say so after so many ms: a hidden page's own timers are late. */
  | { readonly type: 'timer'; readonly id: number; readonly ms: number }
  /** Stop at once, without a goodbye. */
  | { readonly type: 'stop' }

/** Worker to page. */
export type FromWorker =
  /** The worker's script has loaded and listens. `timeOrigin`: where its clock starts, to translate the kernel's times. */
  | { readonly type: 'ready'; readonly timeOrigin: number }
  | { readonly type: 'tick'; readonly tick: HostTick }
  | { readonly type: 'dump'; readonly dump: unknown }
  /** The time of that timer is up. */
  | { readonly type: 'timer'; readonly id: number }
  /** The kernel has stopped and its transports are closed: nothing follows. */
  | { readonly type: 'stopped' }
  /** The `open` message could not be carried out. */
  | { readonly type: 'refused'; readonly message: string }

/** Events with their bytes moved to one fresh buffer, which may be transferred. */
export function packEvents(events: readonly AppEvent[]): { events: AppEvent[]; transfer: ArrayBuffer[] } {
  const packer = new Packer()
  for (const event of events) {
    if (hasPayload(event)) packer.measure(event.payload)
    else if (event.type === 'state') for (const source of event.sources) packer.measure(source.state)
  }
  const packed = events.map((event): AppEvent => {
    if (hasPayload(event)) return { ...event, payload: packer.move(event.payload) }
    if (event.type !== 'state') return event
    const sources = event.sources.map((source) => ({
      ...source,
      state: source.state === null ? null : packer.move(source.state),
    }))
    return { ...event, sources }
  })
  return { events: packed, transfer: packer.transfer() }
}

function hasPayload(event: AppEvent): event is Extract<AppEvent, { payload: Uint8Array }> {
  return event.type === 'deliver' || event.type === 'keep' || event.type === 'message'
}

/** Commands with their bytes moved to one fresh buffer, which may be transferred. */
export function packCommands(commands: readonly Command[]): { commands: Command[]; transfer: ArrayBuffer[] } {
  const packer = new Packer()
  for (const command of commands) {
    if (command.type === 'cast' || command.type === 'send') packer.measure(command.payload)
    else if (command.type === 'snapshot') packer.measure(command.state)
  }
  const packed = commands.map((command): Command => {
    if (command.type === 'cast' || command.type === 'send') return { ...command, payload: packer.move(command.payload) }
    if (command.type !== 'snapshot' || command.state === null) return command
    return { ...command, state: packer.move(command.state) }
  })
  return { commands: packed, transfer: packer.transfer() }
}

/** Gathers byte strings in one buffer: the sizes first, then the copies. */
class Packer {
  #size = 0
  #offset = 0
  #buffer: ArrayBuffer | null = null

  measure(bytes: Uint8Array | null): void {
    if (bytes !== null) this.#size += bytes.length
  }

  move(bytes: Uint8Array): Uint8Array {
    this.#buffer ??= new ArrayBuffer(this.#size)
    const target = new Uint8Array(this.#buffer, this.#offset, bytes.length)
    target.set(bytes)
    this.#offset += bytes.length
    return target
  }

  transfer(): ArrayBuffer[] {
    return this.#buffer === null ? [] : [this.#buffer]
  }
}
