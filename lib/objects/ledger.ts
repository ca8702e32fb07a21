/**
 * The ledger of a space at one process: decides transactions over several objects, and tells what was decided.
 *
 * Every process that has an atomic object open has joined the ledger before, and leaves it after: so whoever is left of any
 * object can find out what has become of a transaction that holds it.
 */
import { BusyError } from '../errors.ts'
import { agreedSettings, pause, toUsageError } from './agreed.ts'
import type { TransactionKey } from './atomic-machine.ts'
import { LEDGER_OP, LedgerMachine } from './ledger-machine.ts'
import { MachineReplica } from './machine-replica.ts'
import type { GroupPort, ObjectKind } from './replica.ts'

/** What one process has of the ledger. */
export class Ledger {
  readonly port: GroupPort
  readonly replica: MachineReplica<LedgerMachine>
  /** The transactions that this process makes, which it ends itself. */
  readonly #active = new Set<string>()
  #last = 0

  /** Made by {@link ledgerKind}. */
  constructor(port: GroupPort) {
    this.port = port
    const settings = agreedSettings('ledger', { whenNotPrimary: 'wait' })
    this.replica = new MachineReplica(port, new LedgerMachine(), settings, { toError: toUsageError })
  }

  /** A transaction of this process begins. */
  begin(): TransactionKey {
    this.#last += 1
    const key = [this.port.self, this.port.opening, this.#last] as const
    this.#active.add(key.join(' '))
    return key
  }

  /** It is over here, however it has ended. */
  finish(key: TransactionKey): void {
    this.#active.delete(key.join(' '))
  }

  /** Is it one of this process's, which goes on with it? */
  isActive(key: TransactionKey): boolean {
    return this.#active.has(key.join(' '))
  }

  /**
   * Commits it, if nobody has decided against it. Resolves with the decision.
   * Rejects with UnknownOutcomeError (this process was forgotten, or has closed) or ClosedError.
   */
  commit(key: TransactionKey, names: readonly string[]): Promise<boolean> {
    return this.#ask([LEDGER_OP.decide, [...key], true, [...names]]) as Promise<boolean>
  }

  /** What was decided of it; if nothing was, it is not committed from here on. Rejects as `commit` does. */
  resolve(key: TransactionKey, names: readonly string[]): Promise<boolean> {
    return this.#ask([LEDGER_OP.decide, [...key], false, [...names]]) as Promise<boolean>
  }

  /** These objects have ended a transaction that was committed. Nobody waits for it. */
  ended(key: TransactionKey, names: readonly string[]): void {
    this.#ask([LEDGER_OP.ended, [...key], [...names]]).catch(() => undefined)
  }

  async #ask(body: readonly unknown[]): Promise<unknown> {
    for (;;) {
      try {
        return await this.replica.call(body, { isPatient: true })
      } catch (error) {
        if (!(error instanceof BusyError)) throw error
        await pause(this.port)
      }
    }
  }

  /** @internal The group has ended. */
  handleEnd(): void {
    this.replica.stop()
  }
}

/** Opened by the space itself, before the first object that takes part in transactions, under a name of its own. */
export const ledgerKind: ObjectKind<Ledger, object> = {
  kind: 'ledger',
  order: 'total',
  uniform: true,
  consistency: 'consistent',
  create(port) {
    const handle = new Ledger(port)
    return { replica: handle.replica, handle }
  },
}
