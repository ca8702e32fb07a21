/**
 * The shared register: one value, total and uniform order, consistent.
 *
 * A write takes effect, is readable and returns only when every member of the group's view holds it. Each has a version,
 * one higher than the one before; `compareAndSet` writes only over the version that its caller has seen, so of several
 * that saw the same one exactly one succeeds. Only the primary component writes.
 */

import { UsageError } from '../errors.ts'
import { encodeValue } from '../values.ts'
import { agreedSettings, closeMachine, toUsageError } from './agreed.ts'
import { type AtomicOptions, atomicReplica, atomicVariant, type Participant } from './atomic.ts'
import { checkFunction } from './check-function.ts'
import { isTotal } from './checks.ts'
import { ChangeEvent, type ChangeOrigin, type DeepReadonly, ObjectTarget } from './events.ts'
import type { Ledger } from './ledger.ts'
import type { MachineReplica } from './machine-replica.ts'
import { RegisterPart } from './parts.ts'
import type { CallOptions } from './queue.ts'
import { REGISTER_OP, RegisterMachine, type Written } from './register-machine.ts'
import type { GroupPort, ObjectKind } from './replica.ts'
import { fits, type StandardSchemaV1, validateForWrite } from './schema.ts'
import type { Machine } from './state-machine.ts'

/** How a register is opened. */
export interface RegisterOptions<T> extends AtomicOptions {
  /**
   * Types and checks the value. A write that does not fit is a `SchemaError`; a peer's value that does not fit is kept
   * but reads as undefined. Synchronous, and without transforms.
   */
  readonly schema?: StandardSchemaV1<unknown, T>
}

/** What a register holds, of one moment. */
export interface RegisterSnapshot<T> {
  /** Undefined if nothing was ever written, or what was does not fit the schema. */
  readonly value: DeepReadonly<T> | undefined
  /** How often it has been written: 0 if never. */
  readonly version: number
}

/** What has come of a `compareAndSet`: if it is not ok, what is there instead. */
export interface CompareAndSetResult<T> extends RegisterSnapshot<T> {
  readonly ok: boolean
}

/** The register was written, perhaps several times. `author` wrote what is there now. */
export interface RegisterChange<T> extends ChangeOrigin, RegisterSnapshot<T> {
  /** What was there at the event before. */
  readonly previous: DeepReadonly<T> | undefined
}

/** The events of a register. */
export interface RegisterEvents<T> {
  readonly change: ChangeEvent<RegisterChange<T>>
}

const NEVER_WRITTEN = Object.freeze({ value: undefined, version: 0 })

/** A shared register as the application holds it. Reads are synchronous, of what was delivered here. */
export class SharedRegister<T = unknown> extends ObjectTarget<RegisterEvents<T>> {
  readonly #replica: MachineReplica<Machine>
  readonly #machine = new RegisterMachine()
  readonly #ledger: Ledger | null
  readonly #schema: StandardSchemaV1 | undefined
  #written: Written | null = null
  #snapshot: RegisterSnapshot<T> = NEVER_WRITTEN
  /** What the last event told. */
  #told: RegisterSnapshot<T> = NEVER_WRITTEN

  /** Made by {@link registerKind}. */
  constructor(port: GroupPort, options: RegisterOptions<unknown>) {
    super()
    this.#schema = options.schema
    this.#ledger = options.ledger ?? null
    const settings = agreedSettings('register', options)
    const hooks = { toError: toUsageError, changed: () => this.#tell() }
    this.#replica = atomicReplica(port, this.#machine, { settings, hooks, options })
  }

  /** @internal */
  get replica(): MachineReplica<Machine> {
    return this.#replica
  }

  /** @internal How it takes part in transactions. */
  get participant(): Participant {
    const begin = () => new RegisterPart(this.snapshot, (value) => this.#encode(value)).part
    return { replica: this.#replica, ledger: this.#ledger, begin }
  }

  /** The group's name. */
  get name(): string {
    return this.#replica.port.name
  }

  /** The value as far as it was delivered here; undefined if nothing was ever written, or what was does not fit the schema. */
  get value(): DeepReadonly<T> | undefined {
    return this.snapshot.value
  }

  /** How often it has been written, as far as was delivered here: 0 if never. */
  get version(): number {
    return this.#machine.version
  }

  /** Value and version; the same object until it is written. */
  get snapshot(): RegisterSnapshot<T> {
    const { written } = this.#machine
    if (written !== this.#written) {
      this.#written = written
      this.#snapshot = written === null ? NEVER_WRITTEN : Object.freeze(this.#read(written))
    }
    return this.#snapshot
  }

  #read({ value, version }: Written): RegisterSnapshot<T> {
    return { value: fits(this.#schema, value) ? (value as DeepReadonly<T>) : undefined, version }
  }

  /**
   * What it holds, no older than any write that has returned anywhere before this call.
   * Rejects with NotPrimaryError, BusyError, UnknownOutcomeError, ClosedError, or the signal's reason.
   */
  async read(options: CallOptions = {}): Promise<RegisterSnapshot<T>> {
    await this.#replica.call([REGISTER_OP.read], options)
    return this.snapshot
  }

  /**
   * Writes, whatever is there. Resolves with the version when every member holds it. The value is copied.
   * Rejects with ValueError, SchemaError, TooLargeError, NotPrimaryError, BusyError, UnknownOutcomeError, ClosedError, or
   * the signal's reason: if it aborts when the write is under way, it may take effect all the same.
   */
  async set(value: T, options: CallOptions = {}): Promise<number> {
    return (await this.#replica.call([REGISTER_OP.write, this.#encode(value)], options)) as number
  }

  /**
   * Writes if the version is still `expectedVersion` (0: if nothing was ever written). Resolves with what is there: the
   * own value and its version, or, not `ok`, another's. Rejects as `set` does, and with UsageError unless the version is
   * a whole number from 0.
   */
  async compareAndSet(expectedVersion: number, value: T, options: CallOptions = {}): Promise<CompareAndSetResult<T>> {
    if (!isTotal(expectedVersion)) throw new UsageError('expectedVersion must be a whole number from 0')
    const bytes = this.#encode(value)
    for (;;) {
      const version = await this.#replica.call([REGISTER_OP.compareAndSet, expectedVersion, bytes], options)
      // It may have been overwritten since: what is told is what was written.
      if (version !== 0) {
        const written = this.snapshot.version === version ? this.snapshot.value : (value as DeepReadonly<T>)
        return { ok: true, version: version as number, value: written }
      }
      // A version that was still to come has come meanwhile.
      if (this.version !== expectedVersion) return { ok: false, ...this.snapshot }
    }
  }

  /**
   * Writes what `fn` makes of the value that is there; if somebody else has written meanwhile, `fn` is called again with
   * what is there then, until the signal aborts. Resolves with what was written. `fn` should do nothing else.
   * Rejects with what `fn` throws, or as `set` does.
   */
  async update(
    fn: (value: DeepReadonly<T> | undefined, version: number) => T | PromiseLike<T>,
    options: CallOptions = {},
  ): Promise<RegisterSnapshot<T>> {
    checkFunction('what `update` calls with the value', fn)
    for (;;) {
      options.signal?.throwIfAborted()
      const { value, version } = this.snapshot
      const result = await this.compareAndSet(version, await fn(value, version), options)
      if (result.ok) return { value: result.value, version: result.version }
    }
  }

  #encode(value: unknown): Uint8Array {
    return encodeValue(validateForWrite(this.#schema, value))
  }

  #tell(): void {
    const { snapshot } = this
    if (snapshot === this.#told) return
    const previous = this.#told.value
    this.#told = snapshot
    const author = this.#written?.author ?? null
    const local = author === this.#replica.port.self
    if (this.isHeard) this.dispatchEvent(new ChangeEvent([{ ...snapshot, previous, author, local }]))
  }

  /** Leaves the group, once every opener here has closed it: calls reject then. Reads keep showing the last state. */
  close(): Promise<void> {
    return closeMachine(this.#replica)
  }

  /** @internal The group has ended. */
  handleEnd(): void {
    this.#replica.stop()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** Opens a shared register: `space.open(registerKind, name, options)`, or `space.register(name, options)` for short. */
export const registerKind: ObjectKind<SharedRegister, RegisterOptions<unknown>> = {
  kind: 'register',
  order: 'total',
  uniform: true,
  consistency: 'consistent',
  variant: atomicVariant,
  terms: ['atomic'],
  create(port, options) {
    const handle = new SharedRegister(port, options)
    return { replica: handle.replica, handle }
  },
}
