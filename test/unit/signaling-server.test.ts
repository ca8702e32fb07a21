/** The demo's server, against honest and hostile clients. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { WebSocket } from 'ws'
import { startServer } from '../../demo/server.mjs'

interface Server {
  readonly url: string
  readonly port: number
  readonly signalingUrl: string
  close(): Promise<void>
}

/** A client that keeps what it hears and waits for it. */
class TestClient {
  readonly socket: WebSocket
  readonly heard: Record<string, unknown>[] = []
  #wake: () => void = () => undefined

  constructor(url: string) {
    this.socket = new WebSocket(url)
    this.socket.on('message', (data) => {
      this.heard.push(JSON.parse(String(data)))
      this.#wake()
    })
    this.socket.on('close', () => this.#wake())
    this.socket.on('error', () => undefined)
  }

  static async open(url: string): Promise<TestClient> {
    const client = new TestClient(url)
    await once(client.socket, 'open')
    return client
  }

  send(message: unknown): void {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message))
  }

  /** Resolves with the first `count` messages; fails if the connection ends before. */
  async hear(count: number): Promise<Record<string, unknown>[]> {
    while (this.heard.length < count) {
      assert.notEqual(this.socket.readyState, WebSocket.CLOSED, 'the connection has ended')
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    return this.heard.slice(0, count)
  }

  /** Everything sent before has been handled when this resolves. */
  async settle(): Promise<void> {
    const count = this.heard.length
    this.send({ type: 'ping' })
    while (!this.heard.slice(count).some((message) => message['type'] === 'pong'))
      await this.hear(this.heard.length + 1)
    this.heard.splice(
      this.heard.findLastIndex((message) => message['type'] === 'pong'),
      1,
    )
  }

  async closed(): Promise<number> {
    if (this.socket.readyState === WebSocket.CLOSED) return 0
    const [code] = await once(this.socket, 'close')
    return code
  }
}

describe('signaling server', () => {
  let root = ''
  let server: Server
  const clients: TestClient[] = []
  const open = async (url = server.signalingUrl): Promise<TestClient> => {
    const client = await TestClient.open(url)
    clients.push(client)
    return client
  }

  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'tutti-server-'))
    server = await startServer({ root })
  })

  after(async () => {
    for (const client of clients) client.socket.terminate()
    await server.close()
    await rm(root, { recursive: true })
  })

  it('a publication reaches every subscriber of its topic, its sender too, with their number', async () => {
    const [a, b, c] = [await open(), await open(server.url.replace('http', 'ws')), await open()]
    a.send({ type: 'subscribe', topics: ['t'] })
    b.send({ type: 'subscribe', topics: ['t', 'u'] })
    c.send({ type: 'subscribe', topics: ['u'] })
    await Promise.all([a.settle(), b.settle(), c.settle()])
    a.send({ type: 'publish', topic: 't', data: { type: 'announce', from: 'a' }, extra: 1 })
    const expected = { type: 'publish', topic: 't', data: { type: 'announce', from: 'a' }, extra: 1, clients: 2 }
    assert.deepEqual(await a.hear(1), [expected])
    assert.deepEqual(await b.hear(1), [expected])
    await c.settle()
    assert.deepEqual(c.heard, [])
  })

  it('nobody hears a topic after unsubscribing or after closing', async () => {
    const [a, b, c] = [await open(), await open(), await open()]
    for (const client of [a, b, c]) {
      client.send({ type: 'subscribe', topics: ['gone'] })
      await client.settle()
    }
    b.send({ type: 'unsubscribe', topics: ['gone'] })
    await b.settle()
    c.socket.close()
    await c.closed()
    a.send({ type: 'publish', topic: 'gone' })
    const [heard] = await a.hear(1)
    assert.equal(heard?.['clients'], 1)
    await b.settle()
    assert.deepEqual(b.heard, [])
  })

  it('a ping is answered with a pong', async () => {
    const client = await open()
    client.send({ type: 'ping' })
    assert.deepEqual(await client.hear(1), [{ type: 'pong' }])
  })

  it('malformed messages harm nobody', async () => {
    const client = await open()
    const hostile = [
      null,
      1,
      [],
      {},
      { type: 7 },
      { type: 'subscribe' },
      { type: 'subscribe', topics: 'x' },
      { type: 'subscribe', topics: [null, 1, {}, '', 'x'.repeat(513), ['y']] },
      { type: 'unsubscribe', topics: [{}, '__proto__'] },
      { type: 'publish' },
      { type: 'publish', topic: { toString: 1 } },
      { type: 'publish', topic: '__proto__', clients: -1 },
      { type: '__proto__', __proto__: { type: 'subscribe' } },
    ]
    for (const message of hostile) client.send(message)
    await client.settle()
    assert.deepEqual(client.heard, [])
    for (const bad of ['{', '', '\u0000', '{"type":']) {
      const victim = await open()
      victim.send(bad)
      assert.equal(await victim.closed(), 1008)
    }
    const binary = await open()
    binary.socket.send(Buffer.from('{"type":"ping"}'))
    assert.equal(await binary.closed(), 1008)
  })

  it('a topic of 512 characters is taken, one of 513 is not', async () => {
    const client = await open()
    const [longest, longer] = ['x'.repeat(512), 'x'.repeat(513)]
    client.send({ type: 'subscribe', topics: [longest, longer] })
    client.send({ type: 'publish', topic: longer })
    client.send({ type: 'publish', topic: longest })
    const [heard] = await client.hear(1)
    assert.equal(heard?.['topic'], longest)
  })

  it('a connection that wants more than 64 topics is closed', async () => {
    const client = await open()
    client.send({ type: 'subscribe', topics: Array.from({ length: 64 }, (_, n) => `n${n}`) })
    await client.settle()
    client.send({ type: 'subscribe', topics: ['n0'] })
    await client.settle()
    client.send({ type: 'subscribe', topics: ['one more'] })
    assert.equal(await client.closed(), 1008)
  })

  it('a message of more than 64 KiB closes its connection and no other', async () => {
    const [big, other] = [await open(), await open()]
    big.send({ type: 'publish', topic: 'x', data: 'y'.repeat(64 * 1024) })
    assert.equal(await big.closed(), 1009)
    await other.settle()
  })

  it('connections beyond the limit are refused', async () => {
    const small: Server = await startServer({ root: root, limits: { connections: 2 } })
    const [a, b] = [await open(small.signalingUrl), await open(small.signalingUrl)]
    const third = new TestClient(small.signalingUrl)
    const [request, response] = await once(third.socket, 'unexpected-response')
    assert.equal(response.statusCode, 503)
    request.destroy()
    a.socket.close()
    await a.closed()
    // The server notices on its own side a moment later.
    for (let n = 0; n < 50; n++) {
      const next = new TestClient(small.signalingUrl)
      clients.push(next)
      const opened = await Promise.race([
        once(next.socket, 'open').then(() => true),
        once(next.socket, 'close').then(() => false),
      ])
      if (opened) break
      assert.ok(n < 49, 'no room was made')
    }
    await b.settle()
    await small.close()
  })

  it('a flood is slowed, and nothing of it is lost', async (t) => {
    const slow: Server = await startServer({ root: root, limits: { burst: 50, perSecond: 2000 } })
    // Also where the test fails: a server left open would hold the whole run up.
    t.after(() => slow.close())
    const client = await open(slow.signalingUrl)
    const started = performance.now()
    client.send({ type: 'subscribe', topics: ['flood'] })
    for (let n = 0; n < 1000; n++) client.send({ type: 'publish', topic: 'flood', n })
    const heard = await client.hear(1000)
    assert.deepEqual(
      heard.map((message) => message['n']),
      Array.from({ length: 1000 }, (_, n) => n),
    )
    await client.settle()
    assert.ok(performance.now() - started > 300, 'the flood was not slowed')
  })

  it('a connection that answers no WebSocket ping is dropped', async () => {
    const strict: Server = await startServer({ root: root, limits: { pingMs: 20 } })
    const deaf = new WebSocket(strict.signalingUrl, { autoPong: false })
    const honest = await open(strict.signalingUrl)
    const [code] = await once(deaf, 'close')
    assert.equal(code, 1006)
    await honest.settle()
    await strict.close()
  })

  it('a broken handshake and broken frames end their connection only', async () => {
    for (const bytes of ['GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n', '\u0016\u0003\u0001nonsense\r\n\r\n']) {
      const socket = connect(server.port, '127.0.0.1')
      socket.on('error', () => undefined)
      socket.resume()
      socket.write(bytes)
      await once(socket, 'close')
    }
    const client = await open()
    // @ts-expect-error: below the WebSocket, a frame with reserved bits
    client.socket._socket.write(Buffer.from([0xff, 0x80, 0, 0, 0, 0]))
    await client.closed()
    await (await open()).settle()
  })
})

describe('file server', () => {
  let root = ''
  let server: Server

  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'tutti-files-'))
    await writeFile(join(root, 'secret.txt'), 'secret')
    await mkdir(join(root, 'site', 'sub'), { recursive: true })
    await mkdir(join(root, 'site-other'))
    await writeFile(join(root, 'site-other', 'x.txt'), 'other')
    await writeFile(join(root, 'site', 'index.html'), '<p>hello</p>')
    await writeFile(join(root, 'site', 'app.js'), 'x')
    await writeFile(join(root, 'site', '.hidden'), 'hidden')
    await writeFile(join(root, 'site', 'empty.txt'), '')
    await writeFile(join(root, 'site', 'sub', 'index.html'), '<p>sub</p>')
    await symlink(join(root, 'secret.txt'), join(root, 'site', 'link.txt'))
    server = await startServer({ root: join(root, 'site') })
  })

  after(async () => {
    await server.close()
    await rm(root, { recursive: true })
  })

  it('files are served with their type, folders by their index', async () => {
    const page = await fetch(server.url)
    assert.equal(await page.text(), '<p>hello</p>')
    assert.match(page.headers.get('content-type') ?? '', /^text\/html/)
    assert.equal(page.headers.get('x-content-type-options'), 'nosniff')
    assert.match((await fetch(`${server.url}app.js?v=1`)).headers.get('content-type') ?? '', /^text\/javascript/)
    assert.equal(await (await fetch(`${server.url}sub/`)).text(), '<p>sub</p>')
    assert.equal(await (await fetch(`${server.url}empty.txt`)).text(), '')
    const head = await fetch(server.url, { method: 'HEAD' })
    assert.equal(head.headers.get('content-length'), '12')
    assert.equal((await fetch(server.url, { method: 'POST' })).status, 405)
  })

  it('nothing outside of the folder is served', async () => {
    const paths = [
      '/../secret.txt',
      '/%2e%2e/secret.txt',
      '/..%2fsecret.txt',
      '/sub/../../secret.txt',
      '/..%5csecret.txt',
      '/../site-other/x.txt',
      '//secret.txt',
      '/link.txt',
      '/.hidden',
      '/%00',
      '/%',
      `${join(root, 'secret.txt')}`,
      'http://x/../secret.txt',
    ]
    for (const path of paths) assert.equal(await statusOf(server.port, path), 404, path)
  })

  it('a taken port is an error', async () => {
    await assert.rejects(startServer({ root: join(root, 'site'), port: server.port }), { code: 'EADDRINUSE' })
  })
})

/** Asks for a path as it stands: `fetch` would tidy it. */
async function statusOf(port: number, path: string): Promise<number> {
  const socket = connect(port, '127.0.0.1')
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
  let text = ''
  for await (const chunk of socket) text += chunk
  return Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1])
}
