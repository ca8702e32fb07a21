/**
 * What is taken away from pages and their workers, one thing a row, and what is left then.
 */

/**
 * @typedef {object} Row
 * @property {string} name
 * @property {readonly string[]} [removed] what is deleted from the global scope, in the page and in the worker
 * @property {boolean} [noTransfer] a data channel is refused by `postMessage`, as in Safari
 * @property {string} [policy] the page's `Content-Security-Policy`
 * @property {boolean} [isPlain] the page comes by http from a host that is not localhost: no secure context
 * @property {Partial<Record<'tabs' | 'webrtc', readonly string[]>>} [problems] what the space reports, by the way to others
 * @property {'tabs' | 'webrtc'} [isolated] this way reaches nobody
 * @property {boolean} [noProof] a death is not proven between tabs, so a survivor of two waits
 */

/** @type {readonly Row[]} */
export const rows = [
  { name: 'nothing' },
  { name: 'transfer of channels', noTransfer: true },
  { name: 'navigator.locks', removed: ['navigator.locks'], noProof: true },
  { name: 'crypto.subtle', removed: ['crypto.subtle'] },
  { name: 'crypto.randomUUID', removed: ['crypto.randomUUID'] },
  { name: 'SharedWorker', removed: ['SharedWorker'] },
  { name: 'plain http', isPlain: true, noProof: true },
  { name: 'CSP and Trusted Types', policy: "worker-src 'self'; require-trusted-types-for 'script'" },
  {
    name: 'CSP that lists policies',
    policy: "default-src 'self'; connect-src 'self' ws:; require-trusted-types-for 'script'; trusted-types tutti",
  },
  { name: 'workers, by CSP', policy: "worker-src 'none'", problems: { tabs: ['worker'], webrtc: ['worker'] } },
  { name: 'Worker', removed: ['Worker'] },
  { name: 'indexedDB', removed: ['indexedDB'], problems: { tabs: ['tabs-storage-denied'] }, noProof: true },
  {
    name: 'BroadcastChannel',
    removed: ['BroadcastChannel'],
    problems: { tabs: ['tabs-unsupported'] },
    isolated: 'tabs',
  },
  {
    name: 'RTCPeerConnection',
    removed: ['RTCPeerConnection', 'webkitRTCPeerConnection'],
    problems: { webrtc: ['webrtc-unsupported'] },
    isolated: 'webrtc',
  },
  { name: 'AbortSignal.any', removed: ['AbortSignal.any'] },
]

/**
 * What runs before the page's script and before the worker's.
 * @param {Row} row
 * @returns {string}
 */
export function preludeOf({ removed = [], noTransfer = false }) {
  const calls = removed.map((path) => `(${remove})(${JSON.stringify(path)});`)
  if (noTransfer) calls.push(`(${refuseTransfer})();`)
  return calls.join('\n')
}

function remove(path) {
  const names = path.split('.')
  const last = names.pop()
  let holder = globalThis
  for (const name of names) holder = holder[name]
  for (let at = holder; at !== null; at = Object.getPrototypeOf(at)) if (Object.hasOwn(at, last)) delete at[last]
  if (holder[last] !== undefined) throw new Error(`${path} is still there`)
}

function refuseTransfer() {
  if (typeof RTCDataChannel === 'undefined') return
  const { postMessage } = MessagePort.prototype
  MessagePort.prototype.postMessage = function (message, transfer) {
    const list = Array.isArray(transfer) ? transfer : (transfer?.transfer ?? [])
    if (list.some((each) => each instanceof RTCDataChannel)) {
      throw new DOMException('An RTCDataChannel could not be cloned.', 'DataCloneError')
    }
    return postMessage.call(this, message, transfer)
  }
}
