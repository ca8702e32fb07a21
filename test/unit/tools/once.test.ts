/** What is done once: one result, whoever dies while making it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BusyError, ClosedError, StaleTokenError, TooLargeError, UsageError, ValueError } from '../../../lib/errors.ts'
import type { MachineContext } from '../../../lib/objects/state-machine.ts'
import { compareTokens, type Token } from '../../../lib/objects/token.ts'
import { type Once, onceKind } from '../../../lib/tools/once.ts'
import { ONCE_KEYS_MAX, ONCE_OP, ONCE_RESULT_MAX, OnceMachine } from '../../../lib/tools/once-machine.ts'
import { encodeValue } from '../../../lib/values.ts'
import { makeRandom, pick } from '../objects/cluster.ts'
import { TotalCluster, type TotalMember } from '../objects/total-cluster.ts'

type Member = TotalMember<Once>

/** One run of an asker's function. */
interface Run {
  readonly token: Token
  readonly signal: AbortSignal
  isOver: boolean
  finish(result: unknown): void
  fail(error: unknown): void
}

/** What became of one asker; its `fn` may run several times, one after the other. */
interface Asker {
  readonly by: string
  readonly runs: Run[]
  outcome: { readonly value?: unknown; readonly error?: unknown } | null
}

function made(count: number, seed = 1) {
  const cluster = new TotalCluster<Once, object>(onceKind, {}, count, seed)
  const underWay = new Map<string, Run>()
  const tokens = new Map<string, Token>()
  const ask = (member: Member, key = 'seed', signal?: AbortSignal): Asker => {
    const asker: Asker = { by: member.id, runs: [], outcome: null }
    const work = (context: { signal: AbortSignal; token: Token }): Promise<unknown> =>
      new Promise((resolve, reject) => {
        const end = <Arg>(settle: (arg: Arg) => void): ((arg: Arg) => void) => {
          return (arg) => {
            run.isOver = true
            settle(arg)
          }
        }
        const run: Run = { ...context, isOver: false, finish: end(resolve), fail: end(reject) }
        const other = underWay.get(key)
        assert.ok(
          other === undefined || other.isOver || other.signal.aborted,
          `two run ${key} at once (seed ${seed}): ${other?.token} and ${run.token}`,
        )
        const last = tokens.get(key)
        assert.ok(last === undefined || compareTokens(last, run.token) < 0, `${last} is not below ${run.token}`)
        tokens.set(key, run.token)
        underWay.set(key, run)
        asker.runs.push(run)
      })
    member.handle.run(key, work, signal === undefined ? {} : { signal }).then(
      (value) => {
        asker.outcome = { value }
      },
      (error: unknown) => {
        asker.outcome = { error }
      },
    )
    return asker
  }
  const at = (rank: number): Member => {
    const member = cluster.primary[rank]
    assert.ok(member)
    return member
  }
  return { cluster, ask, at, underWay }
}

function begun({ runs }: Asker): boolean {
  return runs.length > 0
}

test('once › one runs, and all who ask get the result, then or later', async () => {
  const { cluster, ask, at } = made(3)
  const [a, b] = [ask(at(1)), ask(at(2))]
  await cluster.rest()
  const [runner, waiter] = begun(a) ? [a, b] : [b, a]
  assert.deepEqual([runner.runs.length, waiter.runs.length, waiter.outcome], [1, 0, null])
  runner.runs[0]?.finish({ seeded: [1, 2] })
  await cluster.rest()
  const late = ask(at(0))
  await cluster.rest()
  const joined = ask(cluster.join('p9'))
  await cluster.rest()
  for (const asker of [a, b, late, joined]) assert.deepEqual(asker.outcome, { value: { seeded: [1, 2] } })
  assert.ok(!begun(waiter) && !begun(late) && !begun(joined))
})

test('once › whoever throws gets the error, and the next one is tried', async () => {
  const { cluster, ask, at } = made(3)
  const first = ask(at(0))
  await cluster.rest()
  const second = ask(at(1))
  await cluster.rest()
  first.runs[0]?.fail(new RangeError('no'))
  await cluster.rest()
  assert.ok(first.outcome?.error instanceof RangeError)
  second.runs[0]?.finish(() => 'no value')
  await cluster.rest()
  assert.ok(second.outcome?.error instanceof ValueError)
  const third = ask(at(2))
  await cluster.rest()
  third.runs[0]?.finish(new Uint8Array(ONCE_RESULT_MAX))
  await cluster.rest()
  assert.ok(third.outcome?.error instanceof TooLargeError)
  const again = ask(at(0))
  await cluster.rest()
  again.runs[0]?.finish(undefined)
  await cluster.rest()
  assert.deepEqual(again.outcome, { value: undefined })
})

for (const how of ['left', 'dead'] as const) {
  test(`once › when the runner is ${how}, another asker runs it in the same view`, async () => {
    const { cluster, ask, at, underWay } = made(3)
    ask(at(0))
    await cluster.rest()
    const next = ask(at(1))
    await cluster.rest()
    underWay.clear()
    cluster.end(at(0), how)
    await cluster.rest()
    assert.equal(next.runs.length, 1)
  })
}

test('once › a late completion is refused, and its runner gets the result that counts', async () => {
  const { cluster, ask, at } = made(3)
  const lost = ask(at(0))
  await cluster.rest()
  const next = ask(at(1))
  const member = at(0)
  cluster.cutOff(member)
  await cluster.advance(12_000)
  assert.ok(lost.runs[0]?.signal.reason instanceof StaleTokenError)
  lost.runs[0].finish('late')
  await cluster.rest()
  assert.equal(lost.outcome, null)
  cluster.join(member)
  await cluster.rest()
  assert.equal(lost.outcome as unknown, null, 'it waits for the one who runs now')
  next.runs[0]?.finish('good')
  await cluster.advance(200)
  assert.deepEqual([lost.outcome, next.outcome] as unknown, [{ value: 'good' }, { value: 'good' }])
  assert.equal(lost.runs.length, 1)
})

test('once › a runner that only was away, and whose run was given to nobody, has done it', async () => {
  const { cluster, ask, at } = made(3)
  const asker = ask(at(0))
  await cluster.rest()
  const member = at(0)
  cluster.cutOff(member)
  await cluster.advance(10_500)
  assert.equal(asker.runs[0]?.signal.aborted, true)
  cluster.join(member)
  asker.runs[0]?.finish('done')
  await cluster.advance(200)
  assert.deepEqual(asker.outcome, { value: 'done' })
})

test('once › a run that ended because it was lost is no error: its asker waits, and runs again if need be', async () => {
  const { cluster, ask, at } = made(3)
  const asker = ask(at(0))
  await cluster.rest()
  const member = at(0)
  cluster.cutOff(member)
  await cluster.advance(12_000)
  const [run] = asker.runs
  run?.fail(run.signal.reason)
  await cluster.rest()
  assert.equal(asker.outcome, null)
  cluster.join(member)
  await cluster.advance(200)
  assert.equal(asker.runs.length, 2)
  asker.runs[1]?.finish('at last')
  await cluster.rest()
  assert.deepEqual(asker.outcome as unknown, { value: 'at last' })
})

test('once › what ended in a line that is lost is not taken for under way in the other one', async () => {
  const { cluster, ask, at } = made(2)
  const first = ask(at(0))
  await cluster.rest()
  const older = at(0).replica.save()
  first.runs[0]?.fail(new Error('no'))
  await cluster.advance(200)
  assert.ok(first.outcome?.error instanceof Error)
  // All go back to the state in which it ran, as after a loss that was agreed to.
  for (const { replica } of cluster.primary) {
    replica.load(older)
    replica.settle()
  }
  const second = ask(at(1))
  await cluster.advance(300)
  second.runs[0]?.finish('done')
  await cluster.advance(200)
  assert.deepEqual(second.outcome, { value: 'done' })
})

test('once › whoever aborts asks no longer; a run that returns all the same counts', async () => {
  const { cluster, ask, at } = made(4)
  const [a, b] = [new AbortController(), new AbortController()]
  const first = ask(at(0), 'seed', a.signal)
  await cluster.rest()
  const second = ask(at(1), 'seed', b.signal)
  await cluster.rest()
  b.abort('enough')
  a.abort('stop')
  await cluster.rest()
  assert.deepEqual(second.outcome, { error: 'enough' })
  first.runs[0]?.fail(first.runs[0].signal.reason)
  await cluster.rest()
  assert.deepEqual(first.outcome, { error: 'stop' })
  const c = new AbortController()
  const third = ask(at(2), 'seed', c.signal)
  await cluster.rest()
  c.abort('too late')
  third.runs[0]?.finish('done')
  await cluster.rest()
  assert.deepEqual(third.outcome, { value: 'done' })
  const d = new AbortController()
  const granted = ask(at(0), 'other', d.signal)
  const next = ask(at(1), 'other')
  while (cluster.step());
  d.abort('enough')
  await cluster.rest()
  assert.deepEqual(granted.outcome, { error: 'enough' })
  assert.ok(!begun(granted) && begun(next))
  const e = new AbortController()
  const ordered = ask(at(0), 'third', e.signal)
  // It has its place in the order, but has not been delivered.
  cluster.step()
  e.abort('enough')
  await cluster.rest()
  const after = ask(at(1), 'third')
  await cluster.rest()
  assert.ok(!begun(ordered) && begun(after))
})

test('once › a completion that finds too many calls under way is made again', async () => {
  const { cluster, ask, at } = made(2)
  const other = ask(at(1), 'other')
  const asker = ask(at(0))
  await cluster.rest()
  for (let i = 0; i < 1_024; i += 1) ask(at(0), 'other')
  await cluster.rest()
  asker.runs[0]?.finish('done')
  await cluster.rest()
  assert.equal(asker.outcome, null)
  other.runs[0]?.finish('other')
  await cluster.rest()
  await cluster.advance(200)
  assert.deepEqual(asker.outcome as unknown, { value: 'done' })
})

test('once › whoever is not a member is not granted a run, though it still waits in the state', () => {
  const machine = new OnceMachine()
  const answered: string[] = []
  const context = (members: string[]): MachineContext => ({
    view: '1.p0.0',
    line: 'line',
    isPrimary: true,
    members: new Set(members),
    ranked: members,
    nextToken: () => ['line', '1.p0.0', 1],
    answer: ({ process }) => answered.push(process),
  })
  for (const process of ['p0', 'p1', 'p2']) {
    machine.apply([ONCE_OP.ask, 'a'], { process, call: 1 }, context(['p0', 'p1', 'p2']))
  }
  machine.release('p0', context(['p2']))
  assert.deepEqual(answered, ['p0', 'p2'])
})

test('once › what is forgotten is run again', async () => {
  const { cluster, ask, at } = made(2)
  const first = ask(at(0))
  await cluster.rest()
  first.runs[0]?.finish(1)
  await cluster.rest()
  const answers: unknown[] = []
  for (const _ of [1, 2])
    void at(1)
      .handle.forget('seed', {})
      .then((answer) => answers.push(answer))
  await cluster.rest()
  assert.deepEqual(answers, [true, false])
  const again = ask(at(1))
  await cluster.rest()
  assert.ok(begun(again))
})

test('propose › the first in the agreed order is decided, for once too', async () => {
  const { cluster, ask, at } = made(3)
  const running = ask(at(0), 'who')
  await cluster.rest()
  const decided: unknown[] = []
  for (const { id, handle } of cluster.primary) void handle.propose('who', id, {}).then((value) => decided.push(value))
  await cluster.rest()
  assert.equal(decided.length, 3)
  assert.equal(new Set(decided).size, 1)
  assert.ok(String(decided[0]).startsWith('p'))
  assert.ok(running.runs[0]?.signal.reason instanceof StaleTokenError)
  running.runs[0].finish('mine')
  await cluster.rest()
  assert.deepEqual(running.outcome, { value: decided[0] })
})

test('propose › what is lost under way is proposed again', async () => {
  const { cluster, at } = made(3)
  at(0).loses = 2
  let decided: unknown
  void at(0)
    .handle.propose('a', 'x', {})
    .then((value) => {
      decided = value
    })
  await cluster.rest()
  await cluster.advance(300)
  assert.equal(decided, 'x')
  await assert.rejects(at(0).handle.propose('a', 'x'.repeat(ONCE_RESULT_MAX), {}), TooLargeError)
  await assert.rejects(at(0).handle.propose('', 'x', {}), UsageError)
})

test('once › whoever is forgotten by the others asks again, and proposes again', async () => {
  const { cluster, ask, at } = made(4)
  const first = ask(at(0))
  await cluster.rest()
  const forgotten = ask(at(1))
  await cluster.rest()
  cluster.cutOff(at(3))
  const decided = watchValue(at(1).handle.propose('name', 'value', {}))
  const [, view, n, sessions, [results, pending]] = at(0).replica.save() as [
    unknown,
    string,
    number,
    [string][],
    [unknown, unknown[][]],
  ]
  const machine = [results, pending.map((each) => [...each.slice(0, 3), []])]
  const state = [5, view, n, sessions.filter(([process]) => process !== 'p1'), machine]
  for (const { replica } of cluster.primary) replica.load(state)
  for (const { replica } of cluster.primary) replica.settle()
  await cluster.rest()
  first.runs[0]?.finish('done')
  await cluster.advance(300)
  assert.deepEqual(forgotten.outcome, { value: 'done' })
  assert.deepEqual(decided, { value: 'value' })
})

function watchValue(promise: Promise<unknown>): { value?: unknown } {
  const seen: { value?: unknown } = {}
  promise.then(
    (value) => Object.assign(seen, { value }),
    (error: unknown) => Object.assign(seen, { error }),
  )
  return seen
}

test('once › a closed one stops what runs and waits', async () => {
  const { cluster, ask, at } = made(2)
  const [a, b] = [ask(at(0)), ask(at(0))]
  await cluster.rest()
  at(0).handle.handleEnd()
  const [runner, waiter] = begun(a) ? [a, b] : [b, a]
  await cluster.rest()
  assert.ok(runner.runs[0]?.signal.reason instanceof ClosedError)
  assert.ok(waiter.outcome?.error instanceof ClosedError)
})

test('once › the machine takes so many keys and no more, refuses what is malformed, and saves in one form', () => {
  const machine = new OnceMachine()
  let tokens = 0
  const context: MachineContext = {
    view: '1.p0.0',
    line: 'line',
    isPrimary: true,
    members: new Set(['p0']),
    ranked: ['p0'],
    nextToken: () => {
      tokens += 1
      return ['line', '1.p0.0', tokens]
    },
    answer: () => undefined,
  }
  const ask = (body: unknown) => machine.apply(body, { process: 'p0', call: 1 }, context)
  const bytes = encodeValue(1)
  for (let i = 0; i < ONCE_KEYS_MAX - 1; i += 1) ask([ONCE_OP.propose, `key ${i}`, bytes])
  assert.equal(ask([ONCE_OP.ask, 'last']), 'waits')
  assert.deepEqual(ask([ONCE_OP.ask, 'one more'])?.slice(0, 2), [false, 'busy'])
  assert.deepEqual(ask([ONCE_OP.propose, 'one more', bytes])?.slice(0, 2), [false, 'busy'])
  const token = ['line', '1.p0.0', 1]
  for (const body of [
    null,
    [0],
    [0, 'a', 1],
    [1, 'last', token],
    [1, 'last', token, new Uint8Array(ONCE_RESULT_MAX + 1)],
    [1, 'last', [], bytes],
    [2, 'last'],
    [4, 'last', 'x'],
    [5, 'last'],
  ]) {
    assert.equal(ask(body), null, JSON.stringify(body))
  }
  assert.deepEqual(ask([ONCE_OP.complete, 'last', ['line', '1.p0.0', 2], bytes])?.slice(0, 2), [false, 'stale-token'])
  assert.deepEqual(ask([ONCE_OP.fail, 'last', ['line', '1.p0.0', 2]])?.slice(0, 2), [false, 'stale-token'])
  const copy = new OnceMachine()
  copy.load(machine.save())
  assert.deepEqual(copy.save(), machine.save())
  for (const saved of [null, [[], [['a', 'p0', null, []]]], [[['a', 'text']], []], [[], [['a', null, null, [1]]]]]) {
    assert.throws(() => machine.load(saved), ValueError)
  }
  assert.deepEqual(copy.save(), machine.save())
  assert.deepEqual(ask([ONCE_OP.complete, 'last', token, bytes]), [true, null])
  assert.deepEqual(ask([ONCE_OP.complete, 'last', token, bytes])?.slice(0, 2), [false, 'stale-token'])
})

test('once › what is no function is refused at the call, whoever runs', async () => {
  const { cluster, ask, at } = made(2)
  const first = ask(at(0))
  await cluster.rest()
  assert.ok(begun(first))
  let error: unknown = null
  at(1)
    .handle.run('seed', 'nothing' as never, {})
    .catch((reason: unknown) => {
      error = reason
    })
  await cluster.rest()
  assert.equal((error as Error | null)?.name, 'UsageError')
})

test('once › too many keys are a BusyError', async () => {
  const { cluster, at } = made(1)
  const errors: unknown[] = []
  for (let from = 0; from <= ONCE_KEYS_MAX; from += 500) {
    const keys = Array.from({ length: Math.min(500, ONCE_KEYS_MAX + 1 - from) }, (_, i) => `key ${from + i}`)
    for (const key of keys)
      at(0)
        .handle.propose(key, key, {})
        .catch((error: unknown) => errors.push(error))
    await cluster.rest()
  }
  assert.equal(errors.length, 1)
  assert.ok(errors[0] instanceof BusyError)
})

test('once › in any order of losses, states and views each key has one result, and no two run at once', async () => {
  for (let seed = 1; seed <= 60; seed += 1) {
    const { cluster, ask, at } = made(4, seed)
    const random = makeRandom(seed * 11)
    const askers: { key: string; member: Member; asker: Asker; controller: AbortController }[] = []
    const away: Member[] = []
    const ended = new Set<Member>()
    let results = 0
    const add = (member: Member): void => {
      const controller = new AbortController()
      const key = pick(random, ['a', 'b', 'c'])
      askers.push({ key, member, asker: ask(member, key, controller.signal), controller })
    }
    const finishSome = (chance: number): void => {
      for (const { asker, member } of askers) {
        for (const run of asker.runs) {
          if (run.isOver || ended.has(member) || random() > chance) continue
          results += 1
          if (run.signal.aborted && random() < 0.5) run.fail(run.signal.reason)
          else if (random() < 0.3) run.fail(new RangeError('no'))
          else run.finish(results)
        }
      }
    }
    for (let round = 0; round < 120; round += 1) {
      const dice = random()
      const member = pick(random, cluster.primary)
      if (random() < 0.1) member.loses = 1
      if (random() < 0.1) member.drops = 1
      if (dice < 0.25) add(member)
      else if (dice < 0.35) finishSome(0.2)
      else if (dice < 0.4) pick(random, [...askers, null])?.controller.abort('enough')
      else if (dice < 0.48 && cluster.primary.length > 2) {
        away.push(member)
        cluster.cutOff(member)
        if (random() < 0.5) add(member)
      } else if (dice < 0.53 && cluster.primary.length > 2) {
        member.handle.handleEnd()
        ended.add(member)
        cluster.end(member, pick(random, ['left', 'dead', 'expelled'] as const))
      } else if (dice < 0.66) {
        const back = away.pop()
        if (back) cluster.join(back)
        else if (cluster.primary.length < 6) cluster.join(`j${round}`)
      } else if (dice < 0.76) await cluster.advance(random() * 6_000)
      else if (dice < 0.8) member.answeredAt = member.answeredAt === null ? cluster.now : null
      for (let i = random() * 8; i > 0; i -= 1) cluster.step()
      if (random() < 0.6) await new Promise((resolve) => setImmediate(resolve))
    }
    for (const member of away) cluster.join(member)
    for (const member of cluster.primary) member.answeredAt = null
    for (let round = 0; round < 200; round += 1) {
      finishSome(1)
      await cluster.rest()
      await cluster.advance(300)
    }
    const found = new Map<string, Set<unknown>>()
    for (const { key, member, asker } of askers) {
      assert.ok(asker.outcome !== null || ended.has(member), `seed ${seed}: ${asker.by} waits for ever for ${key}`)
      const error = asker.outcome?.error
      assert.ok(
        error === undefined || error === 'enough' || error instanceof RangeError || ended.has(member),
        `seed ${seed}: ${error}`,
      )
      if (asker.outcome && 'value' in asker.outcome) {
        found.set(key, (found.get(key) ?? new Set()).add(asker.outcome.value))
      }
    }
    for (const [key, values] of found) assert.equal(values.size, 1, `seed ${seed}: ${key} came to ${[...values]}`)
    assert.equal(new Set(cluster.states()).size, 1, `seed ${seed}: states differ`)
    for (const [key, values] of found) {
      const late = ask(at(0), key)
      await cluster.rest()
      await cluster.advance(300)
      assert.deepEqual(late.outcome, { value: [...values][0] }, `seed ${seed}`)
    }
    assert.deepEqual(cluster.faults, [], `seed ${seed}`)
  }
})
