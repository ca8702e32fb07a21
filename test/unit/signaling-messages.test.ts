/** What the WebRTC transport takes from a signaling server, and what it does not. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { readWebrtcOptions } from '../../adapters/simple-peer/options.ts'
import {
  drawSession,
  messageLengthMax,
  readPeerSignal,
  readServerMessage,
  sessionNumber,
} from '../../adapters/simple-peer/signals.ts'

const topics = ['tutti:s', 'tutti:s:me']
const read = (data: unknown, more: object = {}): unknown =>
  readServerMessage(JSON.stringify({ type: 'publish', topic: 'tutti:s', data, ...more }), topics)
const session = '7.0123456789abcdef'
const offer = { type: 'offer', sdp: 'v=0\r\n' }
const candidate = { candidate: 'candidate:1', sdpMLineIndex: 0, sdpMid: '0' }

describe('signaling messages', () => {
  it('what this version publishes is read back', () => {
    const announce = { type: 'announce', from: 'a', to: null }
    assert.deepEqual(read({ type: 'announce', from: 'a' }, { clients: 3 }), {
      type: 'publish',
      data: announce,
      clients: 3,
    })
    assert.deepEqual(read(announce), { type: 'publish', data: announce, clients: null })
    for (const signal of [offer, { type: 'answer', sdp: 'v=0' }, { type: 'candidate', candidate }]) {
      const data = { type: 'signal', from: 'a', to: 'b', session, n: 3, signal }
      assert.deepEqual(read(data), { type: 'publish', data, clients: null })
    }
    assert.deepEqual(readServerMessage('{"type":"pong"}', topics), { type: 'pong' })
  })

  it('what is malformed is null', () => {
    const signal = { type: 'signal', from: 'a', to: 'b', session, n: 0, signal: offer }
    const malformed = [
      undefined,
      null,
      [],
      'x',
      {},
      { type: 'announce' },
      { type: 'announce', from: '' },
      { type: 'announce', from: 'a b' },
      { type: 'announce', from: 'x'.repeat(65) },
      { type: 'announce', from: 'a', to: 7 },
      { ...signal, to: undefined },
      { ...signal, session: 'x' },
      { ...signal, session: `${session}0` },
      { ...signal, n: -1 },
      { ...signal, n: 512 },
      { ...signal, n: 0.5 },
      { ...signal, signal: { type: 'offer' } },
      { ...signal, signal: { type: 'offer', sdp: 'x' } },
      { ...signal, signal: { type: 'offer', sdp: 'v=0'.padEnd(16_385) } },
      { ...signal, signal: { candidate: null } },
      { ...signal, signal: { candidate: { ...candidate, candidate: 'x'.repeat(1025) } } },
      { ...signal, signal: { candidate: { ...candidate, sdpMLineIndex: -1 } } },
      { ...signal, signal: { candidate: { candidate: 'x' } } },
    ]
    for (const data of malformed) assert.equal(read(data), null, JSON.stringify(data))
    assert.equal(read({ type: 'announce', from: 'a' }, { topic: 'tutti:other' }), null)
    assert.equal(readServerMessage(' '.repeat(messageLengthMax + 1), topics), null)
    assert.equal(readServerMessage(new ArrayBuffer(3), topics), null)
    assert.equal(readServerMessage('{', topics), null)
  })

  it('sizes are taken up to their bounds', () => {
    const signal = { type: 'signal', from: 'x'.repeat(64), to: 'b', session, n: 511 }
    assert.notEqual(read({ ...signal, signal: { type: 'offer', sdp: 'v=0'.padEnd(16_384) } }), null)
    const longest = { ...candidate, candidate: 'x'.repeat(1024) }
    assert.notEqual(read({ ...signal, signal: { candidate: longest } }), null)
  })

  it('what another version or application says is foreign, not a fault', () => {
    assert.deepEqual(read({ type: 'future', from: 'a' }), { type: 'foreign' })
    const renegotiate = { type: 'signal', from: 'a', to: 'b', session, n: 0, signal: { renegotiate: true } }
    assert.deepEqual(read(renegotiate), { type: 'foreign' })
    assert.deepEqual(readServerMessage('{"type":"news"}', topics), { type: 'foreign' })
  })

  it('nothing that a server sends makes the reader throw, and no unchecked field comes through', () => {
    const names = fc.constantFrom('type', 'topic', 'data', 'from', 'to', 'session', 'n', 'signal', 'sdp', 'candidate')
    const word = fc.constantFrom('publish', 'announce', 'signal', 'offer', 'tutti:s', 'a', session, 'v=0', '__proto__')
    const value = fc.letrec((tie) => ({
      any: fc.oneof(word, fc.jsonValue(), fc.dictionary(names, tie('any'), { maxKeys: 8 })),
    })).any
    fc.assert(
      fc.property(value, (data) => {
        const message = readServerMessage(JSON.stringify(data), topics)
        assert.ok(message === null || typeof message === 'object')
        const signal = readPeerSignal(data)
        if (signal) assert.ok(Object.keys(signal).every((key) => ['type', 'sdp', 'candidate'].includes(key)))
      }),
      { numRuns: 500 },
    )
    fc.assert(fc.property(fc.string(), (text) => readServerMessage(text, topics) === null || text.includes('type')))
  })

  it('sessions carry the number of the attempt and are never alike', () => {
    assert.equal(sessionNumber(drawSession(12)), 12)
    assert.notEqual(drawSession(1), drawSession(1))
    assert.equal(sessionNumber('1.xyz'), null)
  })

  it('options without a usable server are refused at once', () => {
    for (const signaling of [[], ['x'], ['http://x'], ['wss://ok', 'ftp://x']]) {
      assert.throws(() => readWebrtcOptions({ signaling }), TypeError)
    }
    for (const options of [undefined, null, {}, { signaling: 'wss://x' }, { signaling: null }]) {
      assert.throws(() => readWebrtcOptions(options as never), {
        name: 'TypeError',
        message: /^webrtc\(\{ signaling \}\): an array of servers' addresses/,
      })
    }
    for (const connectTimeoutMs of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31]) {
      assert.throws(() => readWebrtcOptions({ signaling: ['ws://x'], connectTimeoutMs }), /connectTimeoutMs/)
    }
    assert.equal(
      readWebrtcOptions({ signaling: ['ws://x'], connectTimeoutMs: 2 ** 31 - 1 }).connectTimeoutMs,
      2 ** 31 - 1,
    )
    const full = readWebrtcOptions({ signaling: ['ws://x', 'ws://x'] })
    assert.deepEqual(full.signaling, ['ws://x'])
    assert.deepEqual(full.iceServers, [{ urls: 'stun:stun.l.google.com:19302' }])
    assert.deepEqual(readWebrtcOptions({ signaling: ['ws://x'], iceServers: [] }).iceServers, [])
  })
})
