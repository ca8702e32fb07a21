/**
 * The kernel's worker with a WebRTC transport that a test can cut: its channels to given peers are closed, and none is
 * made to them until they are healed. Nothing of WebRTC is replaced: the transport is told that a better one reaches
 * these peers, as the tabs of one browser would, so it lets go of them and asks again every 2 s.
 *
 * The peers that are out of reach come with a port of their own for the answer, see `keeper.ts`.
 */
import { webrtc } from 'tutti/adapters/simple-peer'
import type { Link, Transport } from 'tutti/ports'
import { startWorker, type WorkerScope } from 'tutti/worker'

startWorker(globalThis as unknown as WorkerScope, {
  'simple-peer': (options, pagePort) => {
    const inner = webrtc({ signaling: ['ws://the.page.has.them'] }).create?.(options, pagePort)
    if (inner === undefined) throw new TypeError('the transport cannot be made here')
    return makeCuttable(inner)
  },
})

function makeCuttable(inner: Transport): Transport {
  const links = new Map<string, Link>()
  let cutOff: ReadonlySet<string> = new Set()
  return {
    type: inner.type,
    preference: inner.preference,
    stop: () => inner.stop(),
    start(host) {
      globalThis.addEventListener(
        'message',
        ({ data, ports }: MessageEvent<{ type?: string; cut: readonly string[] }>) => {
          if (data.type !== 'cut') return
          cutOff = new Set(data.cut)
          const lost = [...links.values()].filter((link) => cutOff.has(link.peer))
          for (const link of lost) link.close()
          ports[0]?.postMessage({ closed: lost.length })
        },
      )
      inner.start({
        self: host.self,
        space: host.space,
        origin: host.origin,
        linkUp(link) {
          links.set(link.peer, link)
          host.linkUp(link)
        },
        linkDown(link) {
          if (links.get(link.peer) === link) links.delete(link.peer)
          host.linkDown(link)
        },
        receive: (link, channel, bytes) => host.receive(link, channel, bytes),
        dead: (peer, record) => host.dead(peer, record),
        lastWord: (peer, word) => host.lastWord(peer, word),
        searched: () => host.searched(),
        problem: (problem) => host.problem(problem),
        superseded: (problem) => host.superseded(problem),
        reaches: (peer, preference) => cutOff.has(peer) || host.reaches(peer, preference),
      })
    },
  }
}
