/**
 * What a replicated state machine is, for objects whose operations are agreed on before they take effect.
 *
 * A machine is deterministic: it is told of requests and views in the agreed order, and answers requests, at once or later.
 * It reads no clock and never throws. That each request takes effect exactly once, whatever becomes of the casts that carry
 * it, is for {@link Sessions} and {@link MachineReplica}.
 *
 * Source: Schneider 1990 (the state machine approach).
 */
import type { Token } from './token.ts'

/** Who asks for what: the numbers grow with every call that a process makes in one opening of the object. */
export interface Caller {
  readonly process: string
  readonly call: number
}

/** What becomes of a request: a value of `values.ts`, or an error by its code. */
export type Answer = readonly [ok: true, value: unknown] | readonly [ok: false, code: string, message: string]

/** Of a request that its process has taken back. */
export const CANCELLED: Answer = [false, 'cancelled', '']

/** Where a machine stands, and what it can do besides changing itself. */
export interface MachineContext {
  /** The view of the group. */
  readonly view: string
  /** The line in which it acts: what was kept as a primary component was lost takes effect in each line that goes on from there. */
  readonly line: string
  /** Only a primary component grants anything. */
  readonly isPrimary: boolean
  readonly members: ReadonlySet<string>
  /** The members by rank: the most senior first. */
  readonly ranked: readonly string[]
  /** A token higher than all before it. Only in the primary component. */
  nextToken(): Token
  /** Answers a request that waits. */
  answer(caller: Caller, answer: Answer): void
}

/** The deterministic part of an object. States that are equal save as equal values. */
export interface Machine {
  /** Applies a request: its answer, `waits` (`context.answer` gives it later), or null if it is malformed (nothing has changed then). */
  apply(body: unknown, caller: Caller, context: MachineContext): Answer | 'waits' | null
  /** A request that waits is taken back, or its process is out of reach and will ask again: it waits no more, and is not to be answered. */
  cancel?(caller: Caller, context: MachineContext): void
  /** Everything that this process holds ends: it left, is proven dead, or its lease has run out. */
  release?(process: string, context: MachineContext): void
  /** Has this process anything that must end with its lease? */
  isHolding?(process: string): boolean
  /** There is a new view, and all that follows from who is gone has been told: grants what may be granted now. */
  viewed?(context: MachineContext): void
  /** The state in canonical form, a value of `values.ts`. */
  save(): unknown
  /** Replaces the state. Throws a ValueError on a malformed one, and has changed nothing then. */
  load(saved: unknown): void
}
