/** The course of `calls.ts`: who serves, who calls, who is killed, and what must hold. */
import { type ServiceHandler, serviceKind } from '../../lib/tools/service.ts'
import { ServiceClient } from '../../lib/tools/service-client.ts'
import { SERVICE_OP } from '../../lib/tools/service-machine.ts'
import { AppCluster } from '../unit/tools/app-cluster.ts'
import { Random } from './random.ts'

const NAME = 'course'
const GROUP = `tutti:serve:${NAME}`
const SERVERS = 5
const CLIENTS = 5
/** Calls of one caller that are under way at a time. */
const OPEN_MAX = 12
/** How long a handler takes, and how long after its start its process is killed, in ms, at most. */
const RUN_MS = 60
const KILL_MS = 150
/** So many have the record, at least, when one of them is killed: one more than that. */
const LEAST = 3

/** No course takes as long, in virtual ms. */
const STUCK_MS = 3_600_000

/** What a course is like. */
export interface CourseOptions {
  readonly calls: number
  readonly seed: number
  readonly killChance: number
}

/** What came of it. */
export interface CourseResult {
  readonly calls: number
  /** Of processes that do not serve. */
  readonly ofClients: number
  readonly kills: number
  /** Handlers begun: what is above the number of calls was begun again by another one. */
  readonly runs: number
  /** Messages with calls: what is above the number of calls were retries. */
  readonly sent: number
  readonly replies: number
  /** Typed errors, by code. */
  readonly errors: Readonly<Record<string, number>>
  /** Of callers that were killed. */
  readonly unheard: number
  readonly virtualMs: number
  readonly breaches: readonly string[]
}

interface Caller {
  readonly id: string
  readonly client: ServiceClient
  open: number
}

/** Runs one. */
export async function runCourse(options: CourseOptions): Promise<CourseResult> {
  const course = new Course(await AppCluster.of([...names('s', SERVERS), ...names('c', CLIENTS)]), options)
  return await course.run()
}

function names(letter: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${letter}${i + 1}`)
}

class Course {
  readonly #cluster: AppCluster
  readonly #options: CourseOptions
  readonly #random: Random
  readonly #breaches: string[] = []
  readonly #serving = new Set<string>()
  readonly #callers: Caller[] = []
  readonly #dead = new Set<string>()
  /** By call: its outcome, as the first member has recorded it. */
  readonly #recorded = new Map<number, string>()
  /** By call: what its caller was told, in the order. */
  readonly #told = new Map<number, string[]>()
  readonly #callerOf = new Map<number, string>()
  readonly #errors: Record<string, number> = {}
  #made = 0
  #ofClients = 0
  #kills = 0
  #runs = 0
  #sent = 0
  #servers = SERVERS

  constructor(cluster: AppCluster, options: CourseOptions) {
    this.#cluster = cluster
    this.#options = options
    this.#random = new Random(`calls/${options.seed}`)
  }

  async run(): Promise<CourseResult> {
    const cluster = this.#cluster
    for (const id of names('s', SERVERS)) this.#serve(id)
    await cluster.until(() => names('s', SERVERS).every((id) => cluster.app(id).group(GROUP)?.isWhole === true))
    for (const id of cluster.ids) this.#addCaller(id)
    while (this.#made < this.#options.calls) {
      if (cluster.now > STUCK_MS) throw new Error(`only ${this.#made} calls are made after ${cluster.now} ms`)
      for (const caller of [...this.#callers]) this.#callMore(caller)
      await cluster.run(20)
    }
    const isOver = (): boolean => this.#callers.every(({ open }) => open === 0)
    await cluster.until(isOver)
    await cluster.run(1_000)
    this.#checkAll()
    const heard = [...this.#told.values()].flat()
    return {
      calls: this.#made,
      ofClients: this.#ofClients,
      kills: this.#kills,
      runs: this.#runs,
      sent: this.#sent,
      replies: heard.filter((told) => !told.startsWith('!')).length,
      errors: this.#errors,
      unheard: [...this.#callerOf].filter(([call, id]) => this.#dead.has(id) && !this.#told.has(call)).length,
      virtualMs: cluster.now,
      breaches: [...this.#breaches, ...cluster.faults.map((fault) => `fault: ${fault}`)],
    }
  }

  #serve(id: string): void {
    const handler: ServiceHandler = (value) => this.#handle(id, value as number)
    const options = { handler, service: NAME, follow: () => () => undefined, ended: () => undefined }
    const { replica } = this.#cluster.open(id, serviceKind, { name: GROUP, options })
    const { machine } = replica as unknown as { machine: { apply(...args: readonly unknown[]): unknown } }
    const apply = machine.apply
    machine.apply = (...args) => {
      const answer = apply.apply(machine, [...args])
      const [body] = args as [unknown[]]
      if (body[0] === SERVICE_OP.outcome && Array.isArray(answer) && answer[0] === true) this.#record(id, body)
      return answer
    }
    this.#serving.add(id)
  }

  #record(id: string, body: readonly unknown[]): void {
    const outcome = body[5] as [boolean, unknown, unknown?]
    const text = outcome[0] ? new TextDecoder().decode(outcome[1] as Uint8Array) : `${outcome[2]}`
    const call = Number(/call (\d+) by/.exec(text)?.[1])
    const told = /call \d+ by \w+( fails)?/.exec(text)?.[0] ?? text
    const known = this.#recorded.get(call)
    if (known === undefined) this.#recorded.set(call, told)
    else if (known !== told) this.#breaches.push(`${id} records "${told}" for call ${call}, another "${known}"`)
  }

  async #handle(id: string, call: number): Promise<string> {
    this.#runs += 1
    const recorded = this.#recorded.get(call)
    if (recorded !== undefined) this.#breaches.push(`${id} runs call ${call}, which is recorded as "${recorded}"`)
    const { mail } = this.#cluster.app(id)
    if (this.#random.chance(this.#options.killChance)) mail.after(this.#random.int(KILL_MS), () => this.#kill(id))
    await new Promise<void>((resolve) => mail.after(this.#random.int(RUN_MS), resolve))
    if (call % 10 === 0) throw new Error(`call ${call} by ${id} fails`)
    return `call ${call} by ${id}`
  }

  /** Has it the record? If all who have it die at once, it is lost, and who is left waits for them. */
  #isWhole(id: string): boolean {
    const group = this.#cluster.app(id).group(GROUP)
    return group?.isWhole === true && group.view?.primary === true
  }

  #kill(id: string): void {
    if (this.#dead.has(id) || !this.#isWhole(id)) return
    if ([...this.#serving].filter((each) => this.#isWhole(each)).length <= LEAST) return
    this.#kills += 1
    this.#dead.add(id)
    this.#serving.delete(id)
    this.#callers.splice(
      this.#callers.findIndex((caller) => caller.id === id),
      1,
    )
    this.#cluster.crash(id)
    this.#servers += 1
    const next = `s${this.#servers}`
    const app = this.#cluster.add(next)
    this.#serve(next)
    app.mail.after(0, () => this.#addCaller(next))
  }

  #addCaller(id: string): void {
    const { mail } = this.#cluster.app(id)
    const send = mail.send.bind(mail)
    mail.send = (to, address, value) => {
      if (address === GROUP && Array.isArray(value) && value[0] === 1) this.#sent += 1
      return send(to, address, value)
    }
    this.#callers.push({ id, client: new ServiceClient(NAME, mail), open: 0 })
  }

  #callMore(caller: Caller): void {
    const isClient = caller.id.startsWith('c')
    // Half of the calls are of clients, however many there are of them.
    const isEnough = isClient ? this.#ofClients * 2 > this.#made : this.#ofClients * 2 < this.#made
    for (let i = this.#random.int(4); i >= 0 && caller.open < OPEN_MAX && this.#made < this.#options.calls; i -= 1) {
      if (isEnough && this.#made > 0) return
      this.#made += 1
      if (isClient) this.#ofClients += 1
      void this.#call(caller, this.#made)
    }
  }

  async #call(caller: Caller, call: number): Promise<void> {
    caller.open += 1
    this.#callerOf.set(call, caller.id)
    let told: string
    try {
      told = await caller.client.call<string>(call)
    } catch (error) {
      const { code, message } = error as Error & { readonly code?: string }
      if (code === 'remote') told = message
      else {
        told = `!${code}`
        if (code === undefined) this.#breaches.push(`call ${call} ends with ${String(error)}`)
        this.#errors[`${code}`] = (this.#errors[`${code}`] ?? 0) + 1
      }
    }
    if (this.#dead.has(caller.id)) return
    caller.open -= 1
    this.#told.set(call, [...(this.#told.get(call) ?? []), told])
  }

  #checkAll(): void {
    for (const [call, id] of this.#callerOf) {
      const told = this.#told.get(call) ?? []
      if (told.length !== 1 && !this.#dead.has(id))
        this.#breaches.push(`${id} is told ${told.length} times of call ${call}`)
      const recorded = this.#recorded.get(call)
      for (const each of told)
        if (!each.startsWith('!') && each !== recorded)
          this.#breaches.push(`${id} is told "${each}" of call ${call}, which is recorded as "${recorded}"`)
    }
  }
}
