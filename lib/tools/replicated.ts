/**
 * A replicated object: the class of an application, run as a state machine at every process that opens it.
 *
 * Calls are requests of the common core, total and uniform; what the method returns is what it returned here. When nothing
 * has been called for a while, each member reports a digest of its state, so that a class that is not deterministic is found
 * out (`object-machine.ts`).
 */
import { KindMismatchError, TooLargeError, UsageError, ValueError } from '../errors.ts'
import { type AgreedOptions, agreedSettings, closeMachine } from '../objects/agreed.ts'
import { type DeepReadonly, ObjectTarget } from '../objects/events.ts'
import { MachineReplica } from '../objects/machine-replica.ts'
import type { GroupPort, ObjectKind } from '../objects/replica.ts'
import { DivergenceError } from '../tool-errors.ts'
import { decodeValue, encodeValue } from '../values.ts'
import type { CallStamp } from './call-context.ts'
import { OBJECT_OP, ObjectMachine, RESULT_MAX, type StateReport } from './object-machine.ts'
import { type ObjectShape, shapeOf } from './object-shape.ts'

/** After so long without a call, members compare their states, in ms. */
const REST_MS = 2_000

/** How an object is replicated. */
export interface ReplicateOptions extends AgreedOptions {
  /** The version of the class: members that name another one get a GroupMismatchError. Default none. 1 to 64 characters. */
  readonly version?: string
}

/** How one call is made. */
export interface ReplicatedCallOptions {
  /** Takes the call back, if it is not under way. */
  readonly signal?: AbortSignal
}

/** An object as its callers see it: methods return promises, everything else is read here. */
export type Remote<T> = {
  readonly [Key in keyof T]: T[Key] extends (...args: infer Args) => infer Result
    ? (...args: Args) => Promise<Awaited<Result>>
    : DeepReadonly<T[Key]>
}

/** This process has another state than most, or no half has the same. */
export class DivergenceEvent extends Event {
  readonly error: DivergenceError

  constructor(error: DivergenceError) {
    super('divergence')
    this.error = error
  }
}

/** The events of a replicated object. */
export interface ReplicatedEvents {
  /** Its state has changed: read `snapshot`. */
  readonly change: Event
  readonly divergence: DivergenceEvent
}

/** A replicated object as the application holds it. */
export class Replicated<T extends object> extends ObjectTarget<ReplicatedEvents> {
  readonly #replica: MachineReplica<ObjectMachine>
  readonly #shape: ObjectShape
  readonly #stamp: () => CallStamp
  readonly #object: Remote<T>
  /** What the last event told. */
  #told: Uint8Array
  #hasToldDivergence = false
  /** The history that was reported last, and that which was seen last. */
  #reported = ''
  #seen = ''
  #isReporting = false
  #cancelRest: (() => void) | null = null

  /** Made by {@link replicatedKind}. */
  constructor(port: GroupPort, about: ObjectAbout, options: ReplicateOptions) {
    super()
    this.#shape = about.shape
    this.#stamp = about.stamp
    const machine = new ObjectMachine(port.self, about.shape)
    machine.checkpoint = (report) => this.#report(report)
    this.#replica = new MachineReplica(port, machine, agreedSettings('replicated object', options), {
      toError: (code, message) => toCallError(code, message),
      changed: () => this.#tell(),
      settled: (isLoaded) => this.#settled(isLoaded),
    })
    this.#told = machine.state
    this.#object = this.#makeRemote()
  }

  /** @internal */
  get replica(): MachineReplica<ObjectMachine> {
    return this.#replica
  }

  /** The group's name. */
  get name(): string {
    return this.#replica.port.name
  }

  /**
   * The object: `await replicated.object.move('e2', 'e4')` calls at all members; fields and getters are read here, of the
   * state that was delivered. Nothing can be assigned to it.
   *
   * A call resolves with what the method returns, when every member of the group's view has the call. It rejects with what
   * the method throws (of the language's own class of errors, or an Error of that name): nothing has changed then, anywhere.
   * Else with UsageError (a promise is returned, a field is no data), ValueError (an argument, the result or a field is no
   * value), TooLargeError (a result above 64 KiB), DivergenceError, NotPrimaryError, BusyError, UnknownOutcomeError, ClosedError.
   */
  get object(): Remote<T> {
    return this.#object
  }

  /** The state as it is here, with the class's getters; the same object until it changes. Frozen. */
  get snapshot(): DeepReadonly<T> {
    return this.#replica.machine.view as DeepReadonly<T>
  }

  /** How many calls have been made, here delivered, whatever came of them. */
  get calls(): number {
    return this.#replica.machine.calls
  }

  /** Processes whose state is known to differ from that of most members. */
  get diverged(): readonly string[] {
    return [...this.#replica.machine.diverged].sort()
  }

  /** Calls a method, as {@link object} does, up to a signal. Rejects as that does, and with the signal's reason. */
  async call(method: string, args: readonly unknown[] = [], options: ReplicatedCallOptions = {}): Promise<unknown> {
    if (!this.#shape.methods.has(method)) throw new UsageError(`the class has no method "${method}"`)
    const { machine } = this.#replica
    if (machine.isDiverged) throw this.#divergence()
    const bytes = encodeValue([...args])
    const { now, seed } = this.#stamp()
    const answer = await this.#replica.call([OBJECT_OP.call, method, bytes, now, seed], options)
    return decodeValue(answer as Uint8Array)
  }

  /** The state, no older than any call that has returned anywhere before. Rejects as a call does. */
  async read(options: ReplicatedCallOptions = {}): Promise<DeepReadonly<T>> {
    await this.#replica.call([OBJECT_OP.read], options)
    return this.snapshot
  }

  /** @internal Is that an instance of the same class? */
  isOf(thing: object): boolean {
    return Object.getPrototypeOf(thing) === this.#shape.prototype
  }

  /** Leaves the group, once every opener here has closed it: calls reject then. Reads keep showing the last state. */
  close(): Promise<void> {
    return closeMachine(this.#replica)
  }

  /** @internal The group has ended. */
  handleEnd(): void {
    this.#cancelRest?.()
    this.#replica.stop()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #tell(): void {
    const { machine } = this.#replica
    if (machine.isDiverged && !this.#hasToldDivergence) {
      this.#hasToldDivergence = true
      this.dispatchEvent(new DivergenceEvent(this.#divergence()))
    } else if (!machine.isDiverged) this.#hasToldDivergence = false
    if (!this.isHeard || machine.state === this.#told) return
    this.#told = machine.state
    this.dispatchEvent(new Event('change'))
  }

  #divergence(): DivergenceError {
    const { agreed, diverged } = this.#replica.machine
    const calls = agreed?.calls ?? 0
    const what =
      agreed?.digest === null
        ? 'no half of the members has the same state'
        : 'the state here differs from that of most members'
    const message = `"${this.name}": ${what} after ${calls} calls: a method of ${this.#shape.className} is not deterministic`
    return new DivergenceError(message, { calls, diverged: [...diverged].sort() })
  }

  // Digests

  #settled(isLoaded: boolean): void {
    const { machine } = this.#replica
    // Whoever had diverged and has been given another's state says so.
    if (isLoaded && machine.isDiverged) this.#reported = ''
    const { history } = machine
    const isNews = (machine.calls > 0 && history !== this.#seen) || (isLoaded && machine.isDiverged)
    this.#seen = history
    if (!isNews || history === this.#reported) return
    this.#cancelRest?.()
    this.#cancelRest = this.#replica.port.after(REST_MS, () => {
      this.#cancelRest = null
      this.#report(machine.report)
    })
  }

  #report({ calls, history, digest }: StateReport): void {
    const { view } = this.#replica.port
    if (this.#isReporting || history === this.#reported || view === null || view.members.length < 2) return
    this.#isReporting = true
    this.#reported = history
    this.#replica
      .call([OBJECT_OP.report, calls, history, digest], { isPatient: true })
      .catch(() => undefined)
      .finally(() => {
        this.#isReporting = false
      })
  }

  #makeRemote(): Remote<T> {
    const { prototype, methods } = this.#shape
    const { machine } = this.#replica
    const bound = new Map(
      [...methods].map((method) => [method, (...args: readonly unknown[]) => this.call(method, args)] as const),
    )
    const refuse = (): never => {
      throw new UsageError('a replicated object changes by its methods alone')
    }
    return new Proxy(Object.create(prototype) as object, {
      get: (_, key) =>
        (typeof key === 'string' ? bound.get(key) : undefined) ?? Reflect.get(machine.view, key, machine.view),
      has: (_, key) => Reflect.has(machine.view, key),
      ownKeys: () => Reflect.ownKeys(machine.view),
      getOwnPropertyDescriptor(_, key) {
        const descriptor = Reflect.getOwnPropertyDescriptor(machine.view, key)
        // The proxy's target has no such property, so it cannot be said to be fixed.
        return descriptor === undefined ? undefined : { ...descriptor, configurable: true }
      },
      set: refuse,
      defineProperty: refuse,
      deleteProperty: refuse,
      setPrototypeOf: refuse,
      preventExtensions: refuse,
    }) as Remote<T>
  }
}

/** What an object is made of. */
interface ObjectAbout {
  readonly shape: ObjectShape
  readonly stamp: () => CallStamp
}

/** The error for an answer. */
function toCallError(code: string, message: string): Error {
  switch (code) {
    case 'usage':
      return new UsageError(message)
    case 'value':
      return new ValueError(message)
    case 'too-large':
      return new TooLargeError(message, RESULT_MAX + 1, RESULT_MAX)
    default:
      return code.startsWith('threw ')
        ? thrown(code.slice('threw '.length), message)
        : new UsageError(`${code}: ${message}`)
  }
}

/** The classes of errors that the language has. */
const NATIVE: Readonly<Record<string, new (message: string) => Error>> = {
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
}

function thrown(name: string, message: string): Error {
  const native = Object.hasOwn(NATIVE, name) ? NATIVE[name] : undefined
  if (native !== undefined) return new native(message)
  const error = new Error(message)
  Object.defineProperty(error, 'name', { value: name, configurable: true, writable: true })
  return error
}

/** How the space opens an object. Throws a UsageError or a ValueError for what cannot be replicated. */
export function replicatedKind<T extends object>(
  thing: T,
  options: ReplicateOptions,
  stamp: () => CallStamp,
): ObjectKind<Replicated<T>, ReplicateOptions> {
  const shape = shapeOf(thing)
  const { version } = options
  if (version !== undefined && (typeof version !== 'string' || version.length < 1 || version.length > 64)) {
    throw new UsageError('version is a string of 1 to 64 characters')
  }
  return {
    kind: 'replicated',
    order: 'total',
    uniform: true,
    consistency: 'consistent',
    variant: () => (version === undefined ? '' : ` ${version}`),
    create(port, given) {
      const handle = new Replicated<T>(port, { shape, stamp }, given)
      return { replica: handle.replica, handle }
    },
  }
}

/** Throws unless the handle, which may have been opened here before, is of the thing's class. */
export function checkClass<T extends object>(handle: Replicated<T>, thing: T): void {
  if (handle.isOf(thing)) return
  throw new KindMismatchError(`"${handle.name}" is open here with an instance of another class`)
}
