/**
 * A client of a service: any process of the space, whether it serves as well or not.
 *
 * A call goes to one member of the service, as a direct message, under a number. If that member is gone, has parted from this
 * process, or serves no longer, it goes to another one under the same number: it is never run again once its outcome is
 * recorded. With each call goes which of those before it are still waited for, so that the others are forgotten.
 */
import { BusyError, ClosedError, TooLargeError, UnknownOutcomeError } from '../errors.ts'
import type { Mail, MailView } from '../objects/replica.ts'
import { NoHandlerError, RemoteError } from '../tool-errors.ts'
import { decodeValue, encodeValue } from '../values.ts'
import { clientAddress, readOutcome, serviceGroup, TO_CLIENT, TO_SERVICE } from './service.ts'
import { CALL_BYTES_MAX, CLIENT_CALLS_MAX, spread } from './service-machine.ts'

/** Before what found no room is tried again, in ms. */
const RETRY_MS = 50

/** How a call is made. */
export interface ServiceCallOptions {
  /** Ends the wait; what was sent may be run all the same. */
  readonly signal?: AbortSignal
}

interface Open {
  no: number
  readonly body: Uint8Array
  /** The member that it was sent to, which has not answered; null: it is to be sent. */
  contact: string | null
  /** It may have been run. */
  isSent: boolean
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
  readonly stopListening: () => void
}

/** The calls of this process to one service. */
export class ServiceClient {
  /** What the service is called. */
  readonly name: string
  readonly #mail: Mail
  readonly #stopListening: () => void
  /** By number, in the order in which they were made. */
  readonly #open = new Map<number, Open>()
  /** Who serves, as far as known; null: nobody was asked yet. */
  #servers: readonly string[] | null = null
  /** Who was asked who serves, and has not answered; null: nobody is asked now. */
  #asked: Set<string> | null = null
  /** The state that they serve from. */
  #founded = ''
  #opening = 1
  #born = 0
  #last = 0
  #isRetrying = false
  #isEnded = false

  /** Use `space.client`. */
  constructor(name: string, mail: Mail) {
    this.name = name
    this.#mail = mail
    this.#stopListening = mail.listen(clientAddress(name), {
      message: (from, message) => this.#hear(from, message),
      viewed: (view, parted) => this.#view(view, parted),
      bouncesOf: serviceGroup(name),
      bounced: (from) => this.#forget(from),
    })
  }

  /**
   * Has a member of the service carry out a call, and gives what its handler returns, once every member holds that. There is
   * one outcome, however often members die meanwhile.
   *
   * Rejects with RemoteError (the handler threw: that is the outcome; or `process` told one that is no value);
   * NoHandlerError (nobody serves: it was not run); UnknownOutcomeError (all who served are gone, or have forgotten this
   * process, or it closed); ValueError, TooLargeError (above 64 KiB encoded), BusyError (256 calls wait), ClosedError:
   * nothing was sent; the signal's reason.
   */
  call<Value = unknown>(value: unknown, { signal }: ServiceCallOptions = {}): Promise<Value> {
    return new Promise<unknown>((resolve, reject) => {
      signal?.throwIfAborted()
      if (this.#isEnded) throw new ClosedError('the space is closed')
      const body = encodeValue(value)
      if (body.length > CALL_BYTES_MAX) {
        throw new TooLargeError(
          `a call has at most ${CALL_BYTES_MAX} bytes, for every member keeps it: put it into an object`,
          body.length,
          CALL_BYTES_MAX,
        )
      }
      if (this.#open.size >= CLIENT_CALLS_MAX) throw new BusyError(`${CLIENT_CALLS_MAX} calls of this process wait`)
      this.#last += 1
      const onAbort = (): void => this.#fail(open, signal?.reason)
      const stopListening = (): void => signal?.removeEventListener('abort', onAbort)
      const open: Open = { no: this.#last, body, contact: null, isSent: false, resolve, reject, stopListening }
      this.#open.set(open.no, open)
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#drive()
    }) as Promise<Value>
  }

  /** Sends what is to be sent; asks who serves, if nobody is known to. */
  #drive(): void {
    const { view } = this.#mail
    if (this.#isEnded || view === null || this.#open.size === 0) return
    if (this.#servers === null || this.#servers.length === 0) return this.#find(view)
    for (const open of this.#open.values()) if (open.contact === null && !this.#send(open, view)) return this.#retry()
  }

  /** False if there is no room. */
  #send(open: Open, view: MailView): boolean {
    const { no, body } = open
    const servers = this.#servers ?? []
    const contact = servers[spread({ client: this.#mail.self, no }, servers.length)]
    if (contact === undefined) return true
    if (this.#born === 0) this.#born = Number.parseInt(view.id, 10)
    const before = [...this.#open.keys()].filter((number) => number < no)
    if (!this.#post(contact, [TO_SERVICE.call, this.#opening, this.#born, no, before, body, this.#founded]))
      return false
    open.contact = contact
    open.isSent = true
    return true
  }

  #post(to: string, message: readonly unknown[]): boolean {
    try {
      this.#mail.send(to, serviceGroup(this.name), message)
      return true
    } catch (error) {
      if (error instanceof BusyError || error instanceof ClosedError) return false
      throw error
    }
  }

  #retry(): void {
    if (this.#isRetrying) return
    this.#isRetrying = true
    this.#mail.after(RETRY_MS, () => {
      this.#isRetrying = false
      this.#drive()
    })
  }

  // Who serves

  /** Asks all processes of the space. */
  #find({ members }: MailView): void {
    if (this.#asked !== null) return
    this.#asked = new Set()
    for (const member of members) {
      if (this.#post(member, [TO_SERVICE.find])) this.#asked.add(member)
      else {
        this.#asked = null
        return this.#retry()
      }
    }
  }

  /** That process does not serve, or does no longer. */
  #forget(process: string): void {
    if (this.#servers !== null) this.#servers = this.#servers.filter((each) => each !== process)
    for (const open of this.#open.values()) if (open.contact === process) open.contact = null
    this.#notAsked([process])
    this.#drive()
  }

  /** Nothing is to be expected of these. If they were the last that were asked, nobody serves. */
  #notAsked(processes: readonly string[]): void {
    if (this.#asked === null) return
    for (const process of processes) this.#asked.delete(process)
    if (this.#asked.size > 0) return
    this.#asked = null
    for (const open of [...this.#open.values()]) if (open.contact === null) this.#fail(open, this.#nobody(open.isSent))
  }

  #nobody(isSent: boolean): Error {
    return isSent
      ? new UnknownOutcomeError(`all who served "${this.name}" are gone while the call was under way`)
      : new NoHandlerError(`nobody in this view of the space serves "${this.name}"`)
  }

  #view({ members }: MailView, parted: readonly string[]): void {
    const isLost = (process: string): boolean => parted.includes(process) || !members.includes(process)
    for (const open of this.#open.values()) if (open.contact !== null && isLost(open.contact)) open.contact = null
    if (this.#servers !== null) this.#servers = this.#servers.filter((each) => members.includes(each))
    // What was asked of those who parted may be lost, and of who is new nobody was asked.
    if (this.#asked !== null) {
      this.#asked = null
      this.#servers = null
    }
    this.#drive()
  }

  // What members say

  #hear(from: string, message: unknown): void {
    const [kind, first, second, third] = Array.isArray(message) ? (message as unknown[]) : []
    if (kind === TO_CLIENT.members && Array.isArray(first) && typeof second === 'string')
      return this.#learn(first, second)
    if (kind === TO_CLIENT.again) return this.#again(from, first)
    if (kind === TO_CLIENT.elsewhere) return this.#forget(from)
    if (kind === TO_CLIENT.forgotten && first === this.#opening) {
      this.#beginAnew()
      return this.#drive()
    }
    if (kind !== TO_CLIENT.outcome || first !== this.#opening) return
    const open = this.#open.get(second as number)
    const outcome = readOutcome(third)
    if (open === undefined || outcome === null) return
    this.#open.delete(open.no)
    open.stopListening()
    if (!outcome[0]) return open.reject(new RemoteError(outcome[2], { process: null, remoteName: outcome[1] }))
    try {
      open.resolve(decodeValue(outcome[1]))
    } catch (cause) {
      const message = `what ${from} tells as the outcome of a call of "${this.name}" is no value`
      open.reject(new RemoteError(message, { process: from, remoteName: 'ValueError', cause }))
    }
  }

  /** Who serves, as a member sees it. */
  #learn(members: readonly unknown[], founded: string): void {
    const there: ReadonlySet<unknown> = new Set(this.#mail.view?.members)
    const servers = members.filter((each): each is string => there.has(each))
    if (servers.length === 0 || this.#asked === null) return
    if (this.#founded !== '' && this.#founded !== founded) this.#beginAnew()
    this.#founded = founded
    this.#servers = servers
    this.#asked = null
    this.#drive()
  }

  /** A member has no room now. */
  #again(from: string, no: unknown): void {
    const open = this.#open.get(no as number)
    if (open?.contact !== from) return
    open.contact = null
    this.#retry()
  }

  /** Nobody knows which of the calls were run: those that were not sent go under new numbers. */
  #beginAnew(): void {
    const all = [...this.#open.values()]
    this.#open.clear()
    this.#opening += 1
    this.#born = 0
    this.#last = 0
    this.#servers = null
    this.#founded = ''
    for (const open of all) {
      if (open.isSent) {
        open.stopListening()
        open.reject(
          new UnknownOutcomeError(`those who serve "${this.name}" have forgotten this process, which was away`),
        )
        continue
      }
      this.#last += 1
      open.no = this.#last
      this.#open.set(open.no, open)
    }
  }

  #fail(open: Open, error: unknown): void {
    if (this.#open.get(open.no) !== open) return
    this.#open.delete(open.no)
    open.stopListening()
    open.reject(error)
  }

  /** @internal The space has closed. */
  handleEnd(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#stopListening()
    for (const open of [...this.#open.values()]) {
      const error = open.isSent
        ? new UnknownOutcomeError('the space was closed while the call was under way')
        : new ClosedError('the space is closed')
      this.#fail(open, error)
    }
  }
}
