/**
 * simple-peer, typed by hand: the one place that names the package.
 *
 * The minified bundle is the only build of it that runs in a browser without polyfills; it has no
 * declarations of its own, and nothing of it appears in published types.
 */
// @ts-expect-error: the bundle has no declarations
import bundle from 'simple-peer/simplepeer.min.js'

/** What we use of a simple-peer instance. */
export interface PeerInstance {
  readonly destroyed: boolean
  /** Undefined when the browser refused another connection: the constructor swallows that error. */
  readonly _pc?: RTCPeerConnection | null
  /** May throw on malformed data. */
  signal(data: unknown): void
  destroy(): void
  on(event: 'signal', listener: (data: unknown) => void): void
  on(event: 'error', listener: (error: Error & { code?: string }) => void): void
  on(event: 'close', listener: () => void): void
  /** Reads and drops what arrives on simple-peer's own channel. */
  resume(): void
}

/** What we use of simple-peer's constructor. */
export interface PeerClass {
  new (options: { initiator: boolean; trickle: boolean; config: RTCConfiguration }): PeerInstance
  readonly WEBRTC_SUPPORT: boolean
}

/** simple-peer's constructor. */
export const Peer: PeerClass = bundle as PeerClass
