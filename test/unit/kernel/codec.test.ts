/** The codec: what goes in comes out, and nothing else comes in. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc, { type Arbitrary } from 'fast-check'
import type { GroupOptions } from '../../../lib/kernel/api.ts'
import { decodeFrame, encodeFrame } from '../../../lib/kernel/codec.ts'
import type { Cast, Chunk, Frame, Item, Message, Row } from '../../../lib/kernel/frame.ts'
import { noBallot } from '../../../lib/kernel/ids.ts'
import { defaultLimits, type Limits } from '../../../lib/kernel/limits.ts'
import { Writer } from '../../../lib/kernel/wire.ts'
import { control, frames, messages, row } from './frame-arbitraries.ts'

const sampled = 12

// Helpers

function assertRoundTrip(frame: Frame): void {
  assert.deepEqual(decodeFrame(encodeFrame(frame)), frame)
}

function faultOf(bytes: Uint8Array, limits?: Limits): string | null {
  const result = decodeFrame(bytes, limits)
  return 'fault' in result ? result.fault : null
}

/** The same bytes as a part of a larger buffer. */
function amidst(bytes: Uint8Array): Uint8Array {
  const around = new Uint8Array(bytes.length + 9)
  around.set(bytes, 5)
  return around.subarray(5, 5 + bytes.length)
}

function limitsWith(overrides: Partial<Limits>): Limits {
  return { ...defaultLimits, ...overrides }
}

function dataOf(items: readonly Item[]): Frame {
  return {
    t: 'data',
    session: 7,
    no: 3,
    ack: { session: 9, no: 2 },
    grant: 0,
    view: '4.a',
    stable: [],
    settled: [],
    done: 0,
    items,
  }
}

function castOf(changes: Partial<Cast>): Item {
  const plain = { seq: 1, n: 1, gid: 1, gn: 1, lamport: 1, deps: [], payload: new Uint8Array(0) }
  return { k: 'cast', cast: { ...plain, order: null, isGbcast: false, ...changes }, ahead: 0 }
}

/** The bytes of a frame of one foreign message: view, then what `write` puts where the list of ids belongs. */
function foreignWith(write: (to: Writer) => void): Uint8Array {
  const frame: Frame = {
    t: 'control',
    session: 1,
    no: 1,
    ack: { session: 1, no: 1 },
    messages: [{ k: 'foreign', view: '1.a', linked: [] }],
  }
  const whole = encodeFrame(frame)
  const tail = new Writer(8)
  write(tail)
  return Uint8Array.from([...whole.subarray(0, -1), ...tail.finish()])
}

/** Samples of every kind of frame, and of every kind of message. */
function samples(): Frame[] {
  const kinds = [...Object.values(frames), ...Object.values(messages).map((one) => control(one as Arbitrary<Message>))]
  return kinds.flatMap((kind, i) => fc.sample(kind, { seed: i, numRuns: sampled }))
}

const beat: Extract<Frame, { t: 'heartbeat' }> = {
  t: 'heartbeat',
  view: '1.a',
  isMember: true,
  isClosed: false,
  epoch: 1,
  summary: null,
  sentAt: 1.5,
  echo: 0,
  ack: { session: 1, no: 1 },
}

describe('codec › round trip', () => {
  for (const [kind, frame] of Object.entries(frames)) {
    it(`a ${kind} frame comes back as it was`, () => {
      fc.assert(fc.property(frame, assertRoundTrip), { numRuns: 200 })
    })
  }
  for (const [kind, message] of Object.entries(messages)) {
    it(`a control frame of ${kind} messages comes back as it was`, () => {
      fc.assert(fc.property(control(message as Arbitrary<Message>), assertRoundTrip), { numRuns: 100 })
    })
  }

  it('every number of bytes a varint can have comes back at its edges', () => {
    for (let bits = 0; bits <= 53; bits++) {
      for (const grant of [2 ** bits - 1, Math.min(2 ** bits, Number.MAX_SAFE_INTEGER)]) {
        assertRoundTrip({ ...dataOf([]), grant } as Frame)
      }
    }
  })

  it('a frame is found in the middle of a larger buffer', () => {
    for (const frame of samples()) assert.deepEqual(decodeFrame(amidst(encodeFrame(frame))), frame)
  })

  it('a payload is a view into the received buffer', () => {
    const received = amidst(encodeFrame(dataOf([castOf({ payload: Uint8Array.of(1, 2, 3) })])))
    const frame = decodeFrame(received)
    assert.ok(!('fault' in frame) && frame.t === 'data')
    const first = frame.items[0]
    assert.ok(first?.k === 'cast')
    assert.deepEqual([...first.cast.payload], [1, 2, 3])
    assert.equal(first.cast.payload.buffer, received.buffer)
  })

  it('the encoded frame owns a buffer of exactly its size', () => {
    for (const frame of samples()) {
      const encoded = encodeFrame(frame)
      assert.equal(encoded.buffer.byteLength, encoded.length)
    }
  })

  it('a cast that goes on where the one before it stopped costs two bytes and its payload', () => {
    const deps = [0, 2, 5, 1, 4, 7]
    const run = (count: number): Item[] =>
      Array.from({ length: count }, (_, i) =>
        castOf({ seq: 1000 + i, n: 900 + i, lamport: 5000 + i, deps: [...deps], payload: Uint8Array.of(i) }),
      )
    assert.equal(encodeFrame(dataOf(run(11))).length - encodeFrame(dataOf(run(1))).length, 10 * 3)
    assertRoundTrip(dataOf(run(11)))
  })

  it('casts that go to one group after another list only what they depend on anew', () => {
    const burst = (count: number): Frame =>
      dataOf(
        Array.from({ length: count }, (_, i) =>
          castOf({
            seq: 1000 + i,
            n: 900 + i,
            lamport: 5000 + i,
            gid: 60 + i,
            deps: Array.from({ length: i }, (__, j) => [0, 2 * (60 + j), 1000 + j]).flat(),
          }),
        ),
      )
    assert.ok(encodeFrame(burst(60)).length - encodeFrame(burst(10)).length <= 50 * 11)
    assertRoundTrip(burst(60))
  })

  it('a frame that repeats lists until they fill the memory is refused', () => {
    const deps = Array.from({ length: 8 }, (_, i) => [0, 2 * i, 1]).flat()
    const alternating = (count: number): Uint8Array =>
      encodeFrame(
        dataOf(
          Array.from({ length: count }, (_, i) =>
            castOf({ seq: i + 1, n: i + 1, lamport: i + 1, deps: [...deps, 1, 2, i] }),
          ),
        ),
      )
    const limits = limitsWith({ depsMax: 9 })
    assert.equal(faultOf(alternating(6), limits), null)
    assert.equal(faultOf(alternating(7), limits), 'too-large')
  })

  it('names that objects inherit are names like others', () => {
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      const view = '1.a'
      const options: GroupOptions = {
        order: 'total',
        uniform: true,
        strong: false,
        consistency: 'consistent',
        state: true,
        kind: name,
      }
      assertRoundTrip({
        t: 'control',
        session: 1,
        no: 1,
        ack: { session: 1, no: 1 },
        messages: [
          { k: 'groupRequest', view, name, action: 'join', options, avoid: 'prototype' },
          { k: 'foreign', view, linked: ['prototype', 'prototype', 'constructor'] },
        ],
      })
    }
    assert.equal(Object.getPrototypeOf({}), Object.prototype)
  })
})

describe('codec › what a peer may not send', () => {
  it('a frame that is cut short anywhere is a fault', () => {
    for (const frame of samples()) {
      const whole = encodeFrame(frame)
      for (let end = 0; end < whole.length; end++) assert.notEqual(faultOf(whole.subarray(0, end)), null)
    }
  })

  it('a byte behind the frame is a fault', () => {
    for (const frame of samples()) assert.equal(faultOf(Uint8Array.of(...encodeFrame(frame), 0)), 'trailing')
  })

  it('random bytes are never thrown over, whatever head they have', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.option(fc.integer({ min: 16, max: 20 })), (noise, head) => {
        if (head !== null && noise.length > 0) noise[0] = head
        decodeFrame(noise)
      }),
      { numRuns: 10_000 },
    )
  })

  it('a good frame with a few bytes changed is decoded to something that encodes, or is a fault', () => {
    const change = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }))
    fc.assert(
      fc.property(
        fc.oneof(...Object.values(frames)),
        fc.array(change, { minLength: 1, maxLength: 3 }),
        (frame, all) => {
          const spoilt = encodeFrame(frame)
          for (const [at, value] of all) spoilt[at % spoilt.length] = value
          const result = decodeFrame(spoilt)
          if (!('fault' in result)) assertRoundTrip(result)
        },
      ),
      { numRuns: 3000 },
    )
  })

  it('other versions and unknown kinds of frames, messages and items are told apart', () => {
    assert.equal(faultOf(Uint8Array.of()), 'truncated')
    assert.equal(faultOf(Uint8Array.of(0x20, 0)), 'bad-version')
    for (const kind of [5, 15]) assert.equal(faultOf(Uint8Array.of(0x10 + kind, 0, 0, 0, 0, 0)), 'unknown-kind')
    assert.equal(faultOf(Uint8Array.of(0x12, 0, 0, 0, 0, 1, Object.keys(messages).length)), 'unknown-kind')
    const data = [...encodeFrame(dataOf([])).subarray(0, -1)]
    assert.equal(faultOf(Uint8Array.of(...data, 1, 192)), 'unknown-kind')
    assert.equal(faultOf(Uint8Array.of(...data, 1, 128)), null)
    assert.equal(faultOf(Uint8Array.of(...data, 1, 133)), 'malformed')
    // Nothing, as a message, comes before a message.
    assert.equal(faultOf(Uint8Array.of(...data, 1, 130, 1, 132, 0, 0, 0, 0)), 'malformed')
    // A gbcast like the cast before it, without a payload; then none, one that is said twice, and one of positions.
    assert.equal(faultOf(Uint8Array.of(...data, 1, 131, 62, 0)), null)
    for (const rest of [
      [131, 128],
      [131, 131],
      [131, 63, 1, 0, 0],
    ]) {
      assert.equal(faultOf(Uint8Array.of(...data, 1, ...rest)), 'malformed')
    }
    // So much came before nothing, before a marker, before another piece.
    for (const rest of [
      [130, 0, 31],
      [130, 1, 128],
      [130, 1, 129, 0, 0, 0],
    ]) {
      assert.equal(faultOf(Uint8Array.of(...data, 1, ...rest)), 'malformed', rest.join())
    }
  })

  it('a number that is not in its shortest form, or past 2^53 − 1, is malformed', () => {
    const ready = (...no: number[]): Uint8Array => Uint8Array.of(0x12, 0, ...no, 0, 0, 0)
    assert.equal(faultOf(ready(0x7f)), null)
    assert.equal(faultOf(ready(0xff, 0x01)), null)
    assert.equal(faultOf(ready(0xff, 0x00)), 'malformed')
    assert.equal(faultOf(ready(0x80, 0x80, 0x00)), 'malformed')
    assert.equal(faultOf(ready(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f)), null)
    assert.equal(faultOf(ready(0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10)), 'malformed')
    assert.equal(faultOf(ready(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01)), 'malformed')
  })

  it('a number that runs past 2^53 − 1 by going on from the cast before is malformed', () => {
    for (const field of ['seq', 'n', 'lamport'] as const) {
      const last = castOf({ seq: 9, n: 9, lamport: 9, [field]: Number.MAX_SAFE_INTEGER })
      const whole = encodeFrame(dataOf([last, castOf({ seq: 20, n: 20, lamport: 20 })]))
      assert.equal(faultOf(whole), null)
      const flags = { seq: 8, n: 16, lamport: 32 }[field]
      // The second cast: flags, three numbers, no payload; now one of the numbers is left to follow from the first.
      const spoilt = Uint8Array.of(...whole.subarray(0, -5), (whole.at(-5) ?? 0) | flags, 20, 20, 0)
      assert.equal(faultOf(spoilt), 'malformed')
    }
  })

  it('held casts with an unknown flag, or numbers that run past 2^53 − 1, are malformed', () => {
    const [sample] = fc.sample(row, 1)
    assert.ok(sample)
    const same = { gid: 1, gn: 1, isOrder: false, deps: [], delivered: false }
    const held = [
      { ...same, seq: Number.MAX_SAFE_INTEGER },
      { ...same, seq: 20 },
    ]
    const removed = [{ sender: 'a', stable: 0, held }]
    const message: Message = {
      k: 'row',
      ballot: noBallot,
      row: {
        ...sample,
        removed,
        marked: [],
        readies: [],
        departed: [],
        remembered: [],
        weight: 1,
        isWitness: false,
        quietMs: 0,
        away: [],
        asked: [],
      },
    }
    const whole = encodeFrame({ t: 'control', session: 1, no: 1, ack: { session: 1, no: 1 }, messages: [message] })
    assert.equal(faultOf(whole), null)
    // At the end: flags and number of the second held cast, four empty lists, the vote, a time, and two more lists.
    const bits = whole.at(-11) ?? 0
    const head = whole.subarray(0, -11)
    const rest = whole.subarray(-9)
    assert.equal(faultOf(Uint8Array.of(...head, bits | 32, 20, ...rest)), 'malformed')
    assert.equal(faultOf(Uint8Array.of(...head, bits | 4, ...rest)), 'malformed')
  })

  it('a record with more or fewer weights than members is malformed', () => {
    const departedOf = (weights: readonly number[]): Frame => ({
      t: 'control',
      session: 1,
      no: 1,
      ack: { session: 1, no: 1 },
      messages: [
        {
          k: 'leave',
          departed: {
            id: 'a',
            isDead: false,
            votes: { last: { line: 'L', id: '2.a', members: ['a', 'b'], weights }, attempt: null },
            ended: [],
          },
        },
      ],
    })
    assert.equal(faultOf(encodeFrame(departedOf([0, 255]))), null)
    assert.equal(faultOf(encodeFrame(departedOf([1]))), 'malformed')
    assert.equal(faultOf(encodeFrame(departedOf([1, 2, 3]))), 'malformed')
  })

  it('huge declared lengths are refused for every field that has one', () => {
    const huge = [2 ** 28, 2 ** 32 - 1, Number.MAX_SAFE_INTEGER]
    const headOfData = (stable: boolean): Uint8Array => encodeFrame(dataOf([])).subarray(0, stable ? -4 : -1)
    const places: Record<string, Uint8Array> = {
      'items of a data frame': headOfData(false),
      'stable pairs': headOfData(true),
      'payload of a cast': encodeFrame(dataOf([castOf({})])).subarray(0, -1),
      'deps of a cast': Uint8Array.of(...headOfData(false), 1, 0, 2, 2, 1, 1, 2),
      'pairs of an order record': Uint8Array.of(...headOfData(false), 1, 3, 2, 2, 1, 1, 2, 1),
      'messages of a control frame': Uint8Array.of(0x12, 0, 1, 0, 0),
      'text of a hello': Uint8Array.of(0x10, 1, 0),
      'known text of a hello': Uint8Array.of(0x10, 1),
      'ids of a message': foreignWith(() => {}),
      'known id of a message': foreignWith((to) => to.int(1)),
      'bytes of a chunk': bulkHead(),
    }
    for (const [place, head] of Object.entries(places)) {
      for (const length of huge) {
        const tail = new Writer(8)
        tail.int(length)
        const whole = Uint8Array.of(...head, ...tail.finish(), ...new Uint8Array(300))
        assert.match(faultOf(whole) ?? 'none', /too-large|truncated|malformed|bad-id/, `${place}: ${length}`)
      }
      // 2^53 as seven empty groups of seven bits and a sixteen.
      const past = Uint8Array.of(...head, 128, 128, 128, 128, 128, 128, 128, 16, ...new Uint8Array(300))
      assert.match(faultOf(past) ?? 'none', /malformed|bad-id/, `${place}: 2^53`)
    }
  })

  it('ids are letters, digits, dashes and underscores, one to 64', () => {
    const named = (...bytes: number[]): Uint8Array => Uint8Array.of(...foreignWith((to) => to.int(1)), 0, ...bytes)
    assert.equal(faultOf(named(1, 0x62)), null)
    assert.equal(faultOf(named(64, ...new Uint8Array(64).fill(0x62))), null)
    assert.equal(faultOf(named(65, ...new Uint8Array(65).fill(0x62))), 'bad-id')
    assert.equal(faultOf(named(0)), 'bad-id')
    for (const bad of [0x2e, 0x20, 0x0a, 0x00, 0xe9]) assert.equal(faultOf(named(1, bad)), 'bad-id')
    assert.equal(faultOf(named(2, 0x62, 0x0a)), 'bad-id')
  })

  it('times are finite and not negative', () => {
    const whole = encodeFrame(beat)
    const sentAt = whole.length - 18
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1, -0]) {
      const spoilt = whole.slice()
      new DataView(spoilt.buffer).setFloat64(sentAt, bad)
      assert.equal(faultOf(spoilt), 'malformed', String(bad))
    }
  })

  it('a wide text that is not wide, a flag of 2 and options with unknown bits are malformed', () => {
    const hello = (...name: number[]): Uint8Array => Uint8Array.of(0x10, 1, 0, ...name, 0, 0, 1, 1, 1, 1, 1)
    assert.equal(faultOf(hello(2, 0x61)), null)
    assert.equal(faultOf(hello(3, 1, 0x61)), null)
    assert.equal(faultOf(hello(3, 0, 0x61)), 'malformed')
    assert.equal(faultOf(Uint8Array.of(0x14, 1, 1, 1, 1, 2)), 'malformed')
    const request = (bits: number): Uint8Array => {
      const whole = encodeFrame({
        t: 'control',
        session: 1,
        no: 1,
        ack: { session: 1, no: 1 },
        messages: [
          {
            k: 'groupRequest',
            view: '1.a',
            name: 'g',
            action: 'join',
            options: { order: 'total', uniform: true, strong: true, consistency: 'consistent', state: true, kind: 'm' },
            avoid: null,
          },
        ],
      })
      // Behind the options' bits: a kind of one letter in three bytes, and the null.
      whole[whole.length - 5] = bits
      return whole
    }
    assert.equal(faultOf(request(30)), null)
    // An order by an engine, which is not there.
    assert.equal(faultOf(request(31)), 'truncated')
    assert.equal(faultOf(request(62)), null)
    assert.equal(faultOf(request(63)), 'truncated')
    assert.equal(faultOf(request(94)), null)
    // A domain that is not there, and one of a group without a total order.
    assert.equal(faultOf(request(158)), 'truncated')
    assert.equal(faultOf(request(157)), 'malformed')
  })

  it('an engine that does not exist is malformed', () => {
    for (const [engine, at, fault] of [
      ['moving', 0, null],
      ['round-robin', 1, null],
      ['moving', 2, 'malformed'],
    ] as const) {
      const most = { order: 'total', uniform: true, strong: false, consistency: 'consistent', state: true } as const
      const options = { ...most, kind: 'm', engine }
      const messages = [{ k: 'groupRequest', view: '1.a', name: 'g', action: 'join', options, avoid: null }] as const
      const whole = encodeFrame({ t: 'control', session: 1, no: 1, ack: { session: 1, no: 1 }, messages })
      whole[whole.length - 2] = at
      assert.equal(faultOf(whole), fault)
    }
  })
})

describe('codec › limits', () => {
  /** Encodes `frame` and expects it to pass with `fits` and to be too large with one less. */
  function assertLimit(name: keyof Limits, fits: number, frame: Frame): void {
    const whole = encodeFrame(frame)
    assert.equal(faultOf(whole, limitsWith({ [name]: fits })), null, `${name} ${fits}`)
    assert.equal(faultOf(whole, limitsWith({ [name]: fits - 1 })), 'too-large', `${name} ${fits - 1}`)
  }

  it('each limit admits n and refuses n + 1', () => {
    const payload = new Uint8Array(100)
    assertLimit('pieceBytes', 100, dataOf([castOf({ payload })]))
    assertLimit('pieceBytes', 100, dataOf([{ k: 'piece', at: 0, since: 0, bytes: payload }]))
    assertLimit('pieceBytes', 100, dataOf([{ k: 'message', n: 1, group: 'x', left: 0, bytes: payload }]))
    assertLimit('messageBytesMax', 100, dataOf([{ k: 'message', n: 1, group: 'x', left: 100, bytes: payload }]))
    assertLimit('castBytesMax', 100, dataOf([{ k: 'piece', at: 100, since: 0, bytes: payload }]))
    assertLimit('castBytesMax', 100, dataOf([{ ...castOf({}), ahead: 100 } as Item]))
    assertLimit('depsMax', 2, dataOf([castOf({ deps: [0, 2, 1, 1, 2, 1] })]))
    assertLimit('listMax', 2, dataOf([castOf({ order: [1, 0, 1, 0, 2] })]))
    assertLimit('listMax', 3, { ...dataOf([]), stable: [0, 1, 1, 1, 2, 1] } as Frame)
    const message: Message = { k: 'foreign', view: '1.a', linked: ['a', 'b', 'c'] }
    assertLimit('listMax', 3, { t: 'control', session: 1, no: 1, ack: { session: 1, no: 1 }, messages: [message] })
    const ofView = (members: string[], k: 'one part' | 'two parts'): Message => {
      const [first = '', ...rest] = members
      const whole = [{ view: '1.a', members }]
      const apart = [
        { view: '1.a', members: [first] },
        { view: '1.b', members: rest },
      ]
      return { k: 'propose', ballot: { epoch: 2, leader: 'a' }, parts: k === 'one part' ? whole : apart, found: null }
    }
    for (const k of ['one part', 'two parts'] as const) {
      const messages = [ofView(['a', 'b', 'c'], k)]
      assertLimit('membersMax', 3, { t: 'control', session: 1, no: 1, ack: { session: 1, no: 1 }, messages })
    }
    const summary = { id: '1.a', members: ['a', 'b', 'c'], primary: false, line: null, linked: [] }
    assertLimit('membersMax', 3, { ...beat, summary })
    const chunk: Chunk = {
      group: 'g',
      view: '1.a.1',
      subview: '',
      index: 0,
      isLast: true,
      cut: [],
      acted: { acted: 0, line: null },
      bytes: payload,
      what: 'state',
    }
    assertLimit('chunkBytes', 100, { t: 'bulk', session: 1, no: 1, ack: { session: 1, no: 1 }, chunk })
    const frame = dataOf([castOf({ payload })])
    assertLimit('frameBytesMax', encodeFrame(frame).length, frame)
  })

  it('the largest item under the default limits passes, one byte more does not', () => {
    const largest = (extra: number): Uint8Array =>
      encodeFrame(dataOf([castOf({ payload: new Uint8Array(defaultLimits.pieceBytes + extra) })]))
    assert.equal(faultOf(largest(0)), null)
    assert.equal(faultOf(largest(1)), 'too-large')
  })

  it('a name of 257 units is refused at both ends', () => {
    const hello = (units: number): Uint8Array =>
      Uint8Array.of(0x10, 1, 0, ...lengthOf(units * 2), ...new Uint8Array(units).fill(0x61), 0, 0, 1, 1, 1, 1, 1)
    assert.equal(faultOf(hello(256)), null)
    assert.equal(faultOf(hello(257)), 'too-large')
    const message: Message = { k: 'groupRefuse', view: '1.a', name: 'n'.repeat(257) }
    assert.throws(() =>
      encodeFrame({ t: 'control', session: 1, no: 1, ack: { session: 1, no: 1 }, messages: [message] }),
    )
  })

  it('a text that was long elsewhere in the frame is not let in by its number', () => {
    const long = 'o'.repeat(300)
    const withOrigin: Frame = {
      t: 'hello',
      version: 1,
      name: '',
      origin: long,
      session: 1,
      peerSession: 1,
      gotControl: 1,
      gotData: 1,
      gotBulk: 1,
    }
    assertRoundTrip(withOrigin)
    // The row's origin comes after its name; a later line refers to it by number.
    const [sample] = fc.sample(row, 1)
    assert.ok(sample)
    const spoilt: Row = { ...sample, origin: long, line: 'LINE', votes: { last: null, attempt: null }, view: '1.a' }
    const bare: Row = { ...spoilt, name: '', groups: [], removed: [], marked: [], departed: [], from: 'a' }
    const frame: Frame = {
      t: 'control',
      session: 1,
      no: 1,
      ack: { session: 1, no: 1 },
      messages: [{ k: 'row', ballot: noBallot, row: bare }],
    }
    const whole = [...encodeFrame(frame)]
    const line = String.fromCharCode(...whole).indexOf('LINE')
    // A new text of four units is 0, 8 and the letters; text 2 of the frame is the origin.
    whole.splice(line - 2, 6, 2)
    assert.equal(faultOf(Uint8Array.from(whole)), 'too-large')
  })
})

describe('codec › what the writer refuses', () => {
  it('numbers, ids, view ids and lists that no peer would accept are thrown', () => {
    const bad: Frame[] = [
      { ...dataOf([]), grant: -1 } as Frame,
      { ...dataOf([]), grant: 1.5 } as Frame,
      { ...dataOf([]), grant: 2 ** 53 } as Frame,
      { ...dataOf([]), view: '' } as Frame,
      { ...dataOf([]), view: '1' } as Frame,
      { ...dataOf([]), view: '01.a' } as Frame,
      { ...dataOf([]), view: '1.a.1.1' } as Frame,
      { ...dataOf([]), stable: [1] } as Frame,
      dataOf([castOf({ deps: [1, 2] })]),
      dataOf([castOf({ order: [] })]),
      dataOf([castOf({ order: [1, 2] })]),
      dataOf([{ ...castOf({}), k: 'forward', sender: 'a.b' } as Item]),
    ]
    for (const frame of bad) assert.throws(() => encodeFrame(frame), RangeError, JSON.stringify(frame))
  })
})

function lengthOf(value: number): Uint8Array {
  const to = new Writer(8)
  to.int(value)
  return to.finish()
}

/** A bulk frame up to the length of its chunk's bytes. */
function bulkHead(): Uint8Array {
  const chunk: Chunk = {
    group: 'g',
    view: '1.a.1',
    subview: '',
    index: 0,
    isLast: true,
    cut: [],
    acted: { acted: 0, line: null },
    bytes: new Uint8Array(0),
    what: 'state',
  }
  return encodeFrame({ t: 'bulk', session: 1, no: 1, ack: { session: 1, no: 1 }, chunk }).subarray(0, -2)
}
