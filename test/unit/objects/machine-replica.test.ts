/** Calls of a replicated state machine: each takes effect once, whatever becomes of what carries it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TooLargeError, UnknownOutcomeError } from '../../../lib/errors.ts'
import { assertState, isTotal } from '../../../lib/objects/checks.ts'
import { type MachineCall, MachineReplica } from '../../../lib/objects/machine-replica.ts'
import type { ObjectKind, OpInfo } from '../../../lib/objects/replica.ts'
import type { Answer, Caller, Machine, MachineContext } from '../../../lib/objects/state-machine.ts'
import { makeRandom } from './cluster.ts'
import { TotalCluster, type TotalMember } from './total-cluster.ts'

/** Counts, and lends one thing at a time to who asks for it first. */
class Till implements Machine {
  total = 0
  holder: Caller | null = null
  waiting: Caller[] = []

  apply(body: unknown, caller: Caller, context: MachineContext): Answer | 'waits' | null {
    if (typeof body === 'number') {
      this.total += body
      return [true, this.total]
    }
    if (body === 'give back') {
      if (this.holder?.process !== caller.process) return [false, 'not-held', 'it is not held']
      this.holder = null
      this.viewed(context)
      return [true, null]
    }
    if (body !== 'borrow') return null
    if (this.holder !== null || this.waiting.length > 0) {
      this.waiting.push(caller)
      return 'waits'
    }
    this.holder = caller
    return [true, caller.process]
  }

  cancel({ process, call }: Caller): void {
    this.waiting = this.waiting.filter((each) => each.process !== process || each.call !== call)
  }

  release(process: string, context: MachineContext): void {
    if (this.holder?.process !== process) return
    this.holder = null
    this.viewed(context)
  }

  isHolding(process: string): boolean {
    return this.holder?.process === process
  }

  viewed(context: MachineContext): void {
    if (!context.isPrimary || this.holder !== null) return
    const next = this.waiting.shift()
    if (next === undefined) return
    this.holder = next
    context.answer(next, [true, next.process])
  }

  save(): unknown {
    return [this.total, this.holder, this.waiting]
  }

  load(saved: unknown): void {
    assertState(Array.isArray(saved) && isTotal(saved[0]), 'till')
    this.total = saved[0]
    this.holder = saved[1] as Caller | null
    this.waiting = [...(saved[2] as Caller[])]
  }
}

type Replica = MachineReplica<Till>

const kind: ObjectKind<Replica, object> = {
  kind: 'till',
  order: 'total',
  uniform: true,
  consistency: 'consistent',
  create(port) {
    const settings = { what: 'till', whenNotPrimary: 'wait', leaseMs: 10_000 } as const
    const replica: Replica = new MachineReplica(port, new Till(), settings, {
      toError: (code, message) => new TypeError(`${code}: ${message}`),
      unwanted: (body) => {
        if (body === 'borrow') void replica.call('give back')
      },
    })
    return { replica, handle: replica }
  },
}

/** Asks, and says what came of it. */
function ask(replica: Replica, body: unknown, options?: MachineCall): { result: unknown } {
  const asked: { result: unknown } = { result: 'pending' }
  replica.call(body, options).then(
    (value) => {
      asked.result = value
    },
    (error: unknown) => {
      asked.result = error
    },
  )
  return asked
}

function made(count: number, seed = 1) {
  const cluster = new TotalCluster<Replica, object>(kind, {}, count, seed)
  return { cluster, of: (id: string) => cluster.primary.find((member) => member.id === id)?.handle as Replica }
}

test('machine › a call is answered by what it did in the agreed order', async () => {
  const { cluster, of } = made(3)
  const asked = [ask(of('p0'), 1), ask(of('p1'), 10), ask(of('p2'), 100)]
  await cluster.advance(200)
  assert.deepEqual(Math.max(...asked.map(({ result }) => result as number)), 111)
  for (const { handle } of cluster.primary) assert.equal(handle.machine.total, 111)
})

test('machine › a cast whose fate is unknown is made again, and what was done is not done twice', async () => {
  const { cluster, of } = made(3)
  const [member] = cluster.primary
  assert.ok(member)
  member.loses = 2
  member.drops = 1
  const asked = [1, 10, 100, 1_000].map((each) => ask(of('p0'), each))
  await cluster.advance(200)
  assert.deepEqual(
    asked.map(({ result }) => result),
    [1, 11, 111, 1_111],
  )
})

test('machine › a call cast again outside the primary component was asked when it was first cast: that one may have counted', async () => {
  const { cluster, of } = made(3)
  const [member] = cluster.primary
  assert.ok(member)
  const times: number[] = []
  await cluster.advance(1_000)
  const asked = ask(of('p0'), 'borrow', { sent: (now) => times.push(now) })
  // Ordered, and not delivered here before it is cut off.
  while (member.queued.length > 0) cluster.step()
  cluster.cutOff(member)
  await cluster.rest()
  await cluster.advance(5_000)
  assert.ok(member.casts > 1, 'it was cast again')
  cluster.join(member)
  await cluster.rest()
  assert.equal(asked.result, 'p0')
  assert.deepEqual(times, [1_000])
})

test('machine › a call cast again in the primary component was asked then: those who are members know that it did not count', async () => {
  const { cluster, of } = made(3)
  const [member] = cluster.primary
  assert.ok(member)
  member.drops = 1
  const times: number[] = []
  const asked = ask(of('p0'), 'borrow', { sent: (now) => times.push(now) })
  await cluster.rest()
  await cluster.advance(200)
  assert.equal(asked.result, 'p0')
  assert.deepEqual(times, [0, 50])
})

test('machine › what waits here unsent behind a call that was lost is cast again behind it, and not passed over first', async () => {
  const { cluster, of } = made(3)
  const [member] = cluster.primary
  assert.ok(member)
  const { handle } = member
  cluster.cutOff(member)
  member.loses = 1
  const asked = [1, 10, 100, 1_000].map((each) => ask(handle, each))
  const abort = new AbortController()
  asked.push(ask(handle, 10_000, { signal: abort.signal }), ask(handle, 100_000))
  await cluster.advance(100)
  abort.abort(new Error('no longer'))
  await cluster.advance(100)
  const { casts } = member
  cluster.join(member)
  await cluster.advance(500)
  assert.deepEqual(
    asked.map(({ result }) => (result instanceof Error ? result.message : result)),
    [1, 11, 111, 1_111, 'no longer', 101_111],
  )
  assert.equal(member.casts, casts)
  assert.equal(of('p1').machine.total, 101_111)
})

test('machine › a refusal is the error that the object makes of it, and a malformed request the fault of who made it', async () => {
  const { cluster, of } = made(2)
  const refused = ask(of('p0'), 'give back')
  const malformed = ask(of('p1'), 'what?')
  await cluster.advance(200)
  assert.match(String(refused.result), /not-held: it is not held/)
  assert.match(String(malformed.result), /malformed/)
})

test('machine › a call that is taken back waits no more; what it was granted meanwhile is given back', async () => {
  const { cluster, of } = made(3)
  ask(of('p0'), 'borrow')
  await cluster.advance(200)
  const controller = new AbortController()
  const second = ask(of('p1'), 'borrow', { signal: controller.signal })
  const third = ask(of('p2'), 'borrow')
  await cluster.advance(200)
  controller.abort('enough')
  // Before the others hear of it.
  ask(of('p0'), 'give back')
  await cluster.advance(200)
  assert.equal(second.result, 'enough')
  assert.equal(third.result, 'p2')
  assert.equal(of('p0').machine.holder?.process, 'p2')
})

test('machine › what a member that leaves or dies waits for and holds is over', async () => {
  const { cluster, of } = made(4)
  const asked = ['p0', 'p1', 'p2', 'p3'].map((id) => ask(of(id), 'borrow'))
  await cluster.advance(200)
  const first = asked.findIndex(({ result }) => result !== 'pending')
  const holder = cluster.primary[first]
  assert.ok(holder)
  cluster.end(holder, 'left')
  await cluster.advance(200)
  assert.equal(asked.filter(({ result }) => typeof result === 'string' && result !== 'pending').length, 2)
})

test('machine › in any order of losses, states and views, every call is settled, and each took effect once', async () => {
  for (let seed = 1; seed <= 40; seed += 1) {
    const random = makeRandom(seed)
    const cluster = new TotalCluster<Replica, object>(kind, {}, 4, seed)
    const asked: { result: unknown }[] = []
    let away: TotalMember<Replica> | null = null
    for (let round = 0; round < 30; round += 1) {
      const member = cluster.primary[Math.floor(random() * cluster.primary.length)]
      if (member === undefined) continue
      if (random() < 0.1) member.loses = 1
      if (random() < 0.1) member.drops = 1
      asked.push(ask(member.handle, 1))
      if (random() < 0.15 && away === null) {
        away = member
        cluster.cutOff(member)
        asked.push(ask(member.handle, 1))
      } else if (random() < 0.3 && away !== null) {
        cluster.join(away)
        away = null
      }
      for (let i = random() * 8; i > 0; i -= 1) cluster.step()
      await new Promise((resolve) => setImmediate(resolve))
      if (random() < 0.3) await cluster.advance(30)
    }
    if (away !== null) cluster.join(away)
    await cluster.advance(2_000)
    const values = asked.map(({ result }) => result)
    assert.ok(
      values.every((value) => typeof value === 'number'),
      `seed ${seed}: ${values.filter((value) => typeof value !== 'number')}`,
    )
    assert.equal(new Set(values).size, values.length, `seed ${seed}: ${values}`)
    for (const { handle } of cluster.primary) assert.equal(handle.machine.total, asked.length, `seed ${seed}`)
  }
})

test('machine › a call that waits for long does not hold up those after it, nor do their answers pile up', async () => {
  const { cluster, of } = made(3)
  const first = ask(of('p0'), 'borrow')
  await cluster.advance(200)
  assert.equal(first.result, 'p0')
  const waiting = ask(of('p1'), 'borrow')
  await cluster.advance(200)
  const sizes: number[] = []
  for (let round = 0; round < 5; round += 1) {
    const asked = Array.from({ length: 400 }, () => ask(of('p1'), 1))
    await cluster.advance(500)
    assert.equal(asked.filter(({ result }) => typeof result === 'number').length, 400, `round ${round}`)
    ask(of('p1'), 0)
    await cluster.advance(200)
    sizes.push(cluster.states()[0]?.length ?? 0)
  }
  assert.ok(Math.max(...sizes) < 1_000, `${sizes} hex digits`)
  ask(of('p0'), 'give back')
  await cluster.advance(200)
  assert.equal(waiting.result, 'p1')
})

test('machine › a request made before a state that is older than it comes again, and what waited waits on', async () => {
  const { cluster, of } = made(2)
  ask(of('p0'), 'borrow')
  await cluster.advance(200)
  const p1 = of('p1')
  const older = p1.save()
  const waiting = ask(p1, 'borrow')
  await cluster.advance(200)
  const after = ask(p1, 1)
  // All go back to a state that knows nothing of the one that waits, as after a loss that was agreed to.
  for (const { replica } of cluster.primary) {
    replica.load(older)
    replica.settle()
  }
  await cluster.advance(1_000)
  assert.equal(after.result, 1)
  ask(of('p0'), 'give back')
  await cluster.advance(200)
  assert.equal(waiting.result, 'p1')
})

test('machine › what is settled here and unknown to a state that is taken over holds up nothing behind it', async () => {
  const { cluster, of } = made(2)
  ask(of('p0'), 'borrow')
  await cluster.advance(200)
  const p1 = of('p1')
  const older = p1.save()
  const waiting = ask(p1, 'borrow')
  await cluster.advance(200)
  const settled = ask(p1, 1)
  await cluster.advance(200)
  assert.equal(settled.result, 1)
  // As after a line is lost: the number of the one that is settled never comes again.
  for (const { replica } of cluster.primary) {
    replica.load(older)
    replica.settle()
  }
  const after = ask(p1, 10)
  await cluster.advance(1_000)
  assert.equal(after.result, 10)
  ask(of('p0'), 'give back')
  await cluster.advance(200)
  assert.equal(waiting.result, 'p1')
})

test('machine › what was settled here and waits in a state that is taken over is taken back', async () => {
  for (const isAsking of [false, true]) {
    const { cluster, of } = made(2)
    ask(of('p0'), 'borrow')
    await cluster.advance(200)
    const p1 = of('p1')
    const waiting = ask(p1, 'borrow')
    await cluster.advance(200)
    const older = structuredClone(p1.save())
    ask(of('p0'), 'give back')
    await cluster.advance(200)
    assert.equal(waiting.result, 'p1')
    for (const { replica } of cluster.primary) {
      replica.load(older)
      // The next request says that nobody waits for it; or it is taken back as soon as that is seen.
      if (!isAsking) replica.settle()
    }
    if (isAsking) ask(p1, 1)
    await cluster.advance(200)
    ask(of('p0'), 'give back')
    await cluster.advance(200)
    for (const { handle } of cluster.primary) assert.equal(handle.machine.holder, null)
  }
})

test('machine › what was settled here and comes again after a state that is taken over is taken back', async () => {
  const { cluster, of } = made(2)
  ask(of('p0'), 'borrow')
  await cluster.advance(200)
  const p1 = of('p1')
  const older = structuredClone(p1.save())
  const kept: [op: unknown, info: OpInfo][] = []
  const { apply } = p1
  p1.apply = (op, info) => {
    if (info.local) kept.push([op, info])
    return apply.call(p1, op, info)
  }
  const waiting = ask(p1, 'borrow')
  await cluster.advance(200)
  p1.apply = apply
  ask(of('p0'), 'give back')
  await cluster.advance(200)
  assert.equal(waiting.result, 'p1')
  for (const { replica } of cluster.primary) {
    replica.load(older)
    replica.settle()
    for (const [op, info] of kept) replica.apply(op, info)
    replica.settle()
  }
  await cluster.advance(200)
  ask(of('p0'), 'give back')
  await cluster.advance(200)
  for (const { handle } of cluster.primary) assert.equal(handle.machine.holder, null)
})

test('machine › one that is passed over is not cast again as fast as it can be', async () => {
  const { cluster, of } = made(2)
  const [p0] = cluster.primary
  assert.ok(p0)
  const { sessions } = of('p0')
  // A state in which nothing of this process counts.
  sessions.apply = () => 'applied'
  const asked = ask(of('p0'), 1)
  for (let i = 0; i < 100; i += 1) {
    ask(of('p1'), 1)
    await cluster.advance(5)
  }
  assert.equal(asked.result, 'pending')
  assert.ok(p0.casts <= 500 / 50 + 1, `${p0.casts} casts`)
})

test('machine › a call that cannot be cast rejects, and those after it go on', async () => {
  const { cluster, of } = made(2)
  const { port } = of('p0')
  const cast = port.cast.bind(port)
  port.cast = (op, options) => {
    if (JSON.stringify(op).includes('huge')) throw new TooLargeError('too large', 2, 1)
    return cast(op, options)
  }
  const asked = [ask(of('p0'), 1), ask(of('p0'), 'huge'), ask(of('p0'), 10)]
  await cluster.advance(200)
  const next = ask(of('p0'), 100)
  await cluster.advance(200)
  assert.deepEqual(
    [...asked, next].map(({ result }) => (result instanceof Error ? result.name : result)),
    [1, 'TooLargeError', 11, 111],
  )
})

test('machine › a closed one settles what it was asked for', async () => {
  const { cluster, of } = made(2)
  const sent = ask(of('p0'), 1)
  of('p0').stop()
  const after = ask(of('p0'), 1)
  await cluster.advance(200)
  assert.ok(sent.result instanceof UnknownOutcomeError)
  assert.match(String(after.result), /ClosedError/)
})

test('machine › one call may wait for as long as it likes: the answers of those after it are dropped all the same', async () => {
  const { cluster, of } = made(2)
  ask(of('p1'), 'borrow')
  await cluster.advance(200)
  const waiting = ask(of('p0'), 'borrow')
  for (let round = 0; round < 12; round += 1) {
    const asked = Array.from({ length: 100 }, () => ask(of('p0'), 1))
    await cluster.advance(200)
    assert.ok(
      asked.every(({ result }) => typeof result === 'number'),
      `round ${round}`,
    )
  }
  assert.equal(of('p1').machine.total, 1_200)
  assert.ok((cluster.states()[0] ?? '').length < 5_000, 'answers that were seen are still in the state')
  ask(of('p1'), 'give back')
  await cluster.advance(200)
  assert.equal(waiting.result, 'p0')
})
