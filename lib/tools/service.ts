/**
 * Serving: a member of a service, which takes clients' calls, runs those that are its to run, and answers them.
 *
 * A call comes as a direct message to any member, which has it agreed on (`service-machine.ts`) and tells the client the
 * outcome when every member holds that. The runner is another one, as a rule: it calls the handler, and has its outcome
 * agreed on in turn. A member that is told of an outcome already answers at once.
 *
 * A runner that is cut off cannot know it: what it runs may be run again by another one at the same time. One outcome
 * counts; the handler's `signal` aborts as soon as its process knows, and its `token` lets a guarded resource refuse the
 * older run.
 */
import { BusyError, ClosedError, StaleTokenError } from '../errors.ts'
import { MachineReplica } from '../objects/machine-replica.ts'
import type { GroupPort, ObjectKind, Replica } from '../objects/replica.ts'
import type { Token } from '../objects/token.ts'
import { nameAndMessage } from '../thrown.ts'
import { decodeValue, encodeValue } from '../values.ts'
import {
  CALL_BYTES_MAX,
  type CallId,
  isCall,
  isOutcome,
  type Outcome,
  type PendingCall,
  SERVICE_OP,
  ServiceMachine,
} from './service-machine.ts'

/** A machine needs one; nothing that is held here ends with it. */
const LEASE_MS = 10_000
/** Before what found no room is tried again, in ms. */
const RETRY_MS = 50

/** What clients send members, by the first element. */
export const TO_SERVICE = { find: 0, call: 1 } as const
/** What members send clients: who serves; an outcome; ask again, here or elsewhere; nobody knows what came of the call. */
export const TO_CLIENT = { members: 0, outcome: 1, again: 2, elsewhere: 3, forgotten: 4 } as const

/** Where the clients of a service listen, and the name of its group, at which its members do. */
export function clientAddress(name: string): string {
  return `tutti:client:${name}`
}
export function serviceGroup(name: string): string {
  return `tutti:serve:${name}`
}

/** What a handler is told besides the call. */
export interface ServiceContext {
  /** Who calls. It may have left since. */
  readonly client: string
  /** Aborts when another member may run the call by now, or this one serves no longer: stop. */
  readonly signal: AbortSignal
  /** Higher than that of every run of this call before; present it with every write to a guarded resource. */
  readonly token: Token
}

/** Carries out a call: what it returns, or resolves with, is the outcome; what it throws, too. */
export type ServiceHandler = (value: unknown, context: ServiceContext) => unknown

/** What opens one. */
export interface ServiceOptions {
  readonly handler: ServiceHandler
  /** The name that it was given. */
  readonly service: string
  /** Tells of each view of the space who is gone for good, and who is there. */
  readonly follow: (fn: (gone: readonly string[]) => void) => () => void
  /** It serves no longer, and may again. */
  readonly ended: () => void
}

/** A run of a call here. */
interface Run extends PendingCall {
  readonly abort: AbortController
}

/** This process as a member of a service. */
export class Service {
  /** What it is called. */
  readonly name: string
  readonly #port: GroupPort
  readonly #handler: ServiceHandler
  readonly #machine = new ServiceMachine()
  readonly #replica: MachineReplica<ServiceMachine>
  readonly #runs = new Map<string, Run>()
  readonly #stopListening: () => void
  readonly #stopFollowing: () => void
  readonly #ended: () => void
  /** Clients that have asked who serves, and wait for an answer. */
  readonly #finders = new Set<string>()
  /** Clients that are gone for good, of which the others have not been told. */
  #gone = new Set<string>()
  #isTelling = false
  #isEnded = false

  /** Made by {@link serviceKind}. */
  constructor(port: GroupPort, { handler, service, follow, ended }: ServiceOptions) {
    this.name = service
    this.#port = port
    this.#handler = handler
    this.#ended = ended
    const settings = { what: 'service', whenNotPrimary: 'wait', leaseMs: LEASE_MS } as const
    this.#replica = new MachineReplica(port, this.#machine, settings, {
      toError: (code, message) => (code === 'stale-token' ? new StaleTokenError(message) : new Refusal(code, message)),
      settled: () => this.#look(),
    })
    this.#stopListening = port.mail.listen(port.name, { message: (from, message) => this.#take(from, message) })
    this.#stopFollowing = follow((gone) => {
      for (const id of gone) this.#gone.add(id)
      this.#look()
    })
  }

  /** For the space to drive. */
  get replica(): Replica {
    return this.#replica
  }

  // What clients ask

  #take(from: string, message: unknown): void {
    if (!Array.isArray(message)) return this.#malformed(from)
    const [kind, opening, born, no, ...rest] = message as unknown[]
    if (!this.#isServing) return this.#tell(from, [TO_CLIENT.elsewhere])
    if (kind === TO_SERVICE.find && message.length === 1) {
      const { founded } = this.#machine
      // Outside the primary component, before it ever was in one: the state that it will have is another one's, perhaps.
      if (founded === '') this.#finders.add(from)
      else this.#tellMembers(from)
      return
    }
    const op = [SERVICE_OP.call, from, opening, born, no, ...rest]
    if (kind !== TO_SERVICE.call || !isCall(op)) return this.#malformed(from)
    void this.#answer({ client: from, opening: op[2], no: op[4] }, op)
  }

  #tellMembers(client: string): void {
    this.#tell(client, [TO_CLIENT.members, [...(this.#port.view?.members ?? [])], this.#machine.founded])
  }

  get #isServing(): boolean {
    return !this.#isEnded && this.#port.phase === 'open' && this.#port.isWhole
  }

  #malformed(from: string): void {
    this.#port.fault('bad-call', { group: this.#port.name, from })
  }

  async #answer(id: CallId, op: readonly unknown[]): Promise<void> {
    const { client, opening, no } = id
    const known = op[7] === this.#machine.founded ? this.#machine.outcomeOf(id) : null
    if (known !== null && known !== 'pending') return this.#tellOutcome(id, known)
    try {
      this.#tellOutcome(id, (await this.#replica.call(op)) as Outcome)
    } catch (error) {
      if (error instanceof Refusal) {
        if (error.code === 'forgotten') this.#tell(client, [TO_CLIENT.forgotten, opening])
        else if (error.code === 'malformed') this.#malformed(client)
      } else if (error instanceof BusyError) this.#tell(client, [TO_CLIENT.again, no])
      // This member is on its way out, or was away for long: another one knows.
      else this.#tell(client, [TO_CLIENT.elsewhere])
    }
  }

  #tellOutcome({ client, opening, no }: CallId, outcome: Outcome): void {
    this.#tell(client, [TO_CLIENT.outcome, opening, no, [...outcome]])
  }

  /** Whoever is not there asks again. */
  #tell(client: string, message: readonly unknown[]): void {
    const { mail } = this.#port
    if (mail.view?.members.includes(client) !== true) return
    try {
      mail.send(client, clientAddress(this.name), message)
    } catch (error) {
      if (error instanceof BusyError) mail.after(RETRY_MS, () => this.#tell(client, message))
      else if (!(error instanceof ClosedError)) throw error
    }
  }

  // What is to be run here

  /** Runs what is this member's to run, and stops what is not any more. */
  #look(): void {
    if (this.#isEnded || !this.#port.isWhole) return
    const { self, view } = this.#port
    if (this.#finders.size > 0 && this.#machine.founded !== '') {
      for (const client of this.#finders) this.#tellMembers(client)
      this.#finders.clear()
    }
    const isActing = this.#replica.sessions.isActingIn(view)
    for (const run of this.#runs.values())
      if (!isActing || !this.#machine.isRunning(run, self, run.token)) run.abort.abort(lost())
    if (!isActing) return
    for (const call of this.#machine.runBy(self)) if (!this.#runs.has(keyOf(call))) void this.#run(call)
    if (view?.members[0] === self) this.#tellAbsent()
  }

  async #run(call: PendingCall): Promise<void> {
    const { client, token } = call
    const run = { ...call, abort: new AbortController() }
    const key = keyOf(call)
    this.#runs.set(key, run)
    const { signal } = run.abort
    // Not within the delivery of what made it this member's.
    await null
    const outcome = await this.#carryOut(call.body, { client, signal, token })
    if (outcome !== null) await this.#record(run, outcome)
    this.#runs.delete(key)
    // It may be this member's again, or still.
    if (!this.#isEnded) this.#port.after(RETRY_MS, () => this.#look())
  }

  /** Null: it was stopped, and what it threw says no more than that. */
  async #carryOut(body: Uint8Array, context: ServiceContext): Promise<Outcome | null> {
    try {
      const bytes = encodeValue(await this.#handler(decodeValue(body), context))
      if (bytes.length <= CALL_BYTES_MAX) return [true, bytes]
      const message = `an outcome has at most ${CALL_BYTES_MAX} bytes, for every member keeps it: put it into an object`
      return [false, 'TooLargeError', message]
    } catch (error) {
      if (context.signal.aborted) return null
      return [false, ...nameAndMessage(error)]
    }
  }

  /** Has it agreed on, as long as it is this member's to bring. */
  async #record(run: Run, outcome: Outcome): Promise<void> {
    const { client, opening, no, token } = run
    const op = [SERVICE_OP.outcome, client, opening, no, [...token], [...outcome]]
    while (!this.#isEnded && this.#machine.isRunning(run, this.#port.self, token)) {
      try {
        await this.#replica.call(op, { isPatient: true })
        return
      } catch (error) {
        if (error instanceof StaleTokenError) return
        await new Promise<void>((resolve) => this.#port.after(RETRY_MS, resolve))
      }
    }
  }

  // Who is gone

  /** The most senior member says which clients are out of reach, so that what is kept for them is bounded. */
  #tellAbsent(): void {
    const { mail } = this.#port
    if (this.#isTelling || mail.view === null) return
    const there = new Set(mail.view.members)
    const absent = this.#machine.present().filter((client) => !there.has(client))
    if (absent.length === 0) return
    const gone = absent.filter((client) => this.#gone.has(client))
    this.#isTelling = true
    const again = (): void => {
      this.#isTelling = false
      for (const client of gone) this.#gone.delete(client)
    }
    this.#replica.call([SERVICE_OP.absent, absent, gone], { isPatient: true }).then(again, again)
  }

  // The end

  /** Serves no longer: what it runs is aborted, and run by another member. Resolves when it is none any more. */
  close(): Promise<void> {
    const closed = this.#port.close()
    this.#stop()
    return closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #stop(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#stopListening()
    this.#stopFollowing()
    for (const client of this.#finders) this.#tell(client, [TO_CLIENT.elsewhere])
    // Each call that waits here is told to go elsewhere.
    this.#replica.stop()
    for (const { abort } of this.#runs.values()) abort.abort(new ClosedError(`"${this.name}" is served here no longer`))
  }

  /** @internal The group has ended. */
  handleEnd(): void {
    this.#stop()
    this.#ended()
  }
}

/** What the machine refuses a call with. */
class Refusal extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

function lost(): StaleTokenError {
  return new StaleTokenError('another member may run this call by now')
}

function keyOf({ client, opening, no, token }: PendingCall): string {
  return `${client} ${opening} ${no} ${token.join()}`
}

/** Reads what a member says of a call; null if it makes no sense. */
export function readOutcome(value: unknown): Outcome | null {
  return isOutcome(value) ? value : null
}

/** Opened by the space itself, under a name of its own. */
export const serviceKind: ObjectKind<Service, ServiceOptions> = {
  kind: 'service',
  order: 'total',
  uniform: true,
  consistency: 'consistent',
  create(port, options) {
    const handle = new Service(port, options)
    return { replica: handle.replica, handle }
  },
}
