/** The vote: whose voice counts for which view of the line. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PrimaryRecord, VoteRecord } from '../../../lib/kernel/api.ts'
import type { Departed, Row } from '../../../lib/kernel/frame.ts'
import { decide, goesOn } from '../../../lib/kernel/primary.ts'

const record = (id: string, members: string[], line = 'L'): PrimaryRecord => ({ line, id, members })

interface Voter {
  readonly line?: string | null
  readonly voiceFrom?: number
  readonly votes?: Partial<VoteRecord>
  readonly view?: string
  readonly readies?: readonly string[]
  readonly departed?: readonly Departed[]
  readonly weight?: number
  readonly isWitness?: boolean
  readonly asked?: Row['asked']
}

function row(from: string, voter: Voter): Row {
  const { line = 'L', voiceFrom = 1, votes = {}, view = `9.${from}`, readies = [], departed = [], asked = [] } = voter
  const { weight = 1, isWitness = false } = voter
  return {
    from,
    name: from,
    origin: '',
    view,
    votes: { last: null, attempt: null, ...votes },
    line,
    generation: 3,
    voiceFrom,
    lamport: 0,
    groups: [],
    removed: [],
    marked: [],
    readies,
    departed,
    remembered: [],
    weight,
    isWitness,
    quietMs: 0,
    away: [],
    asked,
  }
}

function verdict(...rows: readonly Row[]): ReturnType<typeof decide> {
  return decide(
    rows,
    rows.map(({ from, view }) => ({ view, members: [from] })),
    { found: null, isAnew: false },
  )
}

const dead = (id: string, last: PrimaryRecord): Departed => ({
  id,
  isDead: true,
  votes: { last, attempt: null },
  ended: [],
})

test('vote › more than half of the last primary view, or half with its most senior', () => {
  const last = record('5.a', ['a', 'b', 'c', 'd'])
  const voter = (id: string): Row => row(id, { votes: { last } })
  assert.equal(verdict(voter('b'), voter('c'), voter('d')).decision.primary, true)
  assert.equal(verdict(voter('a'), voter('d')).decision.primary, true)
  assert.equal(verdict(voter('c'), voter('d')).decision.primary, false)
})

test('vote › whoever has come back from another line has no voice about views of before (seed 2187)', () => {
  const last = record('5.a', ['a', 'b'])
  const departed = [dead('a', last)]
  const old = row('v', { votes: { last: record('3.v', ['v', 'a', 'c']) }, departed })
  assert.equal(verdict(old, row('b', { voiceFrom: 5, votes: { last } })).decision.primary, true)
  assert.equal(verdict(old, row('b', { voiceFrom: 7, votes: { last } })).decision.primary, false)
  const elsewhere = row('b', { line: 'M', voiceFrom: 1 })
  assert.equal(verdict(old, row('w', {}), elsewhere).decision.primary, false)
})

test('vote › whoever is in no line speaks for the attempt it has promised to, and completes it first', () => {
  const attempt = record('5.a', ['a', 'b'])
  const departed = [dead('a', attempt)]
  const old = row('v', { votes: { last: record('3.v', ['v', 'a', 'c']) } })
  const promised = row('b', { line: null, votes: { attempt }, readies: ['5.a'], departed })
  assert.deepEqual(verdict(old, promised).adopt, { record: attempt, members: ['b'] })
  assert.equal(verdict(old, row('b', { line: null, departed })).decision.primary, false)
})

test('vote › a newcomer that nobody of the line is left for completes the view that it has promised to (seed 2733)', () => {
  const attempt = record('6.a', ['a', 'b'])
  const departed = [dead('a', attempt)]
  const promised = row('b', { line: null, votes: { attempt }, readies: ['6.a'], departed })
  const { adopt, decision } = verdict(promised)
  assert.deepEqual(adopt, { record: attempt, members: ['b'] })
  assert.deepEqual([decision.primary, decision.line], [true, 'L'])
  // As long as whoever leads it may live, it is a newcomer as before.
  assert.equal(verdict(row('b', { line: null, votes: { attempt }, readies: ['6.a'] })).decision.line, null)
})

test('vote › nobody goes on from a view whose installers are dead, and that nobody can complete any more (seed 2733)', () => {
  const last = record('6.a', ['a', 'b'])
  const old = row('v', { votes: { last: record('3.v', ['v', 'a']) }, departed: [dead('a', last)] })
  assert.equal(verdict(old, row('b', { line: null, votes: { attempt: last } })).decision.primary, false)
})

test('vote › who gives up the missing goes on in a line of its own, heir of the old one, and is older than a new one', () => {
  const last = record('5.a', ['a', 'b', 'c'])
  const rows = [row('b', { votes: { last } })]
  const parts = [{ view: '9.b', members: ['b'] }]
  assert.equal(decide(rows, parts, { found: 'b-1', isAnew: false }).decision.primary, false)
  assert.deepEqual(decide(rows, parts, { found: 'b-1', isAnew: true }).decision, {
    primary: true,
    line: 'b-1',
    heirOf: 'L',
    generation: 4,
    lost: [],
    partOrder: [0],
  })
})

test('vote › a view that only a dead member installed is completed by whoever still can (seed 6040)', () => {
  const last = record('6.c', ['c', 'h', 's', 'a'])
  const departed = [dead('c', last)]
  const movedOn = ['h', 's'].map((id) => row(id, { votes: { attempt: last }, departed }))
  const own = row('h', { votes: { attempt: last }, readies: ['6.c'], view: '4.c' })
  const slow = row('s', { votes: { attempt: last }, view: '4.c' })
  assert.equal(verdict(own, slow, row('a', { votes: { attempt: last }, view: '4.c' })).adopt, null)
  const waiting = row('a', { line: null, votes: { attempt: last }, readies: ['6.c'] })
  assert.deepEqual(verdict(...movedOn, waiting).adopt, { record: last, members: ['a'] })
  const leader = row('c', { votes: { attempt: last } })
  assert.equal(verdict(leader, ...movedOn, waiting).adopt, null, 'its leader has moved on without it')
})

test('vote › an attempt that somebody who left had never promised to is dead, not to be completed', () => {
  const last = record('9.n', ['n', 'p', 'm'])
  const attempt = record('10.n', ['n', 'm'])
  const goodbye = (votes: VoteRecord): Departed => ({ id: 'n', isDead: false, votes, ended: [] })
  const after = (votes: VoteRecord): ReturnType<typeof decide> =>
    verdict(
      row('m', { votes: { last, attempt }, readies: ['10.n'], departed: [goodbye(votes)] }),
      row('p', { votes: { last } }),
    )
  const dropped = after({ last, attempt: null })
  assert.equal(dropped.adopt, null)
  assert.equal(dropped.decision.primary, true)
  // It left before it installed it, and nobody else can have.
  assert.equal(after({ last, attempt }).adopt, null)
  // It has been in another line meanwhile, and says nothing of this one: only one of a quorum knows of the attempt.
  assert.deepEqual(after({ last: null, attempt: null }).adopt, null)
  assert.equal(after({ last: null, attempt: null }).decision.primary, false)
})

test('vote › an attempt that its missing leader may have installed holds the line up once nobody can complete it', () => {
  const last = record('3.a', ['a', 'b', 'c'])
  const attempt = record('5.a', ['a', 'b', 'c'])
  const moved = (id: string, departed: readonly Departed[] = []): Row =>
    row(id, { votes: { last, attempt }, view: `6.${id}`, departed })
  const held = verdict(moved('b'), moved('c'))
  assert.equal(held.decision.primary, false)
  assert.equal(held.adopt, null)
  const ready = row('c', { votes: { last, attempt }, view: '3.a', readies: ['5.a'] })
  assert.deepEqual(verdict(moved('b'), ready).adopt, { record: attempt, members: ['c'] })
  // All of it are here and have moved on, or have said goodbye before they installed it: nobody has.
  assert.equal(verdict(moved('a'), moved('b'), moved('c')).decision.primary, true)
  const goodbye: Departed = { id: 'a', isDead: false, votes: { last, attempt }, ended: [] }
  const afterGoodbye = verdict(moved('b', [goodbye]), moved('c'))
  assert.equal(afterGoodbye.decision.primary, true)
  assert.equal(afterGoodbye.adopt, null)
  // If it has crashed, it may have installed it; but has promised nothing after that, and nobody else can have gone on from it.
  assert.equal(verdict(moved('b', [{ ...goodbye, isDead: true }]), moved('c')).decision.primary, true)
  const wentOn = { ...goodbye, isDead: true, votes: { last, attempt: record('7.a', ['a', 'd']) } }
  assert.equal(verdict(moved('b', [wentOn]), moved('c')).decision.primary, false)
  // Its leader is here: only another one may have completed it, to whom a row was given.
  assert.equal(verdict(moved('a'), ready).adopt, null)
  assert.equal(verdict(moved('a'), ready).decision.primary, true)
  const asked = { ...ready, asked: [{ attempt: '5.a', leader: 'b' }] }
  assert.deepEqual(verdict(moved('a'), asked).adopt, { record: attempt, members: ['c'] })
})

test('vote › who has not said READY proves nothing once another leader may have completed the attempt without it', () => {
  const last = record('3.a', ['a', 'b', 'c'])
  const attempt = record('5.a', ['a', 'b', 'c', 'd'])
  const behind = row('c', { votes: { last }, view: '3.a' })
  const ready = (asked: Row['asked']): Row =>
    row('b', { votes: { last, attempt }, view: '3.a', readies: ['5.a'], asked })
  const dismissed = verdict(ready([]), behind)
  assert.deepEqual([dismissed.adopt, dismissed.decision.primary], [null, true])
  // a and d may have installed it, and gone on with half of it and its most senior.
  const held = verdict(ready([{ attempt: '5.a', leader: 'a' }]), behind)
  assert.deepEqual([held.adopt, held.decision.primary], [null, false])
})

test('vote › an attempt is left to those who are here once all others of it are gone for good', () => {
  const last = record('3.a', ['a', 'b', 'c', 'd', 'e'])
  const attempt = record('5.a', ['a', 'b', 'c', 'd', 'e'])
  const gone = (id: string, promised: PrimaryRecord | null): Departed => ({
    id,
    isDead: true,
    votes: { last, attempt: promised },
    ended: [],
  })
  const ready = (id: string, departed: Departed[]): Row =>
    row(id, {
      votes: { last, attempt },
      view: '3.a',
      readies: ['5.a'],
      asked: [{ attempt: '5.a', leader: 'b' }],
      departed,
    })
  // a never promised, so only b may have completed it. Both are dead; without e as well, who may be back yet.
  const departed = [gone('a', null), gone('b', attempt)]
  const held = verdict(ready('c', departed), ready('d', []))
  assert.deepEqual([held.adopt, held.decision.primary], [null, false])
  const left = verdict(ready('c', [...departed, gone('e', attempt)]), ready('d', []))
  assert.deepEqual(left.adopt, { record: attempt, members: ['c', 'd'] })
  // b and e promised a later one with somebody who is not here: that may be the view to go on from.
  const later = record('6.b', ['b', 'e', 'x'])
  const beyond = verdict(ready('c', [gone('a', null), gone('b', later), gone('e', later)]), ready('d', []))
  assert.deepEqual([beyond.adopt, beyond.decision.primary], [null, false])
})

test('vote › an attempt is completed only if a quorum of the view before knows of it', () => {
  const last = record('3.a', ['a', 'b', 'c', 'd', 'e'])
  const attempt = record('5.c', ['a', 'b', 'c'])
  const ready = (id: string): Row => row(id, { votes: { last, attempt }, view: '3.a', readies: ['5.c'] })
  const outside = row('d', { votes: { last }, view: '3.a' })
  // c, d and e may go on without ever hearing of it.
  const few = verdict(ready('a'), ready('b'), outside)
  assert.deepEqual([few.adopt, few.decision.primary], [null, false])
  const whole = record('5.c', ['a', 'b', 'c', 'd', 'e'])
  const knowing = (id: string): Row => row(id, { votes: { last, attempt: whole }, view: '3.a', readies: ['5.c'] })
  assert.deepEqual(verdict(knowing('a'), knowing('b'), knowing('d')).adopt, { record: whole, members: ['a', 'b', 'd'] })
})

test('vote › nothing is completed as long as the fate of a later attempt is not known', () => {
  const last = record('3.a', ['a', 'b', 'c', 'd', 'e'])
  const earlier = record('5.a', ['a', 'b', 'c', 'd', 'e'])
  const later = record('6.c', ['c', 'd', 'e'])
  const ready = (id: string): Row => row(id, { votes: { last, attempt: earlier }, view: '3.a', readies: ['5.a'] })
  const other = row('d', { votes: { last, attempt: later }, view: '3.a', readies: ['6.c'] })
  assert.equal(verdict(ready('a'), ready('b'), other).adopt, null)
})

test('vote › a newcomer that has promised to another line since has not refused the attempt', () => {
  const last = record('3.a', ['a', 'b', 'c'])
  const attempt = record('5.a', ['a', 'b', 'c', 'd'])
  const moved = (id: string): Row => row(id, { votes: { last, attempt }, view: `6.${id}` })
  const elsewhere = row('d', { line: null, votes: { attempt: record('7.x', ['x', 'd'], 'M') }, view: '1.d' })
  assert.equal(verdict(moved('b'), moved('c'), elsewhere).decision.primary, false)
  assert.equal(verdict(moved('b'), moved('c'), row('d', { line: null, view: '1.d' })).decision.primary, true)
})

test('the vote › whoever died in another line has forgotten how far it came in this one', () => {
  const last = record('5.a', ['a', 'b', 'c'])
  const isPrimary = (line: string): boolean =>
    verdict(row('a', { votes: { last }, departed: [dead('b', record('7.x', ['b', 'x'], line))] })).decision.primary
  // Views of a and b alone, and of b and c: the latter went over to another line.
  assert.equal(verdict(row('a', { votes: { last }, departed: [dead('b', last)] })).decision.primary, true)
  assert.equal(isPrimary('M'), false)
})

test('the vote › a part that slept while its line went on does not go on in a primary view', () => {
  const [asleep, ahead] = [
    row('a', { votes: { last: record('5.a', ['a', 'b']) } }),
    row('b', { votes: { last: record('6.b', ['b', 'c']) } }),
  ]
  const { decision } = verdict(asleep, ahead)
  const primary = { ...decision, primary: true, line: 'L', heirOf: 'L' }
  assert.equal(goesOn(primary, [asleep], [asleep, ahead]), false)
  assert.equal(goesOn(primary, [ahead], [asleep, ahead]), true)
  assert.equal(goesOn(primary, [asleep], [asleep]), true)
  assert.equal(goesOn({ ...primary, primary: false }, [ahead], [asleep, ahead]), false)
  assert.equal(goesOn(primary, [row('n', { line: null })], [ahead]), true)
})

test('the vote › a line that another one takes the place of does not go on', () => {
  const rows = [row('a', { votes: { last: record('5.a', ['a', 'b']) } })]
  const parts = [{ view: '5.a', members: ['a'] }]
  const { decision } = decide(rows, parts, { found: 'M', isAnew: true })
  assert.deepEqual([decision.primary, decision.line, decision.heirOf], [true, 'M', 'L'])
  assert.equal(goesOn(decision, rows, rows), false)
})

test('the vote › who holds a promise can tell of it, also in a line that is about to be lost (seed 503540)', () => {
  const last = record('5.a', ['a', 'b', 'c'])
  const attempt = record('7.e', ['a', 'b', 'c', 'e', 'z'])
  const readies = [attempt.id]
  const ours = ['a', 'b', 'c'].map((id) => row(id, { view: '6.a', votes: { last, attempt }, readies }))
  const other = { line: 'M', voiceFrom: 6, view: '6.e', readies, votes: { last: record('6.e', ['e', 'z'], 'M') } }
  // Its leader is here, and has not installed it; that z is not here is all the same.
  assert.equal(verdict(...ours, row('e', { ...other, votes: { ...other.votes, attempt } })).decision.primary, true)
  // Without its promise nobody knows what it did in this line before.
  assert.equal(verdict(...ours, row('e', other)).decision.primary, false)
})

test('the vote › a newcomer that had nothing to forget says that it never promised (seed 333017)', () => {
  const last = record('5.a', ['a', 'b', 'h'])
  const attempt = record('7.h', ['a', 'b', 'h', 'n'])
  const [a, b] = ['a', 'b'].map((id) => row(id, { votes: { last, attempt } }))
  assert.ok(a && b)
  assert.equal(verdict(a, b, row('n', { voiceFrom: 0 })).decision.primary, true)
  assert.equal(verdict(a, b, row('n', { voiceFrom: 9 })).decision.primary, false)
})
