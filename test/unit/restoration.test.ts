/**
 * Groups that act in the primary component, after all who had them open are gone: they go on from the last state, wait for
 * whoever may have it, and go on without on demand only.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { MemoryHub, MemoryStore, memory, memoryStorage } from '../../adapters/memory/index.ts'
import { AppSide } from '../../lib/app-port.ts'
import { NotPrimaryError } from '../../lib/errors.ts'
import { GroupState } from '../../lib/group-state.ts'
import type { AppEvent, Command, StatePlan } from '../../lib/kernel/api.ts'
import type { SharedRegister } from '../../lib/objects/register.ts'
import { REGISTER_OP, RegisterMachine } from '../../lib/objects/register-machine.ts'
import type { Replica } from '../../lib/objects/replica.ts'
import { SESSION_OP, Sessions } from '../../lib/objects/sessions.ts'
import { openSpace } from '../../lib/open-space.ts'
import { encodeRestoration } from '../../lib/operations.ts'
import { Restoration, type RestorationOp } from '../../lib/restoration.ts'
import type { Space } from '../../lib/space.ts'
import type { RestoredCopy, StoreCommand } from '../../lib/storage/messages.ts'
import type { Acted } from '../../lib/storage/standing.ts'
import { packState, unpackState } from '../../lib/travelling-state.ts'
import { encodeValue } from '../../lib/values.ts'
import { actedIn as acted, viewOf as view } from './stored-groups.ts'
import { until } from './until.ts'

test('restoration › the furthest state of the last view wins, once all who may have come further are covered', () => {
  const group = new Restoration()
  group.install(view('p', 'q', 'r'))
  const offer = (author: string, covers: string[], has: Acted | null): unknown =>
    group.take(author, { type: 'offer', offer: { covers, acted: has } })
  assert.equal(group.judge({ covers: ['a'], acted: null }), 'taken')
  offer('p', ['a'], acted('5.a.0', 7, 'a', 'b', 'c'))
  assert.deepEqual([group.isWaiting, group.missing, group.winner], [true, ['b', 'c'], null])
  offer('q', ['b'], acted('7.b.0', 2, 'b', 'c'))
  assert.deepEqual([group.missing, group.winner], [['c'], null])
  assert.equal(group.take('q', { type: 'state', state: 'early' }), null)
  // It had just opened the group, and has nothing of it.
  offer('r', ['c'], null)
  assert.deepEqual([group.missing, group.winner], [[], 'q'])
  assert.equal(group.take('p', { type: 'state', state: 'older' }), null)
  assert.deepEqual(group.take('q', { type: 'state', state: 'last' }), { state: 'last' })
  assert.deepEqual([group.isWaiting, group.era], [false, 1])
  assert.equal(group.judge({ covers: ['a'], acted: acted('5.a.0', 9, 'a') }), 'taken')
  assert.equal(group.judge({ covers: ['d'], acted: acted('8.d.0', 1, 'd') }), 'late')
})

test('restoration › who goes away takes its offer along, and is waited for', () => {
  const group = new Restoration()
  group.install(view('p', 'q'))
  group.take('p', { type: 'offer', offer: { covers: ['a'], acted: acted('5.a.0', 7, 'a') } })
  group.take('q', { type: 'offer', offer: { covers: ['b'], acted: acted('4.a.0', 9, 'a', 'b') } })
  assert.equal(group.winner, 'p')
  group.install(view('q'))
  assert.deepEqual([group.missing, group.winner], [['a'], null])
  const copy = new Restoration()
  copy.load(JSON.parse(JSON.stringify(group.save())))
  for (const each of [group, copy]) {
    each.take('q', { type: 'force' })
    assert.deepEqual([each.missing, each.winner], [[], 'q'])
    assert.deepEqual(each.take('q', { type: 'state', state: 'older' }), { state: 'older' })
  }
  assert.deepEqual(copy.save(), group.save())
})

test('restoration › forced, with nobody here who has anything, it begins anew', () => {
  const group = new Restoration()
  group.install(view('p', 'q'))
  group.take('p', { type: 'offer', offer: { covers: ['a'], acted: acted('5.a.0', 7, 'a') } })
  group.install(view('q'))
  assert.deepEqual(group.take('q', { type: 'force' }), { state: undefined })
  assert.deepEqual([group.isWaiting, group.era], [false, 1])
})

test('restoration › a group that has acted does not go back to what was stored', () => {
  const group = new Restoration()
  group.install(view('p', 'q'))
  group.hasActed = true
  const offer = { covers: ['a'], acted: acted('5.a.0', 7, 'a') }
  assert.equal(group.judge(offer), 'late')
  assert.equal(group.take('p', { type: 'offer', offer }), null)
  assert.equal(group.isWaiting, false)
})

test('restoration › a state in which nothing has happened is less than any other', () => {
  const group = new Restoration()
  group.install(view('p', 'q'))
  const empty = { ...acted('8.b.0', 3, 'b'), standing: { hasActed: false, era: 0, view: '8.b.0', index: 3 } }
  group.take('p', { type: 'offer', offer: { covers: ['a'], acted: acted('5.a.0', 7, 'a') } })
  group.take('q', { type: 'offer', offer: { covers: ['b'], acted: empty } })
  assert.equal(group.winner, 'p')
  group.take('p', { type: 'state', state: 'of a' })
  assert.equal(group.judge({ covers: ['b'], acted: empty }), 'taken')
})

test('restoration › what was done without this state, after it had been given up, is late, however far the state has come', () => {
  const group = new Restoration()
  group.install(view('p'))
  const before: Acted = { ...acted('5.a.0', 7, 'a', 'b'), birth: '3.a.0 0', past: [] }
  const offer = (has: Acted): unknown => group.take('p', { type: 'offer', offer: { covers: ['a'], acted: has } })
  offer(before)
  group.take('p', { type: 'force' })
  group.take('p', { type: 'state', state: 'of a' })
  const past = [{ birth: '3.a.0 0', standing: before.standing }]
  assert.deepEqual(group.origin.past, past)
  assert.equal(group.judge({ covers: [], acted: before }), 'taken')
  // The other one had gone on.
  assert.equal(group.judge({ covers: [], acted: { ...before, standing: acted('6.b.0', 1).standing } }), 'late')
  // And that of somebody who has nothing to do with either.
  assert.equal(group.judge({ covers: [], acted: { ...acted('4.x.0', 1), birth: '4.x.0 0', past: [] } }), 'late')
  // Of one that does not tell, only how far it has come can be compared.
  assert.equal(group.judge({ covers: [], acted: acted('6.b.0', 1) }), 'late')
  assert.equal(group.judge({ covers: [], acted: acted('4.b.0', 1) }), 'taken')
  const copy = new Restoration()
  copy.load(JSON.parse(JSON.stringify(group.save())))
  assert.deepEqual(copy.origin, group.origin)
})

test('restoration › what has one beginning is of one history, in all who have its state', () => {
  const [first, second] = [new Restoration(), new Restoration()]
  first.install({ ...view('p'), primary: false })
  assert.equal(first.origin.birth, undefined)
  first.install(view('p'))
  assert.notEqual(first.origin.birth, undefined)
  const { birth } = first.origin
  first.install({ ...view('p', 'q'), id: '10.p.0' })
  second.install({ ...view('p', 'q'), id: '10.p.0' })
  second.load(JSON.parse(JSON.stringify(first.save())))
  assert.deepEqual([first.origin.birth, second.origin.birth], [birth, birth])
  assert.equal(first.judge({ covers: [], acted: null }), 'taken')
  for (const each of [first, second]) {
    each.take('q', { type: 'offer', offer: { covers: ['a'], acted: acted('5.a.0', 7, 'a') } })
    each.take('q', { type: 'state', state: 'older' })
  }
  assert.equal(first.origin.birth, second.origin.birth)
  assert.notEqual(first.origin.birth, birth)
  first.reset()
  assert.equal(first.origin.birth, undefined)
  // A state that came without word of its beginning.
  second.load(null)
  second.hasActed = true
  second.install(view('q'))
  assert.equal(second.origin.birth, undefined)
})

test('restoration › what a group has gone on from in a view, it has come further than, in that view already', () => {
  const state = new GroupState(
    'g',
    { order: 'total', uniform: true, strong: false, consistency: 'consistent', state: true, kind: 'register' },
    { self: 'p', trace: undefined, defer: (fn) => fn(), fault: (_, code) => assert.fail(code) },
  )
  let held: unknown = 'nothing'
  const replica = { save: () => held, load: (value: unknown) => (held = value), apply: () => undefined }
  state.attach({ ...replica, view: () => undefined, settle: () => undefined } as unknown as Replica)
  state.view(view('p'))
  const say = (n: number, op: RestorationOp): void =>
    state.apply({ payload: encodeRestoration(op), info: { author: 'p', local: true, n, view: '9.x.0', index: n } })
  say(1, { type: 'offer', offer: { covers: ['a'], acted: acted('5.a.0', 7, 'a') } })
  say(2, { type: 'state', state: 'older' })
  assert.equal(held, 'older')
  assert.deepEqual(state.own?.acted.standing, { hasActed: true, era: 1, view: '9.x.0', index: 0 })
  assert.equal(state.hasPassed({ ...acted('9.x.0', 0, 'p'), birth: '9.x.0 0' }), false)
})

test('restoration › that some were forgotten in epochs of before keeps nobody out of a line that counts anew', () => {
  const ask = (epoch: number): string => {
    const sessions = new Sessions(new RegisterMachine())
    sessions.load([50, '60.a.0', 0, [], null])
    sessions.install({ ...view('p'), id: `${epoch}.p.0` })
    return sessions.apply([SESSION_OP.request, 0, 3, 1, [], 0, 1, [REGISTER_OP.read]], 'p')
  }
  assert.equal(ask(61), 'forgotten')
  assert.equal(ask(3), 'applied')
})

/** Devices that meet in one hub, each with a store of its own. */
class Devices {
  readonly #hub = new MemoryHub()
  readonly stores: MemoryStore[] = []
  readonly #t: TestContext

  constructor(t: TestContext) {
    this.#t = t
  }

  async open(device: number): Promise<Device> {
    this.stores[device] ??= new MemoryStore()
    const space = await openSpace('stored', {
      worker: false,
      foundAfterMs: 20,
      transports: [memory({ hub: this.#hub })],
      storage: memoryStorage(this.stores[device]),
    })
    this.#t.after(() => space.kill())
    return { space, register: await space.register<string>('one', { whenNotPrimary: 'reject' }) }
  }

  /** The first has founded the space before the others come: who meets in a first primary view asks the others first. */
  async three(): Promise<readonly [Device, Device, Device]> {
    const first = await this.open(0)
    await until(first.space, 'view', () => first.space.view.primary)
    return [first, await this.open(1), await this.open(2)]
  }
}

interface Device {
  readonly space: Space
  readonly register: SharedRegister<string>
}

const together = (devices: readonly Device[]): Promise<unknown> =>
  Promise.all(
    devices.map(({ space }) =>
      until(space, 'view', () => space.view.members.length === devices.length && space.view.primary),
    ),
  )
const reads = ({ register }: Device, value: string): Promise<void> =>
  until(register, 'change', () => register.value === value)

test('restoration › a page that had a register alone comes back with it', { timeout: 20_000 }, async (t) => {
  const devices = new Devices(t)
  const first = await devices.open(0)
  await until(first.space, 'view', () => first.space.view.primary)
  await first.register.set('a')
  await first.register.set('b')
  await first.space.durable()
  first.space.kill()
  const second = await devices.open(0)
  assert.deepEqual(second.register.snapshot, { value: 'b', version: 2 })
  assert.equal(await second.register.set('c'), 3)
  await second.space.durable()
  await second.space.close()
  const third = await devices.open(0)
  assert.deepEqual((await third.register.read()).value, 'c')
  assert.deepEqual(await third.register.compareAndSet(3, 'd'), { ok: true, version: 4, value: 'd' })
})

test('restoration › three that went one after the other wait for the last one, and go on from what that had', {
  timeout: 30_000,
}, async (t) => {
  const devices = new Devices(t)
  const all = await devices.three()
  await together(all)
  await all[0].register.set('of three')
  await Promise.all(all.map((each) => reads(each, 'of three')))
  await Promise.all(all.map(({ space }) => space.durable()))
  await all[0].space.close()
  await together([all[1], all[2]])
  await all[1].register.set('of two')
  await reads(all[2], 'of two')
  await all[1].space.durable()
  await all[1].space.close()
  await together([all[2]])
  await all[2].register.set('of one')
  await all[2].space.durable()
  const last = all[2].space.self
  all[2].space.kill()

  const back = [await devices.open(1), await devices.open(0)] as const
  await together(back)
  for (const { register } of back) {
    await assert.rejects(register.set('back in time'), (error) => {
      assert.ok(error instanceof NotPrimaryError)
      assert.deepEqual(error.missing, [last])
      return true
    })
  }
  const third = await devices.open(2)
  await Promise.all([...back, third].map((each) => reads(each, 'of one')))
  await back[0].register.set('of three again')
  await reads(third, 'of three again')
})

test('restoration › without the last one it goes on when it is told to, from the last state that is here', {
  timeout: 30_000,
}, async (t) => {
  const devices = new Devices(t)
  const all = [await devices.open(0), await devices.open(1)] as const
  await together(all)
  await all[0].register.set('of two')
  await reads(all[1], 'of two')
  await Promise.all(all.map(({ space }) => space.durable()))
  await all[0].space.close()
  await together([all[1]])
  await all[1].register.set('of one')
  await all[1].space.durable()
  all[1].space.kill()
  const back = await devices.open(0)
  await until(back.space, 'view', () => back.space.view.primary)
  assert.equal(back.register.value, undefined)
  await back.space.refound()
  await reads(back, 'of two')
  await back.register.set('of two, gone on from')
  await back.space.durable()
  // The last one is late, and is told.
  const late = devices.open(1)
  const { space, register } = await late
  const told = new Promise<string>((resolve) => space.addEventListener('storage', ({ reason }) => resolve(reason)))
  await reads({ space, register }, 'of two, gone on from')
  assert.equal(await told, 'overtaken')
})

test('restoration › all gone at once, any order of coming back will do; one without its store is missed', {
  timeout: 30_000,
}, async (t) => {
  const devices = new Devices(t)
  const all = await devices.three()
  await together(all)
  await all[0].register.set('a')
  await Promise.all(all.map((each) => reads(each, 'a')))
  await Promise.all(all.map(({ space }) => space.durable()))
  const lost = all[1].space.self
  for (const { space } of all) space.kill()
  devices.stores[1] = new MemoryStore()
  const two = [await devices.open(2), await devices.open(0)] as const
  await together(two)
  const back = [two[0], await devices.open(1), two[1]] as const
  await together(back)
  // Who is missing is known once the newcomer has said that it has nothing.
  for (let missing: readonly string[] = []; missing.length === 0; await setTimeout(10)) {
    await assert.rejects(back[1].register.set('b'), (error) => {
      assert.ok(error instanceof NotPrimaryError)
      missing = error.missing
      return true
    })
    if (missing.length > 0) assert.deepEqual(missing, [lost])
  }
  await back[0].space.refound()
  await Promise.all(back.map((each) => reads(each, 'a')))
  assert.equal(await back[1].register.set('b'), 2)
})

class Tally {
  votes: Record<string, number> = {}
  vote(name: string): number {
    this.votes[name] = (this.votes[name] ?? 0) + 1
    return this.votes[name]
  }
}

test('restoration › a queue and a replicated class come back with what they had, and go on', {
  timeout: 20_000,
}, async (t) => {
  const devices = new Devices(t)
  const first = await devices.open(0)
  const jobs = await first.space.queue<string>('jobs')
  const tally = await first.space.replicate('tally', new Tally())
  await jobs.add('one')
  await jobs.add('two')
  await tally.object.vote('a')
  const taken = await jobs.take()
  await taken.done()
  await first.space.durable()
  first.space.kill()
  const second = await devices.open(0)
  const again = await second.space.queue<string>('jobs')
  assert.deepEqual(
    again.items.map(({ value }) => value),
    ['two'],
  )
  assert.equal((await again.take()).item, 'two')
  const back = await second.space.replicate('tally', new Tally())
  assert.equal(await back.object.vote('a'), 2)
})

test('restoration › outside the primary component nobody is named who was missing in it', () => {
  const state = new GroupState(
    'g',
    { order: 'total', uniform: true, strong: false, consistency: 'consistent', state: true, kind: 'register' },
    { self: 'p', trace: undefined, defer: (fn) => fn(), fault: (_, code) => assert.fail(code) },
  )
  state.view(view('p', 'q'))
  const offer: RestorationOp = { type: 'offer', offer: { covers: ['a'], acted: acted('5.a.0', 7, 'a', 'b') } }
  state.apply({
    payload: encodeRestoration(offer),
    info: { author: 'p', local: true, n: 1, view: '9.x.0', index: 1 },
  })
  assert.deepEqual(state.masked(view('p', 'q')).missing, ['b'])
  const elsewhere = { ...view('p'), primary: false, missing: ['x'] }
  assert.deepEqual(state.masked(elsewhere), elsewhere)
})

const AGREED = { order: 'total', uniform: true, strong: false, consistency: 'consistent', state: true } as const

/** A group on its own, driven by hand, and what it asks of the store. */
function drivenGroup(copies: readonly RestoredCopy[] = []) {
  const asked: StoreCommand[] = []
  const store = (command: StoreCommand): void => void asked.push(command)
  const sent: Command[] = []
  const side = new AppSide({ self: 'p', now: () => 0, send: (commands) => void sent.push(...commands), store })
  const replica = { save: () => null, load: () => undefined, apply: () => true, view: () => undefined }
  const attach = (): Replica => ({ ...replica, settle: () => undefined }) as unknown as Replica
  const group = side.openGroup('g', { ...AGREED, kind: 'register' }, attach, { scratch: attach })
  side.restored({ type: 'restored', group: 'g', copies, isAnswer: true, isAlone: true })
  const install = (
    id: string,
    state: StatePlan,
    line = 'l',
    ids = ['p', 'q'],
    primary = true,
    more: readonly AppEvent[] = [],
  ): void => {
    const members = ids.map((id) => ({ id, name: '', origin: '', weight: 1, witness: false }))
    const nobody = { trans: [], missing: [], subviews: [], joined: [], left: [], dead: [], expelled: [], away: [] }
    const view = { ...nobody, id, spaceView: id, members, primary, line, prev: null, wasAwayMs: 0 }
    side.receive([{ type: 'view', group: 'g', view, state }, ...more])
  }
  const deliver = (from: string, payload: Uint8Array, view: string): void =>
    side.receive([{ type: 'deliver', group: 'g', from, n: 1, view, payload }])
  /** The bytes of what it gives to be stored; null: nothing, for now. */
  const stored = (): number | null => {
    side.receive([{ type: 'snapshot', group: 'g', view: '', transfer: -1, to: [] }])
    side.flush()
    const answer = sent.findLast(({ type }) => type === 'snapshot')
    return answer?.type === 'snapshot' ? (answer.state?.length ?? null) : null
  }
  return { side, group, asked, sent, install, deliver, stored }
}

test('restoration › while its state is still to come, who was missing in that of before says nothing', () => {
  const { side, group, install, deliver } = drivenGroup()
  const offer: RestorationOp = { type: 'offer', offer: { covers: ['a'], acted: acted('5.a.0', 7, 'a', 'b') } }
  install('9.x.0', 'whole')
  side.receive([{ type: 'joined', group: 'g', outcome: 'ok' }])
  for (const from of ['p', 'q']) deliver(from, encodeRestoration(from === 'p' ? { type: 'nothing' } : offer), '9.x.0')
  assert.deepEqual([group.isRestoring, group.view?.primary, group.view?.missing], [true, false, ['b']])
  install('10.x.0', 'replace')
  assert.deepEqual([group.isRestoring, group.view?.primary, group.view?.missing], [false, true, []])
  // None came, and none was needed: it goes on from what is here, which still waits.
  install('11.x.0', 'whole')
  assert.deepEqual([group.isRestoring, group.view?.missing], [true, ['b']])
})

test('restoration › who had begun a group that the others have begun anew is told that theirs is gone on from', () => {
  for (const [began, line, outcome, primary] of [
    ['9.q.1', 'l', ['setAside'], true],
    ['9.p.0', 'l', [], true],
    // Also where nothing says how far the state has come that they have.
    ['9.q.1', 'l', ['setAside'], false],
    ['9.p.0', 'l', [], false],
    // It is told that its line is lost.
    ['9.q.1', 'm', [], true],
  ] as const) {
    const { side, asked, install, deliver } = drivenGroup()
    install('9.p.0', 'whole', 'l', ['p'])
    side.receive([{ type: 'joined', group: 'g', outcome: 'ok' }])
    deliver('p', encodeValue('own'), '9.p.0')
    install('11.q.0', 'replace', line, ['p', 'q'], primary)
    const theirs = new Restoration()
    theirs.install({ ...view('q'), id: began })
    theirs.hasActed = true
    const about = { restoration: theirs.save(), held: [], acted: null }
    const packed = { state: encodeValue(null), kept: [], cut: new Map(), ...about }
    const sources = [{ from: 'q', subview: '10.q.0', state: packState(packed) }]
    side.receive([{ type: 'state', group: 'g', view: '11.q.0', sources, cut: { q: 1 } }])
    const said = asked.flatMap((each) => (each.type === 'setAside' || each.type === 'adopted' ? [each.type] : []))
    assert.deepEqual(said, outcome, `${began} ${line} ${primary}`)
  }
})

test('restoration › what is found where nobody can decide about it does not keep from being stored what was before', () => {
  const { side, install, deliver, stored } = drivenGroup()
  install('9.p.0', 'whole', 'l', ['p'])
  side.receive([{ type: 'joined', group: 'g', outcome: 'ok' }])
  deliver('p', encodeValue('own'), '9.p.0')
  assert.equal((stored() ?? 0) > 0, true)
  install('10.p.0', 'whole', 'l', ['p'], false)
  const copy = {
    id: 'q',
    covers: [],
    state: null,
    steps: [],
    acted: { ...acted('9.q.0', 3), birth: '9.p.0 0', past: [] },
  }
  side.restored({ type: 'restored', group: 'g', copies: [copy], isAnswer: false, isAlone: false })
  assert.equal((stored() ?? 0) > 0, true)
})

test('restoration › while it waits for what was stored there is nothing to be stored, and whoever stores it is told so', () => {
  const { side, install, deliver, stored } = drivenGroup()
  install('9.p.0', 'whole')
  side.receive([{ type: 'joined', group: 'g', outcome: 'ok' }])
  deliver('p', encodeRestoration({ type: 'nothing' }), '9.p.0')
  deliver(
    'q',
    encodeRestoration({ type: 'offer', offer: { covers: ['a'], acted: acted('5.a.0', 7, 'a', 'b') } }),
    '9.p.0',
  )
  assert.equal(stored(), 0)
  // There may be something, for all that is known.
  install('10.p.0', 'replace')
  assert.equal(stored(), null)
})

/** The state that was given for that transfer. */
function answered(
  { side, sent }: Pick<ReturnType<typeof drivenGroup>, 'side' | 'sent'>,
  transfer: number,
): Uint8Array | null {
  side.flush()
  const answers = sent.flatMap((each) => (each.type === 'snapshot' && each.transfer === transfer ? [each.state] : []))
  assert.equal(answers.length, 1)
  return answers[0] ?? null
}

test('restoration › a state that comes outside the primary component says how far it has come, and is stored as that', () => {
  const giver = drivenGroup()
  giver.install('6.p.0', 'whole')
  giver.side.receive([{ type: 'joined', group: 'g', outcome: 'ok' }])
  giver.deliver('q', encodeRestoration({ type: 'nothing' }), '6.p.0')
  giver.deliver('p', encodeRestoration({ type: 'nothing' }), '6.p.0')
  giver.deliver('p', encodeValue('own'), '6.p.0')
  const given = (transfer: number): Uint8Array => {
    giver.side.receive([{ type: 'snapshot', group: 'g', view: '', transfer, to: ['r'] }])
    return answered(giver, transfer) ?? assert.fail('no state')
  }
  assert.equal(unpackState(given(1), 'r').acted, null)
  giver.install('7.p.0', 'whole', 'l', ['p'], false)
  const state = given(2)
  const standing = { hasActed: true, era: 0, view: '6.p.0', index: 3 }
  const theirs = { standing, holders: ['p', 'q'], birth: '6.p.0 0', past: [] }
  assert.deepEqual(unpackState(state, 'r').acted, theirs)

  // Who gets it has something older in its store, and can offer it in the primary component only.
  const older = { id: 'o', covers: [], state: null, steps: [], acted: acted('5.o.0', 1, 'o', 'p') }
  const { side, group, asked, sent, install } = drivenGroup([older])
  install('8.p.0', 'replace', 'l', ['p', 'r'], false)
  side.receive([{ type: 'joined', group: 'g', outcome: 'ok' }])
  const sources = [{ from: 'p', subview: '7.p.0', state }]
  side.receive([
    { type: 'state', group: 'g', view: '8.p.0', sources, cut: {} },
    { type: 'snapshot', group: 'g', view: '', transfer: -1, to: [] },
  ])
  assert.equal(group.isWhole, false)
  const kept = asked.filter(({ type }) => type === 'keepAgreed')
  const about = { era: 0, hasActed: true, origin: { birth: '6.p.0 0', past: [] } }
  assert.deepEqual(kept, [{ type: 'keepAgreed', group: 'g', ...about, elsewhere: { view: '8.p.0', acted: theirs } }])
  assert.deepEqual(unpackState(answered({ side, sent }, -1) ?? assert.fail('no state'), 'r').acted, theirs)

  // There it is judged, and the state stored again: it was put off while it was not.
  const { length } = asked
  install('9.p.0', 'whole', 'l', ['p', 'r'], true, [{ type: 'snapshot', group: 'g', view: '', transfer: -2, to: [] }])
  assert.equal(answered({ side, sent }, -2), null)
  assert.deepEqual(asked.slice(length), [
    { type: 'setAside', group: 'g', adopt: ['o'] },
    { type: 'keepAgreed', group: 'g', ...about, elsewhere: null },
  ])
})

test('restoration › who comes back to a register that lives has nothing that it lacks', {
  timeout: 20_000,
}, async (t) => {
  const devices = new Devices(t)
  const [stays, goes] = [await devices.open(0), await devices.open(1)]
  await together([stays, goes])
  await goes.register.set('before')
  await goes.space.durable()
  await goes.space.close()
  await stays.register.set('meanwhile')
  const back = await devices.open(1)
  const told: string[] = []
  back.space.addEventListener('storage', ({ reason }) => told.push(reason))
  await together([stays, back])
  await reads(back, 'meanwhile')
  await back.register.set('after')
  await back.space.durable()
  assert.deepEqual(told, [])
})
