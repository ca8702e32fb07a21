/** The options of the WebRTC transport, and their check. */

/** A STUN or TURN server, as `RTCIceServer`. */
export interface IceServer {
  readonly urls: string | readonly string[]
  readonly username?: string
  readonly credential?: string
}

/** Options of `webrtc`. */
export interface WebrtcOptions {
  /** Addresses (`wss://…`) of signaling servers that speak y-webrtc's protocol. All are used at once; peers meet if they share one. */
  readonly signaling: readonly string[]
  /** STUN and TURN servers. Default: Google's public STUN server, as simple-peer does; `[]` for none. */
  readonly iceServers?: readonly IceServer[]
  /** Hand data channels to the worker (default). False: the page passes the bytes on, as it also does where the browser cannot transfer. */
  readonly transfer?: boolean
  /** An attempt that is not open after this is given up and made again. Default 10 s. */
  readonly connectTimeoutMs?: number
}

/** {@link WebrtcOptions} with every default filled in. */
export interface FullWebrtcOptions {
  readonly signaling: readonly string[]
  readonly iceServers: readonly IceServer[]
  readonly transfer: boolean
  readonly connectTimeoutMs: number
}

/** What a timer takes; with more it fires at once. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1

/**
 * Checks the options and fills in the defaults.
 * @throws TypeError if there are none, an address is not one of a WebSocket, or a timer cannot wait for so long.
 */
export function readWebrtcOptions(options: WebrtcOptions): FullWebrtcOptions {
  const given: unknown = (options as Partial<WebrtcOptions> | null | undefined)?.signaling
  if (!Array.isArray(given)) {
    const hint = typeof given === 'string' ? ', also if it is one' : ''
    throw new TypeError(`webrtc({ signaling }): an array of servers' addresses${hint}, as ['wss://…'].`)
  }
  const signaling = [...new Set(options.signaling)]
  if (signaling.length === 0) throw new TypeError("webrtc({ signaling }): name at least one server, as 'wss://…'.")
  for (const url of signaling) {
    if (!isWebSocketUrl(url)) throw new TypeError(`webrtc({ signaling }): '${url}' is not a ws: or wss: address.`)
  }
  const { connectTimeoutMs = 10_000, transfer = true } = options
  if (!(connectTimeoutMs > 0 && connectTimeoutMs <= TIMEOUT_MS_MAX)) {
    throw new TypeError(`webrtc({ connectTimeoutMs }): a positive number of milliseconds, ${TIMEOUT_MS_MAX} at most.`)
  }
  const iceServers = options.iceServers ?? [{ urls: 'stun:stun.l.google.com:19302' }]
  return { signaling, iceServers, transfer, connectTimeoutMs }
}

function isWebSocketUrl(url: unknown): boolean {
  try {
    return typeof url === 'string' && /^wss?:$/.test(new URL(url).protocol)
  } catch {
    return false
  }
}
