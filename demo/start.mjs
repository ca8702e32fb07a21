/**
 * `npm start`: does the set-up, builds the demo and serves it with its signaling server.
 *
 * Port 8080, or `PORT`; when it is taken, a free one. Only this machine is served unless `HOST` says otherwise.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ensureInstalled, root } from '../scripts/setup.mjs'

ensureInstalled()
// What follows needs the dependencies, so it is loaded only now.
const { buildDemo } = await import('../scripts/bundle.mjs')
const { startServer } = await import('./server.mjs')

const site = join(root, 'demo', 'dist')
await rm(site, { recursive: true, force: true })
await buildDemo(site)

const server = await start(readPort(process.env.PORT))
console.log(`Tutti demo: http://localhost:${new URL(server.url).port || '80'}/`)

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    // A second signal, or a connection that will not end, does not keep the process.
    setTimeout(() => process.exit(0), 1000).unref()
    void Promise.resolve(server.close()).finally(() => process.exit(0))
  })
}

async function start(port) {
  const host = process.env.HOST || '127.0.0.1'
  try {
    return await startServer({ port, host, root: site })
  } catch (error) {
    if (error?.code !== 'EADDRINUSE' || port === 0) throw error
    console.log(`Port ${port} is taken; using another.`)
    return await startServer({ port: 0, host, root: site })
  }
}

function readPort(text) {
  if (text === undefined || text === '') return 8080
  const port = Number(text)
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port
  console.error(`PORT is ${text}; it must be a number from 0 to 65535.`)
  process.exit(1)
}
