/**
 * Frames as bytes and back: a fixed schema, so that nothing a peer sends is interpreted beyond it.
 *
 * A frame is one byte (version in the upper half, kind in the lower), then its fields. Every length is checked against
 * its limit and against what is left before anything is allocated, what follows the last field is refused, and no
 * reading depends on the depth of the data. Payloads are views into the received bytes.
 *
 * Data frames are written by hand, for speed and because consecutive casts are alike: what a cast has in common with
 * the one before it in the frame (its group, the next number, the next stamp, its dependencies) takes one bit.
 */
import type { ProcessId } from './api.ts'
import { acted, areSameDeps, message, origin, readDeps, writeDeps } from './codec-control.ts'
import {
  type Codec,
  choice,
  flag,
  flatTuples,
  float,
  int,
  list,
  nullable,
  processId,
  readTuples,
  record,
  subviewId,
  text,
  viewId,
  writeTuples,
} from './codec-schema.ts'
import type {
  BulkFrame,
  Cast,
  Chunk,
  ControlFrame,
  DataFrame,
  Frame,
  HeartbeatFrame,
  HelloFrame,
  Item,
  StreamAck,
  ViewSummary,
} from './frame.ts'
import { defaultLimits, type Limits } from './limits.ts'
import { Reader, type WireFault, Writer } from './wire.ts'

const wireVersion = 1

/** The bytes of a frame, in a buffer of exactly their size. Throws only for a frame that no peer would accept. */
export function encodeFrame(frame: Frame): Uint8Array {
  const to = new Writer(expectedBytes(frame))
  to.byte(wireVersion * 16 + kinds.indexOf(frame.t))
  switch (frame.t) {
    case 'hello':
      hello.write(to, frame)
      break
    case 'heartbeat':
      heartbeat.write(to, frame)
      break
    case 'control':
      control.write(to, frame)
      break
    case 'data':
      writeData(to, frame)
      break
    case 'bulk':
      bulk.write(to, frame)
      break
  }
  return to.finish()
}

/** The frame that a peer's bytes stand for, or what is wrong with them. Never throws. The frame shares memory with `bytes`. */
export function decodeFrame(bytes: Uint8Array, limits: Limits = defaultLimits): Frame | { readonly fault: WireFault } {
  if (bytes.length > limits.frameBytesMax) return { fault: 'too-large' }
  const from = new Reader(bytes, limits)
  const head = from.byte()
  if (from.fault === null && head >>> 4 !== wireVersion) return { fault: 'bad-version' }
  const frame = readFrame(from, head & 15)
  if (from.fault === null && from.left > 0) from.fail('trailing')
  return from.fault === null ? frame : { fault: from.fault }
}

function readFrame(from: Reader, kind: number): Frame {
  switch (kinds[kind]) {
    case 'hello':
      return { t: 'hello', ...hello.read(from) }
    case 'heartbeat':
      return { t: 'heartbeat', ...heartbeat.read(from) }
    case 'control':
      return { t: 'control', ...control.read(from) }
    case 'data':
      return readData(from)
    case 'bulk':
      return { t: 'bulk', ...bulk.read(from) }
    default:
      from.fail('unknown-kind')
      return { t: 'control', ...control.read(from) }
  }
}

// The order of the kinds and of all fields below is the wire format.
const kinds: readonly Frame['t'][] = ['hello', 'heartbeat', 'control', 'data', 'bulk']

const ack: Codec<StreamAck> = record<StreamAck>({ session: int, no: int })

const hello = record<Omit<HelloFrame, 't'>>({
  version: int,
  name: text,
  origin,
  session: int,
  peerSession: int,
  gotControl: int,
  gotData: int,
  gotBulk: int,
})

const summary = record<ViewSummary>({
  id: viewId,
  members: list(processId, 'membersMax'),
  primary: flag,
  line: nullable(text),
  linked: list(processId),
})

const heartbeat = record<Omit<HeartbeatFrame, 't'>>({
  view: viewId,
  isMember: flag,
  isClosed: flag,
  epoch: int,
  summary: nullable(summary),
  sentAt: float,
  echo: float,
  ack,
})

const control = record<Omit<ControlFrame, 't'>>({ session: int, no: int, ack, messages: list(message) })

const cutEntry: Codec<readonly [ProcessId, number]> = {
  write(to, [id, n]) {
    to.id(id)
    to.int(n)
  },
  read: (from) => [from.id(), from.int()],
}

const chunkBytes: Codec<Uint8Array> = {
  write: (to, value) => to.bytes(value),
  read: (from) => from.bytes(from.limits.chunkBytes),
}

const chunk = record<Chunk>({
  group: text,
  view: viewId,
  subview: subviewId,
  index: int,
  isLast: flag,
  cut: list(cutEntry),
  acted,
  bytes: chunkBytes,
  what: choice('state', 'refused', 'list'),
})

const bulk = record<Omit<BulkFrame, 't'>>({ session: int, no: int, ack, chunk: nullable(chunk) })

const stablePairs = flatTuples(2)

function writeData(to: Writer, frame: DataFrame): void {
  to.int(frame.session)
  to.int(frame.no)
  ack.write(to, frame.ack)
  to.int(frame.grant)
  to.view(frame.view)
  stablePairs.write(to, frame.stable)
  stablePairs.write(to, frame.settled)
  to.int(frame.done)
  to.int(frame.items.length)
  let before = firstCast
  for (const item of frame.items) before = writeItem(to, item, before)
}

function readData(from: Reader): DataFrame {
  const session = from.int()
  const no = from.int()
  const got = ack.read(from)
  const grant = from.int()
  const view = from.view()
  const stable = stablePairs.read(from)
  const settled = stablePairs.read(from)
  const done = from.int()
  // Bounded by the size of the frame: an item takes at least a byte.
  const count = from.count(from.left)
  const items: Item[] = []
  let before = firstCast
  for (let i = 0; i < count && from.fault === null; i++) {
    const item = readItem(from, before)
    items.push(item)
    if (item.k === 'cast' || item.k === 'forward') before = item.cast
  }
  return { t: 'data', session, no, ack: got, grant, view, stable, settled, done, items }
}

// The first byte of an item: its kind in the upper two bits, flags of its cast below. Rare ones share the third kind.
const itemCast = 0
const itemForward = 64
const itemEov = 128
const itemPiece = 129
/** Of the cast that follows so much came before. */
const itemAhead = 130
/** The cast that follows is a gbcast. */
const itemGbcast = 131
const itemMessage = 132
const itemKindMask = 192
const hasOrder = 1
const hasSameDeps = 2
const hasSameGroup = 4
const hasNextSeq = 8
const hasNextN = 16
const hasNextLamport = 32

/** What the first cast of a frame is compared with. */
const firstCast: Cast = {
  seq: 0,
  n: 0,
  gid: 0,
  gn: 0,
  lamport: 0,
  deps: [],
  payload: new Uint8Array(0),
  order: null,
  isGbcast: false,
}
const eov: Item = { k: 'eov' }

/** Returns the cast that the next one is compared with. */
function writeItem(to: Writer, item: Item, before: Cast): Cast {
  if (item.k === 'eov') {
    to.byte(itemEov)
    return before
  }
  if (item.k === 'piece') {
    to.byte(itemPiece)
    to.int(item.at)
    to.int(item.since)
    to.bytes(item.bytes)
    return before
  }
  if (item.k === 'message') {
    to.byte(itemMessage)
    to.int(item.n)
    to.text(item.group)
    to.int(item.left)
    to.bytes(item.bytes)
    return before
  }
  if (item.ahead > 0) {
    to.byte(itemAhead)
    to.int(item.ahead)
  }
  const cast = item.cast
  if (cast.isGbcast) to.byte(itemGbcast)
  const bits =
    (cast.order !== null ? hasOrder : 0) |
    (areSameDeps(cast.deps, before.deps) ? hasSameDeps : 0) |
    (cast.gid === before.gid && cast.gn === before.gn ? hasSameGroup : 0) |
    (cast.seq === before.seq + 1 ? hasNextSeq : 0) |
    (cast.n === before.n + 1 ? hasNextN : 0) |
    (cast.lamport === before.lamport + 1 ? hasNextLamport : 0)
  to.byte(bits | (item.k === 'forward' ? itemForward : itemCast))
  if (item.k === 'forward') to.id(item.sender)
  if ((bits & hasNextSeq) === 0) to.int(cast.seq)
  if ((bits & hasNextN) === 0) to.int(cast.n)
  if ((bits & hasSameGroup) === 0) {
    to.int(cast.gid)
    to.int(cast.gn)
  }
  if ((bits & hasNextLamport) === 0) to.int(cast.lamport)
  if ((bits & hasSameDeps) === 0) writeDeps(to, cast.deps, before.deps)
  if (cast.order !== null) {
    to.int(cast.order[0] ?? -1)
    writeTuples(to, cast.order, 2, 1)
  }
  to.bytes(cast.payload)
  return cast
}

function readItem(from: Reader, before: Cast): Item {
  const first = from.byte()
  if (first === itemEov) return eov
  if (first === itemPiece) {
    return { k: 'piece', at: readOffset(from), since: from.int(), bytes: from.bytes(from.limits.pieceBytes) }
  }
  if (first === itemMessage) return readMessage(from)
  let head = first
  let ahead = 0
  if (first === itemAhead) {
    ahead = readOffset(from)
    if (ahead === 0) from.fail('malformed')
    head = from.byte()
  }
  const isGbcast = head === itemGbcast
  if (isGbcast) head = from.byte()
  const kind = head & itemKindMask
  if (kind === itemEov) from.fail('malformed')
  else if (kind !== itemCast && kind !== itemForward) from.fail('unknown-kind')
  if (kind !== itemForward) return { k: 'cast', cast: readCast(from, head, before, isGbcast), ahead }
  const sender = from.id()
  return { k: 'forward', sender, cast: readCast(from, head, before, isGbcast), ahead }
}

function readMessage(from: Reader): Item {
  const n = from.int()
  const group = from.text()
  const left = from.int()
  if (left > from.limits.messageBytesMax) from.fail('too-large')
  return { k: 'message', n, group, left, bytes: from.bytes(from.limits.pieceBytes) }
}

/** A place within a payload. */
function readOffset(from: Reader): number {
  const offset = from.int()
  if (offset > from.limits.castBytesMax) from.fail('too-large')
  return offset
}

function readCast(from: Reader, bits: number, before: Cast, isGbcast: boolean): Cast {
  const seq = (bits & hasNextSeq) !== 0 ? before.seq + 1 : from.int()
  const n = (bits & hasNextN) !== 0 ? before.n + 1 : from.int()
  const isSameGroup = (bits & hasSameGroup) !== 0
  const gid = isSameGroup ? before.gid : from.int()
  const gn = isSameGroup ? before.gn : from.int()
  const lamport = (bits & hasNextLamport) !== 0 ? before.lamport + 1 : from.int()
  if (Math.max(seq, n, lamport) > Number.MAX_SAFE_INTEGER) from.fail('malformed')
  const deps = (bits & hasSameDeps) !== 0 ? before.deps : readDeps(from, before.deps)
  const order = (bits & hasOrder) !== 0 ? readTuples(from, 2, from.limits.listMax, [from.int()]) : null
  // Whoever gives positions gives them to others.
  if (isGbcast && order !== null) from.fail('malformed')
  const payload = from.bytes(from.limits.pieceBytes)
  return { seq, n, gid, gn, lamport, deps, payload, order, isGbcast }
}

/** How large a buffer to begin with. */
function expectedBytes(frame: Frame): number {
  if (frame.t === 'bulk') return 256 + (frame.chunk?.bytes.length ?? 0)
  if (frame.t === 'control') return 1024
  if (frame.t !== 'data') return 256
  let size = 128
  for (const item of frame.items) {
    size += item.k === 'eov' ? 1 : 16 + ('cast' in item ? item.cast.payload : item.bytes).length
  }
  return size
}
