/**
 * What a tool's machine ought to do, as the simulator's own account of it: a sequential model. It shares nothing with the
 * library, and says what is to be answered, whom, and when.
 */
import type { TraceToken } from '../../../lib/testing/trace.ts'

/** A value, or the code of an error. */
export type ModelAnswer = readonly [ok: true, value: unknown] | readonly [ok: false, code: string]

/** Who asked, and under which number. */
export interface ModelCaller {
  readonly by: string
  readonly n: number
}

/** Where a model stands. */
export interface ModelContext {
  readonly isPrimary: boolean
  /** The view of the group. */
  readonly view: string
  /** The line in which it acts; empty: none. */
  readonly line: string
  /** When the first of its replicas took this step, in ms of the world. */
  readonly at: number
  readonly members: ReadonlySet<string>
  /** The token that the machine has given here; it is checked elsewhere that it is higher than all before it. */
  nextToken(): TraceToken
  /** One that waits is answered now. */
  answer(caller: ModelCaller, answer: ModelAnswer): void
}

/** A model; its state is a value of JSON, which it changes in place. */
export interface MachineModel<State = unknown> {
  /** @param name the object's, which may say what it is opened with. */
  start(name: string): State
  /** Null: the request is malformed. */
  apply(state: State, body: unknown, caller: ModelCaller, context: ModelContext): ModelAnswer | 'waits' | null
  cancel?(state: State, caller: ModelCaller, context: ModelContext): void
  release?(state: State, process: string, context: ModelContext): void
  viewed?(state: State, context: ModelContext): void
  /** Those that wait for an answer. */
  waiting?(state: State): readonly ModelCaller[]
  /** Processes that have something that ends with their lease. */
  holders?(state: State): readonly string[]
}

/** A model of whatever state, for lists of them. */
export function anyModel<State>(model: MachineModel<State>): MachineModel {
  // Each is given only states that it has made itself.
  return model as MachineModel
}
