/** Leaders: never two at once, and never none for long. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ClosedError, StaleTokenError, UsageError, ValueError } from '../../../lib/errors.ts'
import type { Caller, MachineContext } from '../../../lib/objects/state-machine.ts'
import { compareTokens, type Token } from '../../../lib/objects/token.ts'
import { type LeaderChange, type Leaders, leadersKind } from '../../../lib/tools/leader.ts'
import { LEADER_OP, LeaderMachine } from '../../../lib/tools/leader-machine.ts'
import { makeRandom, pick } from '../objects/cluster.ts'
import { TotalCluster, type TotalMember } from '../objects/total-cluster.ts'

type Member = TotalMember<Leaders>

/** One run of a leader's work. */
interface Run {
  readonly by: string
  readonly token: Token
  readonly signal: AbortSignal
  finish(result: unknown): void
  fail(error: unknown): void
}

/** What became of one candidate. */
interface Candidate {
  run: Run | null
  outcome: { readonly value?: unknown; readonly error?: unknown } | null
}

function hasNotBegun({ run }: Candidate): boolean {
  return run === null
}

/** A cluster that checks, whenever work begins, that no other is under way. */
function made(count: number, seed = 1) {
  const cluster = new TotalCluster<Leaders, object>(leadersKind, { leaseMs: 10_000 }, count, seed)
  const underWay = new Map<string, Run>()
  const tokens = new Map<string, Token>()
  const stand = (member: Member, name = 'chief', signal?: AbortSignal): Candidate => {
    const candidate: Candidate = { run: null, outcome: null }
    const work = (context: { signal: AbortSignal; token: Token }): Promise<unknown> =>
      new Promise((resolve, reject) => {
        const run: Run = { by: member.id, ...context, finish: resolve, fail: reject }
        const other = underWay.get(name)
        assert.equal(other, undefined, `${member.id} and ${other?.by} both lead ${name} (seed ${seed})`)
        const last = tokens.get(name)
        assert.ok(last === undefined || compareTokens(last, run.token) < 0, `${last} is not below ${run.token}`)
        tokens.set(name, run.token)
        underWay.set(name, run)
        candidate.run = run
        run.signal.addEventListener('abort', () => underWay.get(name) === run && underWay.delete(name))
      })
    const over = (): void => {
      if (underWay.get(name) === candidate.run) underWay.delete(name)
    }
    member.handle
      .whenLeader(name, (context) => work(context).finally(over), signal === undefined ? {} : { signal })
      .then(
        (value) => {
          candidate.outcome = { value }
        },
        (error: unknown) => {
          candidate.outcome = { error }
        },
      )
    return candidate
  }
  const at = (rank: number): Member => {
    const member = cluster.primary[rank]
    assert.ok(member)
    return member
  }
  return { cluster, stand, at, underWay }
}

test('leader › the first to stand leads, then the most senior of those who wait', async () => {
  const { cluster, stand, at } = made(4)
  const third = stand(at(2))
  await cluster.rest()
  const fourth = stand(at(3))
  await cluster.rest()
  const second = stand(at(1))
  await cluster.rest()
  assert.equal(third.run?.by, 'p2')
  assert.deepEqual([second.run, fourth.run], [null, null])
  third.run?.finish('done')
  await cluster.rest()
  assert.deepEqual(third.outcome, { value: 'done' })
  assert.equal(second.run?.by, 'p1')
  second.run?.fail(new RangeError('no'))
  await cluster.rest()
  assert.ok(second.outcome?.error instanceof RangeError)
  assert.equal(fourth.run?.by, 'p3')
})

test('leader › names know nothing of each other, and two calls of one process wait for each other', async () => {
  const { cluster, stand, at } = made(2)
  const a = stand(at(0), 'a')
  const b = stand(at(0), 'b')
  const again = stand(at(0), 'a')
  await cluster.rest()
  assert.ok(a.run !== null && b.run !== null && again.run === null)
  a.run.finish(1)
  await cluster.rest()
  assert.ok(again.run)
})

for (const how of ['left', 'dead'] as const) {
  test(`leader › one that is ${how} is replaced in the same view`, async () => {
    const { cluster, stand, at, underWay } = made(3)
    stand(at(0))
    await cluster.rest()
    const next = stand(at(2))
    await cluster.rest()
    const gone = at(0)
    if (how === 'left') gone.handle.handleEnd()
    underWay.clear()
    cluster.end(gone, how)
    await cluster.rest()
    assert.equal(next.run?.by, 'p2')
  })
}

test('leader › one that vanished stops when its lease is over, before it is replaced', async () => {
  const { cluster, stand, at } = made(3)
  const first = stand(at(0))
  await cluster.rest()
  const next = stand(at(1))
  await cluster.rest()
  const lost = at(0)
  const cutOffAt = cluster.now
  cluster.cutOff(lost)
  await cluster.advance(9_990)
  assert.equal(first.run?.signal.aborted, false)
  await cluster.advance(20)
  assert.ok(first.run?.signal.reason instanceof StaleTokenError)
  assert.ok(hasNotBegun(next))
  await cluster.advance(1_000)
  assert.equal(next.run?.by, 'p1')
  assert.ok(cluster.now - cutOffAt < 11_100)
  first.run.finish('late')
  cluster.join(lost)
  await cluster.rest()
  assert.equal(next.run?.signal.aborted, false, 'it is not taken from it by a late end of the one before')
  assert.equal(at(0).handle.stateOf('chief').leader, 'p1')
})

test('leader › one that is back before its lease is over goes on', async () => {
  const { cluster, stand, at } = made(3)
  const first = stand(at(0))
  await cluster.rest()
  const next = stand(at(1))
  const lost = at(0)
  cluster.cutOff(lost)
  await cluster.advance(5_000)
  cluster.join(lost)
  await cluster.advance(30_000)
  assert.equal(first.run?.signal.aborted, false)
  assert.ok(hasNotBegun(next))
})

test('leader › one whose place was given away while it slept stops as soon as it gets the state', async () => {
  const { cluster, stand, at, underWay } = made(3)
  const first = stand(at(0))
  await cluster.rest()
  const next = stand(at(1))
  await cluster.rest()
  const sleeper = at(0)
  cluster.cutOff(sleeper)
  underWay.clear()
  // From here on its timers do not fire.
  cluster.end(sleeper, 'dead')
  await cluster.rest()
  assert.equal(next.run?.by, 'p1')
  assert.equal(first.run?.signal.aborted, false)
  cluster.join(sleeper)
  assert.ok(first.run?.signal.reason instanceof StaleTokenError)
})

test('leader › a leader that has gone cannot resign for its successor, nor for its own later term', () => {
  const { machine, ask, answers } = bare()
  ask('p0', [LEADER_OP.stand, 'a'])
  const first = answers.at(-1)?.[1] as Token
  assert.deepEqual(ask('p1', [LEADER_OP.resign, 'a', first])?.slice(0, 2), [false, 'stale-token'])
  assert.deepEqual(ask('p0', [LEADER_OP.resign, 'a', first]), [true, null])
  ask('p0', [LEADER_OP.stand, 'a'])
  assert.deepEqual(ask('p0', [LEADER_OP.resign, 'a', first])?.slice(0, 2), [false, 'stale-token'])
  assert.equal(machine.leaderOf('a')?.process, 'p0')
})

test('leader › a state that was loaded grants in the same order, and malformed requests and states change nothing', () => {
  const { machine, ask, context } = bare()
  for (const name of ['b', 'a']) {
    ask('p1', [LEADER_OP.stand, name])
    ask('p0', [LEADER_OP.stand, name])
  }
  const copy = new LeaderMachine()
  copy.load(machine.save())
  assert.deepEqual(copy.save(), machine.save())
  assert.deepEqual(
    (machine.save() as [string][]).map(([name]) => name),
    ['a', 'b'],
  )
  for (const body of [
    null,
    3,
    [],
    [0],
    [0, ''],
    [0, 'a', 1],
    [1, 'a'],
    [1, 'a', ['x']],
    [2, 'a'],
    [0, 'x'.repeat(257)],
  ]) {
    assert.equal(ask('p1', body), null, JSON.stringify(body))
  }
  for (const saved of [null, [1], [['a', 'p0', null, []]], [['a', null, null, [['p0', 0]]]], [['', null, null, []]]]) {
    assert.throws(() => machine.load(saved), ValueError)
  }
  assert.deepEqual(machine.save(), copy.save())
  machine.release('p1', context(5))
  copy.release('p1', context(5))
  assert.deepEqual(copy.save(), machine.save())
})

test('leader › whoever is not a member does not lead, though it still waits in the state', () => {
  const { machine, ask, context } = bare()
  for (const process of ['p1', 'p2', 'p0']) ask(process, [LEADER_OP.stand, 'a'])
  machine.release('p1', { ...context(), members: new Set(['p2']), ranked: ['p2'] })
  assert.equal(machine.leaderOf('a')?.process, 'p2')
})

/** A machine without a group. */
function bare() {
  const machine = new LeaderMachine()
  const answers: [Caller, unknown][] = []
  let calls = 0
  let tokens = 0
  const context = (from = tokens): MachineContext => {
    tokens = from
    return {
      view: '1.p0.0',
      line: 'line',
      isPrimary: true,
      members: new Set(['p0', 'p1']),
      ranked: ['p0', 'p1'],
      nextToken: () => {
        tokens += 1
        return ['line', '1.p0.0', tokens]
      },
      answer: (caller, answer) => answers.push([caller, answer[1]]),
    }
  }
  const ask = (process: string, body: unknown) => {
    calls += 1
    return machine.apply(body, { process, call: calls }, context())
  }
  return { machine, ask, answers, context }
}

test('leader › a grant that waited while its process slept begins nothing, if another leads by now', async () => {
  const { cluster, stand, at } = made(3)
  const first = stand(at(0))
  await cluster.rest()
  const sleeper = stand(at(1))
  const third = stand(at(2))
  await cluster.rest()
  first.run?.finish(null)
  // Of the sleeper's own clock, nothing has happened since; the others have not been heard for longer than a lease.
  const member = at(1)
  member.answeredAt = cluster.now
  cluster.now += 20_000
  await cluster.rest()
  assert.ok(hasNotBegun(sleeper), 'it began with a lease that was over')
  cluster.cutOff(member)
  await cluster.advance(12_000)
  assert.equal(third.run?.by, 'p2')
  member.answeredAt = null
  cluster.join(member)
  await cluster.advance(1_000)
  assert.ok(hasNotBegun(sleeper))
  third.run.finish(null)
  await cluster.advance(200)
  assert.equal(sleeper.run?.by, 'p1')
})

test('leader › a late grant that the others confirm is used', async () => {
  const { cluster, stand, at } = made(3)
  const first = stand(at(0))
  await cluster.rest()
  const sleeper = stand(at(1))
  await cluster.rest()
  first.run?.finish(null)
  const member = at(1)
  member.answeredAt = cluster.now
  cluster.now += 20_000
  await cluster.rest()
  assert.ok(hasNotBegun(sleeper))
  member.answeredAt = null
  await cluster.advance(200)
  assert.equal(sleeper.run?.by, 'p1')
})

test('leader › whoever aborts stands no longer, or leads until its work has ended', async () => {
  const { cluster, stand, at } = made(3)
  const [leading, waiting] = [new AbortController(), new AbortController()]
  const first = stand(at(0), 'chief', leading.signal)
  await cluster.rest()
  const second = stand(at(1), 'chief', waiting.signal)
  const third = stand(at(2))
  await cluster.rest()
  waiting.abort('enough')
  leading.abort('stop')
  await cluster.rest()
  assert.deepEqual(second.outcome, { error: 'enough' })
  assert.equal(first.run?.signal.reason, 'stop')
  assert.equal(first.outcome, null)
  assert.ok(hasNotBegun(third))
  first.run.finish('whatever')
  await cluster.rest()
  assert.deepEqual(first.outcome, { error: 'stop' })
  assert.equal(third.run?.by, 'p2')
  assert.ok(hasNotBegun(second))
})

test('leader › whoever aborts as it is granted gives it back', async () => {
  const { cluster, stand, at } = made(3)
  const controller = new AbortController()
  const first = stand(at(0), 'chief', controller.signal)
  const second = stand(at(1))
  while (cluster.step());
  controller.abort('enough')
  await cluster.rest()
  assert.deepEqual(first.outcome, { error: 'enough' })
  assert.ok(hasNotBegun(first))
  assert.equal(second.run?.by, 'p1')
})

test('leader › a candidate whom the others have forgotten stands again', async () => {
  const { cluster, stand, at } = made(4)
  const first = stand(at(0))
  await cluster.rest()
  const forgotten = stand(at(1))
  await cluster.rest()
  cluster.cutOff(at(3))
  const [, view, n, sessions, offices] = at(0).replica.save() as [unknown, string, number, [string][], unknown[][]]
  const state = [
    5,
    view,
    n,
    sessions.filter(([process]) => process !== 'p1'),
    offices.map((each) => [...each.slice(0, 3), []]),
  ]
  for (const { replica } of cluster.primary) replica.load(state)
  for (const { replica } of cluster.primary) replica.settle()
  await cluster.rest()
  first.run?.finish(null)
  await cluster.advance(300)
  assert.equal(forgotten.run?.by, 'p1')
})

test('leader › a closed one stops its leader and its candidates', async () => {
  const { cluster, stand, at } = made(2)
  const leading = stand(at(0))
  await cluster.rest()
  const waiting = stand(at(0))
  await cluster.rest()
  at(0).handle.handleEnd()
  await cluster.rest()
  assert.ok(leading.run?.signal.reason instanceof ClosedError)
  leading.run.fail(leading.run.signal.reason)
  await cluster.rest()
  assert.ok(leading.outcome?.error instanceof ClosedError)
  assert.ok(waiting.outcome?.error instanceof ClosedError)
  const late = stand(at(0))
  await cluster.rest()
  assert.ok(late.outcome?.error instanceof ClosedError)
})

test('leader › who leads is told, as long as it can be', async () => {
  const { cluster, stand, at } = made(3)
  const watched = at(2).handle.leaderOf('chief')
  const changes: LeaderChange[] = []
  let calls = 0
  watched.addEventListener('change', (event) => changes.push(...event.changes))
  watched.subscribe(() => {
    calls += 1
  })
  assert.equal(at(2).handle.leaderOf('chief'), watched)
  assert.equal(watched.leader, null)
  const first = stand(at(0))
  await cluster.rest()
  assert.equal(watched.leader, 'p0')
  const { snapshot } = watched
  stand(at(2))
  await cluster.rest()
  assert.equal(watched.snapshot, snapshot)
  first.run?.finish(null)
  await cluster.rest()
  assert.equal(watched.leader, 'p2')
  cluster.cutOff(at(2))
  assert.equal(watched.leader, null)
  assert.deepEqual(
    changes.map(({ leader, local }) => [leader, local]),
    [
      ['p0', false],
      ['p2', true],
      [null, false],
    ],
  )
  assert.equal(calls, 3)
})

test('leader › what is no function is refused before it stands', async () => {
  const { cluster, stand, at } = made(2)
  const first = stand(at(0))
  await cluster.rest()
  assert.equal(hasNotBegun(first), false)
  // It would stand behind the first one, and fail when that has ended.
  let error: unknown = null
  at(1)
    .handle.whenLeader('chief', undefined as never, {})
    .catch((reason: unknown) => {
      error = reason
    })
  await cluster.rest()
  assert.equal((error as Error | null)?.name, 'UsageError')
})

test('leader › a name is a string of 1 to 256 characters', async () => {
  const { at } = made(1)
  assert.throws(() => at(0).handle.leaderOf(''), UsageError)
  await assert.rejects(
    at(0).handle.whenLeader('x'.repeat(257), () => 1, {}),
    UsageError,
  )
  assert.equal(await Promise.race([at(0).handle.whenLeader('x'.repeat(256), () => 1, {}), tick()]), 'pending')
})

function tick(): Promise<string> {
  return new Promise((resolve) => setImmediate(() => resolve('pending')))
}

test('leader › in any order of losses, states and views there are never two, tokens grow, and somebody leads in the end', async () => {
  for (let seed = 1; seed <= 60; seed += 1) {
    const { cluster, stand, at, underWay } = made(4, seed)
    const random = makeRandom(seed * 7)
    const candidates: { member: Member; candidate: Candidate; controller: AbortController }[] = []
    const away: Member[] = []
    const ended = new Set<Member>()
    const add = (member: Member): void => {
      const controller = new AbortController()
      const name = random() < 0.7 ? 'a' : 'b'
      candidates.push({ member, candidate: stand(member, name, controller.signal), controller })
    }
    for (let round = 0; round < 120; round += 1) {
      const dice = random()
      const member = pick(random, cluster.primary)
      if (random() < 0.1) member.loses = 1
      if (random() < 0.1) member.drops = 1
      if (dice < 0.25) add(member)
      else if (dice < 0.45) {
        const running = candidates.filter(({ candidate }) => candidate.run !== null && candidate.outcome === null)
        if (running.length > 0) {
          const { candidate } = pick(random, running)
          if (random() < 0.5) candidate.run?.finish(round)
          else candidate.run?.fail(new RangeError('no'))
        }
      } else if (dice < 0.5) pick(random, [...candidates, null])?.controller.abort('enough')
      else if (dice < 0.56 && cluster.primary.length > 2) {
        away.push(member)
        cluster.cutOff(member)
        if (random() < 0.5) add(member)
      } else if (dice < 0.6 && cluster.primary.length > 2) {
        const how = pick(random, ['left', 'dead', 'expelled'] as const)
        member.handle.handleEnd()
        ended.add(member)
        cluster.end(member, how)
      } else if (dice < 0.7) {
        const back = away.pop()
        if (back) cluster.join(back)
        else if (cluster.primary.length < 6) cluster.join(`j${round}`)
      } else if (dice < 0.8) await cluster.advance(random() * 6_000)
      else if (dice < 0.83) member.answeredAt = member.answeredAt === null ? cluster.now : null
      for (let i = random() * 8; i > 0; i -= 1) cluster.step()
      if (random() < 0.6) await new Promise((resolve) => setImmediate(resolve))
    }
    for (const member of away) cluster.join(member)
    for (const member of cluster.primary) member.answeredAt = null
    // Everybody finishes: in the end nobody waits.
    for (let round = 0; round < 200; round += 1) {
      for (const { candidate } of candidates) candidate.run?.finish(round)
      await cluster.advance(500)
    }
    for (const { member, candidate } of candidates) {
      assert.ok(candidate.outcome !== null || ended.has(member), `seed ${seed}: ${member.id} waits for ever`)
    }
    assert.equal(new Set(cluster.states()).size, 1, `seed ${seed}: states differ`)
    const last = stand(at(0), 'a')
    await cluster.rest()
    await cluster.advance(500)
    assert.ok(last.run, `seed ${seed}: the office is vacant`)
    assert.deepEqual(cluster.faults, [], `seed ${seed}`)
    underWay.clear()
  }
})
