/** How far a client has followed its group. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GroupView } from '../../../lib/objects/replica.ts'
import { isFor, newSession } from '../../../lib/tools/client-session.ts'
import { FED, readPosition, type WireEntry } from '../../../lib/tools/client-words.ts'
import { Followed, type FollowedBefore } from '../../../lib/tools/followed.ts'
import { encodeValue } from '../../../lib/values.ts'

const NOTHING: FollowedBefore = { views: [], members: new Map(), clients: new Map() }

function view(id: string): WireEntry {
  const nobody = { missing: [], joined: [], left: [], dead: [], expelled: [] }
  const whole: GroupView = { id, members: ['a', 'b'], primary: true, line: 'l', ...nobody }
  return [FED.view, whole]
}

/** A cast of the client `c`. */
function cast(n: number, at: string): WireEntry {
  return [FED.cast, 'c', n, at, n, 'a', encodeValue(n)]
}

/** What comes before the feed begins, in that view: casts of `c` up to that number. */
function before(at: string, n: number): WireEntry {
  return [FED.before, at, [], [['c', n]]]
}

function follow(legacy: FollowedBefore = NOTHING): { followed: Followed; told: string[] } {
  const told: string[] = []
  const followed = new Followed(
    {
      cast: ({ from, n, view: at }) => told.push(`${from}#${n} in ${at}`),
      view: ({ id }) => told.push(id),
      state: () => told.push('state'),
      gap: (reason) => told.push(reason),
    },
    legacy,
  )
  return { followed, told }
}

function take(followed: Followed, entries: readonly WireEntry[]): void {
  for (const entry of entries) assert.equal(followed.take(entry), true)
}

test('what a client follows › what came before it began is told when it is lost and cast again in a later view, not in the same one', () => {
  const { followed, told } = follow()
  take(followed, [view('1.a.1'), before('1.a.1', 5), cast(4, '1.a.1'), cast(6, '1.a.1')])
  assert.deepEqual(told.splice(0), ['1.a.1', 'c#6 in 1.a.1'])
  // The group has begun anew; what it was told itself it is not told again.
  take(followed, [[FED.gap, 'behind'], view('3.b.0'), before('3.b.0', 4), cast(4, '3.b.0'), cast(5, '3.b.0')])
  take(followed, [cast(6, '3.b.0'), cast(7, '3.b.0')])
  assert.deepEqual(told, ['behind', '3.b.0', 'c#7 in 3.b.0'])
  const other = follow()
  take(other.followed, [view('1.a.1'), before('1.a.1', 5), view('3.b.0'), cast(4, '3.b.0'), cast(5, '3.b.0')])
  assert.deepEqual(other.told, ['1.a.1', '3.b.0', 'c#4 in 3.b.0', 'c#5 in 3.b.0'])
})

test('what a client follows › what the client before it was told is told to the next one, if it is cast again', () => {
  const first = follow()
  take(first.followed, [view('1.a.1'), before('1.a.1', 1), cast(2, '1.a.1'), cast(3, '1.a.1')])
  const { followed, told } = follow(first.followed.legacy)
  // Casts of the first one come after it: whoever serves the next one has to have delivered that.
  assert.deepEqual(readPosition(followed.position)?.passed.clients, [['c', 3, 0]])
  take(followed, [view('1.a.1'), cast(3, '1.a.1'), view('2.a.0'), cast(2, '2.a.0'), cast(3, '2.a.0')])
  assert.deepEqual(told, ['1.a.1', '2.a.0', 'c#2 in 2.a.0', 'c#3 in 2.a.0'])
  assert.deepEqual(readPosition(followed.position)?.passed.clients, [])
})

test('what a client follows › a member sends nothing that the client has passed over in the same view', () => {
  const { followed } = follow()
  take(followed, [view('1.a.1'), before('1.a.1', 5), cast(6, '1.a.1')])
  const position = readPosition(followed.position)
  const about = { id: 'x', session: 1, born: 1, good: 0, heldIn: null, position, isFollowing: true }
  const attached = newSession(about, { next: 0, pending: null })
  const isSent = (n: number, at: string): boolean =>
    isFor(attached, { wire: cast(n, at), bytes: 1, view: null, sender: 'c', n, isClients: true })
  assert.deepEqual([isSent(5, '1.a.1'), isSent(6, '1.a.1'), isSent(7, '1.a.1')], [false, false, true])
  assert.deepEqual([isSent(5, '2.a.0'), isSent(6, '2.a.0'), isSent(7, '2.a.0')], [false, false, true])
})
