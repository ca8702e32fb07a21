/** The WebRTC transport between pages of Chromium that share nothing but a signaling server. */
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { WebSocketServer } from 'ws'
import { startServer } from '../../../demo/server.mjs'
import { rendererOf } from '../tabs-plugin.mjs'
import { entry, openPage, startWorld, until } from './harness.mjs'

describe('webrtc', { timeout: 240_000 }, () => {
  let world
  let server
  let spaces = 0
  const pages = []

  before(async () => {
    world = await startWorld()
    server = await startServer({ root: import.meta.dirname ?? new URL('.', import.meta.url).pathname })
  })
  after(async () => {
    await world.close()
    await server.close()
  })
  afterEach(async () => {
    for (const page of pages.splice(0)) {
      assert.deepEqual(page.errors, [])
      await page.target.browserContext().close()
    }
  })

  const open = async () => {
    const page = await openPage(world)
    pages.push(page)
    return page
  }
  const options = (more = {}) => ({ signaling: [server.signalingUrl], iceServers: [], ...more })
  /** Pages, each with a process named by a letter, once all are connected. */
  const mesh = async (names, more = {}) => {
    const space = `w${++spaces}`
    const opened = await Promise.all(names.map(open))
    await Promise.all(opened.map((page, i) => page.call('startWebrtc', names[i], space, options(more))))
    await Promise.all(opened.map((page, i) => connected(page, names[i], names)))
    return opened
  }
  const connected = (page, self, names) =>
    until(
      () => page.state(self),
      (state) => state.up.join() === names.filter((name) => name !== self).join(),
      `the paths of ${self}`,
    )
  const received = (page, self, key, count) =>
    until(
      () => page.state(self),
      (state) => state.frames[key] === count,
      `${count} frames of ${key}`,
      15_000,
    )
  const sendAll = async (page, self, to) => {
    for (const channel of ['control', 'data', 'bulk']) {
      await page.tell(self, { do: 'send', to, channel, count: 1000, size: 100 })
    }
  }
  const gotAll = async (page, self, from) => {
    for (const channel of ['control', 'data', 'bulk']) {
      const state = await received(page, self, `${from} ${channel}`, 1000)
      assert.equal(state.frames[`${from} ${channel} !`], undefined)
    }
  }

  it('two pages connect and exchange frames in order on every channel', async () => {
    const [a, b] = await mesh(['a', 'b'])
    await Promise.all([sendAll(a, 'a', 'b'), sendAll(b, 'b', 'a')])
    await Promise.all([gotAll(a, 'a', 'b'), gotAll(b, 'b', 'a')])
    assert.deepEqual(await a.problems(), [])
    assert.ok(entry(await a.state('a'), 'searched'))
  })

  it('frames flow while the page is blocked', async () => {
    const [a, b] = await mesh(['a', 'b'])
    const blocked = a.target.evaluate(() => {
      const end = performance.now() + 1500
      while (performance.now() < end);
      return performance.timeOrigin + performance.now()
    })
    await b.tell('b', { do: 'send', to: 'a', channel: 'data', count: 100, size: 5000 })
    const freeAt = await blocked
    const state = await received(a, 'a', 'b data', 100)
    assert.ok(state.lastFrameAt < freeAt - 500, `the last frame came ${freeAt - state.lastFrameAt} ms before the end`)
  })

  it('what exceeds the browser’s send queue waits and arrives', async () => {
    const [a, b] = await mesh(['a', 'b'])
    await a.tell('a', { do: 'send', to: 'b', channel: 'bulk', count: 640, size: 65_536 })
    const state = await received(b, 'b', 'a bulk', 640)
    assert.equal(state.frames['a bulk !'], undefined)
    await until(
      () => a.state('a'),
      (now) => now.buffered.b[2] === 0,
      'the end of the backlog',
    )
  })

  it('where channels cannot be transferred the page passes the bytes on', async () => {
    const [a, b] = await mesh(['a', 'b'], { transfer: false })
    await Promise.all([sendAll(a, 'a', 'b'), sendAll(b, 'b', 'a')])
    await Promise.all([gotAll(a, 'a', 'b'), gotAll(b, 'b', 'a')])
    const [c, d] = await mesh(['c', 'd'], { transfer: false })
    await c.tell('c', { do: 'send', to: 'd', channel: 'bulk', count: 640, size: 65_536 })
    await received(d, 'd', 'c bulk', 640)
    await until(
      () => c.state('c'),
      (now) => now.buffered.d[2] === 0,
      'the end of the backlog',
    )
    await c.target.goto('about:blank')
    await until(
      () => d.state('d'),
      (state) => entry(state, 'linkDown', 'c'),
      'linkDown',
      1000,
    )
  })

  it('a page that passes the bytes on says its process’s last word, after all that was sent before', async () => {
    const [a, b] = await mesh(['a', 'b'], { transfer: false })
    assert.equal(await b.tell('b', { do: 'keepWord', word: 'older' }), 'kept')
    assert.equal(await b.tell('b', { do: 'keepWord', word: 'last' }), 'kept')
    for (const channel of ['control', 'data', 'bulk']) {
      await b.tell('b', { do: 'send', to: 'a', channel, count: 1000, size: 100 })
    }
    await received(a, 'a', 'b bulk', 1000)
    await b.target.goto('about:blank')
    const state = await until(
      () => a.state('a'),
      (now) => entry(now, 'lastWord', 'b'),
      'the word',
    )
    assert.equal(entry(state, 'lastWord', 'b').word, 'last')
    const told = state.log.filter(({ peer }) => peer === 'b').map(({ what }) => what)
    assert.deepEqual(told, ['linkUp', 'linkDown', 'lastWord'])
    for (const channel of ['control', 'data']) assert.equal(state.frames[`b ${channel}`], 1000)
  })

  it('a page that has spoken keeps no other word, and one whose worker sends by itself says none', async () => {
    const [a] = await mesh(['a', 'b'], { transfer: false })
    await a.call('leave', 'a')
    const late = a.tell('a', { do: 'keepWord', word: 'late' })
    const [c, d] = await mesh(['c', 'd'])
    assert.equal(await d.tell('d', { do: 'keepWord', word: 'd' }), 'kept')
    await d.target.goto('about:blank')
    const state = await until(
      () => c.state('c'),
      (now) => entry(now, 'linkDown', 'd'),
      'linkDown',
    )
    assert.equal(entry(state, 'lastWord', 'd'), undefined)
    assert.equal(await Promise.race([late, new Promise((resolve) => setTimeout(resolve, 300, 'not kept'))]), 'not kept')
  })

  it('both halves also run in one thread', async () => {
    const space = `w${++spaces}`
    const [a, b] = await Promise.all([open(), open()])
    await a.call('startInThread', 'a', space, options())
    await b.call('startWebrtc', 'b', space, options())
    await connected(b, 'b', ['a', 'b'])
    await until(
      () => a.call('stateInThread', 'a'),
      (state) => state.up.length === 1,
      'the path of a',
    )
    await a.call('sendInThread', 'a', 'b', 'data', 1000, 100)
    await received(b, 'b', 'a data', 1000)
    await b.tell('b', { do: 'send', to: 'a', channel: 'control', count: 100, size: 100 })
    await until(
      () => a.call('stateInThread', 'a'),
      (state) => state.frames['b control'] === 100,
      'frames',
    )
  })

  it('a page that goes away is seen to at once', async () => {
    const [a, b] = await mesh(['a', 'b'])
    // Counted from when the page goes, which on a busy machine is long after it is told to.
    await b.target.evaluate(() => addEventListener('pagehide', () => sessionStorage.setItem('gone', `${Date.now()}`)))
    await b.target.goto(world.url)
    const at = Number(await b.target.evaluate(() => sessionStorage.getItem('gone')))
    assert.ok(at > 0)
    const state = await until(
      () => a.state('a'),
      (now) => entry(now, 'linkDown', 'b'),
      'linkDown',
    )
    const ms = entry(state, 'linkDown', 'b').at - at
    assert.ok(ms < 300, `took ${ms} ms`)
  })

  it('a page that wakes from a sleep in which the others gave it up is connected at once', async () => {
    // One for whom the sleeper makes the connection, and one who makes it for the sleeper.
    const [a, b, c] = await mesh(['a', 'b', 'c'])
    const count = async (page, self, what) =>
      (await page.state(self)).log.filter((line) => line.what === what && line.peer === 'b').length
    const both = (what, n, timeoutMs) =>
      until(
        () => Promise.all([count(a, 'a', what), count(c, 'c', what)]),
        (counts) => counts.every((each) => each === n),
        `${what} of b, ${n} times`,
        timeoutMs,
      )
    const renderer = await rendererOf(b.target)
    process.kill(renderer, 'SIGSTOP')
    try {
      await both('linkDown', 1, 30_000)
    } finally {
      process.kill(renderer, 'SIGCONT')
    }
    // It takes its own ends for alive, for another 16 s.
    await both('linkUp', 2, 5000)
    await connected(b, 'b', ['a', 'b', 'c'])
    await Promise.all([sendAll(a, 'a', 'b'), sendAll(c, 'c', 'b')])
    await Promise.all([gotAll(b, 'b', 'a'), gotAll(b, 'b', 'c')])
  })

  it('a transport that is stopped closes its paths, and calls nothing back', async () => {
    const [a, b] = await mesh(['a', 'b'])
    await b.tell('b', { do: 'stop' })
    await until(
      () => a.state('a'),
      (now) => entry(now, 'linkDown', 'b'),
      'linkDown',
      1000,
    )
    assert.equal(entry(await b.state('b'), 'linkDown'), undefined)
  })

  it('a path the host gives up is opened again', async () => {
    const [a, b] = await mesh(['a', 'b'])
    await a.tell('a', { do: 'close', to: 'b' })
    await until(
      () => b.state('b'),
      (now) => now.log.filter((line) => line.what === 'linkUp').length === 2,
      'a second path',
    )
    await connected(a, 'a', ['a', 'b'])
    await sendAll(b, 'b', 'a')
    await gotAll(a, 'a', 'b')
  })

  it('three pages form a mesh', async () => {
    const names = ['a', 'b', 'c']
    const opened = await mesh(names)
    await Promise.all(
      opened.flatMap((page, i) => names.filter((_, k) => k !== i).map((to) => sendAll(page, names[i], to))),
    )
    await Promise.all(
      opened.flatMap((page, i) => names.filter((_, k) => k !== i).map((from) => gotAll(page, names[i], from))),
    )
  })

  it('after a restart of signaling those connected go on, and newcomers are met', async () => {
    const own = await startServer({ root: '/tmp' })
    const space = `w${++spaces}`
    const [a, b, c] = await Promise.all([open(), open(), open()])
    const there = { signaling: [own.signalingUrl], iceServers: [] }
    await Promise.all([a.call('startWebrtc', 'a', space, there), b.call('startWebrtc', 'b', space, there)])
    await connected(a, 'a', ['a', 'b'])
    await own.close()
    await a.tell('a', { do: 'send', to: 'b', channel: 'data', count: 10, size: 10 })
    await received(b, 'b', 'a data', 10)
    await until(
      () => a.problems(),
      (problems) => problems.includes('signaling-unreachable'),
      'the problem',
    )
    const again = await startServer({ root: '/tmp', port: own.port })
    await c.call('startWebrtc', 'c', space, there)
    await connected(c, 'c', ['a', 'b', 'c'])
    assert.equal(entry(await a.state('a'), 'linkDown'), undefined)
    assert.equal((await a.problems()).length, 1)
    await again.close()
  })

  it('one of two servers is enough, and both together do no harm', async () => {
    const other = await startServer({ root: '/tmp' })
    const both = { signaling: [server.signalingUrl, other.signalingUrl] }
    await mesh(['a', 'b', 'c'], both)
    await other.close()
    await mesh(['a', 'b', 'c'], both)
  })

  it('whoever a better transport reaches is not connected until it no longer does', async () => {
    const space = `w${++spaces}`
    const [a, b] = await Promise.all([open(), open()])
    for (const [page, self, peer] of [
      [a, 'a', 'b'],
      [b, 'b', 'a'],
    ]) {
      await page.call('startWebrtc', `${self}x`, space, options())
      await page.tell(`${self}x`, { do: 'reach', peer: `${peer}x`, reached: true })
    }
    // A connection made before the host knew better is closed again.
    await until(
      () => Promise.all([a.state('ax'), b.state('bx')]),
      (states) => states.every((state) => state.up.length === 0 && entry(state, 'searched')),
      'no path',
    )
    await a.tell('ax', { do: 'reach', peer: 'bx', reached: false })
    await b.tell('bx', { do: 'reach', peer: 'ax', reached: false })
    await connected(a, 'ax', ['ax', 'bx'])
  })

  it('a browser that makes no more connections is a problem, and is asked again', async () => {
    const space = `w${++spaces}`
    const [a, b] = await Promise.all([open(), open()])
    await a.target.evaluate(() => {
      const native = globalThis.RTCPeerConnection
      globalThis.RTCPeerConnection = class {
        constructor() {
          throw new DOMException('Cannot create so many PeerConnections', 'UnknownError')
        }
      }
      globalThis.restore = () => {
        globalThis.RTCPeerConnection = native
      }
    })
    await Promise.all([a.call('startWebrtc', 'a', space, options()), b.call('startWebrtc', 'b', space, options())])
    await until(
      () => a.problems(),
      (problems) => problems.includes('webrtc-connect-failed'),
      'the problem',
    )
    await a.target.evaluate(() => globalThis.restore())
    await connected(b, 'b', ['a', 'b'])
    await connected(a, 'a', ['a', 'b'])
  })

  it('a lying server brings problems, never exceptions', async () => {
    const space = `w${++spaces}`
    const liar = new WebSocketServer({ port: 0, host: '127.0.0.1' })
    const topic = `tutti:${space}`
    const say = (data, more = {}) => JSON.stringify({ type: 'publish', topic, data, clients: 9, ...more })
    const signal = (from, session, inner, n = 0) =>
      say({ type: 'signal', from, to: 'm', session: `${session}.0123456789abcdef`, n, signal: inner })
    const offer = { type: 'offer', sdp: 'v=0\r\nnonsense' }
    let announced = 0
    liar.on('connection', (socket) => {
      socket.on('message', (text) => {
        if (!String(text).includes('announce') || announced++ > 0) return
        const lies = [
          '{',
          'null',
          '[]',
          'x'.repeat(70_000),
          say(null),
          say({ type: 'announce' }),
          say({ type: 'announce', from: {} }),
          say({ type: 'announce', from: 'x'.repeat(65) }),
          say({ type: 'announce', from: 'a' }, { topic: 'other' }),
          say({ type: 'signal', from: 'a', to: 'm', session: 'x', n: 0, signal: offer }),
          signal('a', 1, { type: 'offer', sdp: 'v=0'.padEnd(20_000) }),
          signal('a', 1, { type: 'candidate', candidate: { candidate: 7 } }),
          signal('a', 1, { type: 'candidate', candidate: { candidate: 'x' } }),
          signal('a', 1, { renegotiate: true }),
          signal('a', 1, offer, -1),
          signal('a', 2, offer),
          signal(
            'a',
            2,
            { type: 'candidate', candidate: { candidate: 'candidate:nonsense', sdpMLineIndex: 99, sdpMid: null } },
            1,
          ),
          signal('a', 2, { type: 'answer', sdp: 'v=0\r\n' }, 2),
          signal('z', 3, offer),
          signal('z', 3, { type: 'answer', sdp: 'v=0\r\n' }),
        ]
        for (const lie of lies) socket.send(lie)
        for (let n = 0; n < 2000; n++) socket.send(say({ type: 'announce', from: `p${n}` }))
        for (let n = 0; n < 200; n++) socket.send(signal(`f${n}`, 1, offer))
        socket.send(Buffer.from([1, 2, 3]))
      })
    })
    const [m, peer] = await Promise.all([open(), open()])
    const signaling = [server.signalingUrl, `ws://127.0.0.1:${liar.address().port}/`]
    await m.call('startWebrtc', 'm', space, { signaling, iceServers: [], connectTimeoutMs: 500 })
    await until(
      () => m.problems(),
      (problems) => problems.includes('signaling-bad-message') && problems.includes('webrtc-connect-failed'),
      'the problems',
    )
    await peer.call('startWebrtc', 'n', space, options())
    await connected(peer, 'n', ['m', 'n'])
    const problems = await m.problems()
    assert.ok(problems.length < 10, `${problems.length} problems`)
    for (const client of liar.clients) client.terminate()
    liar.close()
  })
})
