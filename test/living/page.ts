/**
 * A page as users leave it lying about: it opens its space, stands for leader, and writes down what it is told. It opens
 * the space again when it comes back from the back/forward cache, as the README says an application does.
 *
 * Query: `transport` (`tabs` or `webrtc`), `signaling`, `space`. The script that hides, freezes and reloads it is `run.mjs`.
 */
import { openSpace, type SharedMap, type Space } from 'tutti'
import { tabs } from 'tutti/adapters/broadcast-channel'
import { webrtc } from 'tutti/adapters/simple-peer'

/** One thing that the page was told. Times are of the machine's clock. */
interface Line {
  readonly at: number
  readonly what: 'opened' | 'view' | 'leads' | 'ends' | 'shown'
  /** Of the process. */
  readonly self: string
  readonly members?: readonly string[]
  readonly away?: readonly string[]
  readonly persisted?: boolean
}

/** See the module's comment. */
export interface LivingPage {
  readonly log: Line[]
  space: Space | null
  map: SharedMap<number> | null
}

declare global {
  interface Window {
    readonly living: LivingPage
  }
}

const query = new URLSearchParams(location.search)
const living: LivingPage = { log: [], space: null, map: null }
Object.assign(window, { living })

addEventListener('pageshow', ({ persisted }) => {
  write({ what: 'shown', persisted })
  if (persisted) open().catch(console.error)
})
open().catch(console.error)

async function open(): Promise<void> {
  living.space = null
  living.map = null
  const signaling = query.get('signaling') ?? ''
  const transports =
    query.get('transport') === 'webrtc' ? [webrtc({ signaling: [signaling], iceServers: [] })] : [tabs()]
  const worker = (): Worker => new Worker('./worker/worker.js', { type: 'module' })
  const space = await openSpace(query.get('space') ?? '', { transports, worker })
  living.space = space
  write({ what: 'opened' })
  space.addEventListener('view', () => writeView(space))
  writeView(space)
  lead(space).catch((error: { code?: string }) => {
    if (error.code !== 'closed') console.error(error)
  })
  living.map = await space.map<number>('map')
}

/** Leads whenever it may, for as long as it may. */
async function lead(space: Space): Promise<void> {
  for (;;) {
    await space.whenLeader('page', ({ signal }) => {
      write({ what: 'leads' })
      return new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => {
          write({ what: 'ends' })
          resolve()
        })
      })
    })
  }
}

function writeView({ view }: Space): void {
  write({ what: 'view', members: view.members.map(({ id }) => id), away: view.away.map(({ id }) => id) })
}

function write(line: Omit<Line, 'at' | 'self'>): void {
  living.log.push({ at: Date.now(), self: living.space?.self ?? '', ...line })
}
