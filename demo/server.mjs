/**
 * The demo's server: the files of one folder, and a signaling server on the same port.
 */
import { createReadStream } from 'node:fs'
import { realpath, stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname, join, sep } from 'node:path'
import { pipeline } from 'node:stream'
import { createSignaling } from './signaling.mjs'

const contentTypes = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
  '.md': 'text/plain; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
  '.woff2': 'font/woff2',
}

/**
 * Serves `root` and signaling; rejects if the port cannot be had.
 * @param {{ port?: number, host?: string, root: string, limits?: Partial<typeof import('./signaling.mjs').signalingLimits> }} options
 * `port` 0 takes a free one; `limits` are the signaling server's, for tests
 * @returns {Promise<{ url: string, port: number, signalingUrl: string, close(): Promise<void> }>}
 */
export async function startServer({ port = 0, host = '127.0.0.1', root, limits = {} }) {
  const folder = await realpath(root)
  const signaling = createSignaling(limits)
  const server = createServer((request, response) => {
    handleRequest(folder, request, response).catch(() => {
      if (response.headersSent) response.destroy()
      else answer(response, 500, 'Internal error')
    })
  })
  // Any path will do: y-webrtc's clients are often given the bare address.
  server.on('upgrade', (request, socket, head) => signaling.handleUpgrade(request, socket, head))
  server.on('clientError', (_error, socket) => socket.destroy())
  try {
    await new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, host, resolve)
    })
  } catch (error) {
    signaling.close()
    throw error
  }
  const actualPort = server.address().port
  const authority = `${urlHost(host)}:${actualPort}`
  return {
    url: `http://${authority}/`,
    port: actualPort,
    signalingUrl: `ws://${authority}/signaling`,
    close: () =>
      new Promise((resolve) => {
        signaling.close()
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function handleRequest(folder, request, response) {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD')
    return answer(response, 405, 'Only GET and HEAD')
  }
  const file = await findFile(folder, request.url ?? '/')
  if (file === null) return answer(response, 404, 'Not found')
  const { path, size } = file
  response.writeHead(200, {
    'Content-Type': contentTypes[extname(path).toLowerCase()] ?? 'application/octet-stream',
    'Content-Length': size,
    'Cache-Control': 'no-cache',
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
  })
  if (request.method === 'HEAD') response.end()
  else pipeline(createReadStream(path, size === 0 ? {} : { end: size - 1 }), response, () => {})
}

/** The file an address names, or null. Never one outside of the folder, whatever dots and links say. */
async function findFile(folder, url) {
  let path
  try {
    path = decodeURIComponent(url.split(/[?#]/, 1)[0])
  } catch {
    return null
  }
  const names = path.split('/')
  if (!path.startsWith('/') || path.includes('\0') || path.includes('\\')) return null
  if (names.some((name) => name.startsWith('.'))) return null
  for (const candidate of [join(folder, path), join(folder, path, 'index.html')]) {
    try {
      const real = await realpath(candidate)
      if (!real.startsWith(folder.endsWith(sep) ? folder : folder + sep) && real !== folder) return null
      const stats = await stat(real)
      if (stats.isFile()) return { path: real, size: stats.size }
    } catch {
      // Tried the next one, or there is none.
    }
  }
  return null
}

function answer(response, status, text) {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' })
  response.end(`${text}\n`)
}

function urlHost(host) {
  if (host === '0.0.0.0' || host === '::' || host === '') return 'localhost'
  return host.includes(':') ? `[${host}]` : host
}
