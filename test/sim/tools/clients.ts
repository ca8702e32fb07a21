/** A group and its clients, as the simulator uses them: some processes are members, all are clients; both are told of it. */
import type { Group, GroupEvent, GroupOpenOptions, GroupTools } from '../../../lib/group.ts'
import type { ClientEvent, GroupClient } from '../../../lib/group-client.ts'
import type { CastOptions, GroupPort } from '../../../lib/objects/replica.ts'
import { RemoteError } from '../../../lib/tool-errors.ts'
import type { Legacy } from '../../../lib/tools/attachment.ts'
import type { ReplyEntry, RequestOptions } from '../../../lib/tools/replies.ts'
import type { Random } from '../random.ts'
import { isLagging, type Scenario } from '../scenario.ts'
import type { RawLine } from '../trace.ts'
import { type OpenTool, type SimTool, ToolCalls, type ToolPlace } from './tool.ts'

const NAME = 'chat'
const CLIENTS = 'guests'
/** How often a cast is a gbcast, and how many are made at once, at most. */
const GBCAST_CHANCE = 0.02
const BURST = 5
/** How often a client ends before it casts, and another one of its process begins. */
const ANEW_CHANCE = 0.04
/** How often only casts are wanted. */
const DEAF_CHANCE = 0.15
/** In how many of the runs clients ask as well, how often there they do in the place of a cast, and take it back. */
const ASKING = { runs: 0.6, casts: 0.25, abort: 0.1 }
/** How often a handler throws, and how often it answers later, after so many ms at most. */
const THROW_CHANCE = 0.1
const LATER = { chance: 0.5, ms: 300 }

/** The group of a run. */
export function drawChat({ random }: Scenario): GroupOpenOptions {
  const draw = random.fork('clients')
  const order = draw.pick(['fifo', 'causal', 'causal', 'total', 'total'] as const) ?? 'total'
  const consistency = order === 'total' && draw.chance(0.5) ? 'consistent' : 'available'
  const options = { order, consistency, uniform: draw.chance(0.3), clients: true } as const
  const strong = draw.chance(0.15) ? { strong: true } : {}
  // So few that clients which were away find a gap.
  return { ...options, ...strong, ...(draw.chance(0.3) ? { clientsKeep: 4 } : {}) }
}

/** What an entry is in the trace. */
function lineOf(entry: GroupEvent | ClientEvent): Omit<RawLine, 'e'> {
  if (entry.type === 'cast') {
    const { from, n, via = null, value, view } = entry
    return { k: 'cast', from, n, via, value, view }
  }
  return entry.type === 'view' ? { k: 'view', view: entry.view.id } : { k: entry.type }
}

/** Where pages lag, windows are so small that nothing else would come through. */
function burstOf(scenario: Scenario): number {
  return isLagging(scenario) ? 1 : BURST
}

function castOptions(random: Random): CastOptions {
  return random.chance(GBCAST_CHANCE) ? { service: 'gbcast' } : {}
}

/** Replies to the requests of clients, and writes which it is given. */
function answerClients(group: Group, place: ToolPlace): void {
  const { process, world, write } = place
  const calls = new ToolCalls(place)
  const chance = world.scenario.random.fork(`chat/asks/${process.id}/${process.now}`)
  let n: unknown = null
  let told = ''
  const handleRequest = group.handleRequest
  group.handleRequest = (value, info) => {
    n = Array.isArray(value) ? value[3] : null
    told = info.view
    return handleRequest.call(group, value, info)
  }
  group.respond((value, { from, via }) => {
    write({ e: 'heard', obj: NAME, k: 'ask', from, n, via, value, view: told })
    if (chance.chance(THROW_CHANCE)) throw new RangeError(`${process.id} ${value}`)
    const reply = [process.id, value]
    return chance.chance(LATER.chance) ? calls.pause(chance.between(0, LATER.ms)).then(() => reply) : reply
  })
}

/** What is written of an entry beside its status. */
function detailOf(entry: ReplyEntry): unknown {
  if (entry.status === 'reply') return entry.value
  return entry.status === 'failed' && entry.error instanceof RemoteError ? entry.error.remoteName : null
}

/** A member: what it is told is written as it is told. */
function openMember(group: Group, place: ToolPlace): OpenTool {
  const { write, world } = place
  answerClients(group, place)
  let isReplaced = false
  const handleState = group.handleState
  group.handleState = (replaced) => {
    isReplaced = replaced
    handleState.call(group, replaced)
  }
  write({ e: 'heard', obj: NAME, k: 'begin' })
  for (const type of ['cast', 'view', 'state'] as const)
    group.addEventListener(type, ({ entry }) => {
      const more = type === 'state' ? { replaced: isReplaced } : {}
      write({ e: 'heard', obj: NAME, ...lineOf(entry), ...more })
    })
  return {
    act(random, value) {
      for (let i = random.int(burstOf(world.scenario)); i >= 0; i -= 1) {
        if (!group.writable) return false
        // What becomes of it is the kernel's affair.
        group.cast(value + i / 10, castOptions(random)).delivered.catch(() => undefined)
      }
      return true
    },
    close: () => group.close(),
  }
}

/** The members. */
export const chat: SimTool = {
  name: NAME,
  async load() {
    const { groupKind } = await import('../../../lib/group.ts')
    const { EventNumbers } = await import('../../../lib/event-numbers.ts')
    const { Sponsor } = await import('../../../lib/tools/sponsor.ts')
    const tools: GroupTools = {
      whenLeader: () => Promise.reject(),
      serve: () => Promise.reject(),
      makeSponsor: (port, how) => new Sponsor(port, how),
    }
    return {
      isPlain: true,
      open(place, use) {
        const options = drawChat(place.world.scenario)
        return use(groupKind(options, new EventNumbers(), tools), options, (group) => openMember(group, place))
      },
    }
  },
}

/** The client of one process, and those before it. */
class OpenClient implements OpenTool {
  readonly #make: (legacy: Legacy | null, follow: boolean) => GroupClient
  readonly #place: ToolPlace
  readonly #calls: ToolCalls
  readonly #port: GroupPort
  readonly #burst: number
  /** Apart, so that the other draws are as they would be without. */
  readonly #asking: Random
  readonly #askChance: number
  #client: GroupClient | null = null
  #legacy: Legacy | null = null

  constructor(port: GroupPort, place: ToolPlace, make: (legacy: Legacy | null, follow: boolean) => GroupClient) {
    this.#port = port
    this.#place = place
    this.#make = make
    this.#calls = new ToolCalls({ ...place, name: NAME })
    this.#burst = burstOf(place.world.scenario)
    const { random } = place.world.scenario
    this.#asking = random.fork(`guests/asks/${place.process.id}/${place.process.now}`)
    this.#askChance = random.fork('client-asks').chance(ASKING.runs) ? ASKING.casts : 0
    this.#begin(false)
  }

  #begin(isDeaf: boolean): void {
    const { write } = this.#place
    write({ e: 'fed', obj: NAME, k: 'begin', ...(isDeaf ? { deaf: true } : {}) })
    const client = this.#make(this.#legacy, !isDeaf)
    this.#client = client
    for (const type of ['cast', 'view', 'state', 'gap'] as const)
      client.addEventListener(type, ({ entry }) =>
        write({ e: 'fed', obj: NAME, ...lineOf(entry), sponsor: client.sponsor }),
      )
  }

  act(random: Random, value: number): boolean {
    if (random.chance(ANEW_CHANCE)) {
      this.#client?.handleEnd()
      this.#legacy = this.#client?.legacy ?? this.#legacy
      this.#begin(random.chance(DEAF_CHANCE))
    }
    const client = this.#client
    if (client === null) return false
    for (let i = random.int(this.#burst); i >= 0; i -= 1) {
      if (!client.writable) return i > 0
      const options = castOptions(random)
      if (this.#asking.chance(this.#askChance)) this.#ask(client, value + i / 10)
      else this.#cast(client, value + i / 10, options)
    }
    return true
  }

  #cast(client: GroupClient, value: number, options: CastOptions): void {
    void this.#calls.run('castAsClient', [value], async () => {
      const { n, stable } = client.cast(value, options)
      this.#place.write({ e: 'made', obj: NAME, n, value })
      await stable
      return n
    })
  }

  #ask(client: GroupClient, value: number): void {
    const draw = this.#asking
    const abort = new AbortController()
    if (draw.chance(ASKING.abort)) this.#calls.after(draw.between(0, 300), () => abort.abort())
    const replies: RequestOptions['replies'] =
      draw.pick(['all', 'all', 'all', 'first', 'majority', 2] as const) ?? 'all'
    void this.#calls.run('askAsClient', [value, replies], async () => {
      const { last } = client.legacy
      const asked = client.request(value, { replies, signal: abort.signal })
      if (client.legacy.last > last) this.#place.write({ e: 'made', obj: NAME, n: client.legacy.last, value })
      const { view, entries } = await asked
      return [view.id, [...entries].map(([id, entry]) => [id, entry.status, detailOf(entry)])]
    })
  }

  close(): Promise<void> {
    this.#client?.handleEnd()
    return this.#port.close()
  }
}

/** The clients. */
export const guests: SimTool = {
  name: CLIENTS,
  async load() {
    const { bareKind } = await import('./bare.ts')
    const { GroupClient } = await import('../../../lib/group-client.ts')
    const { EventNumbers } = await import('../../../lib/event-numbers.ts')
    const { NO_LEGACY } = await import('../../../lib/tools/attachment.ts')
    return {
      isPlain: true,
      open(place, use) {
        const { process } = place
        const numbers = new EventNumbers()
        const fault = (code: string, from: string): void => {
          throw new TypeError(`${process.id}: ${code} of ${from}`)
        }
        const tools = { numbers, fault, call: () => Promise.reject() }
        return use(bareKind, {}, (port) => {
          const make = (legacy: Legacy | null, follow: boolean): GroupClient =>
            new GroupClient(NAME, port.mail, { legacy: legacy ?? NO_LEGACY, follow, tools })
          return new OpenClient(port, place, make)
        })
      },
    }
  },
}
