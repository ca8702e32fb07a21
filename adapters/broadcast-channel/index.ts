/**
 * The transport among the tabs of one origin: BroadcastChannel for bytes, Web Locks for life and death,
 * IndexedDB for votes. Needs nothing of the page.
 */
import type { TransportSpec } from '../../lib/ports/transport.ts'
import { createTabsTransport, type TabsOptions } from './worker-half.ts'

export type { TabsOptions }

/** This environment cannot run a transport. */
export class TransportUnavailableError extends Error {
  readonly code = 'transport-unavailable'
  /** Nothing was started. */
  readonly definite = true
  /** Where cause and remedy are written down, relative to the package. */
  readonly docs = 'docs/errors.md#transport-unavailable'
  override readonly name = 'TransportUnavailableError'
}

/**
 * Connects the tabs of one origin in one browser profile. The default transport of `openSpace`.
 * @throws TransportUnavailableError on in-thread creation where there is no BroadcastChannel.
 */
export function tabs(options: TabsOptions = {}): TransportSpec {
  return {
    type: 'broadcast-channel',
    options,
    create: () => {
      if (typeof BroadcastChannel === 'undefined') {
        throw new TransportUnavailableError(
          'There is no BroadcastChannel here. Name other transports: openSpace(name, { transports: [webrtc(…)] }), or memory() in tests.',
        )
      }
      return createTabsTransport(options)
    },
  }
}
