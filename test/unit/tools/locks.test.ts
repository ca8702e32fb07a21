/** Locks by the Web Locks API, on processes that crash, leave, are cut off and come back. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BusyError, ClosedError, StaleTokenError } from '../../../lib/errors.ts'
import type { HeldLock } from '../../../lib/tools/held-lock.ts'
import { locksKind } from '../../../lib/tools/lock-kind.ts'
import type { LockReplica } from '../../../lib/tools/lock-replica.ts'
import { LOCK_OP, LOCKS_PER_PROCESS_MAX, LockState } from '../../../lib/tools/lock-state.ts'
import { Locks } from '../../../lib/tools/locks.ts'
import { makeRandom, pick } from '../objects/cluster.ts'
import { TotalCluster, type TotalMember } from '../objects/total-cluster.ts'

type Member = TotalMember<LockReplica>
type Cluster = TotalCluster<LockReplica, object>

function makeCluster(count: number, seed = 1): Cluster {
  return new TotalCluster(locksKind, {}, count, seed)
}

const facades = new WeakMap<Member, Locks>()

/** The `space.locks` of a member. */
function locksOf(member: Member): Locks {
  let locks = facades.get(member)
  if (locks === undefined) {
    locks = new Locks(() => Promise.resolve(member.handle))
    facades.set(member, locks)
  }
  return locks
}

function at(cluster: Cluster, rank: number): Member {
  const member = cluster.primary[rank]
  assert.ok(member)
  return member
}

/** What a promise has come to by now; empty while it is open. */
function watch<T>(promise: Promise<T>): { value?: T; error?: unknown } {
  const seen: { value?: T; error?: unknown } = {}
  promise.then(
    (value) => Object.assign(seen, { value }),
    (error: unknown) => Object.assign(seen, { error }),
  )
  return seen
}

/** A request whose callback runs until it is told to end. */
interface Running {
  lock: HeldLock | null | undefined
  readonly outcome: { value?: unknown; error?: unknown }
  end(value?: unknown): void
  fail(error: Error): void
}

function run(member: Member, name: string, options: LockOptions = {}): Running {
  let resolve: (value: unknown) => void = () => undefined
  let reject: (error: Error) => void = () => undefined
  const running = new Promise((onResolve, onReject) => {
    resolve = onResolve
    reject = onReject
  })
  const promise = locksOf(member).request(name, options, (lock) => {
    seen.lock = lock
    return running
  })
  const seen: Running = { lock: undefined, outcome: watch(promise), end: resolve, fail: reject }
  return seen
}

function modeOf({ lock }: Running): string | undefined {
  return lock?.mode
}

function nameOf(error: unknown): string {
  return error instanceof DOMException ? error.name : String(error)
}

test('locks › one holder at a time, in the order of the requests; the request gives what its callback gives', async () => {
  const cluster = makeCluster(3)
  const runs = cluster.primary.map((member) => run(member, 'a'))
  await cluster.rest()
  const order: number[] = []
  for (let round = 0; round < 3; round++) {
    const held = runs.filter((each, i) => each.lock != null && !order.includes(i))
    assert.equal(held.length, 1)
    const next = runs.indexOf(held[0] as Running)
    order.push(next)
    runs[next]?.end(next)
    await cluster.rest()
    assert.deepEqual(runs[next]?.outcome, { value: next })
  }
  const numbers = order.map((i) => runs[i]?.lock?.token[2] ?? 0)
  assert.deepEqual(numbers, [1, 2, 3])
})

test('locks › shared holders share; an exclusive one waits for all of them, and keeps later shared ones waiting', async () => {
  const cluster = makeCluster(2)
  const [p, q] = [at(cluster, 0), at(cluster, 1)]
  const first = run(p, 'a', { mode: 'shared' })
  const second = run(q, 'a', { mode: 'shared' })
  await cluster.rest()
  assert.ok(first.lock && second.lock)
  const alone = run(p, 'a')
  await cluster.rest()
  const third = run(q, 'a', { mode: 'shared' })
  await cluster.rest()
  assert.deepEqual([alone.lock, third.lock], [undefined, undefined])
  first.end()
  await cluster.rest()
  assert.equal(alone.lock, undefined)
  second.end()
  await cluster.rest()
  assert.equal(modeOf(alone), 'exclusive')
  assert.equal(third.lock, undefined)
  alone.end()
  await cluster.rest()
  assert.equal(modeOf(third), 'shared')
})

test('locks › a callback that throws or rejects lets the lock go, and its request rejects with that', async () => {
  const cluster = makeCluster(2)
  const [p, q] = [at(cluster, 0), at(cluster, 1)]
  const thrown = new Error('thrown')
  const first = watch(
    locksOf(p).request('a', () => {
      throw thrown
    }),
  )
  await cluster.rest()
  const second = run(q, 'a')
  await cluster.rest()
  assert.equal(first.error, thrown)
  assert.ok(second.lock)
  // An error of the application's own is passed on, also one of the kinds that locks themselves end with.
  const own = new StaleTokenError('of another lock')
  second.fail(own)
  await cluster.rest()
  assert.equal(second.outcome.error, own)
  assert.deepEqual(await settled(cluster, locksOf(p).query()), { held: [], pending: [] })
})

async function settled<T>(cluster: Cluster, promise: Promise<T>): Promise<T> {
  const seen = watch(promise)
  await cluster.rest()
  if ('error' in seen) throw seen.error
  assert.ok('value' in seen, 'still open')
  return seen.value as T
}

test('locks › ifAvailable: had at once, or null; also when somebody only waits in front', async () => {
  const cluster = makeCluster(2)
  const [p, q] = [at(cluster, 0), at(cluster, 1)]
  const first = run(p, 'a', { mode: 'shared', ifAvailable: true })
  await cluster.rest()
  assert.ok(first.lock)
  const none = run(q, 'a', { ifAvailable: true })
  await cluster.rest()
  assert.equal(none.lock, null)
  none.end('without')
  await cluster.rest()
  assert.deepEqual(none.outcome, { value: 'without' })
  const waits = run(q, 'a')
  await cluster.rest()
  const shared = run(p, 'a', { mode: 'shared', ifAvailable: true })
  await cluster.rest()
  assert.deepEqual([waits.lock, shared.lock], [undefined, null])
})

test('locks › steal: the holders lose it with an AbortError at once and their signals abort; who waits goes on waiting', async () => {
  const cluster = makeCluster(3)
  const [p, q, r] = [at(cluster, 0), at(cluster, 1), at(cluster, 2)]
  const first = run(p, 'a', { mode: 'shared' })
  const second = run(q, 'a', { mode: 'shared' })
  await cluster.rest()
  const waits = run(q, 'a')
  await cluster.rest()
  const thief = run(r, 'a', { steal: true })
  await cluster.rest()
  for (const { outcome, lock } of [first, second]) {
    assert.equal(nameOf(outcome.error), 'AbortError')
    assert.match(String(outcome.error), /steal/)
    assert.ok(lock?.signal.reason instanceof StaleTokenError)
  }
  assert.ok(thief.lock)
  assert.ok((thief.lock?.token[2] ?? 0) > (second.lock?.token[2] ?? 0))
  assert.equal(waits.lock, undefined)
  // The callback of one that was robbed ends some day: nothing comes of it.
  first.end('late')
  await cluster.rest()
  assert.equal(waits.lock, undefined)
  thief.end()
  await cluster.rest()
  assert.ok(waits.lock)
})

test('locks › an aborted request waits no longer; after the grant its signal does nothing', async () => {
  const cluster = makeCluster(2)
  const [p, q] = [at(cluster, 0), at(cluster, 1)]
  const first = run(p, 'a')
  await cluster.rest()
  const controller = new AbortController()
  const second = run(q, 'a', { signal: controller.signal })
  const third = run(q, 'a', { signal: AbortSignal.timeout(1e6) })
  await cluster.rest()
  const reason = new Error('not any more')
  controller.abort(reason)
  await cluster.rest()
  assert.equal(second.outcome.error, reason)
  first.end()
  await cluster.rest()
  assert.equal(second.lock, undefined)
  assert.ok(third.lock)

  const late = new AbortController()
  const fourth = run(p, 'b', { signal: late.signal })
  await cluster.rest()
  assert.ok(fourth.lock)
  late.abort(reason)
  await cluster.rest()
  assert.deepEqual(fourth.outcome, {})
  assert.equal(fourth.lock?.signal.aborted, false)
})

test('locks › what is aborted while it is on its way is let go as soon as it is granted', async () => {
  for (let seed = 1; seed <= 40; seed++) {
    const cluster = makeCluster(2, seed)
    const [p, q] = [at(cluster, 0), at(cluster, 1)]
    const controller = new AbortController()
    const first = run(p, 'a', { signal: controller.signal })
    await new Promise((resolve) => setImmediate(resolve))
    for (let step = 0; step < seed % 4; step++) cluster.step()
    controller.abort(new Error('gone'))
    const second = run(q, 'a')
    await cluster.rest()
    const isHeldByFirst = first.lock !== undefined
    assert.equal(isHeldByFirst, first.outcome.error === undefined, `seed ${seed}`)
    if (!isHeldByFirst) assert.ok(second.lock, `seed ${seed}: nobody has it`)
  }
})

test('locks › query names holders in the order of grants and waiters in the order of requests, own earlier ones included', async () => {
  const cluster = makeCluster(2)
  const [p, q] = [at(cluster, 0), at(cluster, 1)]
  run(p, 'b')
  await cluster.rest()
  run(q, 'b')
  run(q, 'a', { mode: 'shared' })
  const snapshot = await settled(cluster, locksOf(q).query())
  assert.deepEqual(snapshot, {
    held: [
      { name: 'b', mode: 'exclusive', clientId: 'p0' },
      { name: 'a', mode: 'shared', clientId: 'p1' },
    ],
    pending: [{ name: 'b', mode: 'exclusive', clientId: 'p1' }],
  })
})

test('locks › what the specification refuses is refused with its exceptions, and nothing is cast', async () => {
  const cluster = makeCluster(1)
  const member = at(cluster, 0)
  const locks = locksOf(member)
  const signal = new AbortController().signal
  const refused: readonly (readonly [string, LockOptions, string])[] = [
    ['-a', {}, 'NotSupportedError'],
    ['x'.repeat(1_025), {}, 'NotSupportedError'],
    ['a', { steal: true, ifAvailable: true }, 'NotSupportedError'],
    ['a', { steal: true, mode: 'shared' }, 'NotSupportedError'],
    ['a', { steal: true, signal }, 'NotSupportedError'],
    ['a', { ifAvailable: true, signal }, 'NotSupportedError'],
    ['a', { mode: 'both' as LockMode }, 'TypeError'],
    ['a', { signal: {} as AbortSignal }, 'TypeError'],
  ]
  for (const [name, options, expected] of refused) {
    const error = await locks.request(name, options, () => assert.fail('called')).catch((reason: unknown) => reason)
    assert.equal((error as Error).name, expected, JSON.stringify([name, options]))
  }
  await assert.rejects(locks.request('a', {}, undefined as never), TypeError)
  await assert.rejects(locks.request('a', 'callback' as never), TypeError)
  const aborted = AbortSignal.abort(new RangeError('before'))
  await assert.rejects(
    locks.request('a', { signal: aborted }, () => assert.fail('called')),
    RangeError,
  )
  assert.equal(member.casts, 0)
  // A name is any string that does not begin with a hyphen.
  for (const name of ['', '\ud800', 'a-', 'x'.repeat(1_024)]) {
    const seen = run(member, name)
    await cluster.rest()
    assert.equal(seen.lock?.name, name)
  }
})

test('locks › a holder that left or died loses its locks in the view without it; so do waiters', async () => {
  for (const how of ['left', 'dead'] as const) {
    const cluster = makeCluster(3)
    const [p, q, r] = [at(cluster, 0), at(cluster, 1), at(cluster, 2)]
    run(r, 'a')
    await cluster.rest()
    run(r, 'b')
    const waits = run(q, 'a')
    run(r, 'a')
    const last = run(p, 'a')
    await cluster.rest()
    cluster.end(r, how)
    const holder = waits.lock ?? last.lock
    assert.equal(holder, undefined)
    await cluster.rest()
    assert.ok((waits.lock === undefined) !== (last.lock === undefined), `${how}: one of them has it`)
    ;(waits.lock ? waits : last).end()
    await cluster.rest()
    assert.ok(waits.lock && last.lock)
    assert.deepEqual((await settled(cluster, locksOf(p).query())).held.length, 1)
  }
})

test('locks › a holder that vanished keeps its lock for 1.1 lease; its signal aborts after one', async () => {
  const cluster = makeCluster(3)
  const [p, , r] = [at(cluster, 0), at(cluster, 1), at(cluster, 2)]
  const first = run(r, 'a')
  await cluster.rest()
  const waits = run(p, 'a')
  await cluster.rest()
  const { signal } = first.lock ?? assert.fail('not held')
  cluster.cutOff(r)
  await cluster.advance(9_900)
  assert.equal(signal.aborted, false)
  await cluster.advance(200)
  assert.ok(signal.reason instanceof StaleTokenError)
  assert.equal(waits.lock, undefined)
  await cluster.advance(1_000)
  assert.ok(waits.lock)
  // It is back: what it thought it had is another's.
  assert.deepEqual(first.outcome, {})
  cluster.join(r)
  await cluster.rest()
  assert.equal(nameOf(first.outcome.error), 'AbortError')
})

test('locks › who comes back in time still holds its lock, and lets it go as ever', async () => {
  const cluster = makeCluster(3)
  const [p, , r] = [at(cluster, 0), at(cluster, 1), at(cluster, 2)]
  const first = run(r, 'a')
  await cluster.rest()
  const waits = run(p, 'a')
  await cluster.rest()
  cluster.cutOff(r)
  await cluster.advance(5_000)
  first.end('done')
  await cluster.advance(1_000)
  assert.deepEqual(first.outcome, {})
  cluster.join(r)
  await cluster.advance(1_000)
  assert.deepEqual(first.outcome, { value: 'done' })
  assert.ok(waits.lock)
})

test('locks › lost requests, releases and queries are made again', async () => {
  const cluster = makeCluster(2)
  const [p, q] = [at(cluster, 0), at(cluster, 1)]
  p.loses = 2
  const first = run(p, 'a')
  await cluster.rest()
  assert.ok(first.lock)
  const waits = run(q, 'a')
  await cluster.rest()
  p.loses = 2
  first.end('done')
  await cluster.rest()
  await cluster.advance(1_000)
  assert.deepEqual(first.outcome, { value: 'done' })
  assert.ok(waits.lock)
  p.loses = 1
  assert.equal((await settled(cluster, locksOf(p).query())).held.length, 1)
})

test('locks › closing: the space’s end rejects requests, lets go what is held, and later calls are InvalidStateErrors', async () => {
  const cluster = makeCluster(2)
  const [p, q] = [at(cluster, 0), at(cluster, 1)]
  const first = run(p, 'a')
  await cluster.rest()
  const waits = run(p, 'a')
  const query = watch(locksOf(p).query())
  p.handle.handleEnd()
  await cluster.rest()
  for (const { error } of [first.outcome, waits.outcome, query]) assert.equal(nameOf(error), 'InvalidStateError')
  assert.ok(first.lock?.signal.aborted)
  const closed = new Locks(() => Promise.reject(new ClosedError('the space is closed')))
  assert.equal(nameOf(await closed.query().catch((error: unknown) => error)), 'InvalidStateError')
  assert.equal(nameOf(await closed.request('a', () => 1).catch((error: unknown) => error)), 'InvalidStateError')
  cluster.end(p, 'left')
  const next = run(q, 'a')
  await cluster.rest()
  assert.ok(next.lock)
})

test('locks › a process asks for so many, and not one more; nobody else suffers', async () => {
  const state = new LockState()
  const none = { missing: [], joined: [], left: [], dead: [], expelled: [] }
  state.install({ id: '1.p', members: ['p', 'q'], primary: true, line: 'line', ...none })
  for (let call = 1; call <= LOCKS_PER_PROCESS_MAX; call++) {
    assert.equal(state.apply([LOCK_OP.request, call, `n${call}`, 0, 0], 'p')?.[0]?.type, 'waiting')
  }
  const beyond = LOCKS_PER_PROCESS_MAX + 1
  assert.deepEqual(state.apply([LOCK_OP.request, beyond, 'x', 0, 0], 'p'), [
    { type: 'overmuch', by: 'p', call: beyond },
  ])
  assert.equal(state.apply([LOCK_OP.request, 1, 'x', 0, 0], 'q')?.at(-1)?.type, 'granted')
  const cluster = makeCluster(1)
  const member = at(cluster, 0)
  member.replica.load(state.save())
  const member1 = run(member, 'y')
  await cluster.rest()
  assert.ok(member1.lock)
  assert.ok(!(member1.outcome.error instanceof BusyError))
})

test('locks › malformed operations and states change nothing', () => {
  const state = new LockState()
  const none = { missing: [], joined: [], left: [], dead: [], expelled: [] }
  state.install({ id: '1.p', members: ['p', 'q'], primary: true, line: 'line', ...none })
  state.apply([LOCK_OP.request, 1, 'a', 0, 0], 'p')
  state.apply([LOCK_OP.request, 2, 'a', 1, 0], 'q')
  const before = JSON.stringify(state.save())
  const bad: readonly unknown[] = [
    null,
    {},
    [],
    [9],
    [0, 0, 'a', 0, 0],
    [0, 3, '-a', 0, 0],
    [0, 3, 'a', 2, 0],
    [0, 3, 'a', 0, 3],
    [0, 3, 'a', 1, 2],
    [0, 3, 'a', 'push', 0],
    [0, 3, 'a', 0],
    [1],
    [1, '2'],
    [2, 1, 'token'],
    [3, [0], 'v'],
    [3, 1, 'v'],
    [4],
  ]
  for (const op of bad) assert.equal(state.apply(op, 'p'), null, JSON.stringify(op))
  // Nobody lets go what another holds, or what it held before.
  const token = ['line', '1.p', 1]
  assert.equal(state.apply([2, 1, token], 'q')?.[0]?.type, 'refused')
  assert.equal(state.apply([2, 1, ['line', '1.p', 2]], 'p')?.[0]?.type, 'refused')
  assert.deepEqual(state.apply([1, 1], 'p'), [], 'what is granted cannot be taken back by an abort')
  assert.equal(JSON.stringify(state.save()), before)

  const entry = (id: number, over: object = {}): unknown[] =>
    Object.values({ id, name: 'a', mode: 0, by: 'p', call: id, grant: [['l', 'v', id], false, null], ...over })
  const states: readonly unknown[] = [
    null,
    [1, 1, 'v'],
    [1, 1, 'v', [entry(2)]],
    [2, 1, 'v', [entry(2)]],
    [2, 2, 'v', [entry(1), entry(2)]],
    [2, 2, 'v', [entry(1, { mode: 1 }), entry(2)]],
    [2, 2, 'v', [entry(2, { grant: null }), entry(1)]],
    [2, 2, 'v', [entry(1, { call: 7, grant: null }), entry(2, { call: 7, grant: null })]],
    [1, 1, 'v', [entry(1, { grant: [['l', 'v', 0], false, null] })]],
    [1, 1, 'v', [entry(1, { name: '-' })]],
  ]
  for (const saved of states) assert.throws(() => state.load(saved), /malformed state/, JSON.stringify(saved))
  assert.equal(JSON.stringify(state.save()), before)
  state.load([3, 3, 'v', [entry(1, { mode: 1 }), entry(2, { mode: 1 })]])
})

test('locks › never two that may act, no request is forgotten, tokens rise: whoever crashes, leaves, is cut off or comes back', async () => {
  for (let seed = 1; seed <= 30; seed++) await runRandomly(seed)
})

async function runRandomly(seed: number): Promise<void> {
  const cluster = makeCluster(4, seed)
  const random = makeRandom(seed * 71)
  const names = ['a', 'b']
  const all: {
    readonly run: Running
    readonly member: Member
    readonly name: string
    readonly isThief: boolean
    isEnding: boolean
  }[] = []
  const highest = new Map<string, number>()
  const gone = new Set<Member>()
  const away: Member[] = []
  const check = (): void => {
    for (const name of names) {
      const acting = all.filter(
        (each) =>
          each.name === name &&
          !each.isEnding &&
          each.run.lock != null &&
          !each.run.lock.isLost &&
          !gone.has(each.member) &&
          !('value' in each.run.outcome || 'error' in each.run.outcome),
      )
      const alone = acting.filter(({ run: { lock } }) => lock?.mode === 'exclusive')
      // Whoever is robbed may hear of it after the thief has: that is what tokens are for.
      if (all.some((each) => each.isThief && each.name === name && each.run.lock != null)) continue
      assert.ok(alone.length === 0 || acting.length === 1, `seed ${seed}: ${acting.length} may act on ${name}`)
      for (const { run: each } of acting) {
        const n = each.lock?.token[2] ?? 0
        if (each.lock?.mode === 'exclusive') assert.ok(n >= (highest.get(name) ?? 0), `seed ${seed}: an old token acts`)
        highest.set(name, Math.max(n, highest.get(name) ?? 0))
      }
    }
  }
  const everybody = (): Member[] => [...cluster.primary, ...away]
  for (let step = 0; step < 160; step++) {
    const dice = random()
    const others = cluster.primary.slice(1)
    if (dice < 0.25) {
      const member = pick(random, everybody())
      const name = pick(random, names)
      const isThief = seed % 3 === 0 && random() < 0.1
      const kinds: LockOptions[] = [{}, {}, { mode: 'shared' }, { ifAvailable: true }, { steal: isThief }]
      const options = pick(random, kinds)
      all.push({ run: run(member, name, options), member, name, isThief: options.steal === true, isEnding: false })
    } else if (dice < 0.6) cluster.step()
    else if (dice < 0.8) {
      const held = all.filter((each) => each.run.lock != null && !each.isEnding)
      if (held.length > 0) {
        const each = pick(random, held)
        each.isEnding = true
        each.run.end('done')
      }
    } else if (dice < 0.84 && others.length > 1) {
      const member = pick(random, others)
      cluster.cutOff(member)
      away.push(member)
    } else if (dice < 0.87 && others.length > 2) {
      const member = pick(random, others)
      gone.add(member)
      cluster.end(member, pick(random, ['left', 'dead', 'expelled'] as const))
    } else if (dice < 0.91) {
      const member = away.pop()
      if (member) cluster.join(member)
      else if (cluster.primary.length < 6) cluster.join(`j${step}`)
    } else if (dice < 0.93) pick(random, everybody()).loses += 1
    else await cluster.advance(random() * 4_000)
    await new Promise((resolve) => setImmediate(resolve))
    check()
  }
  for (const member of away.splice(0)) cluster.join(member)
  for (let round = 0; round < 200; round++) {
    for (const each of all) each.run.end('done')
    await cluster.advance(500)
    check()
    if (all.every((each) => gone.has(each.member) || 'value' in each.run.outcome || 'error' in each.run.outcome)) break
  }
  const open = all.filter(
    (each) => !gone.has(each.member) && !('value' in each.run.outcome || 'error' in each.run.outcome),
  )
  assert.equal(open.length, 0, `seed ${seed}: ${open.length} requests never end`)
  await cluster.advance(12_000)
  assert.equal(new Set(cluster.states()).size, 1, `seed ${seed}: states differ`)
  assert.deepEqual(cluster.faults, [])
  const [, , , entries] = at(cluster, 0).replica.save() as [number, number, string, unknown[]]
  assert.deepEqual(entries, [], `seed ${seed}: something is held or waited for that nobody knows`)
}
