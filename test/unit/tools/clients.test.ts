/** Clients of a group: they cast into it and follow it, each cast once and in order, whoever of the members dies. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  BusyError,
  ClosedError,
  TooLargeError,
  UnknownOutcomeError,
  ValueError,
  ViewChangedError,
} from '../../../lib/errors.ts'
import { sponsorAddress, TO_SPONSOR } from '../../../lib/tools/client-words.ts'
import { ClientStage } from './client-stage.ts'

const MEMBERS = ['a', 'b', 'c']

function numbered(client: string, from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, i) => `${client}:${from + i}`)
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i)
}

/** Says whether a promise has resolved. */
function settled(promise: Promise<unknown>): () => boolean {
  let isSettled = false
  void promise.then(() => {
    isSettled = true
  })
  return () => isSettled
}

for (const order of ['fifo', 'causal', 'total'] as const) {
  test(`clients › what a client casts is told once, in its order, to members and clients, in a ${order} group`, async () => {
    const stage = await ClientStage.of(MEMBERS, ['x', 'y'], { order })
    const receipts = range(1, 20).map((value) => stage.client('x').cast(value))
    await stage.cluster.run(300)
    await Promise.all(receipts.flatMap(({ delivered, stable }) => [delivered, stable]))
    for (const id of [...MEMBERS, 'x', 'y']) assert.deepEqual(stage.casts(id), numbered('x', 1, 20), id)
  })

  test(`clients › what the sponsor had under way when it died goes on by way of another member, in a ${order} group`, async () => {
    const stage = await ClientStage.of(MEMBERS, ['x', 'y'], { order })
    const { cluster } = stage
    const client = stage.client('x')
    const receipts = range(1, 10).map((value) => client.cast(value))
    // It has cast them, and they are on their way to the others.
    await cluster.run(12)
    const first = client.sponsor
    assert.ok(first !== null)
    cluster.crash(first)
    receipts.push(...range(11, 20).map((value) => client.cast(value)))
    await cluster.until(() => client.sponsor !== null && client.sponsor !== first)
    await cluster.run(500)
    await Promise.all(receipts.map(({ stable }) => stable))
    for (const id of MEMBERS.filter((each) => each !== first))
      assert.deepEqual(stage.casts(id), numbered('x', 1, 20), id)
    assert.deepEqual(stage.casts('x'), numbered('x', 1, 20))
    assert.deepEqual(stage.casts('y'), numbered('x', 1, 20))
  })
}

test('clients › the feed goes on at another member where it was: nothing twice, nothing left out, though casts go on', async () => {
  const stage = await ClientStage.of(MEMBERS, ['x'], { order: 'total' })
  const { cluster } = stage
  const client = stage.client('x')
  let value = 0
  const casting = (id: string): void => {
    value += 1
    stage.group(id).cast(value)
  }
  for (let i = 0; i < 10; i += 1) {
    for (const id of MEMBERS) casting(id)
    await cluster.run(5)
  }
  const first = client.sponsor
  assert.ok(first !== null)
  cluster.crash(first)
  const others = MEMBERS.filter((id) => id !== first)
  for (let i = 0; i < 10; i += 1) {
    for (const id of others) casting(id)
    await cluster.run(300)
  }
  const told = stage.casts(others[0] ?? '')
  assert.ok(told.length >= 40)
  assert.deepEqual(stage.casts('x'), told)
  // The view of before, and that without the dead one.
  assert.deepEqual((stage.told.get('x') ?? []).filter((entry) => entry === 'view').length, 2)
})

test('clients › a sponsor that closes the group hands its clients over, with what is under way', async () => {
  const stage = await ClientStage.of(MEMBERS, ['x', 'y'])
  const { cluster } = stage
  const client = stage.client('x')
  const first = client.sponsor ?? ''
  for (let i = 1; i <= 10; i += 1) client.cast(i)
  await cluster.run(12)
  void stage.group(first).close()
  for (let i = 11; i <= 20; i += 1) client.cast(i)
  await cluster.run(1_000)
  assert.notEqual(client.sponsor, first)
  for (const id of [...MEMBERS.filter((each) => each !== first), 'x', 'y'])
    assert.deepEqual(stage.casts(id), numbered('x', 1, 20), id)
})

test('clients › a member that joins later knows how far the clients have come, and tells nothing again', async () => {
  const stage = await ClientStage.of(['a', 'b'], ['x'])
  const { cluster } = stage
  cluster.add('c')
  await cluster.until(() => cluster.app('c').view?.members.length === 4)
  const client = stage.client('x')
  const first = client.sponsor ?? ''
  const receipts = range(1, 5).map((value) => client.cast(value))
  await cluster.run(12)
  // What the sponsor says of them is lost: the client gives them to the next one again.
  cluster.isLost = (from, to) => from === first && to === 'x'
  await cluster.run(50)
  stage.join('c')
  await stage.whole(['a', 'b', 'c'])
  cluster.crash('a')
  cluster.crash('b')
  receipts.push(client.cast(6))
  await cluster.until(() => client.sponsor === 'c')
  await cluster.run(500)
  await Promise.all(receipts.map(({ stable }) => stable))
  assert.deepEqual(stage.casts('c'), ['x:6'])
})

test('clients › what is kept no more is a gap, and is said so', async () => {
  const stage = await ClientStage.of(['a'], ['x'], { clientsKeep: 8 })
  const { cluster } = stage
  const client = stage.client('x')
  cluster.disconnect('a', 'x')
  await cluster.until(() => cluster.app('a').view?.members.length === 1)
  assert.equal(client.sponsor, null)
  for (let i = 1; i <= 40; i += 1) stage.group('a').cast(i)
  await cluster.run(100)
  cluster.connect('a', 'x')
  await cluster.until(() => client.sponsor === 'a')
  await cluster.run(200)
  const told = stage.casts('x')
  assert.equal(told[0], 'gap:behind')
  assert.deepEqual(told.slice(1), numbered('a', 42 - told.length, 40))
  assert.ok(told.length > 8 && told.length <= 18)
})

test('clients › who was away goes on without a gap if all of it is kept', async () => {
  const stage = await ClientStage.of(['a'], ['x'])
  const { cluster } = stage
  stage.group('a').cast(0)
  await cluster.run(50)
  cluster.disconnect('a', 'x')
  await cluster.until(() => cluster.app('a').view?.members.length === 1)
  for (let i = 1; i <= 40; i += 1) stage.group('a').cast(i)
  const receipt = stage.client('x').cast('mine')
  cluster.connect('a', 'x')
  await cluster.until(() => stage.client('x').sponsor === 'a')
  await cluster.run(200)
  await receipt.stable
  assert.deepEqual(stage.casts('x'), [...numbered('a', 0, 40), 'x:mine'])
})

test('clients › a view that comes again, before what was kept with a state, is told once, and hides nothing of what was told in it', async () => {
  const stage = await ClientStage.of(['a'], ['x'])
  const { cluster } = stage
  cluster.disconnect('a', 'x')
  await cluster.until(() => cluster.app('a').view?.members.length === 1)
  const group = stage.group('a')
  group.cast(1)
  await cluster.run(50)
  const { view } = group
  assert.ok(view !== null)
  group.handleView(view)
  group.cast(2)
  cluster.connect('a', 'x')
  await cluster.until(() => stage.client('x').sponsor === 'a')
  await cluster.run(200)
  assert.deepEqual(stage.casts('x'), ['a:1', 'a:2'])
  assert.deepEqual(stage.told.get('a'), ['view', 'a:1', 'a:2'])
})

for (const isHeldThere of [false, true]) {
  const what = isHeldThere ? 'cast something there that was lost with it' : 'was told a later view there'
  test(`clients › who was a member of a part of its own, which is no more, and ${what}, casts on where others are members`, async () => {
    const stage = await ClientStage.of(['a', 'b'], ['x'])
    const { cluster } = stage
    const client = stage.client('x')
    const cut = async (): Promise<void> => {
      for (const id of ['a', 'b']) cluster.disconnect(id, 'x')
      await cluster.until(
        () => cluster.app('a').view?.members.length === 2 && cluster.app('x').view?.members.length === 1,
      )
    }
    const heal = async (): Promise<void> => {
      for (const id of ['a', 'b']) cluster.connect(id, 'x')
      await cluster.until(() => client.sponsor === 'a' || client.sponsor === 'b')
      await cluster.run(50)
    }
    await cut()
    const group = stage.join('x')
    await cluster.until(() => client.sponsor === 'x')
    if (isHeldThere) await cluster.until(settled(client.cast('there').stable))
    await group.close()
    await heal()
    // Once more, now that it was told the view that the others are in.
    if (isHeldThere) {
      await cut()
      await heal()
    }
    const receipt = client.cast('here')
    await cluster.until(settled(receipt.stable))
    assert.deepEqual(stage.casts('a'), ['x:here'])
    assert.deepEqual(stage.casts('b'), ['x:here'])
  })
}

test('clients › the last casts of a member that died with them are told as parted from', async () => {
  const stage = await ClientStage.of(MEMBERS, ['x'], { order: 'fifo' })
  const { cluster } = stage
  const client = stage.client('x')
  const first = client.sponsor ?? ''
  const others = MEMBERS.filter((id) => id !== first)
  // Only its client gets what it casts.
  cluster.isLost = (from, to) => from === first && others.includes(to)
  stage.group(first).cast('lost')
  await cluster.run(40)
  assert.deepEqual(stage.casts('x'), [`${first}:lost`])
  cluster.crash(first)
  await cluster.until(() => client.sponsor !== null && client.sponsor !== first)
  stage.group(others[0] ?? '').cast('on')
  await cluster.run(500)
  assert.deepEqual(stage.casts('x'), [`${first}:lost`, 'gap:parted', `${others[0]}:on`])
})

test('clients › a process that attaches again goes on with its numbers: what it casts then is told', async () => {
  const stage = await ClientStage.of(['a', 'b'], ['x'])
  const { cluster } = stage
  const first = stage.client('x')
  first.cast(1)
  first.cast(2)
  const closed = first.close()
  await cluster.run(300)
  await closed
  const second = stage.attach('x', true, first.legacy)
  await cluster.until(() => second.sponsor !== null)
  await Promise.all([second.cast(3), second.cast(4)].map(({ n }) => assert.ok(n > 2)))
  await cluster.run(300)
  for (const id of ['a', 'b']) assert.deepEqual(stage.casts(id), numbered('x', 1, 4))
  assert.deepEqual(stage.casts('x'), numbered('x', 3, 4))
})

test('clients › who only casts is told of views, and of no casts', async () => {
  const stage = await ClientStage.of(['a', 'b'], [])
  const { cluster } = stage
  cluster.add('x')
  await cluster.until(() => cluster.app('x').view?.members.length === 3)
  const client = stage.attach('x', false)
  await cluster.until(() => client.sponsor !== null)
  const receipt = client.cast('hi')
  await cluster.run(200)
  await receipt.stable
  assert.deepEqual(stage.told.get('x'), ['view'])
  assert.deepEqual(stage.casts('a'), ['x:hi'])
})

test('clients › a client that has left is forgotten by all members', async () => {
  const stage = await ClientStage.of(MEMBERS, ['x', 'y'])
  const { cluster } = stage
  stage.client('x').cast(1)
  stage.client('y').cast(1)
  await cluster.run(200)
  const last = (id: string, client: string): number | undefined => stage.group(id).sponsor?.table.last(client)
  assert.deepEqual(
    MEMBERS.map((id) => last(id, 'x')),
    [1, 1, 1],
  )
  cluster.app('x').leave(false)
  await cluster.until(() => cluster.app('a').view?.members.length === 4)
  await cluster.run(500)
  assert.deepEqual(
    MEMBERS.map((id) => last(id, 'x')),
    [0, 0, 0],
  )
  assert.deepEqual(
    MEMBERS.map((id) => last(id, 'y')),
    [1, 1, 1],
  )
  assert.deepEqual(stage.group(stage.client('y').sponsor ?? '').clients, ['y'])
})

test('clients › a large cast of a member comes whole, in its place', async () => {
  const stage = await ClientStage.of(['a', 'b'], ['x'], { order: 'total' })
  const { cluster } = stage
  const large = 'l'.repeat(1_500_000)
  stage.group('a').cast('before')
  stage.group('a').cast(large)
  stage.group('a').cast('after')
  await cluster.run(3_000)
  assert.deepEqual(
    stage.casts('x').map((each) => each.length),
    ['a:before'.length, large.length + 2, 'a:after'.length],
  )
})

test('clients › gbcasts of clients are ordered against everything', async () => {
  const stage = await ClientStage.of(MEMBERS, ['x'], { order: 'fifo' })
  const { cluster } = stage
  for (let i = 0; i < 5; i += 1) {
    for (const id of MEMBERS) stage.group(id).cast(i)
    stage.client('x').cast(i, { service: 'gbcast' })
    await cluster.run(7)
  }
  await cluster.run(1_000)
  const before = (id: string, value: number): string[] => {
    const casts = stage.casts(id)
    return casts.slice(0, casts.indexOf(`x:${value}`)).sort()
  }
  for (let i = 0; i < 5; i += 1) {
    assert.ok(stage.casts('a').includes(`x:${i}`))
    for (const id of ['b', 'c', 'x']) assert.deepEqual(before(id, i), before('a', i), `${id} ${i}`)
  }
})

test('clients › in a strong group a cast of an older view is refused, and what comes behind it is not', async () => {
  const stage = await ClientStage.of(MEMBERS, ['x'], { strong: true })
  const { cluster } = stage
  const client = stage.client('x')
  const first = client.cast(1)
  await cluster.run(100)
  await first.stable
  const sponsor = client.sponsor ?? ''
  cluster.crash(MEMBERS.find((id) => id !== sponsor) ?? '')
  await cluster.until(() => stage.group(sponsor).view?.members.length === 2)
  // It has not heard of the view.
  const late = client.cast(2)
  assert.equal(client.view?.members.length, 3)
  await cluster.until(() => client.view?.members.length === 2)
  const next = client.cast(3)
  await cluster.run(200)
  await assert.rejects(late.delivered, ViewChangedError)
  await next.stable
  for (const id of MEMBERS.filter((each) => cluster.ids.includes(each)))
    assert.deepEqual(stage.casts(id), ['x:1', 'x:3'], id)
})

test('clients › bounds, values, and the end', async () => {
  const stage = await ClientStage.of(['a', 'b'], ['x'])
  const { cluster } = stage
  const client = stage.client('x')
  assert.throws(() => client.cast(() => 1), ValueError)
  assert.throws(() => client.cast('l'.repeat(600_000)), TooLargeError)
  let writable = 0
  client.addEventListener('writable', () => (writable += 1))
  const receipts = range(1, 256).map((value) => client.cast(value))
  assert.equal(client.writable, false)
  assert.throws(() => client.cast(257), BusyError)
  await cluster.until(() => writable > 0)
  assert.equal(client.writable, true)
  const last = client.cast(257)
  await Promise.all(receipts.map(({ stable }) => stable))
  const closing = client.close()
  assert.throws(() => client.cast(1), ClosedError)
  await cluster.run(300)
  await closing
  await last.stable
  assert.deepEqual(stage.casts('a'), numbered('x', 1, 257))
  assert.equal(client.sponsor, null)
  assert.deepEqual(stage.groups.get('a')?.clients, [])
  assert.deepEqual(stage.groups.get('b')?.clients, [])
  assert.deepEqual(cluster.faults, [])
})

test('clients › what is under way at the end is unknown, what was given to nobody is closed, what is taken back is gone', async () => {
  const stage = await ClientStage.of(['a'], ['x'])
  const { cluster } = stage
  const client = stage.client('x')
  cluster.isLost = () => true
  const given = client.cast(1)
  await cluster.run(5)
  cluster.disconnect('a', 'x')
  await cluster.until(() => client.sponsor === null)
  const waiting = client.cast(2)
  const abort = new AbortController()
  const taken = client.cast(3, { signal: abort.signal })
  const fate = [given, waiting, taken].map(({ stable }) => stable.catch((error: unknown) => error))
  abort.abort(new RangeError('back'))
  client.handleEnd()
  const [first, second, third] = await Promise.all(fate)
  assert.ok(first instanceof UnknownOutcomeError)
  assert.ok(second instanceof ClosedError)
  assert.ok(third instanceof RangeError)
})

test('clients › what a client says that makes no sense is counted against it, and disturbs nobody', async () => {
  const stage = await ClientStage.of(['a'], ['x', 'y'])
  const { cluster } = stage
  const { mail } = cluster.app('x')
  const session = 1
  const send = (...message: unknown[]): void => void mail.send('a', sponsorAddress('g'), message)
  const bytes = new Uint8Array([1])
  send('nonsense')
  send(TO_SPONSOR.attach, 0)
  send(TO_SPONSOR.attach, 9, 'x', 0, true, null, true, false, null)
  send(TO_SPONSOR.attach, 9, 1, 0, true, [['v'], [['m', 0, 0]], [], false, [], []], false, false, null)
  send(TO_SPONSOR.attach, 9, 1, 0, true, null, true, false, [0, 'v'])
  send(TO_SPONSOR.ack, session, 1_000)
  send(TO_SPONSOR.cast, session, 0, 0, 0, null, false, bytes)
  send(TO_SPONSOR.cast, session, 5, 0, 9, null, false, bytes)
  await cluster.run(50)
  assert.equal(cluster.faults.length, 8)
  assert.ok(cluster.faults.every((fault) => fault.includes('bad-client')))
  // A cast under a number that does not follow, and bytes that are no value: refused, as the client is told.
  stage.client('x').cast('real')
  await cluster.run(50)
  send(TO_SPONSOR.cast, session, 7, 5, 0, null, false, bytes)
  send(TO_SPONSOR.cast, session, 2, 1, 0, null, false, new Uint8Array([0xff, 0xff]))
  await cluster.run(50)
  assert.equal(cluster.faults.length, 10)
  // Casts of an unknown session are told so, and the client goes on.
  send(TO_SPONSOR.detach, session)
  const receipts = ['more', 'and more'].map((value) => stage.client('x').cast(value))
  stage.client('y').cast('other')
  await cluster.run(500)
  await Promise.all(receipts.map(({ stable }) => stable))
  assert.deepEqual(
    stage.casts('a').filter((each) => each.startsWith('x')),
    ['x:real', 'x:more', 'x:and more'],
  )
  assert.ok(stage.casts('a').includes('y:other'))
})
