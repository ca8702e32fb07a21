/** A service and its clients, as the simulator uses them: some processes serve, and all call. */
import type { Service, ServiceContext, ServiceOptions } from '../../../lib/tools/service.ts'
import type { ServiceClient } from '../../../lib/tools/service-client.ts'
import { decodeValue } from '../../../lib/values.ts'
import type { Random } from '../random.ts'
import { type OpenTool, type SimTool, ToolCalls, type ToolPlace } from './tool.ts'

const NAME = 'calls'
/** Of those who serve; where it waits, calls do. */
const GROUP = `tutti:serve:${NAME}`
/** How often a handler throws, and how long it takes, in ms, at most. */
const THROW_CHANCE = 0.1
const RUN_MS = 400
/** How often a call is taken back a moment later. */
const ABORT_CHANCE = 0.05

/** Writes what is recorded at this member, as its machine takes it. */
function watchRecords(service: Service, { write }: ToolPlace, opOutcome: number): void {
  const { machine } = service.replica as unknown as { machine: { apply(...args: readonly unknown[]): unknown } }
  const apply = machine.apply
  machine.apply = (...args) => {
    const answer = apply.apply(machine, [...args])
    const [body] = args as [unknown[]]
    if (body[0] !== opOutcome || !Array.isArray(answer) || answer[0] !== true) return answer
    const [ok, bytes, message] = body[5] as [boolean, unknown, unknown]
    const [by, call] = (ok ? decodeValue(bytes as Uint8Array) : `${message}`.split(' ')) as [string, unknown]
    write({ e: 'outcome', obj: GROUP, call: Number(call), ok, by, client: body[1] })
    return answer
  }
}

function makeOptions(place: ToolPlace, calls: ToolCalls): ServiceOptions {
  const { process, world, write } = place
  const chance = world.scenario.random.fork(`calls/${process.id}/${process.now}`)
  const handler = async (value: unknown, { token }: ServiceContext): Promise<unknown> => {
    write({ e: 'ran', obj: GROUP, call: value, token: [...token] })
    await calls.pause(chance.between(0, RUN_MS))
    if (chance.chance(THROW_CHANCE)) throw new RangeError(`${process.id} ${value}`)
    return [process.id, value]
  }
  return { handler, service: NAME, follow: () => () => undefined, ended: () => undefined }
}

/** Those who serve. */
export const serving: SimTool = {
  name: GROUP,
  async load() {
    const { serviceKind } = await import('../../../lib/tools/service.ts')
    const { SERVICE_OP } = await import('../../../lib/tools/service-machine.ts')
    return {
      isPlain: true,
      open: (place, use) =>
        use(serviceKind, makeOptions(place, new ToolCalls(place)), (service): OpenTool => {
          watchRecords(service, place, SERVICE_OP.outcome)
          return { act: () => false, close: () => service.close() }
        }),
    }
  },
}

/** All who call. */
export const calling: SimTool = {
  name: NAME,
  async load() {
    const { bareKind } = await import('./bare.ts')
    const { ServiceClient } = await import('../../../lib/tools/service-client.ts')
    return {
      isPlain: true,
      open: (place, use) =>
        use(bareKind, {}, (port) => openClient(new ServiceClient(NAME, port.mail), place, () => port.close())),
    }
  },
}

function openClient(client: ServiceClient, place: ToolPlace, close: () => Promise<void>): OpenTool {
  const calls = new ToolCalls({ ...place, name: GROUP })
  return {
    act(random: Random, value: number) {
      const abort = new AbortController()
      if (random.chance(ABORT_CHANCE)) calls.after(random.between(0, 300), () => abort.abort())
      void calls.run('callService', [value], () => client.call(value, { signal: abort.signal }))
      return true
    },
    close,
  }
}
