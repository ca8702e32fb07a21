/**
 * The first primary view of a group that is stored: each member says what it has found before anything takes effect, so that
 * nobody who has nothing acts before what was stored is there.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GroupState } from '../../lib/group-state.ts'
import type { GroupView, Replica } from '../../lib/objects/replica.ts'
import { Offering } from '../../lib/offering.ts'
import { encodeRestoration } from '../../lib/operations.ts'
import { Restoration, type RestorationOp } from '../../lib/restoration.ts'
import type { Acted } from '../../lib/storage/standing.ts'
import { encodeValue } from '../../lib/values.ts'
import { actedIn as acted, viewOf as view } from './stored-groups.ts'

const nothing: RestorationOp = { type: 'nothing' }

test('restoration › in the first primary view nothing takes effect before all of it have said what they have', () => {
  const group = new Restoration(() => false)
  group.install({ ...view('p', 'q'), primary: false })
  assert.equal(group.isWaiting, false)
  group.install(view('p', 'q', 'r'))
  assert.deepEqual([group.isWaiting, group.isOffered, group.missing], [true, false, []])
  group.take('p', nothing)
  // It goes, and a newcomer is not asked: the group has its first view behind it.
  group.install({ ...view('p', 'q', 's'), id: '10.p.0' })
  assert.deepEqual([...group.unheard], ['q'])
  const copy = new Restoration(() => false)
  copy.load(JSON.parse(JSON.stringify(group.save())))
  group.take('q', nothing)
  assert.equal(group.isWaiting, false)
  group.install({ ...view('p', 'q'), id: '11.p.0' })
  assert.equal(group.isWaiting, false)
  // Outside the primary component nothing is decided.
  copy.install({ ...view('p', 's'), id: '11.p.0', primary: false })
  assert.equal(copy.isWaiting, true)
  copy.take('s', { type: 'enough' })
  assert.equal(copy.isWaiting, false)
})

test('restoration › what one had offered first is not gone on from before the others have said what they have', () => {
  const group = new Restoration(() => false)
  group.install(view('p', 'q', 'r'))
  group.take('p', { type: 'offer', offer: { covers: ['a'], acted: acted('5.a.0', 7, 'a') } })
  assert.deepEqual([group.missing, group.winner], [[], null])
  // To be told to go on without who is missing is not to go on without those who are here.
  assert.equal(group.take('p', { type: 'force' }), null)
  group.take('q', nothing)
  group.take('r', { type: 'offer', offer: { covers: ['b'], acted: acted('7.b.0', 2, 'b') } })
  assert.equal(group.winner, 'r')
})

test('restoration › whoever is alone in the first primary view says what it has, or is not asked', () => {
  const [has, hasNone, never] = [new Restoration(() => true), new Restoration(() => false), new Restoration()]
  for (const each of [has, hasNone, never]) each.install(view('p'))
  assert.deepEqual([has.isWaiting, hasNone.isWaiting, never.isWaiting], [true, false, false])
  never.reset()
  never.install(view('p', 'q'))
  assert.equal(never.isWaiting, false)
})

/** A member's part, with what it casts and the timers that it has set. */
function offeringOf(restoration: Restoration, hasPassed = false) {
  const said: RestorationOp[] = []
  const ended: string[] = []
  const looks: string[] = []
  const timers: (() => void)[] = []
  const offering = new Offering({
    self: 'p',
    restoration,
    cast: (op) => said.push(op),
    after: (_, fn) => timers.push(fn),
    look: () => looks.push('look'),
    hasPassed: () => hasPassed,
    ended: ({ covers }, outcome) => ended.push(`${outcome} ${covers.join()}`),
    fault: assert.fail,
  })
  return { offering, said, timers, ended, looks }
}

test('restoration › a member says what it has when it is asked, and goes on without those who do not', () => {
  const restoration = new Restoration(() => false)
  const { offering, said, timers } = offeringOf(restoration)
  // A copy in which nothing had happened is nothing.
  offering.add({ covers: ['a'], acted: null, state: null })
  offering.act()
  assert.deepEqual(said, [])
  restoration.install(view('p', 'q'))
  offering.act()
  offering.act()
  assert.deepEqual(said, [nothing])
  restoration.take('p', nothing)
  offering.done(1)
  offering.act()
  assert.equal(said.length, 1)
  for (const due of timers) due()
  assert.deepEqual(said, [nothing, { type: 'enough' }])
  restoration.take('p', { type: 'enough' })
  offering.done(2)
  offering.act()
  assert.deepEqual([said.length, timers.length], [2, 1])
})

test('restoration › what an offer stands for is told beside those who have nothing', () => {
  const restoration = new Restoration(() => false)
  const { offering, said } = offeringOf(restoration)
  offering.add({ covers: ['a'], acted: null, state: null })
  restoration.install(view('p', 'q'))
  restoration.take('q', { type: 'offer', offer: { covers: ['b'], acted: acted('5.a.0', 7, 'a', 'b') } })
  offering.act()
  assert.deepEqual(said, [{ type: 'offer', offer: { covers: ['a'], acted: null } }])
  restoration.take('p', { type: 'offer', offer: { covers: ['a'], acted: null } })
  assert.equal(restoration.winner, 'q')
})

test('restoration › who comes back to a group that lives, and in which nothing has taken effect, makes nobody wait', () => {
  const restoration = new Restoration(() => false)
  const { offering, said, ended } = offeringOf(restoration, true)
  offering.add({ covers: ['a'], acted: { ...acted('8.q.0', 0, 'a', 'q'), birth: '8.q.0 0' }, state: null })
  restoration.install(view('q'))
  restoration.install({ ...view('q', 'p'), id: '10.q.0' })
  offering.act()
  assert.deepEqual([said, ended], [[], ['taken a']])
})

test('restoration › casts that come before all have said what they have take effect once they have', () => {
  const told: boolean[] = []
  const applied: unknown[] = []
  const state = new GroupState(
    'g',
    { order: 'total', uniform: true, strong: false, consistency: 'consistent', state: true, kind: 'register' },
    { self: 'p', trace: undefined, defer: (fn) => fn(), fault: (_, code) => assert.fail(code) },
    { isStored: true, hasOffer: () => false },
  )
  state.attach({
    save: () => null,
    load: () => undefined,
    apply: (op: unknown) => applied.push(op) > 0,
    view: ({ primary }: GroupView) => told.push(primary),
    settle: () => undefined,
  } as unknown as Replica)
  const cast = (author: string, index: number, payload: Uint8Array): void =>
    state.apply({ payload, info: { author, local: author === 'p', n: index, view: '9.x.0', index } })
  state.view(view('p', 'q'))
  cast('p', 1, encodeRestoration(nothing))
  cast('p', 2, encodeValue('first'))
  assert.deepEqual([applied, told.includes(true), state.own], [[], false, null])
  cast('q', 3, encodeRestoration(nothing))
  assert.deepEqual([applied, told.at(-1), state.restoration.hasActed], [['first'], true, true])
  assert.deepEqual(state.own?.acted.standing, { hasActed: true, era: 0, view: '9.x.0', index: 3 })
  cast('q', 4, encodeValue('second'))
  assert.deepEqual(applied, ['first', 'second'])
})

test('restoration › nobody is named as missing while somebody of the first primary view has yet to say what it has', () => {
  const group = new Restoration(() => false)
  group.install(view('p', 'q'))
  group.take('p', { type: 'offer', offer: { covers: ['a'], acted: acted('5.a.0', 7, 'a', 'b') } })
  assert.deepEqual([group.missing, group.winner], [[], null])
  group.take('q', { type: 'offer', offer: { covers: ['b'], acted: acted('5.a.0', 6, 'a', 'b') } })
  assert.deepEqual([group.missing, group.winner], [[], 'p'])
})

test('restoration › who comes in while a group waits is asked, and nobody goes on without what it has', () => {
  const group = new Restoration(() => true)
  group.install(view('p'))
  group.take('p', { type: 'offer', offer: { covers: ['a'], acted: acted('5.a.0', 7, 'a', 'b') } })
  group.install({ ...view('p', 'q', 'r'), id: '10.p.0' })
  const copy = new Restoration(() => true)
  copy.load(JSON.parse(JSON.stringify(group.save())))
  copy.install({ ...view('p', 'q', 'r'), id: '10.p.0' })
  for (const each of [group, copy]) {
    assert.deepEqual([[...each.unheard], each.missing], [['q', 'r'], []])
    each.take('p', { type: 'force' })
    assert.equal(each.winner, null)
    each.take('q', nothing)
    each.take('r', { type: 'offer', offer: { covers: ['b'], acted: acted('6.b.0', 1, 'b') } })
    assert.deepEqual([each.winner, each.unheard.size], ['r', 0])
    // Who said that it had nothing is not asked again, but for who was away meanwhile.
    each.install({ ...view('p', 'q'), id: '11.p.0' })
    assert.deepEqual([...each.unheard], [])
    each.install({ ...view('p', 'q', 'r'), id: '12.p.0' })
    assert.deepEqual([...each.unheard], ['r'])
  }
  assert.deepEqual(copy.save(), group.save())
})

test('restoration › a holder that is here and has nothing is not missing; one that is silent is', () => {
  for (const op of [nothing, { type: 'enough' } as const]) {
    const group = new Restoration(() => true)
    group.install(view('p', 'q'))
    group.take('p', { type: 'offer', offer: { covers: ['a'], acted: acted('5.a.0', 7, 'a', 'q') } })
    group.take('q', op)
    assert.deepEqual(group.missing, op === nothing ? [] : ['q'])
  }
})

test('restoration › who may have been left something looks again before it says that it has nothing', () => {
  const restoration = new Restoration(() => offering.mayHave)
  const { offering, said, looks } = offeringOf(restoration)
  offering.lookFirst()
  restoration.install(view('p'))
  assert.equal(restoration.isWaiting, true)
  offering.act()
  offering.act()
  assert.deepEqual([said, looks], [[], ['look']])
  const offer = { covers: ['a'], acted: acted('5.a.0', 7, 'a') }
  offering.add({ ...offer, state: 'left' })
  offering.looked()
  offering.act()
  assert.deepEqual(said, [{ type: 'offer', offer }])
})

test('restoration › of two histories in one store the further one is gone on from, and the other one is told of', () => {
  const restoration = new Restoration(() => true)
  const { offering, said, ended } = offeringOf(restoration)
  const has = (birth: string, view: string): Acted => ({ ...acted(view, 1, 'a'), birth, past: [] })
  const further = has('1.a.0 0', '5.a.0')
  offering.add({ covers: ['a', 'b', 'c', 'd'], acted: null, state: null })
  offering.add({ covers: ['b'], acted: has('1.b.0 0', '4.b.0'), state: 'apart' })
  offering.add({ covers: ['a'], acted: further, state: 'further' })
  offering.add({ covers: ['c'], acted: has('1.a.0 0', '3.a.0'), state: 'earlier' })
  restoration.install(view('p'))
  offering.act()
  const offer = { covers: ['a', 'b', 'c', 'd'], acted: further }
  assert.deepEqual(said, [{ type: 'offer', offer }])
  restoration.take('p', { type: 'offer', offer })
  restoration.take('p', { type: 'state', state: 'further' })
  offering.act()
  assert.deepEqual(ended, ['taken a,c,d', 'late b'])
})
