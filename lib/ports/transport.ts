/**
 * The transport port: how bytes reach other processes. Interfaces only.
 *
 * A transport has a *worker half* (this interface; runs where the kernel runs) and, if it needs the page
 * (WebRTC connections can only be made there), a *page half*. What the application passes to `openSpace`
 * is a {@link TransportSpec}: plain data plus the page half. The worker finds the worker half by `type`.
 */
import type { Channel, ProcessId, VoteRecord } from '../kernel/api.ts'

/** An open path to one peer. Created by a transport, used by the host until `linkDown`. */
export interface Link {
  readonly peer: ProcessId
  /** Sends one frame (at most 64 KiB) on a channel; frames of one channel arrive in order or not at all. Never throws: a dead path reports `linkDown`. */
  send(channel: Channel, bytes: Uint8Array): void
  /** Bytes accepted but not yet handed to the network on that channel; the host holds bulk back above a mark. */
  bufferedAmount(channel: Channel): number
  /** Gives the path up. The transport reports `linkDown` for it unless it already has. */
  close(): void
}

/** Something the application should know. */
export interface TransportProblem {
  /** The transport's own word for it, such as `signaling-unreachable`. */
  readonly code: string
  readonly message: string
  readonly cause?: unknown
}

/** What the host offers a transport's worker half. */
export interface TransportHost {
  readonly self: ProcessId
  readonly space: string
  /** This process's display data, for announcements. */
  readonly origin: string
  /** A path is open. Several transports may reach one peer: the host uses the one with the highest preference. */
  linkUp(link: Link): void
  linkDown(link: Link): void
  /** Bytes from the peer at the other end of `link`. The host owns the buffer from here. */
  receive(link: Link, channel: Channel, bytes: Uint8Array): void
  /** Proof of death, see `Input` `dead`; also of one that was never met, if it left a record: best before anybody is. */
  dead(peer: ProcessId, record: VoteRecord | null): void
  /** The peer's page has gone away and said this last word for its process, of which nothing follows: a proof of death, too. */
  lastWord(peer: ProcessId, word: Uint8Array): void
  /** This transport has looked around once. */
  searched(): void
  /** Something the application should know (a `TransportError` event); the transport goes on by itself. */
  problem(problem: TransportProblem): void
  /** Others take this process for dead (it no longer holds what proves its life): it is stopped at once, without a goodbye. */
  superseded(problem: TransportProblem): void
  /** True if another transport of higher preference already reaches the peer (then do not connect). */
  reaches(peer: ProcessId, abovePreference: number): boolean
}

/** The worker half of a transport. */
export interface Transport {
  readonly type: string
  /** Higher wins when two transports reach one peer: tabs 30, webrtc 20, relays 10. */
  readonly preference: number
  start(host: TransportHost): void
  /** Closes every path and frees everything. After it nothing is called back. */
  stop(): void
  /** Optional: this origin's founding section and vote storage (only the tabs transport has them). */
  readonly origin?: OriginServices
  /**
   * Optional: has the page keep the last word of this process (at most 64 KiB, in place of the one before), to say it if it
   * goes away before its worker can. Resolves once the page has it; at once where the worker can speak for itself; never,
   * if the page has spoken. Never rejects.
   */
  keepWord?(word: Uint8Array): Promise<void>
}

/** What only a transport among the tabs of one origin can do. */
export interface OriginServices {
  /** Resolves true iff no live process of this origin and space is in a line; holds the mark for this process from then on. One critical section. */
  requestFound(): Promise<boolean>
  /** Takes the mark from this process, which has founded nothing. Not called while a request is open. */
  giveUpFound(): void
  /** Marks this process as being in a line. */
  inLine(): void
  /**
   * Stores this process's vote record where a survivor of the origin can read it once this process's lock is free. Records
   * are stored in the order of the calls: none that comes later is ever replaced by one before it.
   */
  persist(record: VoteRecord): Promise<void>
}

/** What `openSpace({ transports })` takes: plain data that can be posted to the worker, and the page half. */
export interface TransportSpec {
  readonly type: string
  /** Structured-cloneable options of the worker half. */
  readonly options: unknown
  /** Runs on the page, if the transport needs it: told the port to its worker half. Returns its stop function. */
  readonly page?: (context: PageHalfContext) => () => void
  /** For in-thread use (Node, tests, no worker): makes the worker half directly. */
  readonly create?: (options: unknown, pagePort: MessagePort | null) => Transport
}

/** What the page half gets. */
export interface PageHalfContext {
  readonly self: ProcessId
  readonly space: string
  /** Messages to and from the worker half, transferables included. */
  readonly port: MessagePort
  /** Calls `say` in the task in which the process leaves because its page goes away: whatever the worker says comes later. */
  leaving(say: () => void): void
  /** Reports a problem to the application. */
  problem(problem: TransportProblem): void
}
