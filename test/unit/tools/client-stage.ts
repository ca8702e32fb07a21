/** A group that takes clients, some members and some clients, and what each of them is told. */
import assert from 'node:assert/strict'
import { EventNumbers } from '../../../lib/event-numbers.ts'
import { type Group, type GroupEvent, type GroupOpenOptions, type GroupTools, groupKind } from '../../../lib/group.ts'
import { type ClientEvent, GroupClient } from '../../../lib/group-client.ts'
import { NO_LEGACY } from '../../../lib/tools/attachment.ts'
import { Sponsor } from '../../../lib/tools/sponsor.ts'
import { AppCluster } from './app-cluster.ts'

const NONE: GroupTools = {
  whenLeader: () => Promise.reject(),
  serve: () => Promise.reject(),
  makeSponsor: (port, options) => new Sponsor(port, options),
}

/** One entry, in short: what was cast and by whom, `view`, `state`, or `gap:` and the reason. */
export function short(entry: GroupEvent | ClientEvent): string {
  if (entry.type === 'cast') return `${entry.from}:${entry.value}`
  return entry.type === 'gap' ? `gap:${entry.reason}` : entry.type
}

/** The processes of a test. */
export class ClientStage {
  readonly cluster: AppCluster
  readonly groups = new Map<string, Group>()
  readonly clients = new Map<string, GroupClient>()
  /** What each was told, members and clients. */
  readonly told = new Map<string, string[]>()
  readonly faults: string[] = []
  readonly #options: GroupOpenOptions

  constructor(cluster: AppCluster, options: GroupOpenOptions) {
    this.cluster = cluster
    this.#options = { clients: true, ...options }
  }

  /** Members are whole, and clients are served. */
  static async of(
    members: readonly string[],
    clients: readonly string[],
    options: GroupOpenOptions = {},
  ): Promise<ClientStage> {
    const stage = new ClientStage(await AppCluster.of([...members, ...clients]), options)
    for (const id of members) stage.join(id)
    await stage.whole(members)
    for (const id of clients) stage.attach(id)
    await stage.cluster.until(() => clients.every((id) => stage.client(id).sponsor !== null))
    await stage.cluster.run(50)
    return stage
  }

  group(id: string): Group {
    const group = this.groups.get(id)
    assert.ok(group)
    return group
  }

  client(id: string): GroupClient {
    const client = this.clients.get(id)
    assert.ok(client)
    return client
  }

  /** The casts that it was told, and the gaps. */
  casts(id: string): string[] {
    return (this.told.get(id) ?? []).filter((entry) => entry !== 'view' && entry !== 'state')
  }

  join(id: string): Group {
    const kind = groupKind(this.#options, new EventNumbers(), NONE)
    const state = this.#options.clients === true || this.#options.state !== undefined
    const group = this.cluster.open(id, kind, { options: this.#options, state })
    this.groups.set(id, group)
    this.told.set(id, [])
    for (const type of ['cast', 'view', 'state'] as const)
      group.addEventListener(type, ({ entry }) => this.told.get(id)?.push(short(entry)))
    return group
  }

  async whole(members: readonly string[]): Promise<void> {
    await this.cluster.until(() =>
      members.every((id) => {
        const group = this.cluster.app(id).group('g')
        return group?.isWhole === true && group.view?.members.length === members.length
      }),
    )
  }

  attach(id: string, follow = true, legacy = NO_LEGACY): GroupClient {
    const fault = (code: string, from: string): void => void this.faults.push(`${id} ${from} ${code}`)
    const tools = { numbers: new EventNumbers(), fault, call: () => Promise.reject() }
    const client = new GroupClient('g', this.cluster.app(id).mail, { follow, tools, legacy })
    this.clients.set(id, client)
    this.told.set(id, [])
    for (const type of ['cast', 'view', 'state', 'gap'] as const)
      client.addEventListener(type, ({ entry }) => this.told.get(id)?.push(short(entry)))
    return client
  }
}
