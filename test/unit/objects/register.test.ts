/** The shared register: versions, compare-and-set, and what is agreed on whatever becomes of the casts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  ClosedError,
  NotPrimaryError,
  SchemaError,
  UnknownOutcomeError,
  UsageError,
  ValueError,
} from '../../../lib/errors.ts'
import {
  type RegisterChange,
  type RegisterOptions,
  registerKind,
  type SharedRegister,
} from '../../../lib/objects/register.ts'
import type { RegisterMachine } from '../../../lib/objects/register-machine.ts'
import { asked, runCourse, settled, strings } from './requests.ts'
import { TotalCluster } from './total-cluster.ts'

type Register = SharedRegister

function made(count: number, options: RegisterOptions<unknown> = {}, seed = 1) {
  const cluster = new TotalCluster(registerKind, options, count, seed)
  return { cluster, of: (id: string) => cluster.primary.find((member) => member.id === id)?.handle as Register }
}

test('register › a write has the next version, and reads show it at every member once it returns', async () => {
  const { cluster, of } = made(3)
  assert.deepEqual([of('p0').value, of('p0').version], [undefined, 0])
  const first = asked(of('p0').set({ a: 1 }))
  await cluster.rest()
  const second = asked(of('p1').set(undefined))
  await cluster.rest()
  assert.deepEqual([first.result, second.result], [1, 2])
  for (const { handle } of cluster.primary) assert.deepEqual(handle.snapshot, { value: undefined, version: 2 })
})

test('register › of those that saw the same version, exactly one writes, and the others are told what is there', async () => {
  const { cluster } = made(4)
  const results = cluster.primary.map(({ id, handle }) => asked(handle.compareAndSet(0, id)))
  await cluster.advance(100)
  const values = results.map(({ result }) => result as { ok: boolean; value: unknown; version: number })
  const winners = values.filter(({ ok }) => ok)
  assert.equal(winners.length, 1)
  for (const { value, version } of values) assert.deepEqual([value, version], [winners[0]?.value, 1])
})

test('register › a version that is still to come is another than what is there', async () => {
  const { cluster, of } = made(2)
  const early = asked(of('p0').compareAndSet(1, 'early'))
  await cluster.rest()
  assert.deepEqual(early.result, { ok: false, value: undefined, version: 0 })
})

test('register › an update is made again on what somebody else has written meanwhile, until its signal aborts', async () => {
  const { cluster } = made(3)
  const all = cluster.primary.flatMap(({ handle }) =>
    Array.from({ length: 4 }, () => asked(handle.update((value) => ((value as number | undefined) ?? 0) + 1))),
  )
  await cluster.advance(1_000)
  const values = all.map(({ result }) => (result as { value: number }).value)
  assert.deepEqual(
    values.sort((a, b) => a - b),
    Array.from({ length: 12 }, (_, i) => i + 1),
  )

  const [a, b] = cluster.primary
  const stop = new AbortController()
  let runs = 0
  const endless = asked(
    a?.handle.update(
      async () => {
        runs += 1
        if (runs === 3) stop.abort('enough')
        await b?.handle.set(runs)
        return 'never'
      },
      { signal: stop.signal },
    ),
  )
  await cluster.advance(1_000)
  assert.deepEqual([endless.result, runs], ['enough', 3])
})

test('register › what an update throws is what it rejects with, and nothing is written', async () => {
  const { cluster, of } = made(2)
  const thrown = asked(
    of('p0').update(() => {
      throw new RangeError('no')
    }),
  )
  await cluster.rest()
  assert.equal(String(thrown.result), 'RangeError: no')
  assert.equal(of('p0').version, 0)
})

test('register › a read is no older than a write that has returned elsewhere', async () => {
  const { cluster, of } = made(3)
  const written = asked(of('p0').set('new'))
  while (written.result === 'pending') {
    cluster.step()
    await settled()
  }
  const read = asked(of('p2').read())
  await cluster.rest()
  assert.deepEqual(read.result, { value: 'new', version: 1 })
})

test('register › a change names its author, what is there and what was; its snapshot stays until it is written', async () => {
  const { cluster, of } = made(2)
  const changes: RegisterChange<unknown>[] = []
  of('p1').addEventListener('change', (event) => changes.push(...event.changes))
  let calls = 0
  const { subscribe } = of('p1')
  const stop = subscribe(() => {
    calls += 1
  })
  asked(of('p0').set('a'))
  await cluster.rest()
  const { snapshot } = of('p1')
  asked(of('p1').read())
  asked(of('p1').compareAndSet(7, 'never'))
  await cluster.rest()
  assert.equal(of('p1').snapshot, snapshot)
  stop()
  asked(of('p1').set('b'))
  await cluster.rest()
  assert.deepEqual(changes, [
    { value: 'a', version: 1, previous: undefined, author: 'p0', local: false },
    { value: 'b', version: 2, previous: 'a', author: 'p1', local: true },
  ])
  assert.equal(calls, 1)
})

test('register › a schema types what is written, and what a peer wrote otherwise reads as undefined', async () => {
  const { cluster, of } = made(2, { schema: strings })
  await assert.rejects(of('p0').set(1 as never), SchemaError)
  await assert.rejects(of('p0').set((() => 1) as never), SchemaError)
  const { cluster: plain, of: plainly } = made(2)
  await assert.rejects(
    plainly('p0').set(() => 1),
    ValueError,
  )
  await assert.rejects(plainly('p0').compareAndSet(-1, 1), UsageError)
  asked(plainly('p0').set(5))
  await plain.rest()
  of('p0').replica.load(plainly('p0').replica.save())
  assert.deepEqual(of('p0').snapshot, { value: undefined, version: 1 })
  assert.deepEqual(cluster.faults, [])
})

test('register › outside the primary component calls wait, or reject where they were told to', async () => {
  for (const whenNotPrimary of ['wait', 'reject'] as const) {
    const { cluster } = made(3, { whenNotPrimary })
    const [member] = cluster.primary
    assert.ok(member)
    cluster.cutOff(member)
    const write = asked(member.handle.set('later'))
    await cluster.advance(100)
    if (whenNotPrimary === 'reject') assert.ok(write.result instanceof NotPrimaryError)
    else assert.equal(write.result, 'pending')
    cluster.join(member)
    await cluster.advance(100)
    assert.equal(member.handle.version, whenNotPrimary === 'reject' ? 0 : 1)
  }
  assert.throws(() => made(1, { whenNotPrimary: 'never' as never }), UsageError)
})

test('register › closed, it rejects what is asked and shows what it last held', async () => {
  const { cluster, of } = made(2)
  asked(of('p0').set('last'))
  await cluster.rest()
  const open = asked(of('p0').set('open'))
  of('p0').handleEnd()
  const late = asked(of('p0').read())
  await cluster.rest()
  assert.ok(open.result instanceof UnknownOutcomeError)
  assert.ok(late.result instanceof ClosedError)
})

test('register › malformed requests and states change nothing', () => {
  const { of } = made(1)
  const machine = of('p0').replica.machine as RegisterMachine
  const caller = { process: 'p0', call: 1 }
  for (const body of [null, 7, [], [0, 1], [1], [1, 'x'], [1, Uint8Array.of(255)], [2, -1, Uint8Array.of(0)], [3]]) {
    assert.equal(machine.apply(body, caller), null, JSON.stringify(body))
  }
  for (const state of [1, [], [0, 'p0', Uint8Array.of(0)], [1, '', Uint8Array.of(0)], [1, 'p0', Uint8Array.of(255)]]) {
    assert.throws(() => machine.load(state), ValueError)
  }
  assert.equal(machine.version, 0)
})

test('register › in any order of losses, states and views, versions grow by one and each success saw the version before', async () => {
  for (let seed = 1; seed <= 60; seed += 1) {
    /** By version: what was written over which version; -1: whatever was there. */
    const written = new Map<number, { value: unknown; over: number }>()
    let writes = 0
    /** The highest version that a call has returned: no later call may be told of an older one. */
    let known = 0
    const seen = (version: number, atLeast: number): void => {
      assert.ok(version >= atLeast, `told of ${version} after ${atLeast}`)
      known = Math.max(known, version)
    }
    const note = (version: number, value: unknown, over: number): void => {
      assert.ok(!written.has(version), `version ${version} was written twice`)
      written.set(version, { value, over })
    }
    const { members, unknown } = await runCourse(registerKind, {}, seed, async (handle, random) => {
      const atStart = known
      const over = handle.version
      const dice = random()
      writes += 1
      const value = `${seed}.${writes}`
      if (dice < 0.2) seen((await handle.read()).version, atStart)
      else if (dice < 0.4) {
        const version = await handle.set(value)
        note(version, value, -1)
        seen(version, atStart + 1)
      } else if (dice < 0.7) {
        const result = await handle.compareAndSet(over, value)
        seen(result.version, atStart)
        if (result.ok) note(result.version, value, over)
        else assert.notEqual(result.version, over, 'refused at the version it expected')
      } else {
        let saw = 0
        const result = await handle.update((_, version) => {
          saw = version
          return value
        })
        note(result.version, value, saw)
        seen(result.version, atStart)
      }
    })
    const [first] = members
    const { value, version = 0 } = first?.handle.snapshot ?? {}
    assert.ok(written.size + unknown >= version, `seed ${seed}: a version that nobody was told of`)
    for (const [at, { over }] of written) assert.ok(over === -1 || over === at - 1, `seed ${seed}: ${at} over ${over}`)
    if (written.has(version)) assert.deepEqual(value, written.get(version)?.value, `seed ${seed}`)
  }
})
