/** What every layer of the kernel shares: identity, time, limits, effects, the links and the current space view. */
import type { Memory } from './acted.ts'
import type { AppEvent, Effect, KernelEnv, ProcessId, VoteRecord } from './api.ts'
import type { Era } from './era.ts'
import type { Departed, Message } from './frame.ts'
import type { Limits } from './limits.ts'
import type { Link } from './link.ts'

/** The shared context. Layers own their state; what stands here is read by several of them. */
export interface Core {
  readonly self: ProcessId
  readonly name: string
  readonly origin: string
  /** Of its vote. */
  readonly weight: number
  /** It votes without state. */
  readonly isWitness: boolean
  readonly env: KernelEnv
  readonly limits: Limits
  readonly links: Map<ProcessId, Link>
  /** Time of the current step, ms. */
  now: number
  effects: Effect[]
  era: Era
  lamport: number
  /** Delivered payload bytes that the application has not consumed. */
  backlogBytes: number
  /** Payload bytes that peers have sent ahead of casts. */
  aheadBytes: number
  /** The host has told this process to hand over what it can. */
  isBusy: boolean
  /** A link's acknowledgement moved: own stability must be computed again. */
  ackedDirty: boolean
  votes: VoteRecord
  line: string | null
  generation: number
  /** The epoch from which on this process has a voice in its line. */
  voiceFrom: number
  readonly departed: Map<ProcessId, Departed>
  /** Earlier processes of this one's site, of which it alone may know that they are dead, and what they had voted for. */
  readonly formers: Map<ProcessId, Departed>
  /** It may have been away, and has not heard that its view still stands: nothing is cast in it. */
  isFenced: boolean
  /** It has said goodbye, which tells all that it has installed and voted for: it takes part in nothing more. */
  isLeaving: boolean
  /** Of consistent groups. */
  remembered: Memory
  app(event: AppEvent): void
  trace(line: Readonly<Record<string, unknown>> & { readonly e: string }): void
  /** Who comes along from the old view, while a cut is delivered. */
  cutMovers(): readonly ProcessId[]
  /** To a peer's control stream; to itself: handled at the end of the current input. */
  tell(peer: ProcessId, message: Message): void
}
