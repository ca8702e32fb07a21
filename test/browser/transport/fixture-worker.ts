/**
 * A worker that runs one transport under a stub host, which keeps a log and does what the test says.
 */
import { tabs } from 'tutti/adapters/broadcast-channel'
import { webrtc } from 'tutti/adapters/simple-peer'
import { StubHost } from './stub-host.ts'
import type { Channel, Link, Transport, VoteRecord } from './types.ts'

type Command =
  | { readonly do: 'start'; readonly kind: 'tabs' | 'webrtc'; readonly self: string; readonly space: string }
  | { readonly do: 'stop' }
  | {
      readonly do: 'send'
      readonly to: string
      readonly channel: Channel
      readonly count: number
      readonly size: number
    }
  | { readonly do: 'close'; readonly to: string }
  | { readonly do: 'requestFound' }
  | { readonly do: 'giveUpFound' }
  | { readonly do: 'inLine' }
  | { readonly do: 'persist'; readonly record: VoteRecord }
  | { readonly do: 'keepWord'; readonly word: string }
  | { readonly do: 'reach'; readonly peer: string; readonly reached: boolean }
  | { readonly do: 'state' }
  | { readonly do: 'denyStorage' }
  | { readonly do: 'failWrites'; readonly deletes?: boolean }
  | { readonly do: 'stealLock'; readonly name: string }

let transport: Transport | null = null
let host: StubHost | null = null

self.onmessage = async (event: MessageEvent<{ id: number; command: Command }>) => {
  const { id, command } = event.data
  const answer = await run(command, event.ports[0] ?? null)
  self.postMessage({ id, answer })
}

async function run(command: Command, port: MessagePort | null): Promise<unknown> {
  if (command.do === 'start') {
    host = new StubHost(command.self, command.space)
    // The worker half of WebRTC knows nothing of signaling: any address will do.
    const spec = command.kind === 'tabs' ? tabs() : webrtc({ signaling: ['ws://unused/'] })
    transport = spec.create?.(spec.options, port) ?? null
    transport?.start(host)
    return null
  }
  if (command.do === 'denyStorage') {
    Object.defineProperty(globalThis, 'indexedDB', { get: () => undefined })
    return null
  }
  if (command.do === 'failWrites') {
    const fail = (): never => {
      throw new DOMException('full', 'QuotaExceededError')
    }
    IDBObjectStore.prototype.put = fail
    if (command.deletes === true) IDBObjectStore.prototype.delete = fail
    return null
  }
  if (command.do === 'stealLock') {
    await navigator.locks.request(command.name, { steal: true }, () => undefined)
    return null
  }
  if (host === null || transport === null) throw new Error('not started')
  switch (command.do) {
    case 'stop':
      return transport.stop()
    case 'send':
      return send(host.link(command.to), command)
    case 'close':
      return host.link(command.to).close()
    case 'requestFound':
      return transport.origin?.requestFound()
    case 'giveUpFound':
      return transport.origin?.giveUpFound()
    case 'inLine':
      return transport.origin?.inLine()
    case 'persist':
      return transport.origin?.persist(command.record)
    case 'keepWord':
      await transport.keepWord?.(new TextEncoder().encode(command.word))
      return 'kept'
    case 'reach':
      host.setReached(command.peer, command.reached)
      return null
    case 'state':
      return host.state()
  }
}

function send(link: Link, { channel, count, size }: Command & { do: 'send' }): void {
  for (let n = 0; n < count; n++) {
    const frame = new Uint8Array(size)
    new DataView(frame.buffer).setUint32(0, n)
    link.send(channel, frame)
  }
}
