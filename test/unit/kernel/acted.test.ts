/** What members remember of consistent groups whose holders are gone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  endForsaken,
  hasEnded,
  nextMemory,
  straysOf,
  uniteMemories,
  untoldIn,
  whoIsMissing,
} from '../../../lib/kernel/acted.ts'
import type { GroupOptions } from '../../../lib/kernel/api.ts'
import type { Remembered, Row } from '../../../lib/kernel/frame.ts'
import { noStatus, type StateEntry } from '../../../lib/kernel/state-plan.ts'

const queue: GroupOptions = {
  order: 'total',
  uniform: true,
  strong: false,
  consistency: 'consistent',
  state: true,
  kind: 'queue',
}

const note = (name: string, acted: number, holders: string[], line = 'L', strays: string[] = []): Remembered => ({
  name,
  line,
  acted,
  holders,
  strays,
})

function row(remembered: Remembered[], ended: string[] = [], line = 'L', endedAt = 7): Row {
  return {
    from: 'a',
    name: '',
    origin: '',
    view: '1.a',
    votes: { last: null, attempt: null },
    line,
    generation: 1,
    voiceFrom: 1,
    lamport: 0,
    groups: [],
    removed: [],
    marked: [],
    readies: [],
    departed: [
      { id: 'z', isDead: false, votes: { last: { line, id: `${endedAt}.z`, members: ['z'] }, attempt: null }, ended },
    ],
    remembered,
    weight: 1,
    isWitness: false,
    quietMs: 0,
    away: [],
    asked: [],
  }
}

const entry = (acted: number, isWhole = true, line: string | null = 'L'): StateEntry => ({
  id: 'b',
  prev: '1.b.0',
  status: { isWhole, base: null, since: null, acted, line },
})

/** Of one who knows what all know. */
const known = (self: string) => ({ self, isNews: () => false })

test('memory › a row tells of groups of which no holder comes along', () => {
  const memory = new Map([note('q', 3, ['a', 'b']), note('r', 3, ['c'])].map((each) => [each.name, each]))
  assert.deepEqual(untoldIn(memory, ['a', 'd'], known('d')), [note('r', 3, ['c'])])
})

test('memory › a holder that has the state no longer tells of its group, though it comes along', () => {
  const memory = new Map([note('q', 3, ['a', 'b']), note('r', 3, ['a'])].map((each) => [each.name, each]))
  const isNews = ({ name }: Remembered): boolean => name === 'q'
  assert.deepEqual(untoldIn(memory, ['a', 'd'], { self: 'a', isNews }), [note('q', 3, ['a', 'b'])])
})

test('memory › the latest note of the line counts, and none of a group that ended', () => {
  const rows = [row([note('q', 3, ['a']), note('r', 9, ['x'], 'other')]), row([note('q', 5, ['b'])])]
  assert.deepEqual([...uniteMemories(rows, 'L').values()], [note('q', 5, ['b'])])
  const after = uniteMemories([...rows, row([], ['q'])], 'L')
  assert.equal(whoIsMissing([], after.get('q'), 'L'), null)
  assert.deepEqual([...nextMemory(new Map([['q', note('q', 3, ['a'])]]), after, 'L').values()], [note('q', 7, [])])
  const elsewhere = uniteMemories([...rows, row([], ['q'], 'other')], 'L')
  assert.deepEqual(elsewhere.get('q'), note('q', 5, ['b']))
})

test('memory › a group ended in the view in which it acted stays ended, in whatever order that is heard', () => {
  const notes = [note('q', 5, ['b']), note('q', 5, [])]
  for (const rows of [notes, notes.toReversed()]) {
    assert.deepEqual(nextMemory(new Map(), uniteMemories([row(rows)], 'L'), 'L').get('q'), note('q', 5, []))
  }
})

test('memory › a group does not end with whoever had not heard of one that awaits its state by then', () => {
  const entered = (members: readonly string[], view = '7.z', isWhole = false): Row => {
    const common = { gid: 0, gn: 1, name: 'q', options: queue }
    const counts = { counts: [], orderEnd: 0, orderBy: 0, orderSeq: 0, past: [] }
    const install = { ...common, ...counts, members, joined: ['a'], left: [], plan: [], missing: null }
    const status = { ...noStatus, isWhole }
    const group = { ...common, members: null, viewId: null, installs: [install], next: 0, released: [], status }
    return { ...row([note('q', 7, ['z'])]), view, groups: [group] }
  }
  const isEnded = (...rows: Row[]): boolean =>
    uniteMemories([...rows, row([], ['q'])], 'L').get('q')?.holders.length === 0
  assert.equal(isEnded(entered(['z', 'a'])), false)
  // Whoever has left again, or was told of it in another view of the space, or has gone on with the state.
  assert.equal(isEnded(entered(['z'])), true)
  assert.equal(isEnded(entered(['z', 'a'], '6.z')), true)
  assert.equal(isEnded(entered(['z', 'a'], '7.z', true)), true)
})

test('memory › a group ends when all are gone who can have its state, and proven to be', () => {
  const last = { line: 'L', id: '7.z', members: ['a', 'b', 'z'] }
  const votes = { last, attempt: null }
  const dead = { id: 'z', isDead: true, votes, ended: [] }
  const of = (from: string, more: Partial<Row> = {}): Row => ({ ...row([]), from, votes, departed: [dead], ...more })
  const isEnded = (rows: Row[], noted = note('q', 7, ['z'])): boolean => {
    const memory = new Map([['q', noted]])
    endForsaken(memory, rows, 'L')
    return memory.get('q')?.holders.length === 0
  }
  assert.equal(isEnded([of('a'), of('b')]), true)
  // b is cut off, and may have been given it; or its state is of an earlier view; or nobody knows what z has seen.
  assert.equal(isEnded([of('a')]), false)
  assert.equal(isEnded([of('a'), of('b')], note('q', 6, ['z'])), false)
  assert.equal(isEnded([of('a', { departed: [{ ...dead, votes: null }] }), of('b', { departed: [] })]), false)
  const later = { last: { ...last, id: '8.z' }, attempt: null }
  assert.equal(isEnded([of('a', { departed: [{ ...dead, votes: later }] }), of('b', { departed: [] })]), false)
  // A stray may come back with an older state; not one that is here without it, or is proven dead.
  assert.equal(isEnded([of('a'), of('b')], note('q', 7, ['z'], 'L', ['s'])), false)
  assert.equal(isEnded([of('a'), of('b')], note('q', 7, ['z'], 'L', ['b', 'z'])), true)
  // Somebody has a state, if an older one: whether to go back to that is for people to say.
  const status = { ...noStatus, isWhole: true, acted: 3, line: 'L' }
  const common = { gid: 0, gn: 0, name: 'q', options: queue, members: ['b'], viewId: null, installs: [] }
  assert.equal(isEnded([of('a'), of('b', { groups: [{ ...common, next: 0, released: [], status }] })]), false)
})

test('memory › who strayed from a group is remembered until it is back, has left, or is proven dead; and told of', () => {
  const rows = [row([]), { ...row([]), from: 'b' }]
  const gone = new Map([['z', null]])
  assert.deepEqual(straysOf(['a', 'x', 'z'], undefined, rows, gone), ['x'])
  assert.deepEqual(straysOf(['a'], note('q', 3, ['a'], 'L', ['y', 'b', 'z']), rows, gone), ['y'])
  const many = Array.from({ length: 99 }, (_, i) => `s${i}`)
  assert.equal(straysOf(many, undefined, rows, gone).length, 64)
  // Whoever knows of one says so, though holders come along: a newcomer may have to know.
  const noted = note('q', 3, ['a'], 'L', ['x'])
  assert.deepEqual(untoldIn(new Map([['q', noted]]), ['a', 'b'], known('b')), [noted])
})

test('memory › what a process knew stays known where no row tells of it', () => {
  const known = new Map([['q', note('q', 5, ['b'])]])
  assert.deepEqual(nextMemory(known, uniteMemories([row([])], 'L'), 'L'), known)
  assert.equal(nextMemory(known, new Map(), 'other').size, 0)
})

test('memory › a group acts only with a whole state of this line that is as late', () => {
  const noted = note('q', 5, ['x'])
  assert.equal(whoIsMissing([entry(5)], noted, 'L'), null)
  assert.equal(whoIsMissing([entry(1)], undefined, 'L'), null)
  assert.deepEqual(whoIsMissing([entry(4)], noted, 'L'), ['x'])
  assert.deepEqual(whoIsMissing([entry(5, false)], noted, 'L'), ['x'])
  assert.deepEqual(whoIsMissing([entry(5, true, 'other')], noted, 'L'), ['x'])
})

test('memory › no state of before the end counts, whoever comes back with it (seed 21031)', () => {
  const end = note('q', 5, [])
  assert.equal(hasEnded([entry(5), entry(2)], end, 'L'), true)
  assert.equal(hasEnded([entry(5), entry(6)], end, 'L'), false)
  assert.equal(hasEnded([entry(2)], note('q', 5, ['b']), 'L'), false)
  assert.equal(hasEnded([entry(2)], undefined, 'L'), false)
})

test('memory › of groups that ended the first of a part tells, and the latest thousand are remembered', () => {
  const memory = new Map([['q', note('q', 3, [])]])
  assert.deepEqual(untoldIn(memory, ['a', 'b'], known('a')), [note('q', 3, [])])
  assert.deepEqual(untoldIn(memory, ['a', 'b'], known('b')), [])
  const many = new Map(Array.from({ length: 1500 }, (_, i) => [`q${i}`, note(`q${i}`, i, [])]))
  const next = nextMemory(many, new Map(), 'L')
  assert.equal(next.size, 1024)
  assert.ok(next.has('q1499') && !next.has('q475'))
})
