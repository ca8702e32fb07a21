/** Arbitrary frames of every kind, for tests of the codec. */
import fc, { type Arbitrary } from 'fast-check'
import type { GroupOptions, PrimaryRecord, VoteRecord } from '../../../lib/kernel/api.ts'
import type {
  BulkFrame,
  Cast,
  Chunk,
  Decision,
  Departed,
  Frame,
  GroupInstall,
  GroupRow,
  HeartbeatFrame,
  HeldCast,
  Item,
  Message,
  Part,
  RemovedRow,
  Row,
  StateStatus,
  StateTask,
  StreamAck,
  ViewSummary,
} from '../../../lib/kernel/frame.ts'
import { type Ballot, noBallot } from '../../../lib/kernel/ids.ts'
import { defaultLimits } from '../../../lib/kernel/limits.ts'

/** Records like those of the decoder: with the ordinary prototype. */
function plain<T extends object>(fields: { readonly [K in keyof T]: Arbitrary<T[K]> }): Arbitrary<T> {
  return fc.record<T>(fields, { noNullPrototype: true }) as Arbitrary<T>
}

// Arbitraries. Few ids and small numbers among the large, so that repetitions and runs occur.

const num = fc.oneof(fc.nat(5), fc.nat(300), fc.maxSafeNat(), fc.constant(Number.MAX_SAFE_INTEGER))
const idChars = 'ABCXYZabcxyz0189_-'.split('')
const id = fc.oneof(
  fc.constantFrom('a', 'b', 'prototype', 'constructor', 'x'.repeat(64)),
  fc.string({ unit: fc.constantFrom(...idChars), minLength: 1, maxLength: 64 }),
)
const text = fc.oneof(
  fc.constantFrom('', 'g', '__proto__', 'toString', '\ud800', '\udc00\ud800', 'é', '漢字😀', 'n'.repeat(256), 'ÿĀ'),
  fc.string({ unit: 'binary', maxLength: 60 }),
)
const view = fc
  .tuple(num, id, fc.option(num))
  .map(([epoch, coordinator, n]) => (n === null ? `${epoch}.${coordinator}` : `${epoch}.${coordinator}.${n}`))
const subview = fc.oneof(view, fc.constant(''))
const bytes = fc.uint8Array({ maxLength: 40 })
const ids = fc.array(id, { maxLength: 4 })
const deps = fc.oneof(
  fc.constant([0, 2, 1]),
  fc.array(fc.tuple(num, num, num), { maxLength: 3 }).map((triples) => triples.flat()),
)
const pairs = fc.array(fc.tuple(num, num), { maxLength: 4 }).map((all) => all.flat())
const ballot: Arbitrary<Ballot> = fc.oneof(plain({ epoch: num, leader: id }), fc.constant(noBallot))
const plainOptions: Arbitrary<GroupOptions> = plain({
  order: fc.constantFrom('fifo', 'causal', 'total'),
  uniform: fc.boolean(),
  strong: fc.boolean(),
  consistency: fc.constantFrom('available', 'consistent'),
  state: fc.boolean(),
  kind: text,
})
const engine = fc.constantFrom('moving' as const, 'round-robin' as const)
const options: Arbitrary<GroupOptions> = fc.oneof(
  plainOptions,
  fc.tuple(plainOptions, engine).map(([most, engine]) => ({ ...most, order: 'total' as const, engine })),
  plainOptions.map((most) => ({ ...most, strict: true })),
  fc.tuple(plainOptions, text).map(([most, domain]) => ({ ...most, order: 'total' as const, domain })),
)
const primary: Arbitrary<PrimaryRecord> = fc
  .tuple(
    plain({ line: text, id: view, members: ids }),
    fc.array(fc.nat(255), { minLength: 4, maxLength: 4 }),
    fc.boolean(),
  )
  .map(([named, weights, isPlain]) =>
    isPlain || named.members.length === 0 ? named : { ...named, weights: weights.slice(0, named.members.length) },
  )
const votes: Arbitrary<VoteRecord> = plain({ last: fc.option(primary), attempt: fc.option(primary) })
const departed: Arbitrary<Departed> = plain({
  id,
  isDead: fc.boolean(),
  votes: fc.option(votes),
  ended: fc.array(text, { maxLength: 2 }),
})
const held: Arbitrary<HeldCast> = plain({
  seq: num,
  gid: num,
  gn: num,
  isOrder: fc.boolean(),
  deps,
  delivered: fc.boolean(),
})
const removed: Arbitrary<RemovedRow> = plain({ sender: id, stable: num, held: fc.array(held, { maxLength: 4 }) })
const task: Arbitrary<StateTask> = plain({
  need: id,
  mode: fc.constantFrom('merge', 'replace', 'own', 'anew'),
  sources: fc.array(plain({ donor: id, subview }), { maxLength: 3 }),
})
const status: Arbitrary<StateStatus> = plain({
  isWhole: fc.boolean(),
  base: fc.option(text),
  since: fc.option(view),
  acted: num,
  line: fc.option(text),
})
const install: Arbitrary<GroupInstall> = plain({
  gid: num,
  gn: num,
  name: text,
  options,
  members: ids,
  joined: ids,
  left: ids,
  counts: pairs,
  orderEnd: num,
  orderBy: fc.integer({ min: -1, max: 63 }),
  orderSeq: num,
  past: fc.array(fc.tuple(num, num, num), { maxLength: 3 }).map((all) => all.flat()),
  plan: fc.option(fc.array(task, { maxLength: 2 })),
  missing: fc.option(ids),
})
const groupRow: Arbitrary<GroupRow> = plain({
  gid: num,
  name: text,
  options,
  members: fc.option(ids),
  viewId: fc.option(view),
  installs: fc.array(install, { maxLength: 2 }),
  gn: num,
  next: num,
  released: pairs,
  status,
})
export const row: Arbitrary<Row> = plain({
  from: id,
  name: text,
  origin: fc.oneof(text, fc.constant(`https://${'o'.repeat(253)}:65535`)),
  view,
  votes,
  line: fc.option(text),
  generation: num,
  voiceFrom: num,
  lamport: num,
  groups: fc.array(groupRow, { maxLength: 2 }),
  removed: fc.array(removed, { maxLength: 2 }),
  marked: ids,
  readies: fc.array(view, { maxLength: 3 }),
  remembered: fc.array(plain({ name: text, line: text, acted: num, holders: ids, strays: ids }), { maxLength: 2 }),
  departed: fc.array(departed, { maxLength: 2 }),
  weight: fc.nat(255),
  isWitness: fc.boolean(),
  quietMs: num,
  asked: fc.array(plain({ attempt: view, leader: id }), { maxLength: 2 }),
  away: fc.array(plain({ id, name: text, origin: text, rank: num, since: fc.option(view), forMs: num }), {
    maxLength: 2,
  }),
})
const part: Arbitrary<Part> = plain({ view, members: ids })
const decision: Arbitrary<Decision> = plain({
  primary: fc.boolean(),
  line: fc.option(text),
  heirOf: fc.option(text),
  generation: num,
  lost: fc.array(text, { maxLength: 3 }),
  partOrder: fc.array(num, { maxLength: 4 }),
})
const k = <K extends string>(kind: K): Arbitrary<K> => fc.constant(kind)

/** One arbitrary for every kind of message: a kind without one does not compile. */
export const messages: { readonly [K in Message['k']]: Arbitrary<Extract<Message, { readonly k: K }>> } = {
  foreign: plain({ k: k('foreign'), view, linked: ids }),
  suspect: plain({ k: k('suspect'), view, peer: id, departed: fc.option(departed) }),
  leave: plain({ k: k('leave'), departed }),
  propose: plain({ k: k('propose'), ballot, parts: fc.array(part, { maxLength: 3 }), found: fc.option(text) }),
  refound: plain({ k: k('refound'), view }),
  refuse: plain({ k: k('refuse'), ballot, promised: ballot, view, unlinked: ids }),
  row: plain({ k: k('row'), ballot, row }),
  cut: plain({ k: k('cut'), ballot, rows: fc.array(row, { maxLength: 2 }), decision }),
  ready: plain({ k: k('ready'), ballot }),
  install: plain({ k: k('install'), ballot }),
  groupRequest: plain({
    k: k('groupRequest'),
    view,
    name: text,
    action: fc.constantFrom('join', 'leave', 'restate'),
    options,
    avoid: fc.option(id),
  }),
  groupRefuse: plain({ k: k('groupRefuse'), view, name: text }),
  groupPrepare: plain({ k: k('groupPrepare'), view, gid: num, gn: num }),
  groupCount: plain({
    k: k('groupCount'),
    view,
    gid: num,
    gn: num,
    seq: num,
    orderEnd: num,
    orderSeq: num,
    viewId: view,
    status,
  }),
  groupInstall: plain({ k: k('groupInstall'), view, install }),
  groupCut: plain({ k: k('groupCut'), view, name: text, gn: num }),
  suspend: plain({ k: k('suspend') }),
  resume: plain({ k: k('resume') }),
  want: plain({ k: k('want'), group: text, of: view, ranges: pairs }),
  hasten: plain({ k: k('hasten'), view }),
  groupSync: plain({ k: k('groupSync'), view }),
  groupSynced: plain({ k: k('groupSynced'), view }),
}
const cast: Arbitrary<Cast> = plain<Cast>({
  seq: num,
  n: num,
  gid: num,
  gn: num,
  lamport: num,
  deps,
  payload: bytes,
  order: fc.option(fc.tuple(num, pairs).map(([first, rest]) => [first, ...rest])),
  isGbcast: fc.boolean(),
}).map((each) => ({ ...each, isGbcast: each.isGbcast && each.order === null }))
const offset = fc.nat({ max: defaultLimits.castBytesMax })
const item: Arbitrary<Item> = fc.oneof(
  plain({ k: k('cast'), cast, ahead: offset }),
  plain({ k: k('forward'), sender: id, cast, ahead: offset }),
  plain({ k: k('piece'), at: offset, since: num, bytes }),
  plain({ k: k('eov') }),
  plain({ k: k('message'), n: num, group: text, left: fc.nat({ max: defaultLimits.messageBytesMax }), bytes }),
)
const chunk: Arbitrary<Chunk> = plain({
  group: text,
  view,
  subview,
  index: num,
  isLast: fc.boolean(),
  cut: fc.array(fc.tuple(id, num), { maxLength: 4 }),
  acted: plain({ acted: num, line: fc.option(text) }),
  bytes,
  what: fc.constantFrom('state', 'refused', 'list'),
})
const ack: Arbitrary<StreamAck> = plain({ session: num, no: num })
const summary: Arbitrary<ViewSummary> = plain({
  id: view,
  members: ids,
  primary: fc.boolean(),
  line: fc.option(text),
  linked: ids,
})
const time = fc.double({ min: 0, noNaN: true, noDefaultInfinity: true })
export const control = (message: Arbitrary<Message>): Arbitrary<Frame> =>
  plain({ t: k('control'), session: num, no: num, ack, messages: fc.array(message, { maxLength: 3 }) })
const t = k

/** One arbitrary for every kind of frame. */
export const frames: { readonly [T in Frame['t']]: Arbitrary<Frame> } = {
  hello: plain({
    t: t('hello'),
    version: num,
    name: text,
    origin: text,
    session: num,
    peerSession: num,
    gotControl: num,
    gotData: num,
    gotBulk: num,
  }),
  heartbeat: plain<HeartbeatFrame>({
    t: t('heartbeat'),
    view,
    isMember: fc.boolean(),
    isClosed: fc.boolean(),
    epoch: num,
    summary: fc.option(summary),
    sentAt: time,
    echo: time,
    ack,
  }),
  control: control(fc.oneof(...Object.values(messages))),
  data: plain({
    t: t('data'),
    session: num,
    no: num,
    ack,
    grant: num,
    view,
    stable: pairs,
    settled: pairs,
    done: num,
    items: fc.array(item, { maxLength: 8 }),
  }),
  bulk: plain<BulkFrame>({ t: t('bulk'), session: num, no: num, ack, chunk: fc.option(chunk) }),
}
