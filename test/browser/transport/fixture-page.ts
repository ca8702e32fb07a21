/**
 * A page of the transport tests: it starts workers that each run one transport, and the page halves they need.
 * Tests call `globalThis.fixture` through the DevTools protocol.
 */
import { type WebrtcOptions, webrtc } from 'tutti/adapters/simple-peer'
import { StubHost } from './stub-host.ts'
import type { Transport } from './types.ts'

interface Process {
  readonly worker: Worker
  readonly calls: Map<number, (answer: unknown) => void>
  stopPage: () => void
  /** The process leaves with its page. */
  leave: () => void
}

const processes = new Map<string, Process>()
const inThread = new Map<string, { host: StubHost; transport: Transport }>()
const problems: string[] = []
let calls = 0

function spawn(name: string): void {
  const process: Process = {
    worker: new Worker('/worker.js'),
    calls: new Map(),
    stopPage: () => undefined,
    leave: () => undefined,
  }
  process.worker.onmessage = (event: MessageEvent<{ id: number; answer: unknown }>) => {
    process.calls.get(event.data.id)?.(event.data.answer)
    process.calls.delete(event.data.id)
  }
  processes.set(name, process)
}

function call(name: string, command: object, transfer: Transferable[] = []): Promise<unknown> {
  const process = processes.get(name)
  if (process === undefined) throw new Error(`no process ${name}`)
  const id = ++calls
  return new Promise((resolve) => {
    process.calls.set(id, resolve)
    process.worker.postMessage({ id, command }, transfer)
  })
}

const fixture = {
  problems,
  call,
  spawn,
  async startTabs(self: string, space: string): Promise<void> {
    if (!processes.has(self)) spawn(self)
    await call(self, { do: 'start', kind: 'tabs', self, space })
  },
  async startWebrtc(self: string, space: string, options: WebrtcOptions): Promise<void> {
    if (!processes.has(self)) spawn(self)
    const { port1, port2 } = new MessageChannel()
    const spec = webrtc(options)
    const problem = ({ code }: { code: string }): void => {
      problems.push(code)
    }
    await call(self, { do: 'start', kind: 'webrtc', self, space }, [port2])
    const process = processes.get(self)
    if (!process || !spec.page) return
    const leaving = (say: () => void): void => {
      process.leave = say
      // As the space does, before the page half hears of it.
      addEventListener('pagehide', say)
    }
    process.stopPage = spec.page({ self, space, port: port1, leaving, problem })
  },
  stopPage(self: string): void {
    processes.get(self)?.stopPage()
  },
  leave(self: string): void {
    processes.get(self)?.leave()
  },
  /** The transport in this thread, both halves. */
  startInThread(self: string, space: string, options: WebrtcOptions): void {
    const spec = webrtc(options)
    const host = new StubHost(self, space)
    const transport = spec.create?.(spec.options, null)
    if (!transport) throw new Error('no create')
    inThread.set(self, { host, transport })
    transport.start(host)
  },
  stateInThread: (self: string): unknown => inThread.get(self)?.host.state(),
  sendInThread(self: string, to: string, channel: 'control' | 'data' | 'bulk', count: number, size: number): void {
    const link = inThread.get(self)?.host.link(to)
    for (let n = 0; n < count; n++) {
      const frame = new Uint8Array(size)
      new DataView(frame.buffer).setUint32(0, n)
      link?.send(channel, frame)
    }
  },
  terminate(self: string): void {
    processes.get(self)?.worker.terminate()
  },
}

Object.assign(globalThis, { fixture })
