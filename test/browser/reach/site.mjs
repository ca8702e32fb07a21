/**
 * The site of `npm run test:reach`: under `/ROW/`, the page and its worker with what the row takes away taken away before
 * they run; and a signaling server on the same port, the demo's.
 */
import { createServer } from 'node:http'
import { createSignaling } from '../../../demo/signaling.mjs'
import { bundleInMemory, workerEntry } from '../../../scripts/bundle.mjs'
import { preludeOf, rows } from './rows.mjs'

/** A host that browsers are told to look for on this machine, and that is not localhost to them. */
export const plainHost = 'reach.tutti.test'

/**
 * Builds the pages and serves them on this machine.
 * @returns {Promise<{ pageUrl(row: import('./rows.mjs').Row): string, signalingUrl: string, close(): Promise<void> }>}
 */
export async function startSite() {
  const files = await bundleInMemory([workerEntry, { out: 'pages/page', in: 'test/browser/reach/page.ts' }])
  const { server, port, close } = await listen((request, response) => {
    const [, number = '', path = ''] = /^\/(\d+)\/(.*)$/.exec(request.url ?? '') ?? []
    const row = rows[Number(number)]
    const answer = row === undefined ? null : answerOf(row, path, files)
    response.writeHead(answer === null ? 404 : 200, { ...answer?.headers, 'Cache-Control': 'no-store' })
    response.end(answer?.body)
  })
  const signaling = createSignaling()
  server.on('upgrade', (request, socket, head) => signaling.handleUpgrade(request, socket, head))
  return {
    pageUrl: (row) => `http://${row.isPlain ? plainHost : '127.0.0.1'}:${port}/${rows.indexOf(row)}/pages/page.html`,
    signalingUrl: `ws://127.0.0.1:${port}/signaling`,
    close() {
      signaling.close()
      return close()
    },
  }
}

/** A server on a free port of this machine. */
export async function listen(handle) {
  const server = createServer(handle)
  server.on('clientError', (_error, socket) => socket.destroy())
  await new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const close = () =>
    new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  return { server, port: server.address().port, close }
}

function answerOf(row, path, files) {
  const policy = row.policy === undefined ? {} : { 'Content-Security-Policy': row.policy }
  if (path === 'pages/page.html') {
    const body =
      '<!doctype html><meta charset="utf-8"><title>reach</title><script type="module" src="./page.js"></script>'
    return { headers: { ...policy, 'Content-Type': 'text/html; charset=utf-8' }, body }
  }
  const file = files.get(path)
  if (file === undefined) return null
  const body = Buffer.concat([Buffer.from(`${preludeOf(row)}\n`), Buffer.from(file)])
  return { headers: { 'Content-Type': 'text/javascript; charset=utf-8' }, body }
}
