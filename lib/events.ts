/**
 * The events that a space dispatches.
 */

import type { StorageError, TransportError, TuttiError } from './errors.ts'
import type { NumberedEvent } from './event-numbers.ts'
import type { ProcessId } from './kernel/api.ts'
import type { Connection, SpaceStatus, SpaceView } from './space-view.ts'
import type { StorageFaultReason } from './storage/messages.ts'

/** A new view of the space. One event per change, however many members it concerns. */
export class ViewEvent extends Event implements NumberedEvent {
  /** The view installed. */
  readonly view: SpaceView
  /** Its place among the events that this process is told in the space, those of all its groups included. */
  readonly number: number

  constructor(view: SpaceView, number: number) {
    super('view')
    this.view = view
    this.number = number
  }
}

/** The space's status has changed. */
export class StatusEvent extends Event {
  readonly status: SpaceStatus

  constructor(status: SpaceStatus) {
    super('status')
    this.status = status
  }
}

/** How a peer is connected has changed. */
export class ConnectionEvent extends Event {
  readonly peer: ProcessId
  readonly connection: Connection

  constructor(peer: ProcessId, connection: Connection) {
    super('connection')
    this.peer = peer
    this.connection = connection
  }
}

/** This process's line of primary views met a stronger one: the consistent state it held is about to be replaced. */
export class LineLostEvent extends Event {
  /** The line that ends here. */
  readonly line: string
  /** The line that goes on. */
  readonly winner: string

  constructor(line: string, winner: string) {
    super('linelost')
    this.line = line
    this.winner = winner
  }
}

/**
 * Something outside is not as it should be; Tutti goes on, or says with `closed` that it cannot. What was found before
 * `openSpace` resolved is told right after: to those who listen then.
 */
export class ProblemEvent extends Event {
  /** A `TransportError`, a `WorkerError`, or what closed the space. */
  readonly error: TransportError | TuttiError

  constructor(error: TransportError | TuttiError) {
    super('problem')
    this.error = error
  }
}

/** A peer, or (`peer` empty) an object here, broke its protocol; it was dropped and counted. */
export class FaultEvent extends Event {
  readonly peer: ProcessId
  readonly faultCode: string
  /** How many faults there have been in this space. */
  readonly count: number

  constructor(peer: ProcessId, faultCode: string, count: number) {
    super('fault')
    this.peer = peer
    this.faultCode = faultCode
    this.count = count
  }
}

/**
 * Something is not stored that should be, or what was stored is of no use; objects go on in memory. One event if the store
 * fails, however many objects find out, until all are stored again; one for each record that cannot be read.
 */
export class StorageFaultEvent extends Event {
  /** The object that it is about; null: all of them. */
  readonly group: string | null
  readonly reason: StorageFaultReason
  readonly error: StorageError

  constructor(group: string | null, reason: StorageFaultReason, error: StorageError) {
    super('storage')
    this.group = group
    this.reason = reason
    this.error = error
  }
}

/** The events of a space. */
export interface SpaceEventMap {
  readonly view: ViewEvent
  readonly status: StatusEvent
  readonly connection: ConnectionEvent
  readonly linelost: LineLostEvent
  readonly problem: ProblemEvent
  readonly fault: FaultEvent
  readonly storage: StorageFaultEvent
}
