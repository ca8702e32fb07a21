/**
 * What page and kernel side say to each other of what is stored. Plain data.
 */
import type { StorageReason } from '../ports/storage.ts'
import type { LoggedStep } from './log-event.ts'
import type { Acted, Origin } from './standing.ts'

/** Page to kernel side, in order with the commands to the kernel. */
export type StoreCommand =
  /** Look for what is stored of a group. Answered with `restored`. */
  | {
      readonly type: 'restore'
      readonly group: string
      readonly kind: string
      /** It acts in the primary component only: a copy that stands for this process is begun before it joins. */
      readonly isAgreed: boolean
    }
  /**
   * From here on, store what happens to the group. `state`: what it has now, null: that of the beginning. `adopt`: whose
   * copies are in it, so that they may go.
   */
  | {
      readonly type: 'keep'
      readonly group: string
      readonly kind: string
      readonly state: Uint8Array | null
      readonly adopt: readonly string[]
    }
  /** Look once more for what is stored of a group that acts in the primary component only. Answered with `restored`. */
  | { readonly type: 'lookAgain'; readonly group: string }
  /** Of a group that acts in the primary component only: from here on its state is worth storing. */
  | {
      readonly type: 'keepAgreed'
      readonly group: string
      readonly era: number
      readonly hasActed: boolean
      readonly origin: Origin
      /** Outside the primary component: the view, and how far the state has come. Null: the primary view says it. */
      readonly elsewhere: Elsewhere | null
    }
  /** The group has acted without what these copies hold: they are set aside, and it is told. */
  | { readonly type: 'setAside'; readonly group: string; readonly adopt: readonly string[] }
  /** What these copies hold is in the group's state, or in casts made before this. */
  | { readonly type: 'adopted'; readonly group: string; readonly adopt: readonly string[] }
  /** Say when all that has come before this is durable. Answered with `synced`. */
  | { readonly type: 'sync'; readonly id: number }

/** How far a state has come that is in no primary view, and the view in which it is. */
export interface Elsewhere {
  readonly view: string
  readonly acted: Acted
}

/** One copy, as the page is given it: the steps are to be taken from the state on, in their order. */
export interface RestoredCopy {
  readonly id: string
  /** Former processes that it stands for, beside its writer. */
  readonly covers: readonly string[]
  /** Null: that of the beginning. */
  readonly state: Uint8Array | null
  readonly steps: readonly LoggedStep[]
  /** Of a group that acts in the primary component only: how far it had come, null if it had not acted. */
  readonly acted: Acted | null
  /** Its writer lives, and is out of reach: the copy stands for nobody, and is left where it is. */
  readonly isLiving?: boolean
}

/** Why something is not stored, or what was stored is of no use. */
export type StorageFaultReason =
  | StorageReason
  /** A record had changed, or ended before its end: what came before it is used. */
  | 'corrupt'
  /** A later version of Tutti has written it: it is left alone. */
  | 'newer'
  /** The name is that of another kind of object there: it is left alone. */
  | 'other-kind'
  /** The group has acted without what was stored: that is set aside. */
  | 'overtaken'

/** Kernel side to page. */
export type StoreNote =
  /**
   * Once for each `restore` and `lookAgain` (`isAnswer`); and again, if copies turn up later whose writers are gone by then.
   * `isAlone`: nobody else uses the store, so there is nothing more to be found.
   */
  | {
      readonly type: 'restored'
      readonly group: string
      readonly copies: readonly RestoredCopy[]
      readonly isAnswer: boolean
      readonly isAlone: boolean
    }
  /** `fault`: null if all is durable. */
  | { readonly type: 'synced'; readonly id: number; readonly fault: StorageFaultReason | null }
  | {
      readonly type: 'storage'
      /** Null: it is about all of them. */
      readonly group: string | null
      readonly reason: StorageFaultReason
      readonly message: string
      readonly cause?: string
    }
