/**
 * Writes what a machine and its replica do: what each call of this process is cast as and what it is told (`ask`, `told`),
 * and each step of the agreed order with what the machine did at it (`exec`). It writes down; what is right is for the
 * checkers.
 */
import type { MachineReplica } from '../../lib/objects/machine-replica.ts'
import type { CastOptions, GroupPort, GroupView, OpInfo, Replica } from '../../lib/objects/replica.ts'
import type { Answer, Caller, Machine, MachineContext } from '../../lib/objects/state-machine.ts'
import { hashValue } from '../../lib/values.ts'
import { plainValue } from './tools/plain-value.ts'
import type { Holds } from './tools/tool.ts'
import type { RawLine } from './trace.ts'

type AnyReplica = MachineReplica<Machine>

/** A call that is about to be cast. */
interface Casting {
  readonly id: number
  call: readonly [opening: number, n: number] | null
}

/** Something that the machine did at a step. */
interface Deed {
  readonly do: 'apply' | 'cancel' | 'release' | 'view'
  readonly by?: string
  readonly n?: number
  answer?: unknown
  /** Of those that waited: who, which call, what. */
  answers?: unknown[]
}

/** A replica to be watched: the port that it is to be made with, and then it is attached itself. */
export interface MachineWatch {
  readonly port: GroupPort
  attach(replica: Replica): void
}

/** The operations of `sessions.ts`, by their first element. */
const OPS = ['request', 'cancel', 'expire'] as const

/** Makes the replica of one group at one process write lines. */
export function watchMachine(real: GroupPort, write: (line: RawLine) => void, holds?: Holds): MachineWatch {
  const watch = new Watch(real, write, holds)
  const cast: GroupPort['cast'] = (op, options) => watch.cast(op, options)
  const port = new Proxy(real, {
    get(target, name): unknown {
      if (name === 'cast') return cast
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  return { port, attach: (replica) => watch.attach(machineIn(replica)) }
}

/** The replica that drives a machine: this one, or one that it has. */
function machineIn(replica: Replica): AnyReplica {
  for (const each of [replica, ...Object.values(replica)]) {
    if (typeof each === 'object' && each !== null && 'sessions' in each && 'machine' in each) return each as AnyReplica
  }
  throw new TypeError('no machine')
}

class Watch {
  readonly #port: GroupPort
  readonly #write: (line: RawLine) => void
  readonly #holds: Holds | undefined
  /** What this process asks for, by opening and number. */
  readonly #asked = new Map<string, unknown>()
  readonly #openings = new Set<number>()
  #sessions: AnyReplica['sessions'] | null = null
  /** The calls of this process that were cast, by opening and number. */
  readonly #castings = new Map<string, Casting>()
  /** The call that is about to be cast. */
  #casting: Casting | null = null
  #calls = 0
  #deeds: Deed[] = []
  /** Its own grants that have been, by lock and token. */
  readonly #known = new Set<string>()
  /** Lines of grants, to come after that of the step. */
  readonly #granted: RawLine[] = []
  #isDoing = false

  constructor(port: GroupPort, write: (line: RawLine) => void, holds: Holds | undefined) {
    this.#port = port
    this.#holds = holds
    this.#write = (line) => write({ ...line, obj: port.name })
  }

  cast(op: unknown, options: CastOptions | undefined): ReturnType<GroupPort['cast']> {
    const first = this.#casting
    this.#casting = null
    const receipt = this.#port.cast(op, options)
    if (Array.isArray(op) && op[0] === 0) {
      const [, opening, , , , , n, body] = op as [0, number, number, number, unknown, number, number, unknown]
      // What is cast again is not said to be sent again, where the cast before may have counted.
      const casting = first ?? this.#castings.get(`${opening} ${n}`)
      if (casting === undefined) return receipt
      const m = `${this.#port.self}#${receipt.n}`
      this.#write({ e: 'ask', id: casting.id, call: [opening, n], body: plainValue(body), m })
      if (casting.call?.[0] !== opening || casting.call[1] !== n) {
        this.#openings.add(opening)
        this.#asked.set(`${opening} ${n}`, body)
        this.#noteRelease(body)
      }
      casting.call = [opening, n]
      this.#castings.set(`${opening} ${n}`, casting)
    }
    return receipt
  }

  attach(replica: AnyReplica): void {
    this.#sessions = replica.sessions
    this.#watchCalls(replica)
    this.#watchMachine(replica.machine)
    this.#watchSteps(replica)
    this.#step(replica, { step: 'begin' })
  }

  #watchCalls(replica: AnyReplica): void {
    const call = replica.call
    replica.call = (body, options = {}) => {
      this.#calls += 1
      const casting: Casting = { id: this.#calls, call: null }
      const sent = (now: number): void => {
        this.#casting = casting
        options.sent?.(now)
      }
      const result = call.call(replica, body, { ...options, sent })
      const told = (ok: boolean, value: unknown): void => {
        if (casting.call !== null) this.#write({ e: 'told', id: casting.id, call: casting.call, ok, value })
      }
      result.then(
        (value) => told(true, plainValue(value)),
        (error: unknown) => told(false, codeOf(error)),
      )
      return result
    }
  }

  #watchMachine(machine: Machine): void {
    const { apply, cancel, release, viewed } = machine
    machine.apply = (body, caller, context) =>
      this.#do({ do: 'apply', by: caller.process, n: caller.call }, context, (heard, deed) => {
        const answer = apply.call(machine, body, caller, heard)
        if (deed !== null) deed.answer = plainValue(answer)
        if (answer !== null && answer !== 'waits') this.#noteGrant(caller, answer)
        return answer
      })
    if (cancel !== undefined)
      machine.cancel = (caller, context) =>
        this.#do({ do: 'cancel', by: caller.process, n: caller.call }, context, (heard) =>
          cancel.call(machine, caller, heard),
        )
    if (release !== undefined)
      machine.release = (process, context) =>
        this.#do({ do: 'release', by: process }, context, (heard) => release.call(machine, process, heard))
    if (viewed !== undefined)
      machine.viewed = (context) => this.#do({ do: 'view' }, context, (heard) => viewed.call(machine, heard))
  }

  /** What a machine asks of itself meanwhile is part of the same deed. */
  #do<Value>(deed: Deed, context: MachineContext, act: (heard: MachineContext, deed: Deed | null) => Value): Value {
    if (this.#isDoing) return act(context, null)
    this.#isDoing = true
    this.#deeds.push(deed)
    try {
      return act(this.#heard(context, deed), deed)
    } finally {
      this.#isDoing = false
    }
  }

  /** What the machine is given, with an ear on what it answers to those who wait. */
  #heard(context: MachineContext, deed: Deed): MachineContext {
    const answer: MachineContext['answer'] = (caller: Caller, given) => {
      deed.answers ??= []
      deed.answers.push([caller.process, caller.call, plainValue(given)])
      this.#noteGrant(caller, given)
      context.answer(caller, given)
    }
    return {
      get view() {
        return context.view
      },
      get line() {
        return context.line
      },
      get isPrimary() {
        return context.isPrimary
      },
      get members() {
        return context.members
      },
      get ranked() {
        return context.ranked
      },
      nextToken: () => context.nextToken(),
      answer,
    }
  }

  /** This process is given something to hold. What an opening of before this replica is given, it knows nothing of. */
  #noteGrant({ process, call }: Caller, answer: Answer): void {
    if (process !== this.#port.self || !answer[0]) return
    const opening = [...this.#openings].find((each) => (this.#sessions?.recordOf(process, each, call) ?? null) !== null)
    const body = this.#asked.get(`${opening} ${call}`)
    const hold = body === undefined ? null : (this.#holds?.granted(body, answer[1]) ?? null)
    if (hold === null) return
    const lock = `${this.#port.name}/${hold.lock}`
    const key = `${lock} ${hold.token.join()}`
    // A state that was taken over may come back to a step that has been: that grants nothing new.
    if (this.#known.has(key)) return
    this.#known.add(key)
    this.#granted.push({ e: 'grant', ...hold, lock })
  }

  /** It gives up something that it holds. */
  #noteRelease(body: unknown): void {
    const hold = this.#holds?.released(body) ?? null
    if (hold !== null) this.#write({ e: 'release', ...hold, lock: `${this.#port.name}/${hold.lock}` })
  }

  #watchSteps(replica: AnyReplica): void {
    const { apply, view, load } = replica
    replica.apply = (op: unknown, info: OpInfo) => {
      const isTaken = apply.call(replica, op, info)
      this.#step(replica, { step: 'op', by: info.author, at: [info.view, info.index], ...readOp(op) })
      return isTaken
    }
    replica.view = (next: GroupView) => {
      view.call(replica, next)
      const { id, members, primary, line, left, dead } = next
      this.#step(replica, { step: 'view', view: id, members, primary, line, left, dead })
    }
    replica.load = (saved: unknown) => {
      load.call(replica, saved)
      this.#step(replica, { step: 'load' })
    }
  }

  #step(replica: AnyReplica, line: Readonly<Record<string, unknown>>): void {
    const deeds = this.#deeds
    this.#deeds = []
    this.#write({ e: 'exec', ...line, deeds, h: hashValue(replica.save()) })
    for (const grant of this.#granted.splice(0)) this.#write(grant)
  }
}

/** What an operation asks for. */
function readOp(op: unknown): Readonly<Record<string, unknown>> {
  if (!Array.isArray(op)) return {}
  const name = OPS[op[0] as number]
  if (name === 'expire') return { op: name, whom: op[1], since: op[2] }
  return { op: name, call: [op[1], op[6]], ...(name === 'request' ? { body: plainValue(op[7]) } : {}) }
}

/** The code of a typed error, or its name. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { code } = error as Error & { readonly code?: unknown }
  return typeof code === 'string' ? code : error.name
}
