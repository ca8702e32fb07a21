/**
 * What is done once, as a state machine: for each key who runs it now, who waits for it, and in the end its result.
 *
 * A run is granted to one asker at a time, in the order in which they asked; the next one is granted when that has failed, is
 * gone, or its lease has run out. A completion counts only under the token of the present grant, so there is one, and it
 * stays.
 */
import { assertState, compareText, isAuthor } from '../objects/checks.ts'
import type { Answer, Caller, Machine, MachineContext } from '../objects/state-machine.ts'
import { isToken, sameToken, type Token } from '../objects/token.ts'
import { readCallers, saveCallers, withoutCaller } from './callers.ts'
import { isKey } from './keys.ts'

/** The requests, by their first element. */
export const ONCE_OP = { ask: 0, complete: 1, fail: 2, forget: 3, propose: 4 } as const

/** What an asker is answered with, by its first element: it runs, under this token, or this is the result. */
export const ONCE_ANSWER = { run: 0, done: 1 } as const

/** Keys that are remembered or under way, at most. */
export const ONCE_KEYS_MAX = 10_000
/** The longest result, in bytes of its encoding: every member keeps it, and every newcomer is sent it. */
export const ONCE_RESULT_MAX = 65_536

interface Runner {
  readonly process: string
  readonly token: Token
}

/** A key whose result is not there yet. */
interface Pending {
  runner: Runner | null
  /** In the order in which they asked. */
  askers: Caller[]
}

/** Results, and what is under way, by key. */
export class OnceMachine implements Machine {
  #results = new Map<string, Uint8Array>()
  #pending = new Map<string, Pending>()

  /** The encoded result, if there is one. */
  resultOf(key: string): Uint8Array | null {
    return this.#results.get(key) ?? null
  }

  /** Does this process run it, under this token? */
  isRunning(key: string, process: string, token: Token): boolean {
    const runner = this.#pending.get(key)?.runner
    return runner?.process === process && sameToken(runner.token, token)
  }

  /** What that process runs now, and under which tokens. */
  runBy(process: string): (readonly [key: string, token: Token])[] {
    return this.#sorted().flatMap(([key, { runner }]) => (runner?.process === process ? [[key, runner.token]] : []))
  }

  /**
   * `[ask, key]` is answered with `[run, token]` or `[done, result]`; `[complete, key, token, result]` and
   * `[fail, key, token]` with null; `[forget, key]` with whether there was a result; `[propose, key, result]` with `[done, result]` at once: that result,
   * unless there is one. A completion that is under way is then too late.
   */
  apply(body: unknown, caller: Caller, context: MachineContext): Answer | 'waits' | null {
    if (!Array.isArray(body) || !isKey(body[1])) return null
    const [kind, key, token, result] = body as [unknown, string, unknown, unknown]
    const { process } = caller
    if (kind === ONCE_OP.ask && body.length === 2) return this.#ask(key, caller, context)
    if (kind === ONCE_OP.complete && body.length === 4 && isToken(token) && isResult(result)) {
      return this.#complete(key, { process, token }, { result, context })
    }
    if (kind === ONCE_OP.fail && body.length === 3 && isToken(token))
      return this.#fail(key, { process, token }, context)
    if (kind === ONCE_OP.propose && body.length === 3 && isResult(body[2])) return this.#propose(key, body[2], context)
    if (kind === ONCE_OP.forget && body.length === 2) return [true, this.#results.delete(key)]
    return null
  }

  #ask(key: string, caller: Caller, context: MachineContext): Answer | 'waits' {
    const result = this.#results.get(key)
    if (result !== undefined) return [true, [ONCE_ANSWER.done, result]]
    let pending = this.#pending.get(key)
    if (pending === undefined) {
      if (this.#isFull()) return FULL
      pending = { runner: null, askers: [] }
      this.#pending.set(key, pending)
    }
    pending.askers.push(caller)
    this.#grant(key, pending, context)
    return 'waits'
  }

  #complete(
    key: string,
    { process, token }: Runner,
    { result, context }: { result: Uint8Array; context: MachineContext },
  ): Answer {
    if (!this.isRunning(key, process, token)) return STALE
    this.#decide(key, result, context)
    return [true, null]
  }

  #propose(key: string, proposed: Uint8Array, context: MachineContext): Answer {
    const known = this.#results.get(key)
    if (known !== undefined) return [true, [ONCE_ANSWER.done, known]]
    if (!this.#pending.has(key) && this.#isFull()) return FULL
    this.#decide(key, proposed, context)
    return [true, [ONCE_ANSWER.done, proposed]]
  }

  #decide(key: string, result: Uint8Array, context: MachineContext): void {
    const { askers } = this.#pending.get(key) ?? { askers: [] }
    this.#pending.delete(key)
    this.#results.set(key, result)
    for (const asker of askers) context.answer(asker, [true, [ONCE_ANSWER.done, result]])
  }

  #isFull(): boolean {
    return this.#results.size + this.#pending.size >= ONCE_KEYS_MAX
  }

  #fail(key: string, { process, token }: Runner, context: MachineContext): Answer {
    const pending = this.#pending.get(key)
    if (pending === undefined || !this.isRunning(key, process, token)) return STALE
    pending.runner = null
    this.#grant(key, pending, context)
    return [true, null]
  }

  cancel(caller: Caller): void {
    for (const [key, pending] of this.#sorted()) {
      pending.askers = withoutCaller(pending.askers, caller)
      this.#forgetIfIdle(key, pending)
    }
  }

  release(process: string, context: MachineContext): void {
    for (const [key, pending] of this.#sorted()) {
      if (pending.runner?.process !== process) continue
      pending.runner = null
      this.#grant(key, pending, context)
    }
  }

  isHolding(process: string): boolean {
    for (const { runner } of this.#pending.values()) if (runner?.process === process) return true
    return false
  }

  viewed(context: MachineContext): void {
    for (const [key, pending] of this.#sorted()) this.#grant(key, pending, context)
  }

  /** The first asker that is there runs it, if nobody does. */
  #grant(key: string, pending: Pending, context: MachineContext): void {
    if (pending.runner === null && context.isPrimary) {
      const next = pending.askers.find(({ process }) => context.members.has(process))
      if (next !== undefined) {
        pending.askers = pending.askers.filter((each) => each !== next)
        const token = context.nextToken()
        pending.runner = { process: next.process, token }
        context.answer(next, [true, [ONCE_ANSWER.run, [...token]]])
      }
    }
    this.#forgetIfIdle(key, pending)
  }

  #forgetIfIdle(key: string, { runner, askers }: Pending): void {
    if (runner === null && askers.length === 0) this.#pending.delete(key)
  }

  /** By key: a state that was loaded has them in another order than the one it was saved from, and tokens are counted. */
  #sorted(): [key: string, pending: Pending][] {
    return [...this.#pending].sort(([a], [b]) => compareText(a, b))
  }

  /** `[results, pending]`, each by key: `[key, result]`, and `[key, process or null, token or null, askers]`. */
  save(): unknown {
    const results = [...this.#results].sort(([a], [b]) => compareText(a, b)).map(([key, result]) => [key, result])
    const pending = this.#sorted().map(([key, { runner, askers }]) => [
      key,
      runner?.process ?? null,
      runner === null ? null : [...runner.token],
      saveCallers(askers),
    ])
    return [results, pending]
  }

  load(saved: unknown): void {
    assertState(Array.isArray(saved) && saved.length === 2, 'once')
    const [savedResults, savedPending] = saved as unknown[]
    assertState(Array.isArray(savedResults) && Array.isArray(savedPending), 'once')
    const results = new Map(savedResults.map(readResult))
    this.#pending = new Map(savedPending.map(readPending))
    this.#results = results
  }
}

const FULL: Answer = [false, 'busy', `more than ${ONCE_KEYS_MAX} keys: forget some`]
const STALE: Answer = [false, 'stale-token', 'somebody else runs it, or has done it']

function isResult(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array && value.length <= ONCE_RESULT_MAX
}

function readResult(saved: unknown): [key: string, result: Uint8Array] {
  assertState(Array.isArray(saved) && saved.length === 2 && isKey(saved[0]) && isResult(saved[1]), 'result')
  return [saved[0], saved[1]]
}

function readPending(saved: unknown): [key: string, pending: Pending] {
  assertState(Array.isArray(saved) && saved.length === 4 && isKey(saved[0]), 'pending')
  const [key, process, token, askers] = saved as [string, unknown, unknown, unknown]
  if (process === null) return [key, { runner: null, askers: readCallers(askers) }]
  assertState(isAuthor(process) && isToken(token), 'runner')
  return [key, { runner: { process, token }, askers: readCallers(askers) }]
}
