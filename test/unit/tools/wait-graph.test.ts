/** The graph of who waits for whom: what is stuck, and what of it is reported. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findKnot, type Hold, type Wait, youngestOf } from '../../../lib/tools/wait-graph.ts'
import { makeRandom } from '../objects/cluster.ts'

const hold = (process: string, n = 1): Hold => ({ key: `${process}${n}`, process, token: ['L', '1.a.1', n] })

interface Given extends Partial<Pick<Wait, 'holds' | 'needs' | 'behind' | 'claims'>> {}

let places = 0
function wait(process: string, given: Given): Wait {
  places += 1
  const none = { holds: [], needs: 'all', behind: null, claims: [] } as const
  return {
    ...{ caller: { process, call: places }, place: places },
    what: { table: 't', name: 'x', mode: 'exclusive' },
    ...none,
    ...given,
  }
}

const namesOf = (knot: ReturnType<typeof findKnot>): string[] => [...(knot?.keys() ?? [])].map((w) => w.caller.process)

test('wait graph › two that wait for each other are stuck, and the youngest is the later one', () => {
  const a = wait('a', { holds: [hold('b')], claims: ['a1'] })
  const b = wait('b', { holds: [hold('a')], claims: ['b1'] })
  const knot = findKnot([b, a])
  assert.deepEqual(namesOf(knot), ['a', 'b'])
  assert.equal(knot === null ? null : youngestOf(knot), b)
})

test('wait graph › who waits for somebody stuck is no part of the report', () => {
  const a = wait('a', { holds: [hold('b')], claims: ['a1'] })
  const c = wait('c', { holds: [hold('a')], claims: ['c1'] })
  const b = wait('b', { holds: [hold('a')], claims: ['b1'] })
  const d = wait('d', { behind: b })
  assert.deepEqual(namesOf(findKnot([a, c, b, d])), ['a', 'b'])
})

test('wait graph › nobody is kept by what another claims of it', () => {
  const a = wait('a', { holds: [hold('b')], claims: ['a1', 'b1'] })
  assert.equal(findKnot([a]), null)
})

test('wait graph › of several permits, one whose holder goes on is enough', () => {
  const both = [hold('a'), hold('b')]
  const a = wait('a', { holds: both, needs: 'one', claims: ['a1'] })
  assert.equal(findKnot([a]), null)
  const b = wait('b', { holds: both, needs: 'one', claims: ['b1'] })
  const knot = findKnot([a, b])
  assert.deepEqual(namesOf(knot), ['a', 'b'])
  assert.deepEqual(knot?.get(a)?.holds, both)
})

/** By the definition: nothing ends but what nothing keeps; round by round. */
function stuckAmong(waits: readonly Wait[]): Set<Wait> {
  const free = new Set<Wait>()
  for (;;) {
    const before = free.size
    for (const each of waits) {
      const ends = each.holds.map(({ key, process }) =>
        waits.every((w) => free.has(w) || w.caller.process !== process || !w.claims.includes(key)),
      )
      const isServed = each.needs === 'all' || ends.length === 0 ? ends.every(Boolean) : ends.some(Boolean)
      if (isServed && (each.behind === null || free.has(each.behind))) free.add(each)
    }
    if (free.size === before) return new Set(waits.filter((each) => !free.has(each)))
  }
}

test('wait graph › whatever waits for whatever: stuck by the definition, and a report that keeps itself', () => {
  let knots = 0
  for (let seed = 1; seed <= 3_000; seed += 1) {
    const random = makeRandom(seed)
    const int = (n: number): number => Math.floor(random() * n)
    const holds = Array.from({ length: 2 + int(4) }, (_, n) => hold('abc'.charAt(int(3)), n + 1))
    const some = (most: number): Hold[] => holds.filter(() => int(3) < most)
    const waits: Wait[] = []
    for (let i = 1 + int(6); i > 0; i -= 1) {
      const process = 'abc'.charAt(int(3))
      const claims = some(2).flatMap((each) => (each.process === process ? [each.key] : []))
      // Who is behind has what the one before it has in its way.
      const behind = int(4) === 0 ? (waits.at(-1) ?? null) : null
      const needs = int(2) === 0 ? 'all' : 'one'
      waits.push(wait(process, { ...(behind ?? { holds: some(1), needs }), behind, claims }))
    }
    const stuck = stuckAmong(waits)
    const knot = findKnot(waits)
    assert.equal(knot === null, stuck.size === 0, `seed ${seed}`)
    if (knot === null) continue
    knots += 1
    const part = [...knot.keys()]
    assert.ok(part.every((each) => stuck.has(each)))
    assert.deepEqual(
      new Set(part),
      stuckAmong(part.map((each) => ({ ...each, behind: null, ...knot.get(each) }))).size === part.length
        ? new Set(part)
        : null,
      `seed ${seed}`,
    )
    const later = wait('d', { holds, claims: [] })
    assert.deepEqual(namesOf(findKnot([...waits, later])), namesOf(knot))
  }
  assert.ok(knots > 300, `${knots} knots`)
})
