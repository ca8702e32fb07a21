/**
 * Snapshots of a space: one group of the space's own, in which all processes are once somebody takes the first one.
 */
import type { GroupPort, ObjectKind } from '../objects/replica.ts'
import { unlessAborted } from '../objects/unless-aborted.ts'
import type { SnapshotHost } from './snapshot-host.ts'
import { SnapshotMember } from './snapshot-member.ts'
import { INDEX, SnapshotStore } from './snapshot-store.ts'
import { SNAPSHOT_ADDRESS, SnapshotTaker, type Taken } from './snapshot-taker.ts'

/** What the group is opened with. */
export interface SnapshotToolOptions {
  readonly host: SnapshotHost
}

/** Both halves of a process: it takes part, and takes some. */
export class SnapshotTool {
  readonly #port: GroupPort
  readonly #store = new SnapshotStore()
  readonly #taker: SnapshotTaker
  readonly #stopListening: () => void
  /** The last one that was asked for here: one at a time. */
  #last: Promise<unknown> = Promise.resolve()
  /** @internal */
  readonly replica: SnapshotMember

  /** Made by {@link snapshotsKind}. */
  constructor(port: GroupPort, { host }: SnapshotToolOptions) {
    this.#port = port
    const taker = new SnapshotTaker(port, host, {
      giveUp: (id) => this.replica.giveUp(id),
      isBusy: () => this.replica.isBusy,
    })
    this.#taker = taker
    this.replica = new SnapshotMember(port, host, {
      ended: (id, taker_, end, recording) => {
        if (taker_ === port.self) return taker.ended(id, end, recording)
        // Who takes it hears of the other one itself.
        if (end === 'passed') return
        if (recording !== null) this.#store.keep(taker_, id, recording)
        // What it has goes with that, if it fits.
        const index = this.#store.piece(taker_, id, INDEX, 0)
        const isWhole = index !== null && index.total === index.bytes.length
        this.#send(taker_, ['recorded', id, recording !== null, isWhole ? index.bytes : null])
      },
      voided: (id, by) => taker.heard(id, by, false),
      viewed: () => taker.viewed(),
      idle: () => taker.idle(),
    })
    this.#stopListening = port.mail.listen(SNAPSHOT_ADDRESS, {
      message: (from, value) => this.#hear(from, value),
      viewed: (_view, parted) => {
        for (const member of parted) this.#store.drop(member)
        taker.viewed(parted)
      },
    })
  }

  /** Takes one. Rejects with SnapshotError (`incomplete`), ClosedError, BusyError, or the signal's reason. */
  take(signal?: AbortSignal): Promise<Taken> {
    const before = this.#last
    const taken = unlessAborted(before, signal).then(() => this.#taker.take(signal))
    // One that is taken back as it waits says nothing of those before it.
    this.#last = Promise.allSettled([before, taken])
    return taken
  }

  #hear(from: string, value: unknown): void {
    if (!Array.isArray(value)) return
    const [what, id, name, at, total, bytes] = value as unknown[]
    // Whoever is here has come.
    if (what === 'invite' || typeof id !== 'string') return
    if (what === 'recorded') this.#taker.heard(id, from, name === true, at instanceof Uint8Array ? at : null)
    else if (what === 'done') this.#store.drop(from, id)
    else if (typeof name !== 'string' || typeof at !== 'number') return
    else if (what === 'pull') {
      const piece = this.#store.piece(from, id, name, at) ?? { total: -1, bytes: new Uint8Array(0) }
      this.#send(from, ['piece', id, name, at, piece.total, piece.bytes])
    } else if (what === 'piece' && typeof total === 'number' && bytes instanceof Uint8Array)
      this.#taker.piece(from, id, { name, at, total, bytes })
  }

  #send(to: string, value: unknown): void {
    try {
      this.#port.mail.send(to, SNAPSHOT_ADDRESS, value)
    } catch {
      // There is no room, or an end: whoever waits for it gives up, and tries again.
    }
  }

  /** Leaves the group. */
  close(): Promise<void> {
    return this.#port.close()
  }

  /** @internal The group has ended, or the space is about to. */
  handleEnd(): void {
    this.replica.stop()
    this.#taker.stop()
    this.#stopListening()
  }
}

/** Opened by the space, in every process once anybody takes a snapshot. */
export const snapshotsKind: ObjectKind<SnapshotTool, SnapshotToolOptions> = {
  kind: 'snapshots',
  order: 'causal',
  uniform: false,
  consistency: 'available',
  create(port, options) {
    const handle = new SnapshotTool(port, options)
    return { replica: handle.replica, handle }
  },
}
