/**
 * The transport among browsers: WebRTC data channels by simple-peer, which meet through signaling servers of
 * y-webrtc's protocol. The page makes the connections; their channels are transferred to the worker.
 */
import type { TransportSpec } from '../../lib/ports/transport.ts'
import { type IceServer, readWebrtcOptions, type WebrtcOptions } from './options.ts'
import { startWebrtcPage } from './page.ts'
import { overMessagePort, withinThread } from './page-port.ts'
import { createWebrtcTransport, WebrtcTransport } from './worker-half.ts'

export type { IceServer, WebrtcOptions }

/**
 * Connects browsers directly.
 * @throws TypeError if the options name no usable signaling server.
 */
export function webrtc(options: WebrtcOptions): TransportSpec {
  const full = readWebrtcOptions(options)
  return {
    type: 'simple-peer',
    options: {},
    page: (context) => {
      const problem = (found: Parameters<typeof context.problem>[0]): void => context.problem(found)
      return startWebrtcPage(full, {
        self: context.self,
        space: context.space,
        problem,
        port: overMessagePort(context.port),
        leaving: (say) => context.leaving(say),
      })
    },
    create: (workerOptions, pagePort) => {
      if (pagePort !== null) return createWebrtcTransport(workerOptions, pagePort)
      const [page, worker] = withinThread()
      return new WebrtcTransport(worker, (host) => {
        const problem = (found: Parameters<typeof host.problem>[0]): void => host.problem(found)
        return startWebrtcPage(full, { self: host.self, space: host.space, problem, port: page, leaving: null })
      })
    },
  }
}
