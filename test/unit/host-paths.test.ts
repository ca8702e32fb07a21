/**
 * The host without a real kernel and without real time: what it feeds the kernel, and how it carries out effects.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Host } from '../../lib/host.ts'
import type { Channel, Effect, Input, KernelHandle } from '../../lib/kernel/api.ts'
import type { Frame } from '../../lib/kernel/frame.ts'
import type { HostTick } from '../../lib/port-messages.ts'
import type { Link, OriginServices, Transport, TransportHost } from '../../lib/ports/transport.ts'

/** A "frame" of this test: a byte; 255 is no frame, 254 makes the decoder throw, 253 the encoder. */
const frame = (byte: number): Frame => ({ byte }) as unknown as Frame

class FakeLink implements Link {
  readonly peer: string
  readonly sent: [Channel, number][] = []
  isClosed = false
  buffered = 0

  constructor(peer: string) {
    this.peer = peer
  }

  send(channel: Channel, bytes: Uint8Array): void {
    this.sent.push([channel, bytes.at(-1) ?? -1])
  }

  bufferedAmount(): number {
    return this.buffered
  }

  close(): void {
    this.isClosed = true
  }
}

class FakeTransport implements Transport {
  readonly type: string
  readonly preference: number
  readonly origin?: OriginServices
  host: TransportHost | null = null
  isStopped = false

  constructor(type: string, preference: number, origin?: OriginServices) {
    this.type = type
    this.preference = preference
    if (origin !== undefined) this.origin = origin
  }

  start(host: TransportHost): void {
    this.host = host
  }

  stop(): void {
    this.isStopped = true
  }

  get started(): TransportHost {
    assert.ok(this.host !== null)
    return this.host
  }
}

/** A host on time of its own. `answer` is the kernel. */
class Bench {
  now = 1000
  nextWake = Number.POSITIVE_INFINITY
  readonly steps: (readonly Input[])[] = []
  readonly ticks: HostTick[] = []
  readonly timers = new Map<object, { readonly at: number; readonly fn: () => void }>()
  readonly host: Host
  stops = 0
  #due: (() => void)[] = []

  constructor(transports: readonly Transport[], answer: (inputs: readonly Input[]) => Effect[] = () => []) {
    const step = (inputs: readonly Input[]): Effect[] => {
      this.steps.push(inputs)
      return answer(inputs)
    }
    const nextWake = (): number => this.nextWake
    const kernel: KernelHandle = {
      step: (_now, inputs) => step(inputs),
      get nextWake() {
        return nextWake()
      },
      dump: () => ({ picture: 1 }),
    }
    this.host = new Host({
      self: 'me',
      space: 's',
      origin: 'o',
      kernel,
      codec: {
        encode(value) {
          const { byte } = value as unknown as { byte: number }
          if (byte === 253) throw new RangeError('no peer would accept it')
          return Uint8Array.of(byte)
        },
        decode(bytes) {
          if (bytes[0] === 254) throw new RangeError('a codec must not')
          return bytes[0] === 255 ? { fault: 'no-frame' } : frame(bytes[0] ?? 0)
        },
      },
      transports,
      platform: {
        now: () => this.now,
        setTimer: (ms, fn) => {
          const key = {}
          this.timers.set(key, { at: this.now + ms, fn })
          return () => this.timers.delete(key)
        },
        schedule: (fn) => this.#due.push(fn),
      },
      toApp: (tick) => this.ticks.push(tick),
      stopped: () => {
        this.stops += 1
      },
    })
    this.host.start()
    this.run()
    this.steps.length = 0
    this.ticks.length = 0
  }

  /** Runs one task. */
  runOne(): void {
    this.#due.shift()?.()
  }

  /** Runs the tasks that are scheduled, and those they schedule. */
  run(): void {
    for (let fn = this.#due.shift(); fn !== undefined; fn = this.#due.shift()) fn()
  }

  /** Lets time pass up to the next timer, and runs it. */
  passTimer(): void {
    const [key, next] = [...this.timers].sort(([, a], [, b]) => a.at - b.at)[0] ?? []
    assert.ok(key !== undefined && next !== undefined)
    this.timers.delete(key)
    this.now = Math.max(this.now, next.at)
    next.fn()
    this.run()
  }

  get inputs(): readonly Input[] {
    return this.steps.flat()
  }
}

/** One whole frame as a path carries it. */
const message = (byte: number): Uint8Array => Uint8Array.of(0, byte)
const sendTo = (peer: string, channel: Channel, byte: number): Effect => ({
  type: 'send',
  peer,
  channel,
  frame: frame(byte),
})
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('host › what arrives in one task is one step', () => {
  const tabs = new FakeTransport('tabs', 30)
  const bench = new Bench([tabs])
  const link = new FakeLink('a')
  tabs.started.linkUp(link)
  tabs.started.receive(link, 'data', message(1))
  tabs.started.receive(link, 'control', message(2))
  bench.host.commands([{ type: 'leave', quick: true }])
  bench.run()
  assert.deepEqual(
    bench.steps.map((inputs) => inputs.map(({ type }) => type)),
    [['linkUp', 'frame', 'frame', 'commands']],
  )
})

test('host › the kernel sees one path, the open one of highest preference', () => {
  const [tabs, webrtc] = [new FakeTransport('tabs', 30), new FakeTransport('webrtc', 20)]
  const echo = (inputs: readonly Input[]): Effect[] =>
    inputs.some(({ type }) => type === 'wake') ? [] : [sendTo('a', 'data', 7)]
  const bench = new Bench([tabs, webrtc], echo)
  const [low, high] = [new FakeLink('a'), new FakeLink('a')]
  webrtc.started.linkUp(low)
  bench.run()
  tabs.started.linkUp(high)
  bench.run()
  assert.deepEqual(
    bench.inputs.map(({ type }) => type),
    ['linkUp', 'linkDown', 'linkUp'],
  )
  assert.equal(low.sent.length, 1)
  assert.equal(high.sent.length, 1)
  assert.ok(webrtc.started.reaches('a', 20))
  assert.ok(!webrtc.started.reaches('a', 30))
  tabs.started.linkDown(high)
  bench.run()
  webrtc.started.linkDown(low)
  bench.run()
  assert.deepEqual(bench.inputs.map(({ type }) => type).slice(3), ['linkDown', 'linkUp', 'linkDown'])
  const told = bench.ticks.flatMap(({ notes }) =>
    notes.flatMap((note) => (note.type === 'connection' ? [note.transport] : [])),
  )
  assert.deepEqual(told, ['webrtc', 'tabs', 'webrtc', null])
})

test('host › the end of a path that is not in use is no news', () => {
  const [tabs, webrtc] = [new FakeTransport('tabs', 30), new FakeTransport('webrtc', 20)]
  const bench = new Bench([tabs, webrtc])
  const [low, high] = [new FakeLink('a'), new FakeLink('a')]
  tabs.started.linkUp(high)
  webrtc.started.linkUp(low)
  webrtc.started.linkDown(low)
  webrtc.started.linkDown(low)
  bench.run()
  assert.deepEqual(
    bench.inputs.map(({ type }) => type),
    ['linkUp'],
  )
})

test('host › bytes that are no frame become a badFrame input, also when the codec throws', () => {
  const tabs = new FakeTransport('tabs', 30)
  const bench = new Bench([tabs])
  const link = new FakeLink('a')
  tabs.started.linkUp(link)
  for (const bytes of [message(255), message(254), Uint8Array.of(), Uint8Array.of(9, 1)]) {
    tabs.started.receive(link, 'data', bytes)
  }
  bench.run()
  assert.deepEqual(
    bench.inputs.map(({ type }) => type),
    ['linkUp', 'badFrame', 'badFrame', 'badFrame', 'badFrame'],
  )
})

test('host › a fatal fault closes every path to the peer, and is told once', () => {
  const tabs = new FakeTransport('tabs', 30)
  const bench = new Bench([tabs], (inputs) =>
    inputs.some(({ type }) => type === 'badFrame')
      ? [
          { type: 'fault', peer: 'a', code: 'no-frame', fatal: true },
          { type: 'app', event: { type: 'fault', peer: 'a', code: 'no-frame' } },
        ]
      : [],
  )
  const link = new FakeLink('a')
  tabs.started.linkUp(link)
  tabs.started.receive(link, 'data', message(255))
  bench.run()
  assert.ok(link.isClosed)
  const told = bench.ticks
    .flatMap(({ events, notes }) => [...events, ...notes])
    .filter(({ type }) => /fault/i.test(type))
  assert.deepEqual(told, [{ type: 'fault', peer: 'a', code: 'no-frame' }])
})

test('host › bulk waits while the path is full, nothing else does', () => {
  const tabs = new FakeTransport('tabs', 30)
  const bench = new Bench([tabs], (inputs) =>
    inputs.some(({ type }) => type === 'linkUp')
      ? [sendTo('a', 'bulk', 1), sendTo('a', 'bulk', 2), sendTo('a', 'data', 3)]
      : [],
  )
  const link = new FakeLink('a')
  link.buffered = 256 * 1024
  tabs.started.linkUp(link)
  bench.run()
  assert.deepEqual(link.sent, [['data', 3]])
  bench.passTimer()
  assert.equal(link.sent.length, 1)
  link.buffered = 256 * 1024 - 1
  bench.passTimer()
  assert.deepEqual(link.sent, [
    ['data', 3],
    ['bulk', 1],
    ['bulk', 2],
  ])
})

const bulkOf = (...bytes: readonly number[]): Effect[] => bytes.map((byte) => sendTo('a', 'bulk', byte))
const onLinkUp =
  (effects: readonly Effect[]) =>
  (inputs: readonly Input[]): Effect[] =>
    inputs.some(({ type }) => type === 'linkUp') ? [...effects] : []

test('host › bulk goes in tasks of its own, a few frames each, and nothing waits behind it', () => {
  const tabs = new FakeTransport('tabs', 30)
  const bench = new Bench([tabs], onLinkUp([...bulkOf(1, 2, 3, 4, 5), sendTo('a', 'data', 9)]))
  const link = new FakeLink('a')
  tabs.started.linkUp(link)
  const sent = (): number[] => link.sent.map(([, byte]) => byte)
  bench.runOne()
  assert.deepEqual(sent(), [9])
  bench.runOne()
  assert.deepEqual(sent(), [9, 1, 2])
  bench.runOne()
  assert.deepEqual(sent(), [9, 1, 2, 3, 4])
  bench.run()
  assert.deepEqual(sent(), [9, 1, 2, 3, 4, 5])
})

test('host › bulk that waits for a path goes with it, not on the next one', () => {
  const tabs = new FakeTransport('tabs', 30)
  let effects = bulkOf(1, 2)
  const bench = new Bench([tabs], (inputs) => onLinkUp(effects)(inputs))
  const [old, fresh] = [new FakeLink('a'), new FakeLink('a')]
  old.buffered = 256 * 1024
  tabs.started.linkUp(old)
  bench.run()
  effects = bulkOf(3)
  tabs.started.linkDown(old)
  tabs.started.linkUp(fresh)
  bench.run()
  bench.passTimer()
  assert.deepEqual([old.sent, fresh.sent], [[], [['bulk', 3]]])
})

test('host › a bulk frame that cannot be encoded is a broken kernel', () => {
  const tabs = new FakeTransport('tabs', 30)
  const bench = new Bench([tabs], onLinkUp(bulkOf(253)))
  tabs.started.linkUp(new FakeLink('a'))
  bench.run()
  assert.equal(bench.stops, 1)
  assert.ok(bench.ticks.some(({ notes }) => notes.some(({ type }) => type === 'broken')))
})

test('host › one timer, moved only to be earlier', () => {
  const bench = new Bench([])
  const at = (): number[] => [...bench.timers.values()].map((timer) => timer.at)
  for (const [wake, armed] of [
    [1500, 1500],
    [1800, 1500],
    [1200, 1200],
  ] as const) {
    bench.nextWake = wake
    bench.host.commands([])
    bench.run()
    assert.deepEqual(at(), [armed])
  }
  bench.steps.length = 0
  bench.nextWake = Number.POSITIVE_INFINITY
  bench.passTimer()
  assert.deepEqual(bench.steps, [[{ type: 'wake' }]])
  assert.deepEqual(at(), [])
})

test('host › it has searched when every transport has, and one that cannot start has', () => {
  class Broken extends FakeTransport {
    override start(): void {
      throw new Error('no such thing here')
    }
  }
  const [tabs, webrtc] = [new FakeTransport('tabs', 30), new FakeTransport('webrtc', 20)]
  const bench = new Bench([tabs, webrtc, new Broken('broken', 1)])
  const searched = (): number => bench.inputs.filter(({ type }) => type === 'searched').length
  tabs.started.searched()
  tabs.started.searched()
  bench.run()
  assert.equal(searched(), 0)
  webrtc.started.searched()
  bench.run()
  assert.equal(searched(), 1)
})

test('host › without an origin, persisting and founding are answered at once', () => {
  const record = { last: null, attempt: null }
  const bench = new Bench([new FakeTransport('webrtc', 20)], (inputs) =>
    inputs.some(({ type }) => type === 'commands')
      ? [{ type: 'persist', ticket: 4, record }, { type: 'requestFound' }, { type: 'inLine', line: 'l' }]
      : [],
  )
  bench.host.commands([])
  bench.run()
  assert.deepEqual(bench.steps[1], [
    { type: 'persisted', ticket: 4 },
    { type: 'foundAnswer', granted: true },
  ])
})

test('host › an origin answers, and one that fails grants nothing', async () => {
  const record = { last: null, attempt: null }
  const calls: string[] = []
  const origin: OriginServices = {
    requestFound: () => Promise.reject(new Error('no locks')),
    giveUpFound: () => void calls.push('giveUpFound'),
    inLine: () => void calls.push('inLine'),
    persist: () => Promise.resolve(void calls.push('persist')),
  }
  const bench = new Bench([new FakeTransport('tabs', 30, origin)], (inputs) =>
    inputs.some(({ type }) => type === 'commands')
      ? [{ type: 'persist', ticket: 4, record }, { type: 'requestFound' }, { type: 'inLine', line: 'l' }]
      : [],
  )
  bench.host.commands([])
  bench.run()
  assert.deepEqual(calls, ['persist', 'inLine'])
  assert.equal(bench.steps.length, 1)
  await settled()
  bench.run()
  assert.deepEqual(bench.steps[1], [
    { type: 'persisted', ticket: 4 },
    { type: 'foundAnswer', granted: false },
  ])
  assert.ok(
    bench.ticks.some(({ notes }) => notes.some((note) => note.type === 'problem' && note.code === 'found-failed')),
  )
})

test('host › a vote is given once its record is stored and the page has it', async () => {
  const record = { last: null, attempt: null }
  const origin: OriginServices = {
    requestFound: () => Promise.resolve(true),
    giveUpFound: () => undefined,
    inLine: () => undefined,
    persist: () => Promise.resolve(),
  }
  let isKept = (): void => undefined
  const webrtc = Object.assign(new FakeTransport('webrtc', 20), {
    keepWord: () =>
      new Promise<void>((resolve) => {
        isKept = resolve
      }),
  })
  const bench = new Bench([new FakeTransport('tabs', 30, origin), webrtc], (inputs) =>
    inputs.some(({ type }) => type === 'commands') ? [{ type: 'persist', ticket: 4, record }] : [],
  )
  bench.host.commands([])
  bench.run()
  await settled()
  bench.run()
  assert.equal(bench.steps.length, 1)
  isKept()
  await settled()
  bench.run()
  assert.deepEqual(bench.steps[1], [{ type: 'persisted', ticket: 4 }])
})

test('host › the last word of a page is a proof that its process is dead, and what is none is a fault', () => {
  const webrtc = new FakeTransport('webrtc', 20)
  const bench = new Bench([webrtc])
  webrtc.started.lastWord('a', new Uint8Array(0))
  webrtc.started.lastWord('b', Uint8Array.of(254))
  webrtc.started.lastWord('c', Uint8Array.of(1))
  bench.run()
  assert.deepEqual(bench.inputs, [
    { type: 'dead', peer: 'a', record: { last: null, attempt: null } },
    { type: 'badFrame', peer: 'b', code: 'frame-undecodable' },
    { type: 'badFrame', peer: 'c', code: 'bad-word' },
  ])
})

test('host › the goodbye leaves before the paths close, and waits for a full buffer only so long', () => {
  const tabs = new FakeTransport('tabs', 30)
  const bench = new Bench([tabs], (inputs) =>
    inputs.some(({ type }) => type === 'commands')
      ? [sendTo('a', 'control', 1), { type: 'app', event: { type: 'closed', reason: 'left' } }, { type: 'stopped' }]
      : [],
  )
  const link = new FakeLink('a')
  tabs.started.linkUp(link)
  bench.run()
  link.buffered = 1
  bench.host.commands([{ type: 'leave', quick: false }])
  bench.run()
  assert.deepEqual(link.sent, [['control', 1]])
  assert.equal(bench.ticks.at(-1)?.events[0]?.type, 'closed')
  const since = bench.now
  while (bench.stops === 0) bench.passTimer()
  assert.ok(tabs.isStopped)
  assert.ok(bench.now - since >= 250 && bench.now - since < 300)
  bench.host.commands([])
  bench.run()
  assert.equal(bench.stops, 1)
})

test('host › a process that others take for dead sends and hears nothing more, and says why', () => {
  const tabs = new FakeTransport('tabs', 30)
  const webrtc = new FakeTransport('webrtc', 20)
  const bench = new Bench([tabs, webrtc], (inputs) =>
    inputs.some(({ type }) => type === 'frame') ? [sendTo('a', 'data', 1)] : [],
  )
  const link = new FakeLink('a')
  webrtc.started.linkUp(link)
  bench.run()
  bench.steps.length = 0
  bench.ticks.length = 0
  webrtc.started.receive(link, 'data', message(1))
  tabs.started.superseded({ code: 'tabs-lock-lost', message: 'gone' })
  webrtc.started.receive(link, 'data', message(1))
  bench.run()
  assert.deepEqual(bench.steps, [])
  assert.deepEqual(link.sent, [])
  assert.deepEqual(bench.ticks, [
    {
      events: [{ type: 'closed', reason: 'superseded' }],
      at: 1000,
      notes: [{ type: 'problem', transport: 'tabs', code: 'tabs-lock-lost', message: 'gone' }],
    },
  ])
  assert.ok(tabs.isStopped && webrtc.isStopped)
  assert.equal(bench.stops, 1)
})

test('host › one that finds out while it carries effects out sends no further', () => {
  const tabs = new FakeTransport('tabs', 30)
  const bench = new Bench([tabs], (inputs) =>
    inputs.some(({ type }) => type === 'commands') ? [sendTo('a', 'data', 1), sendTo('a', 'data', 2)] : [],
  )
  class Last extends FakeLink {
    override send(channel: Channel, bytes: Uint8Array): void {
      super.send(channel, bytes)
      tabs.started.superseded({ code: 'tabs-lock-lost', message: 'gone' })
    }
  }
  const link = new Last('a')
  tabs.started.linkUp(link)
  bench.host.commands([])
  bench.run()
  assert.deepEqual(link.sent, [['data', 1]])
  assert.equal(bench.ticks.at(-1)?.events.at(-1)?.type, 'closed')
  assert.equal(bench.stops, 1)
})

test('host › a kernel that throws is stopped, and its picture is told', () => {
  const tabs = new FakeTransport('tabs', 30)
  const bench = new Bench([tabs], (inputs) => {
    if (inputs.some(({ type }) => type === 'commands')) throw new Error('broken invariant')
    return []
  })
  bench.host.commands([])
  bench.run()
  const notes = bench.ticks.flatMap((tick) => tick.notes)
  const broken = notes.find((note) => note.type === 'broken')
  assert.ok(broken?.type === 'broken' && broken.message.includes('broken invariant') && broken.dump.includes('picture'))
  assert.ok(tabs.isStopped)
  assert.equal(bench.stops, 1)
})
