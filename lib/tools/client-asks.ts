/**
 * Requests of clients, as one member answers them: each is given to its handler once, and the client has word of it from each
 * member of the view in which it was delivered.
 *
 * A reply goes to the client as a direct message; if the two are apart by then, it is not heard. Whoever comes to serve the
 * client later casts the request again, so that all say what is still to come of it from them: a member that is at it says
 * nothing yet, one that has replied that it is not heard any more, one whose state covers the request that it never saw it. A
 * member that is given such a state says so by itself.
 *
 * What has been given to the handler is remembered here for as long as the process runs, not in the group's state: that may be
 * replaced by one in which the request comes again, and is not carried out twice all the same.
 */
import type { GroupPort, Mail } from '../objects/replica.ts'
import { CLIENTS_MAX, type ClientTable } from './client-table.ts'
import { attachedAddress, TO_ATTACHED } from './client-words.ts'
import { type ReplyBody, SKIPPED, sendReply, UNHEARD } from './replies.ts'

/** What a process has carried out of one group's requests. */
interface Memory {
  /** By client, the highest number that the handler was given; those of whom one came last are remembered. */
  readonly seen: Map<string, number>
  /** Those that it is at. */
  readonly running: Set<string>
}

/** By process, of which there is one but in tests, and group: it may leave that, and join it again. */
const memories = new WeakMap<Mail, Map<string, Memory>>()

function memoryOf({ mail, name }: GroupPort): Memory {
  const groups = memories.get(mail) ?? new Map<string, Memory>()
  memories.set(mail, groups)
  const memory = groups.get(name) ?? { seen: new Map(), running: new Set() }
  groups.set(name, memory)
  return memory
}

/** The requests of clients at one member. */
export class ClientAsks {
  readonly #port: GroupPort
  readonly #table: ClientTable
  readonly #seen: Map<string, number>
  readonly #running: Set<string>

  constructor(port: GroupPort, table: ClientTable) {
    this.#port = port
    this.#table = table
    const { seen, running } = memoryOf(port)
    this.#seen = seen
    this.#running = running
  }

  /** One is delivered. Gives where the handler's reply goes; null: this member has carried it out before. */
  begin(client: string, n: number): ((body: ReplyBody) => void) | null {
    if (n <= (this.#seen.get(client) ?? 0)) {
      this.#reply(client, n, UNHEARD)
      return null
    }
    this.#seen.delete(client)
    this.#seen.set(client, n)
    if (this.#seen.size > CLIENTS_MAX) this.#forgetOne()
    const key = `${n} ${client}`
    this.#running.add(key)
    return (body) => this.#reply(client, n, body, () => this.#running.delete(key))
  }

  #forgetOne(): void {
    for (const oldest of this.#seen.keys()) {
      this.#seen.delete(oldest)
      return
    }
  }

  /** One that was delivered before is asked again. */
  again(client: string, n: number): void {
    if (this.#running.has(`${n} ${client}`)) return
    this.#reply(client, n, n <= (this.#seen.get(client) ?? 0) ? UNHEARD : SKIPPED)
  }

  /** The state was replaced, or united with another: what it covers is not delivered here. */
  cover(): void {
    for (const { client, n, view } of this.#table.asked())
      if (view.members.includes(this.#port.self) && n > (this.#seen.get(client) ?? 0)) this.#reply(client, n, SKIPPED)
  }

  #reply(to: string, n: number, body: ReplyBody, over?: () => void): void {
    const where = { to, address: attachedAddress(this.#port.name), head: [TO_ATTACHED.reply, n] }
    sendReply(this.#port.mail, where, body, over)
  }
}
