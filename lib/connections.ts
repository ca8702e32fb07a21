/**
 * How this process reaches the others now.
 */
import type { ProcessId } from './kernel/api.ts'
import type { Connection } from './space-view.ts'

/** The connections of one process. */
export class Connections {
  readonly #self: ProcessId
  readonly #byPeer = new Map<ProcessId, Connection>()
  /** Those still connected that left or died: they will not be met again. */
  readonly #gone = new Set<ProcessId>()

  constructor(self: ProcessId) {
    this.#self = self
  }

  /** True if anybody is connected who may be in a view to come. */
  get isMeeting(): boolean {
    return this.#byPeer.size > this.#gone.size
  }

  of(id: ProcessId): Connection {
    return id === this.#self ? 'self' : (this.#byPeer.get(id) ?? null)
  }

  /** A peer is reached in this way from now on; null: no more. */
  set(peer: ProcessId, connection: Connection): void {
    if (connection !== null) {
      this.#byPeer.set(peer, connection)
      return
    }
    this.#byPeer.delete(peer)
    this.#gone.delete(peer)
  }

  /** These have left or died. */
  markGone(ids: readonly ProcessId[]): void {
    for (const id of ids) if (this.#byPeer.has(id)) this.#gone.add(id)
  }

  clear(): void {
    this.#byPeer.clear()
    this.#gone.clear()
  }
}
