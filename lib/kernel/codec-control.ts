/**
 * Control messages as bytes: the schema of `Message` and of the records it is made of.
 */
import type { GroupOptions, Order, PrimaryRecord, TotalEngineName, VoteRecord } from './api.ts'
import {
  type Codec,
  choice,
  flag,
  flatTuples,
  int,
  list,
  nullable,
  processId,
  rankOrNone,
  readTuples,
  record,
  subviewId,
  text,
  union,
  viewId,
  viewIdOrNull,
  writeTuples,
} from './codec-schema.ts'
import type {
  Acted,
  Asked,
  AwayRow,
  Decision,
  Departed,
  Deps,
  GroupInstall,
  GroupRow,
  HeldCast,
  Message,
  Part,
  Remembered,
  RemovedRow,
  Row,
  StateStatus,
  StateTask,
} from './frame.ts'
import { type Ballot, noBallot } from './ids.ts'
import { originMax, type Reader, type Writer } from './wire.ts'

const ids = list(processId)
/** The members of a view, or some of them. */
const members = list(processId, 'membersMax')

/**
 * At most `depsMax` triples: how many of the list `before` it begins with, and the rest. Of casts that go to many groups at
 * once, each depends on what the one before it does, and on that one.
 */
export function writeDeps(to: Writer, deps: Deps, before: Deps): void {
  const end = Math.min(deps.length, before.length)
  let same = 0
  while (same < end && deps[same] === before[same]) same += 1
  same -= same % 3
  to.int(same / 3)
  writeTuples(to, deps, 3, same)
}

export function readDeps(from: Reader, before: Deps): Deps {
  const same = from.int() * 3
  if (same > before.length) from.fail('malformed')
  from.repeat(same / 3)
  if (from.fault !== null) return []
  return readTuples(from, 3, from.limits.depsMax - same / 3, before.slice(0, same))
}

/** Casts made one after another mostly depend on the same: then the list is not repeated. */
export function areSameDeps(a: Deps, b: Deps): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** A web origin, or whatever the process declared as one. */
export const origin: Codec<string> = {
  write: (to, value) => to.text(value, originMax),
  read: (from) => from.text(originMax),
}

/** `noBallot` is the only one that may name no process. */
const ballot: Codec<Ballot> = {
  write(to, value) {
    const isNone = value.epoch === 0 && value.leader === ''
    to.flag(!isNone)
    if (isNone) return
    to.int(value.epoch)
    to.id(value.leader)
  },
  read: (from) => (from.flag() ? { epoch: from.int(), leader: from.id() } : noBallot),
}

const orders: readonly Order[] = ['fifo', 'causal', 'total']
/** Where an order would stand: total, and by one of these, which the last byte tells. */
const totalByEngine = 3
const engines: readonly TotalEngineName[] = ['moving', 'round-robin']

/**
 * The fixed properties in one byte (order in bits 0–1, then a bit each), the kind, the engine if it is not the usual, and the
 * domain if there is one.
 */
const options: Codec<GroupOptions> = {
  write(to, value) {
    const { engine = 'sequencer' } = value
    const order = engine === 'sequencer' ? orders.indexOf(value.order) : totalByEngine
    if (order < 0) throw new RangeError('not an order of casts')
    const consistent = value.consistency === 'consistent'
    const flags = [
      value.uniform,
      consistent,
      value.state,
      value.strong,
      value.strict ?? false,
      value.domain !== undefined,
    ]
    to.byte(flags.reduce((bits, flag, i) => bits | (flag ? 4 << i : 0), order))
    to.text(value.kind)
    if (order === totalByEngine) to.byte(engines.indexOf(engine))
    if (value.domain !== undefined) to.text(value.domain)
  },
  read(from) {
    const bits = from.byte()
    const order = orders[bits & 3]
    if (bits > 127 && order !== 'total') from.fail('malformed')
    return {
      order: order ?? 'total',
      uniform: (bits & 4) !== 0,
      consistency: (bits & 8) !== 0 ? 'consistent' : 'available',
      state: (bits & 16) !== 0,
      strong: (bits & 32) !== 0,
      kind: from.text(),
      ...(order === undefined ? { engine: readEngine(from) } : {}),
      ...((bits & 64) !== 0 ? { strict: true } : {}),
      ...((bits & 128) !== 0 ? { domain: from.text() } : {}),
    }
  },
}

function readEngine(from: Reader): TotalEngineName {
  const engine = engines[from.byte()]
  if (engine === undefined) from.fail('malformed')
  return engine ?? 'sequencer'
}

const weight: Codec<number> = {
  write: (to, value) => to.byte(value),
  read: (from) => from.byte(),
}

const namedRecord = record<Omit<PrimaryRecord, 'weights'>>({ line: text, id: viewId, members })
const weights = list(weight)

/** No weights are written where all are 1, as mostly. */
const primaryRecord: Codec<PrimaryRecord> = {
  write(to, value) {
    namedRecord.write(to, value)
    weights.write(to, value.weights ?? [])
  },
  read(from) {
    const named = namedRecord.read(from)
    const read = weights.read(from)
    if (read.length !== 0 && read.length !== named.members.length) from.fail('malformed')
    return read.length === 0 ? named : { ...named, weights: read }
  },
}

const votes = record<VoteRecord>({ last: nullable(primaryRecord), attempt: nullable(primaryRecord) })

const departed = record<Departed>({ id: processId, isDead: flag, votes: nullable(votes), ended: list(text) })

const remembered = record<Remembered>({ name: text, line: text, acted: int, holders: ids, strays: ids })

// Flags of a held cast. "Next" and "same" are said of the cast before it in the list.
const heldIsOrder = 1
const heldIsDelivered = 2
const heldHasNextSeq = 4
const heldHasSameGroup = 8
const heldHasSameDeps = 16
const heldFlagsMax = 31
const firstHeld: HeldCast = { seq: 0, gid: 0, gn: 0, isOrder: false, deps: [], delivered: false }

/** Held casts are many and alike: mostly one byte each. */
const heldCasts: Codec<readonly HeldCast[]> = {
  write(to, value) {
    to.int(value.length)
    let before = firstHeld
    for (const one of value) {
      const bits =
        (one.isOrder ? heldIsOrder : 0) |
        (one.delivered ? heldIsDelivered : 0) |
        (one.seq === before.seq + 1 ? heldHasNextSeq : 0) |
        (one.gid === before.gid && one.gn === before.gn ? heldHasSameGroup : 0) |
        (areSameDeps(one.deps, before.deps) ? heldHasSameDeps : 0)
      to.byte(bits)
      if ((bits & heldHasNextSeq) === 0) to.int(one.seq)
      if ((bits & heldHasSameGroup) === 0) {
        to.int(one.gid)
        to.int(one.gn)
      }
      if ((bits & heldHasSameDeps) === 0) writeDeps(to, one.deps, before.deps)
      before = one
    }
  },
  read(from) {
    const count = from.count(from.limits.listMax)
    const value: HeldCast[] = []
    let before = firstHeld
    for (let i = 0; i < count && from.fault === null; i++) {
      const bits = from.byte()
      if (bits > heldFlagsMax) from.fail('malformed')
      const isSameGroup = (bits & heldHasSameGroup) !== 0
      const seq = (bits & heldHasNextSeq) !== 0 ? before.seq + 1 : from.int()
      if (seq > Number.MAX_SAFE_INTEGER) from.fail('malformed')
      before = {
        seq,
        gid: isSameGroup ? before.gid : from.int(),
        gn: isSameGroup ? before.gn : from.int(),
        isOrder: (bits & heldIsOrder) !== 0,
        deps: (bits & heldHasSameDeps) !== 0 ? before.deps : readDeps(from, before.deps),
        delivered: (bits & heldIsDelivered) !== 0,
      }
      value.push(before)
    }
    return value
  },
}

const removedRow = record<RemovedRow>({ sender: processId, stable: int, held: heldCasts })

const stateTask = record<StateTask>({
  need: processId,
  mode: choice('merge', 'replace', 'own', 'anew'),
  sources: list(record<StateTask['sources'][number]>({ donor: processId, subview: subviewId })),
})

/** See {@link Acted}. */
export const acted: Codec<Acted> = record<Acted>({ acted: int, line: nullable(text) })

const stateStatus = record<StateStatus>({
  isWhole: flag,
  base: nullable(text),
  since: viewIdOrNull,
  acted: int,
  line: nullable(text),
})

/** The number of tasks and one more; 0: there is no plan. */
const planOrNone: Codec<readonly StateTask[] | null> = {
  write(to, value) {
    to.int(value === null ? 0 : value.length + 1)
    for (const task of value ?? []) stateTask.write(to, task)
  },
  read(from) {
    const count = from.count(from.limits.listMax + 1)
    if (count === 0) return null
    const value: StateTask[] = []
    for (let i = 1; i < count && from.fault === null; i++) value.push(stateTask.read(from))
    return value
  },
}

const groupInstall = record<GroupInstall>({
  gid: int,
  gn: int,
  name: text,
  options,
  members,
  joined: members,
  left: members,
  counts: flatTuples(2),
  orderEnd: int,
  orderBy: rankOrNone,
  orderSeq: int,
  past: flatTuples(3),
  plan: planOrNone,
  missing: nullable(ids),
})

const groupRow = record<GroupRow>({
  gid: int,
  name: text,
  options,
  members: nullable(members),
  viewId: viewIdOrNull,
  installs: list(groupInstall),
  gn: int,
  next: int,
  released: flatTuples(2),
  status: stateStatus,
})

const awayRow = record<AwayRow>({
  id: processId,
  name: text,
  origin,
  rank: int,
  since: viewIdOrNull,
  forMs: int,
})

const asked = record<Asked>({ attempt: viewId, leader: processId })

const row = record<Row>({
  from: processId,
  name: text,
  origin,
  view: viewId,
  votes,
  line: nullable(text),
  generation: int,
  voiceFrom: int,
  lamport: int,
  groups: list(groupRow),
  removed: list(removedRow),
  marked: ids,
  readies: list(viewId),
  departed: list(departed),
  remembered: list(remembered),
  weight,
  isWitness: flag,
  quietMs: int,
  away: list(awayRow),
  asked: list(asked),
})

const decision = record<Decision>({
  primary: flag,
  line: nullable(text),
  heirOf: nullable(text),
  generation: int,
  lost: list(text),
  partOrder: list(int),
})

const part = record<Part>({ view: viewId, members })

/** A proposed view, whose members may come in parts, but are no more than a view has. */
const parts: Codec<readonly Part[]> = {
  write: list(part).write,
  read(from) {
    const count = from.count(from.limits.membersMax)
    const value: Part[] = []
    let size = 0
    for (let i = 0; i < count && from.fault === null; i++) {
      const one = part.read(from)
      size += one.members.length
      if (size > from.limits.membersMax) from.fail('too-large')
      value.push(one)
    }
    return value
  },
}

/** A control message. */
export const message: Codec<Message> = union<Message>({
  // Harmless without content: what a reader that gave up yields.
  ready: { ballot },
  install: { ballot },
  foreign: { view: viewId, linked: ids },
  suspect: { view: viewId, peer: processId, departed: nullable(departed) },
  leave: { departed },
  propose: { ballot, parts, found: nullable(text) },
  refound: { view: viewId },
  refuse: { ballot, promised: ballot, view: viewId, unlinked: ids },
  row: { ballot, row },
  cut: { ballot, rows: list(row, 'membersMax'), decision },
  groupRequest: {
    view: viewId,
    name: text,
    action: choice('join', 'leave', 'restate'),
    options,
    avoid: nullable(processId),
  },
  groupRefuse: { view: viewId, name: text },
  groupPrepare: { view: viewId, gid: int, gn: int },
  groupCount: {
    view: viewId,
    gid: int,
    gn: int,
    seq: int,
    orderEnd: int,
    orderSeq: int,
    viewId,
    status: stateStatus,
  },
  groupInstall: { view: viewId, install: groupInstall },
  groupCut: { view: viewId, name: text, gn: int },
  suspend: {},
  resume: {},
  want: { group: text, of: viewId, ranges: flatTuples(2) },
  hasten: { view: viewId },
  groupSync: { view: viewId },
  groupSynced: { view: viewId },
})
