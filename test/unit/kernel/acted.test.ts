/** What members remember of consistent groups whose holders are gone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nextMemory, uniteMemories, untoldIn, whoIsMissing } from '../../../lib/kernel/acted.ts'
import type { Remembered, Row } from '../../../lib/kernel/frame.ts'
import type { StateEntry } from '../../../lib/kernel/state-plan.ts'

const note = (name: string, acted: number, holders: string[], line = 'L'): Remembered => ({
  name,
  line,
  acted,
  holders,
})

function row(remembered: Remembered[], ended: string[] = []): Row {
  return {
    from: 'a',
    name: '',
    origin: '',
    view: '1.a',
    votes: { last: null, attempt: null },
    line: 'L',
    generation: 1,
    voiceFrom: 1,
    lamport: 0,
    groups: [],
    removed: [],
    marked: [],
    readies: [],
    departed: [{ id: 'z', isDead: false, votes: null, ended }],
    remembered,
  }
}

const entry = (acted: number, isWhole = true, line: string | null = 'L'): StateEntry => ({
  id: 'b',
  prev: '1.b.0',
  status: { isWhole, base: null, since: null, acted, line },
})

test('memory › a row tells of groups of which no holder comes along', () => {
  const memory = new Map([note('q', 3, ['a', 'b']), note('r', 3, ['c'])].map((each) => [each.name, each]))
  assert.deepEqual(untoldIn(memory, ['a', 'd']), [note('r', 3, ['c'])])
})

test('memory › the latest note of the line counts, and none of a group that ended', () => {
  const rows = [row([note('q', 3, ['a']), note('r', 9, ['x'], 'other')]), row([note('q', 5, ['b'])])]
  assert.deepEqual([...uniteMemories(rows, 'L').values()], [note('q', 5, ['b'])])
  const after = uniteMemories([...rows, row([], ['q'])], 'L')
  assert.equal(whoIsMissing([], after.get('q'), 'L'), null)
  assert.equal(nextMemory(new Map([['q', note('q', 3, ['a'])]]), after, 'L').size, 0)
})

test('memory › a group ended in the view in which it acted stays ended, in whatever order that is heard', () => {
  const notes = [note('q', 5, ['b']), note('q', 5, [])]
  for (const rows of [notes, notes.toReversed()]) {
    assert.equal(nextMemory(new Map(), uniteMemories([row(rows)], 'L'), 'L').size, 0)
  }
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
