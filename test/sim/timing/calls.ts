/**
 * What requests, calls of services and clients of groups cost, measured as the tools are (`tools.ts`): with n who are members, or
 * serve, and one process more that is, and does, neither.
 */
import { EventNumbers } from '../../../lib/event-numbers.ts'
import { type Group, type GroupOpenOptions, groupKind } from '../../../lib/group.ts'
import { type ClientEvent, GroupClient } from '../../../lib/group-client.ts'
import { Registry } from '../../../lib/registry.ts'
import { NO_LEGACY } from '../../../lib/tools/attachment.ts'
import { serviceGroup, serviceKind } from '../../../lib/tools/service.ts'
import { ServiceClient } from '../../../lib/tools/service-client.ts'
import { Sponsor } from '../../../lib/tools/sponsor.ts'
import type { SimProcess } from '../process.ts'
import { at, countFrames, later, type Measuring, measureRounds, type Round, type ToolFigures } from './counting.ts'
import { Stage } from './stage.ts'

/** The orders in which all is measured, by what they are called. */
const ORDERS = {
  causal: { order: 'causal' },
  total: { order: 'total' },
  'total, uniform': { order: 'total', uniform: true },
} as const satisfies Readonly<Record<string, GroupOpenOptions>>

/** The member that calls; it is not first. */
const CALLER = 2

/** Measures all of them with `n` members. */
export async function measureCalls(n: number): Promise<readonly ToolFigures[]> {
  const figures: ToolFigures[] = []
  for (const [name, options] of Object.entries(ORDERS)) figures.push(...(await measureGroup(n, name, options)))
  return [...figures, ...(await measureService(n))]
}

/** The members by rank, and one more process. */
async function gather(n: number): Promise<{ stage: Stage; members: SimProcess[]; other: SimProcess }> {
  const stage = new Stage(1)
  stage.joinAll(n + 1, 500)
  await stage.pass(1_000)
  await stage.settle(20_000)
  const members = Array.from({ length: n }, (_, rank) => stage.ranked(rank))
  return { stage, members, other: stage.ranked(n) }
}

async function measureGroup(n: number, name: string, options: GroupOpenOptions): Promise<ToolFigures[]> {
  const { stage, members, other } = await gather(n)
  const opened: GroupOpenOptions = { ...options, clients: true }
  const kind = groupKind(opened, new EventNumbers(), {
    whenLeader: () => Promise.reject(),
    serve: () => Promise.reject(),
    makeSponsor: (port, how) => new Sponsor(port, how),
  })
  const groups: Group[] = []
  for (const process of members) {
    const registry = new Registry(process.app)
    const group = await later(stage, process, () => registry.open({ kind, name: 'g', options: opened, hasState: true }))
    group.respond(() => 1)
    groups.push(group)
  }
  const client = await attach(stage, other)
  const sponsor = members.find(({ id }) => id === client.sponsor)
  // Neither that one nor the first, which has what it orders sooner.
  const elsewhere = groups[members.findLastIndex((each) => each !== sponsor)]
  const count = countFrames(stage)
  const figures: ToolFigures[] = []
  const measure = async (by: Measuring['by'], call: string, run: Round['run']): Promise<void> => {
    figures.push({ tool: name, call, ...(await measureRounds({ stage, by, count }, { run })) })
  }
  await measure(other, 'client.cast, until another member has it', (round) => {
    const told = once(elsewhere, round)
    client.cast(round)
    return told
  })
  await measure(other, 'client.cast, until `delivered`', (round) => client.cast(round).delivered)
  await measure(other, 'client.cast, until `stable`', (round) => client.cast(round).stable)
  await measure(other, 'client.request', (round) => client.request(round))
  await measure(at(members, CALLER), 'cast of a member, until the client has it', (round) => {
    const told = once(client, round)
    at(groups, CALLER).cast(round)
    return told
  })
  // No client is there to be fed.
  await later(stage, other, () => client.close())
  await measure(at(members, CALLER), 'group.request', (round) => at(groups, CALLER).request(round))
  return figures
}

async function attach(stage: Stage, process: SimProcess): Promise<GroupClient> {
  const tools = { numbers: new EventNumbers(), fault: () => undefined, call: () => Promise.reject() }
  return await later(stage, process, async () => {
    const client = new GroupClient('g', process.app.mail, { legacy: NO_LEGACY, tools })
    await client.ready
    return client
  })
}

/** Resolves when that value is told there. */
function once(source: Group | GroupClient | undefined, value: unknown): Promise<void> {
  return new Promise((resolve) => {
    const target = source as EventTarget | undefined
    const listener = (event: Event): void => {
      const { entry } = event as Event & { readonly entry: ClientEvent }
      if (entry.type !== 'cast' || entry.value !== value) return
      target?.removeEventListener('cast', listener)
      resolve()
    }
    target?.addEventListener('cast', listener)
  })
}

async function measureService(n: number): Promise<ToolFigures[]> {
  const { stage, members, other } = await gather(n)
  for (const process of members) {
    const registry = new Registry(process.app)
    const options = { handler: () => 1, service: 's', follow: () => () => undefined, ended: () => undefined }
    const request = { kind: serviceKind, name: serviceGroup('s'), options, hasState: true, isOwn: true }
    await later(stage, process, () => registry.open(request))
  }
  const count = countFrames(stage)
  const figures: ToolFigures[] = []
  for (const [call, by] of [
    ['call of a process that does not serve', other],
    ['call of one that serves', at(members, CALLER)],
  ] as const) {
    const client = new ServiceClient('s', by.app.mail)
    // It asks who serves.
    await later(stage, by, () => client.call(0))
    const measured = await measureRounds({ stage, by, count }, { run: (round) => client.call(round) })
    figures.push({ tool: 'service', call, ...measured })
  }
  return figures
}
