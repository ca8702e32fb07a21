/**
 * What is done once in a space: one asker runs it, and all get the result.
 *
 * That there is one result is agreed on (`once-machine.ts`). That there is one run at a time is a matter of leases, as with
 * leaders: a run that was lost without its process knowing may overlap with the next, and its completion is refused.
 */

import { BusyError, ClosedError, StaleTokenError, TooLargeError, UnknownOutcomeError } from '../errors.ts'
import { checkFunction } from '../objects/check-function.ts'
import { MachineReplica } from '../objects/machine-replica.ts'
import type { GroupPort, ObjectKind, Replica } from '../objects/replica.ts'
import { StraySweep } from '../objects/stray-sweep.ts'
import type { Token } from '../objects/token.ts'
import { decodeValue, encodeValue } from '../values.ts'
import { checkKey } from './keys.ts'
import { ONCE_ANSWER, ONCE_OP, ONCE_RESULT_MAX, OnceMachine } from './once-machine.ts'
import { type Term, Terms } from './terms.ts'

/** How long a runner may act on what it last heard, in ms. */
const LEASE_MS = 10_000

/** What is told whoever runs. */
export interface OnceContext {
  /** Aborts when somebody else may run it now: stop. Its reason is a StaleTokenError, a ClosedError, or the caller's. */
  readonly signal: AbortSignal
  /** Higher than that of every run of this key before it; present it with every write to a guarded resource. */
  readonly token: Token
}

/** How to ask. */
export interface OnceOptions {
  /** Asks no longer, and aborts the signal of the run, if it is under way. */
  readonly signal?: AbortSignal
}

/** What a run came to: its result as bytes, or null if another one's is to be waited for. */
type Came = Uint8Array | null

/** All that is done once in a space, as one process sees it. */
export class Once {
  readonly #port: GroupPort
  readonly #machine = new OnceMachine()
  readonly #replica: MachineReplica<OnceMachine>
  readonly #terms: Terms
  readonly #sweep: StraySweep
  /** Tokens of the runs that this process knows of: it completes them, or says that they failed. */
  readonly #inHand = new Set<string>()
  #isEnded = false

  /** Made by {@link onceKind}. */
  constructor(port: GroupPort, leaseMs: number) {
    this.#port = port
    this.#sweep = new StraySweep(port, { find: () => this.#strays() })
    const settings = { what: 'once', whenNotPrimary: 'wait', leaseMs } as const
    this.#replica = new MachineReplica(port, this.#machine, settings, {
      toError: (code, message) => (code === 'busy' ? new BusyError(message) : new StaleTokenError(message)),
      unwanted: (body, value) => {
        const [kind, key] = body as [number, string]
        if (kind !== ONCE_OP.ask) return
        const [what, token] = value as [number, Token]
        if (what === ONCE_ANSWER.run) this.#fail(key, token)
      },
      strayed: () => this.#sweep.soon(),
      settled: (isLoaded) => {
        if (isLoaded) this.#sweep.soon()
        this.#terms.settled()
      },
    })
    this.#terms = new Terms(
      port,
      { leaseMs, what: 'the run' },
      {
        isGranted: (key, token) => this.#machine.isRunning(key, port.self, token),
        isInForce: () => this.#replica.sessions.isActingIn(port.view),
      },
    )
  }

  /** For the space to drive. */
  get replica(): Replica {
    return this.#replica
  }

  /** See `space.once`. */
  async run<Result>(
    key: string,
    fn: (context: OnceContext) => Result | PromiseLike<Result>,
    { signal }: OnceOptions,
  ): Promise<Result> {
    checkKey('a key of once', key)
    checkFunction('what is run once', fn)
    for (;;) {
      const got = await this.#ask(key, signal)
      const came = got instanceof Uint8Array ? got : await this.#attempt(got, fn, signal)
      if (came !== null) return decodeValue(came) as Result
    }
  }

  /** See `space.propose`. */
  async propose<Value>(key: string, value: Value, { signal }: OnceOptions): Promise<Value> {
    checkKey('the name of a proposal', key)
    const bytes = encodeResult(value)
    for (;;) {
      try {
        const answer = await this.#replica.call([ONCE_OP.propose, key, bytes], { signal })
        return decodeValue((answer as [number, Uint8Array])[1]) as Value
      } catch (error) {
        // Forgotten while it was away: proposing it twice does nothing twice.
        if (this.#isEnded || !(error instanceof UnknownOutcomeError)) throw error
      }
    }
  }

  /** See `space.forgetOnce`. */
  async forget(key: string, { signal }: OnceOptions): Promise<boolean> {
    checkKey('a key of once', key)
    return (await this.#replica.call([ONCE_OP.forget, key], { signal })) as boolean
  }

  /** Resolves when this process is to run it, or with the result. */
  async #ask(key: string, signal: AbortSignal | undefined): Promise<Term | Uint8Array> {
    for (;;) {
      let since = this.#port.now()
      const sent = (now: number): void => {
        since = now
      }
      let answer: readonly [number, unknown]
      try {
        answer = (await this.#replica.call([ONCE_OP.ask, key], { signal, sent })) as readonly [number, unknown]
      } catch (error) {
        // Forgotten while it was away, with all that it ran: it asks again.
        if (error instanceof UnknownOutcomeError && !this.#isEnded) continue
        throw this.#isEnded ? this.#closedError() : error
      }
      if (answer[0] === ONCE_ANSWER.done) return answer[1] as Uint8Array
      const token = answer[1] as Token
      this.#inHand.add(String(token))
      const term = await this.#terms.begin({ key, token, since }, signal)
      if (term !== null && !signal?.aborted) return term
      if (term !== null) this.#terms.end(term)
      this.#fail(key, token)
      signal?.throwIfAborted()
      if (this.#isEnded) throw this.#closedError()
    }
  }

  /** Runs it here. Throws what `fn` throws, unless that is because the run was lost. */
  async #attempt(term: Term, fn: (context: OnceContext) => unknown, signal: AbortSignal | undefined): Promise<Came> {
    const onAbort = (): void => term.abort(signal?.reason)
    signal?.addEventListener('abort', onAbort)
    try {
      const result = encodeResult(await fn({ signal: term.signal, token: term.token }))
      // It is done, whatever its caller wants by now: whether it counts is for the others to say.
      await this.#complete(term, result)
      return result
    } catch (error) {
      this.#fail(term.key, term.token)
      signal?.throwIfAborted()
      if (this.#isEnded || !term.isLost) throw error
      return null
    } finally {
      signal?.removeEventListener('abort', onAbort)
      this.#inHand.delete(String(term.token))
      this.#terms.end(term)
    }
  }

  /** Rejects if there is another result, or nobody can tell: then the run was lost as well. */
  async #complete({ key, token }: Term, result: Uint8Array): Promise<void> {
    for (;;) {
      try {
        await this.#replica.call([ONCE_OP.complete, key, [...token], result], { isPatient: true })
        return
      } catch (error) {
        if (!(error instanceof BusyError)) throw error
        await this.#terms.pause()
      }
    }
  }

  /** Another asker may run it, if this process still does; it need not be waited for. */
  #fail(key: string, token: Token): void {
    this.#inHand.delete(String(token))
    if (this.#isEnded || !this.#machine.isRunning(key, this.#port.self, token)) return
    this.#replica.call([ONCE_OP.fail, key, [...token]], { isPatient: true }).catch((error: unknown) => {
      if (error instanceof BusyError) void this.#terms.pause().then(() => this.#fail(key, token))
    })
  }

  /** What a state that was taken over says that this process runs, and nobody here knows of: it has ended in a line that is lost. */
  #strays(): Map<string, () => void> {
    const unknown = [...this.#machine.runBy(this.#port.self)].filter(([, token]) => !this.#inHand.has(String(token)))
    return new Map(unknown.map(([key, token]) => [String(token), () => this.#fail(key, token)]))
  }

  #closedError(): ClosedError {
    return new ClosedError('the space is closed')
  }

  /** @internal The group has ended. */
  handleEnd(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#terms.stop(this.#closedError())
    this.#sweep.stop()
    this.#replica.stop()
  }
}

function encodeResult(value: unknown): Uint8Array {
  const bytes = encodeValue(value)
  if (bytes.length <= ONCE_RESULT_MAX) return bytes
  const message = `a result has at most ${ONCE_RESULT_MAX} bytes, for every member keeps it: put it into an object`
  throw new TooLargeError(message, bytes.length, ONCE_RESULT_MAX)
}

/** How the group of what is done once is opened. */
export interface OnceKindOptions {
  /** How long a runner may act on what it last heard, in ms. The same at every member. */
  readonly leaseMs?: number
}

/** Opened by the space itself, once, under a name of its own. */
export const onceKind: ObjectKind<Once, OnceKindOptions> = {
  kind: 'once',
  order: 'total',
  uniform: true,
  consistency: 'consistent',
  create(port, { leaseMs = LEASE_MS }) {
    const handle = new Once(port, leaseMs)
    return { replica: handle.replica, handle }
  },
}
