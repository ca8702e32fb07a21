/**
 * The host without a real kernel: frames as paths carry them.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryHub, memory } from '../../adapters/memory/index.ts'
import { type FrameCodec, Host } from '../../lib/host.ts'
import type { Effect, Input, KernelHandle } from '../../lib/kernel/api.ts'
import type { Frame } from '../../lib/kernel/frame.ts'
import type { Transport } from '../../lib/ports/transport.ts'

/** The codec of this test: a "frame" is its own bytes. */
const codec: FrameCodec = {
  encode: (frame) => frame as unknown as Uint8Array,
  decode: (bytes) => bytes as unknown as Frame,
}
const frameOf = (size: number): Frame => Uint8Array.from({ length: size }, (_, i) => i % 251) as unknown as Frame

interface Run {
  readonly host: Host
  readonly inputs: Input[]
  /** Resolves with the input that fits. */
  until(fits: (input: Input) => boolean): Promise<Input>
}

/** A host whose kernel answers each `linkUp` with the effects. */
function start(self: string, transport: Transport, onLinkUp: readonly Effect[]): Run {
  const inputs: Input[] = []
  let look = (): void => undefined
  const kernel: KernelHandle = {
    nextWake: Number.POSITIVE_INFINITY,
    dump: () => null,
    step(_now, batch) {
      inputs.push(...batch)
      queueMicrotask(() => look())
      return batch.some(({ type }) => type === 'linkUp') ? [...onLinkUp] : []
    },
  }
  const platform = {
    now: () => 0,
    setTimer: () => () => undefined,
    schedule: (fn: () => void) => void setImmediate(fn),
  }
  const host = new Host({
    self,
    space: 's',
    origin: '',
    kernel,
    codec,
    transports: [transport],
    platform,
    toApp: () => undefined,
    stopped: () => undefined,
  })
  const until = (fits: (input: Input) => boolean): Promise<Input> =>
    new Promise((resolve) => {
      look = () => {
        const found = inputs.find(fits)
        if (found !== undefined) resolve(found)
      }
      look()
    })
  return { host, inputs, until }
}

function makeTransport(hub: MemoryHub): Transport {
  const transport = memory({ hub }).create?.({}, null)
  if (transport === undefined) throw new Error('memory() makes no transport')
  return transport
}

/** Checks what a path promises to take. */
function limited(transport: Transport, sizes: number[]): Transport {
  return {
    type: transport.type,
    preference: transport.preference,
    start: (host) =>
      transport.start({
        ...host,
        receive(link, channel, bytes) {
          sizes.push(bytes.length)
          host.receive(link, channel, bytes)
        },
      }),
    stop: () => transport.stop(),
  }
}

for (const channel of ['control', 'data', 'bulk'] as const) {
  test(`host › frames larger than a path takes arrive whole and in order on ${channel}`, {
    timeout: 5000,
  }, async () => {
    const hub = new MemoryHub()
    const sizes: number[] = []
    const frames = [frameOf(10), frameOf(300_000), frameOf(48 * 1024), frameOf(48 * 1024 + 1), frameOf(1)]
    const a = start(
      'a',
      makeTransport(hub),
      frames.map((frame) => ({ type: 'send', peer: 'b', channel, frame })),
    )
    const b = start('b', limited(makeTransport(hub), sizes), [])
    a.host.start()
    b.host.start()
    await b.until((input) => input.type === 'frame' && (input.frame as unknown as Uint8Array).length === 1)
    const got = b.inputs.flatMap((input) => (input.type === 'frame' ? [input.frame] : []))
    assert.deepEqual(got, frames)
    assert.ok(sizes.every((size) => size <= 64 * 1024))
    a.host.stop()
    b.host.stop()
  })
}
