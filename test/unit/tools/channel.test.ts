/** `space.channel`: the behaviours of `BroadcastChannel`, over spaces in one thread. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { MemoryHub, memory } from '../../../adapters/memory/index.ts'
import { BusyError, UsageError } from '../../../lib/errors.ts'
import type { GroupPort } from '../../../lib/objects/replica.ts'
import { openSpace } from '../../../lib/open-space.ts'
import { CAST_SIZE_MAX } from '../../../lib/own-casts.ts'
import type { Space } from '../../../lib/space.ts'
import { channelBytesMax, channelKind, SpaceChannel } from '../../../lib/tools/channel.ts'
import { decodeValue, encodeValue } from '../../../lib/values.ts'
import { until } from '../until.ts'

async function open(t: TestContext, count: number): Promise<readonly Space[]> {
  const hub = new MemoryHub()
  const spaces = await Promise.all(
    Array.from({ length: count }, () =>
      openSpace('channels', { worker: false, foundAfterMs: 20, transports: [memory({ hub })] }),
    ),
  )
  t.after(() => {
    for (const space of spaces) space.kill()
  })
  await Promise.all(spaces.map((space) => until(space, 'view', () => space.members.length === count)))
  return spaces
}

/** What a channel is given from here on. */
function listen(channel: SpaceChannel): unknown[] {
  const heard: unknown[] = []
  channel.addEventListener('message', (event) => heard.push((event as MessageEvent).data))
  return heard
}

/** Two spaces, a channel in each that hears the other. */
async function pair(t: TestContext): Promise<[SpaceChannel, SpaceChannel]> {
  const [a, b] = await open(t, 2)
  assert.ok(a && b)
  const channels: [SpaceChannel, SpaceChannel] = [a.channel('news'), b.channel('news')]
  await Promise.all(channels.map((_, i) => hear(channels[i] as SpaceChannel, channels[1 - i] as SpaceChannel)))
  return channels
}

/** Resolves when one hears the other: both are members of the group then. */
async function hear(channel: SpaceChannel, other: SpaceChannel): Promise<void> {
  let isHeard = false
  const done = new AbortController()
  channel.addEventListener('message', () => (isHeard = true), { signal: done.signal })
  while (!isHeard) {
    other.postMessage('are you there?')
    // Not so often that the answers drown in the questions.
    for (let turn = 0; turn < 50 && !isHeard; turn += 1) await new Promise((resolve) => setImmediate(resolve))
  }
  done.abort()
}

/** Until what was posted so far has come. */
async function flush(from: SpaceChannel, to: SpaceChannel): Promise<void> {
  const mark = `mark ${Math.random()}`
  const isDone = new Promise<void>((resolve) => {
    to.addEventListener('message', (event) => (event as MessageEvent).data === mark && resolve())
  })
  from.postMessage(mark)
  await isDone
}

const isNoMark = (data: unknown): boolean => typeof data !== 'string' || !/^(mark|are you)/.test(data)

test('channel › others of the name get what is posted, in order, and whoever posts does not', {
  timeout: 20_000,
}, async (t) => {
  const [a, b] = await pair(t)
  const heard = [listen(a), listen(b)]
  const values = [1, 'two', { three: [3n, new Date(3)] }, new Map([['four', 4]]), undefined]
  for (const value of values) a.postMessage(value)
  await flush(a, b)
  assert.deepEqual(heard[1]?.filter(isNoMark), values)
  assert.deepEqual(heard[0]?.filter(isNoMark), [])
})

test('channel › two of a name in one process hear each other, and each gets a copy of its own', {
  timeout: 20_000,
}, async (t) => {
  const [space] = await open(t, 1)
  assert.ok(space)
  const [a, b, c] = [space.channel('x'), space.channel('x'), space.channel('x')]
  const other = listen(space.channel('y'))
  await hear(b, a)
  await hear(c, a)
  const [ofB, ofC] = [listen(b), listen(c)]
  a.postMessage({ n: 1 })
  await flush(a, b)
  await flush(a, c)
  const [one] = ofB.filter(isNoMark)
  const [two] = ofC.filter(isNoMark)
  assert.deepEqual([one, two], [{ n: 1 }, { n: 1 }])
  assert.notEqual(one, two)
  assert.deepEqual(other, [])
})

test('channel › what is posted before the group is joined is sent then', { timeout: 20_000 }, async (t) => {
  const [a, b] = await open(t, 2)
  assert.ok(a && b)
  const listener = b.channel('early')
  const heard = listen(listener)
  await hear(listener, b.channel('early'))
  const channel = a.channel('early')
  channel.postMessage('first')
  channel.postMessage('second')
  channel.close()
  await new Promise<void>((resolve) => {
    listener.addEventListener('message', (event) => (event as MessageEvent).data === 'second' && resolve())
  })
  assert.deepEqual(heard.filter(isNoMark), ['first', 'second'])
})

test('channel › closed, it gets nothing and refuses to post; twice is once', { timeout: 20_000 }, async (t) => {
  const spaces = await open(t, 2)
  const [a, b, other] = [0, 1, 1].map((i) => (spaces[i] as Space).channel('news')) as [
    SpaceChannel,
    SpaceChannel,
    SpaceChannel,
  ]
  await hear(other, a)
  const heard = listen(b)
  b.close()
  b.close()
  a.postMessage('too late')
  // Whoever else is in that space has it by then.
  await flush(a, other)
  assert.deepEqual(heard, [])
  assert.throws(() => b.postMessage(1), { name: 'InvalidStateError' })
})

test('channel › what is no value is a DataCloneError at the call, and nothing is sent', {
  timeout: 20_000,
}, async (t) => {
  const [a, b] = await pair(t)
  const heard = listen(b)
  assert.throws(() => a.postMessage(() => 1), { name: 'DataCloneError' })
  assert.throws(() => a.postMessage({ deep: [Symbol('x')] }), { name: 'DataCloneError', message: /deep\[0\]/ })
  await flush(a, b)
  assert.deepEqual(heard.filter(isNoMark), [])
})

test('channel › its handler attributes are set, replaced and taken away like those of the platform', {
  timeout: 20_000,
}, async (t) => {
  const [a, b] = await pair(t)
  const calls: string[] = []
  assert.equal(b.onmessage, null)
  b.onmessage = function (event) {
    if (isNoMark(event.data)) calls.push(`first ${event.data} ${this === b}`)
  }
  b.addEventListener('message', ({ data }: Event & { data?: unknown }) => isNoMark(data) && calls.push('listener'))
  a.postMessage(1)
  await flush(a, b)
  b.onmessage = (event) => isNoMark(event.data) && calls.push(`second ${event.data}`)
  a.postMessage(2)
  await flush(a, b)
  b.onmessage = null
  a.postMessage(3)
  await flush(a, b)
  // What is none is null.
  b.onmessage = 'nothing' as never
  assert.equal(b.onmessage, null)
  assert.deepEqual(calls, ['first 1 true', 'listener', 'second 2', 'listener', 'listener'])
})

test('channel › a name is one of the space, whatever it is like, and what is too long is refused', {
  timeout: 20_000,
}, async (t) => {
  const [space] = await open(t, 1)
  assert.ok(space)
  assert.equal(space.channel('__proto__').name, '__proto__')
  assert.equal(space.channel(5 as never).name, '5')
  assert.throws(() => space.channel('x'.repeat(300)), UsageError)
})

/** The group of a channel, of which the test says how many casts it takes. */
class Room {
  left = 0
  isClosed = false
  readonly sent: unknown[] = []
  readonly port = {
    cast: (op: unknown) => {
      const [, bytes] = op as [string, Uint8Array]
      const value = decodeValue(bytes)
      if (value === 'none can carry it') throw new RangeError(value)
      if (this.left === 0) throw new BusyError('no room')
      this.left -= 1
      this.sent.push(value)
      return { n: this.sent.length, delivered: Promise.resolve() }
    },
    close: async () => {
      this.isClosed = true
    },
  } as unknown as GroupPort
  readonly hub = channelKind('here').create(this.port, {}).handle
}

/** Everything that is due has happened. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('channel › a message of as many bytes as a cast may have is posted; one of a byte more is a DataCloneError', {
  timeout: 20_000,
}, async (t) => {
  const [space] = await open(t, 1)
  assert.ok(space)
  const [channel, other] = [space.channel('x'), space.channel('x')]
  let origin = ''
  other.addEventListener('message', (event) => {
    origin = event.origin
  })
  await hear(other, channel)
  const max = channelBytesMax(origin, CAST_SIZE_MAX)
  const longest = new Uint8Array(max - (encodeValue(new Uint8Array(65_536)).length - 65_536))
  const longer = new Uint8Array(longest.length + 1)
  assert.equal(encodeValue([origin, encodeValue(longest)]).length, CAST_SIZE_MAX)
  // When the group is open, and before.
  assert.throws(() => channel.postMessage(longer), { name: 'DataCloneError' })
  assert.throws(() => space.channel('y').postMessage(longer), { name: 'DataCloneError' })
  const came = new Promise<number>((resolve) => {
    other.onmessage = ({ data }) => data instanceof Uint8Array && resolve(data.length)
  })
  channel.postMessage(longest)
  assert.equal(await came, longest.length)
})

test('channel › what one channel posted early is sent behind what another did, however much waits, and it is closed then', async () => {
  const room = new Room()
  const channels = [0, 1].map(() => new SpaceChannel('x', Promise.resolve(room.hub), 100))
  for (const channel of channels) for (let i = 0; i < 10_000; i += 1) channel.postMessage(i)
  assert.throws(() => channels[1]?.postMessage('one more'), BusyError)
  for (const channel of channels) channel.close()
  await turn()
  assert.equal(room.isClosed, false)
  room.left = Number.POSITIVE_INFINITY
  room.hub.handleWritable(true)
  await turn()
  assert.equal(room.sent.length, 20_000)
  assert.equal(room.isClosed, true)
})

test('channel › a message that no cast carries holds up none of those behind it', async () => {
  const room = new Room()
  const channel = new SpaceChannel('x', Promise.resolve(room.hub), 100)
  for (const message of [1, 'none can carry it', 2]) channel.postMessage(message)
  await turn()
  room.left = 2
  room.hub.handleWritable(true)
  assert.deepEqual(room.sent, [1, 2])
})

test('channel › made in a space that is closed, it takes any number of messages, which go nowhere', {
  timeout: 20_000,
}, async (t) => {
  const [space] = await open(t, 1)
  assert.ok(space)
  await space.close()
  const channel = space.channel('x')
  await turn()
  for (let i = 0; i <= 10_000; i += 1) channel.postMessage(i)
  assert.throws(() => channel.postMessage(() => 1), { name: 'DataCloneError' })
})
