/**
 * A member of a space whose objects a browser test works with by `tab.evaluate`, through `window.member`.
 *
 * Query: `transport` (`tabs`, `webrtc` or `both`), `signaling` (for `webrtc`), `pump` (the page passes on what its worker
 * sends, as where data channels cannot be transferred), `space` (opens it at once; without it, the test opens one itself).
 */
import { type Group, openSpace, type SharedCounter, type SharedMap, type SharedQueue, type Space } from 'tutti'
import { tabs } from 'tutti/adapters/broadcast-channel'
import { webrtc } from 'tutti/adapters/simple-peer'

/** What a page has open. The objects are there once a test has put them there. */
export interface MemberPage {
  open(space: string): Promise<Space>
  space?: Space
  map?: SharedMap<string>
  counter?: SharedCounter
  queue?: SharedQueue<number>
  group?: Group
  /** What the test wants remembered, in order. */
  readonly log: unknown[]
  /** Lets what is waiting run. */
  turn(): Promise<void>
  pause(ms: number): Promise<void>
  /** Resolves when `isTrue` is; looks every few milliseconds. */
  until(isTrue: () => boolean, what: string, timeoutMs?: number): Promise<void>
  /** Does `act`, again in a while when the send queue is full. */
  patiently<Result>(act: () => Result): Promise<Result>
  /** A fingerprint of the map, in key order. */
  fingerprint(): Promise<string>
}

declare global {
  interface Window {
    readonly member: MemberPage
  }
}

const query = new URLSearchParams(location.search)
const member: MemberPage = { open, log: [], turn, pause, until, patiently, fingerprint }
Object.assign(window, { member })

const name = query.get('space')
if (name !== null) {
  open(name).then((space) => {
    member.space = space
  }, console.error)
}

function open(space: string): Promise<Space> {
  const signaling = query.get('signaling') ?? ''
  const transport = query.get('transport')
  const transports = [
    ...(transport === 'webrtc' ? [] : [tabs()]),
    ...(transport === 'webrtc' || transport === 'both'
      ? [webrtc({ signaling: [signaling], iceServers: [], transfer: !query.has('pump') })]
      : []),
  ]
  return openSpace(space, { transports, worker: () => new Worker('/worker/worker.js', { type: 'module' }) })
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(null)
  })
}

async function until(isTrue: () => boolean, what: string, timeoutMs = 20_000): Promise<void> {
  const end = performance.now() + timeoutMs
  while (!isTrue()) {
    if (performance.now() > end) throw new Error(`not within ${timeoutMs} ms: ${what} ${describe()}`)
    await pause(5)
  }
}

function describe(): string {
  const { space, map, counter, queue } = member
  const view = space === undefined ? null : { id: space.view.id, size: space.view.members.length, status: space.status }
  return JSON.stringify({
    view,
    map: map?.size,
    counter: counter?.value,
    queue: queue?.size,
    holders: holders(),
    log: member.log.length,
  })
}

/** How many items are in whose hands. */
function holders(): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { taker } of member.queue?.items ?? []) counts[taker ?? 'nobody'] = (counts[taker ?? 'nobody'] ?? 0) + 1
  return counts
}

async function patiently<Result>(act: () => Result): Promise<Result> {
  for (;;) {
    try {
      return act()
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'busy') throw error
      await pause(5)
    }
  }
}

async function fingerprint(): Promise<string> {
  const text = JSON.stringify([...(member.map ?? [])])
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
