/**
 * The least object that lends: things that one process has at a time, in the order in which they are asked for, so that
 * what waits, what is held, and what becomes of both when somebody is gone is put to the test without any tool.
 */
import { MachineReplica } from '../../../lib/objects/machine-replica.ts'
import type { ObjectKind } from '../../../lib/objects/replica.ts'
import type { Answer, Caller, Machine, MachineContext } from '../../../lib/objects/state-machine.ts'
import { sameToken, type Token } from '../../../lib/objects/token.ts'

/** Before a state that was taken over is compared with what is known here, in ms. */
const RETRY_MS = 50

interface Loan {
  readonly caller: Caller
  readonly token: Token
}

class LoansMachine implements Machine {
  #loans = new Map<string, Loan>()
  #waiting: (readonly [thing: string, caller: Caller])[] = []

  apply(body: unknown, caller: Caller, context: MachineContext): Answer | 'waits' | null {
    if (!Array.isArray(body) || typeof body[1] !== 'string') return null
    const [f, thing, token] = body as [unknown, string, Token]
    if (f === 'borrow') {
      if (this.#loans.has(thing)) {
        this.#waiting.push([thing, caller])
        return 'waits'
      }
      return [true, this.#lend(thing, caller, context)]
    }
    if (f !== 'give back') return null
    const loan = this.#loans.get(thing)
    if (loan === undefined || !sameToken(loan.token, token)) return [false, 'stale-token', '']
    this.#loans.delete(thing)
    this.viewed(context)
    return [true, null]
  }

  #lend(thing: string, caller: Caller, context: MachineContext): Token {
    const token = context.nextToken()
    this.#loans.set(thing, { caller, token })
    return token
  }

  cancel({ process, call }: Caller): void {
    this.#waiting = this.#waiting.filter(([, caller]) => caller.process !== process || caller.call !== call)
  }

  release(process: string, context: MachineContext): void {
    for (const [thing, { caller }] of this.#loans) if (caller.process === process) this.#loans.delete(thing)
    this.viewed(context)
  }

  isHolding(process: string): boolean {
    return [...this.#loans.values()].some(({ caller }) => caller.process === process)
  }

  /** What a process has, with the tokens. */
  of(process: string): (readonly [thing: string, token: Token])[] {
    return [...this.#loans].flatMap(([thing, { caller, token }]) =>
      caller.process === process ? [[thing, token]] : [],
    )
  }

  viewed(context: MachineContext): void {
    if (!context.isPrimary) return
    for (const next of [...this.#waiting]) {
      const [thing, caller] = next
      if (this.#loans.has(thing)) continue
      this.#waiting.splice(this.#waiting.indexOf(next), 1)
      context.answer(caller, [true, this.#lend(thing, caller, context)])
    }
  }

  save(): unknown {
    const loans = [...this.#loans].sort(([a], [b]) => (a < b ? -1 : 1))
    return [
      loans.map(([thing, { caller, token }]) => [thing, caller.process, caller.call, [...token]]),
      this.#waiting.map(([thing, { process, call }]) => [thing, process, call]),
    ]
  }

  load(saved: unknown): void {
    const [loans, waiting] = saved as [[string, string, number, Token][], [string, string, number][]]
    this.#loans = new Map(loans.map(([thing, process, call, token]) => [thing, { caller: { process, call }, token }]))
    this.#waiting = waiting.map(([thing, process, call]) => [thing, { process, call }])
  }
}

/** What a loan that has ended is refused with. */
export class StaleLoanError extends Error {
  readonly code = 'stale-token'
}

/** The replica, and what this process knows that it has, by token. */
export interface Loans {
  readonly replica: MachineReplica<LoansMachine>
  readonly inHand: Set<string>
}

/** Loans as a kind. */
export const loansKind: ObjectKind<Loans, { readonly leaseMs: number }> = {
  kind: 'loans',
  order: 'total',
  uniform: true,
  consistency: 'consistent',
  create(port, { leaseMs }) {
    const inHand = new Set<string>()
    const giveBack = (thing: string, token: unknown): void => {
      replica.call(['give back', thing, token], { isPatient: true }).catch(() => undefined)
    }
    // What a state says is this process's, and that nobody here knows, is of before a loss. What was answered just now is
    // known a microtask later.
    const sweep = async (): Promise<void> => {
      await null
      for (const [thing, token] of replica.machine.of(port.self)) if (!inHand.has(token.join())) giveBack(thing, token)
    }
    const replica: MachineReplica<LoansMachine> = new MachineReplica(
      port,
      new LoansMachine(),
      { what: 'loans', whenNotPrimary: 'wait', leaseMs },
      {
        toError: (code, message) => new StaleLoanError(`${code} ${message}`),
        unwanted: (body, value) => {
          const [f, thing] = body as [string, string]
          if (f === 'borrow') giveBack(thing, value)
        },
        strayed: () => void port.after(RETRY_MS, () => void sweep()),
        settled(isLoaded) {
          if (isLoaded) port.after(RETRY_MS, () => void sweep())
        },
      },
    )
    return { replica, handle: { replica, inHand } }
  },
}
