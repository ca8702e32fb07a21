/**
 * Yjs's random workload over the provider, in place of its `TestConnector`: documents are edited at random while their
 * providers disconnect and connect, messages are under way, processes crash, others come, and links break; then all come to
 * rest, and `yjs/testHelper` compares everything that there is to compare.
 *
 * Kernels and providers are the real ones; the network and the time are those of `app-cluster.ts`.
 */
import assert from 'node:assert/strict'
import * as prng from 'lib0/prng'
import * as Y from 'yjs'
import { compare, TestYInstance } from 'yjs/testHelper'
import { Provider } from '../../../adapters/yjs/provider.ts'
import { Registry } from '../../../lib/registry.ts'
import type { Space } from '../../../lib/space.ts'
import { AppCluster } from '../tools/app-cluster.ts'
import { editAtRandom } from './random-edits.ts'

/** What happened in some rounds. */
export interface RoundCounts {
  rounds: number
  edits: number
  disconnects: number
  crashes: number
  joins: number
  splits: number
}

const USERS = 4
const EDITS = 40

/** The helper's documents ask it to be connected; here their provider is. */
const noConnector = { allConns: new Set(), onlineConns: new Set(), flushAllMessages: () => false }

class User extends TestYInstance {
  readonly process: string
  provider: Provider | null = null

  constructor(process: string) {
    super(noConnector, 0)
    // `compare` looks for a network to flush.
    Object.assign(this, { tc: noConnector })
    this.process = process
  }

  override connect(): void {
    this.provider?.connect()
  }

  override disconnect(): void {
    this.provider?.disconnect()
  }
}

/** Processes that stay together from one round to the next, but for those that crash. */
export class Rounds {
  readonly counts: RoundCounts = { rounds: 0, edits: 0, disconnects: 0, crashes: 0, joins: 0, splits: 0 }
  readonly #gen: prng.PRNG
  readonly #cluster: AppCluster
  readonly #registries = new Map<string, Registry>()
  #next = USERS

  private constructor(seed: number, cluster: AppCluster) {
    this.#gen = prng.create(seed)
    this.#cluster = cluster
  }

  static async start(seed: number): Promise<Rounds> {
    const ids = Array.from({ length: USERS }, (_, i) => `p${i}`)
    return new Rounds(seed, await AppCluster.of(ids))
  }

  /** One round. Throws if the documents are not equal at its end. */
  async round(): Promise<void> {
    const gen = this.#gen
    const room = `doc ${this.counts.rounds}`
    const users = this.#cluster.ids.map((id) => this.#open(id, room))
    for (let i = 0; i < EDITS; i += 1) {
      await this.#disturb(users, room)
      const user = prng.oneOf(gen, users)
      editAtRandom(user, gen)
      this.counts.edits += 1
    }
    this.#heal()
    for (const user of users) user.connect()
    await this.#atRest(users)
    assert.deepEqual(this.#cluster.faults, [])
    for (const { provider } of users) provider?.destroy()
    compare([...users])
    this.counts.rounds += 1
    await this.#restore()
  }

  #open(process: string, room: string): User {
    const user = new User(process)
    // Not by chance, so that a seed is one run.
    user.clientID = prng.uint32(this.#gen, 1, 0xffffffff)
    const provider = new Provider(this.#space(process), room, user, { awareness: null }, { yjs: Y, makeAwareness })
    provider.on('fault', (fault) => assert.fail(`${process}: ${JSON.stringify(fault)}`))
    user.provider = provider
    return user
  }

  /** As much of a space as a provider needs. */
  #space(process: string): Space {
    const app = this.#cluster.app(process)
    const registry = this.#registries.get(process) ?? new Registry(app)
    this.#registries.set(process, registry)
    const ignore = (): void => undefined
    const space = {
      status: 'together',
      members: [],
      addEventListener: ignore,
      removeEventListener: ignore,
      open: (kind: never, name: string, options: object) => registry.open({ kind, name, options, hasState: true }),
    }
    return space as unknown as Space
  }

  /** As Yjs's: 2 % somebody disconnects or connects, 1 % all messages arrive, 50 % some do. And what it has not: crashes, newcomers, broken links. */
  async #disturb(users: User[], room: string): Promise<void> {
    const gen = this.#gen
    const dice = prng.int32(gen, 0, 999)
    if (dice < 20) {
      const user = prng.oneOf(gen, users)
      this.counts.disconnects += 1
      if (user.provider?.shouldConnect === true) user.disconnect()
      else user.connect()
    } else if (dice < 30) await this.#cluster.run(300)
    else if (dice < 500) await this.#cluster.run(prng.int32(gen, 1, 20))
    else if (dice < 508 && users.length > 2) {
      const [user] = users.splice(prng.int32(gen, 0, users.length - 1), 1)
      if (user === undefined) return
      this.counts.crashes += 1
      this.#cluster.crash(user.process)
      this.#registries.delete(user.process)
      user.destroy()
    } else if (dice < 516) {
      const id = this.#add()
      this.counts.joins += 1
      users.push(this.#open(id, room))
    } else if (dice < 524 && users.length > 2) {
      this.#heal()
      this.counts.splits += 1
      const part = new Set(this.#cluster.ids.filter(() => prng.bool(gen)))
      for (const a of this.#cluster.ids)
        for (const b of this.#cluster.ids) if (a < b && part.has(a) !== part.has(b)) this.#cut(a, b)
    } else if (dice < 540) this.#heal()
  }

  readonly #cuts = new Set<string>()

  #cut(a: string, b: string): void {
    this.#cuts.add(`${a} ${b}`)
    this.#cluster.disconnect(a, b)
  }

  #heal(): void {
    for (const cut of this.#cuts) {
      const [a = '', b = ''] = cut.split(' ')
      const { ids } = this.#cluster
      if (ids.includes(a) && ids.includes(b)) this.#cluster.connect(a, b)
    }
    this.#cuts.clear()
  }

  #add(): string {
    const id = `p${this.#next}`
    this.#next += 1
    this.#cluster.add(id)
    return id
  }

  async #atRest(users: readonly User[]): Promise<void> {
    const { ids } = this.#cluster
    const isTogether = (): boolean =>
      ids.every((id) => this.#cluster.app(id).view?.members.length === ids.length) &&
      users.every(({ provider }) => provider?.synced === true && provider.room?.webrtcConns.size === users.length - 1)
    await this.#cluster.until(isTogether)
    // What was lost on links that were cut is sent again after seconds.
    await this.#cluster.run(5000)
  }

  /** As many processes as at the beginning. */
  async #restore(): Promise<void> {
    while (this.#cluster.ids.length > USERS) {
      const [first] = this.#cluster.ids
      if (first === undefined) break
      this.#registries.delete(first)
      this.#cluster.crash(first)
    }
    while (this.#cluster.ids.length < USERS) this.#add()
    const { ids } = this.#cluster
    await this.#cluster.until(() => ids.every((id) => this.#cluster.app(id).view?.members.length === ids.length))
  }
}

function makeAwareness(): never {
  throw new Error('nobody asked for one')
}
