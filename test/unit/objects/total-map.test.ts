/** The total map: versions, transactions, and what is agreed on whatever becomes of the casts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ClosedError, SchemaError, TooLargeError, UsageError, ValueError } from '../../../lib/errors.ts'
import type { MapChange } from '../../../lib/objects/map.ts'
import { type TotalMap, type TotalMapOptions, totalMapKind } from '../../../lib/objects/total-map.ts'
import type { TotalMapMachine } from '../../../lib/objects/total-map-machine.ts'
import { decodeValue, encodeValue } from '../../../lib/values.ts'
import { makeRandom, pick } from './cluster.ts'
import { asked, runCourse, strings } from './requests.ts'
import { TotalCluster } from './total-cluster.ts'

function made(count: number, options: Partial<TotalMapOptions<unknown>> = {}, seed = 1) {
  const cluster = new TotalCluster(totalMapKind, { consistency: 'total' as const, ...options }, count, seed)
  return { cluster, of: (id: string) => cluster.primary.find((member) => member.id === id)?.handle as TotalMap }
}

test('total map › reads are those of a Map, in the order of the first writes, the same at every member', async () => {
  const { cluster, of } = made(3)
  for (const [key, value] of [
    ['b', 1],
    ['a', 2],
    ['__proto__', 3],
    ['c', undefined],
  ] as const) {
    asked(of('p0').set(key, value))
  }
  await cluster.rest()
  asked(of('p1').set('b', 4))
  const gone = asked(of('p1').delete('a'))
  const nothing = asked(of('p2').delete('z'))
  await cluster.rest()
  asked(of('p2').set('a', 5))
  await cluster.rest()
  assert.deepEqual([gone.result, nothing.result], [true, false])
  const expected = [
    ['b', 4],
    ['__proto__', 3],
    ['c', undefined],
    ['a', 5],
  ]
  for (const { handle } of cluster.primary) {
    assert.deepEqual([...handle], expected)
    assert.deepEqual([...handle.entries()], expected)
    assert.deepEqual([...handle.keys()], ['b', '__proto__', 'c', 'a'])
    assert.deepEqual([...handle.values()], [4, 3, undefined, 5])
    const each: unknown[] = []
    handle.forEach((value, key) => void each.push([key, value]))
    assert.deepEqual(each, expected)
    assert.deepEqual([handle.size, handle.has('c'), handle.get('c'), handle.has('z')], [4, true, undefined, false])
  }
  const joiner = cluster.join('j')
  assert.deepEqual([...joiner.handle], expected)
  const cleared = asked(of('p0').clear())
  await cluster.rest()
  assert.equal(cleared.result, undefined)
  assert.equal(joiner.handle.size, 0)
})

test('total map › of those that saw the same version of a key, exactly one writes', async () => {
  const { cluster } = made(4)
  const results = cluster.primary.map(({ id, handle }) => asked(handle.compareAndSet('k', 0, id)))
  await cluster.advance(100)
  const values = results.map(({ result }) => result as { ok: boolean; value: unknown; version: number })
  assert.equal(values.filter(({ ok }) => ok).length, 1)
  for (const { value, version } of values) assert.deepEqual([value, version], [values.find(({ ok }) => ok)?.value, 1])
})

test('total map › a key that was deleted and written again has a version that nobody has seen of it', async () => {
  const { cluster, of } = made(2)
  asked(of('p0').set('k', 1))
  await cluster.rest()
  const version = of('p0').versionOf('k')
  asked(of('p1').delete('k'))
  asked(of('p1').set('k', 2))
  await cluster.rest()
  const late = asked(of('p0').compareAndSet('k', version, 3))
  await cluster.rest()
  assert.deepEqual(late.result, { ok: false, value: 2, version: of('p1').versionOf('k') })
})

test('total map › a transaction moves between keys, and is run again if what it read was changed', async () => {
  const { cluster, of } = made(3)
  asked(of('p0').set('a', 100))
  await cluster.rest()
  let runs = 0
  const move =
    (from: string, to: string) => (view: { get(key: string): unknown; set(key: string, v: unknown): unknown }) => {
      runs += 1
      view.set(from, Number(view.get(from) ?? 0) - 1)
      view.set(to, Number(view.get(to) ?? 0) + 1)
      return runs
    }
  const all = cluster.primary.flatMap(({ handle }) => [
    asked(handle.transaction(move('a', 'b'))),
    asked(handle.transaction(move('b', 'c'))),
  ])
  await cluster.advance(500)
  assert.ok(all.every(({ result }) => typeof result === 'number'))
  assert.ok(runs > all.length, 'nobody was in anybody else’s way')
  assert.deepEqual(
    [...of('p2')],
    [
      ['a', 97],
      ['b', 0],
      ['c', 3],
    ],
  )
})

test('total map › a transaction that read of a key that there is none is run again if there is one by then', async () => {
  const { cluster } = made(3)
  const results = cluster.primary.map(({ id, handle }) =>
    asked(
      handle.transaction((view) => {
        if (view.has('leader')) return view.get('leader')
        view.set('leader', id)
        return id
      }),
    ),
  )
  await cluster.advance(100)
  assert.equal(new Set(results.map(({ result }) => result)).size, 1)
})

test('total map › in a transaction own writes are seen, and nothing of them is left if it throws', async () => {
  const { cluster, of } = made(2)
  asked(of('p0').set('k', 'old'))
  await cluster.rest()
  const seen: unknown[] = []
  const thrown = asked(
    of('p0').transaction((view) => {
      seen.push(view.delete('k'), view.has('k'), view.get('k'), view.delete('k'))
      view.set('k', 'new').set('l', undefined)
      seen.push(view.get('k'), view.has('l'), view.delete('l'), view.has('l'))
      throw new RangeError('no')
    }),
  )
  await cluster.rest()
  assert.deepEqual(seen, [true, false, undefined, false, 'new', true, true, false])
  assert.equal(String(thrown.result), 'RangeError: no')
  assert.deepEqual([...of('p1')], [['k', 'old']])
})

test('total map › the function of a transaction must not be async, nor keep its view', async () => {
  const { of } = made(1)
  await assert.rejects(
    of('p0').transaction(async () => 1),
    UsageError,
  )
  await assert.rejects(
    of('p0').transaction(async () => {
      throw new RangeError('no')
    }),
    UsageError,
  )
  let kept: { get(key: string): unknown } | undefined
  asked(
    of('p0').transaction((view) => {
      kept = view
    }),
  )
  assert.throws(() => kept?.get('k'), UsageError)
})

test('total map › a transaction and an update that never get their turn end with their signal', async () => {
  const { cluster, of } = made(2)
  for (const how of ['transaction', 'update'] as const) {
    const stop = new AbortController()
    let runs = 0
    const disturb = (): number => {
      runs += 1
      if (runs === 4) stop.abort('enough')
      asked(of('p1').set('k', runs))
      // It is there before what is made of it here.
      while (cluster.step());
      return runs
    }
    const { signal } = stop
    const endless = asked(
      how === 'update'
        ? of('p0').update('k', disturb, { signal })
        : of('p0').transaction((view) => view.set('l', [view.get('k'), disturb()]), { signal }),
    )
    await cluster.advance(500)
    assert.deepEqual([endless.result, runs], ['enough', 4], how)
  }
})

test('total map › a wrong key or value is refused here, before anything is sent', async () => {
  const { cluster, of } = made(1)
  const map = of('p0')
  const long = 'x'.repeat(1024 * 1024)
  for (const write of [
    (key: string) => map.set(key, 1),
    (key: string) => map.delete(key),
    (key: string) => map.compareAndSet(key, 0, 1),
    (key: string) => map.update(key, () => 1),
    (key: string) => map.transaction((view) => view.get(key)),
    (key: string) => map.transaction((view) => view.set(key, 1)),
  ]) {
    await assert.rejects(write(long), TooLargeError)
    await assert.rejects(write('x'.repeat(4_097)), TooLargeError)
    await assert.rejects(write(7 as never), UsageError)
  }
  await assert.rejects(
    map.set('k', () => 1),
    ValueError,
  )
  await assert.rejects(
    map.transaction((view) => view.set('k', () => 1)),
    ValueError,
  )
  await assert.rejects(map.compareAndSet('k', 0.5, 1), UsageError)
  const longest = asked(map.set('x'.repeat(4_096), 1))
  await cluster.rest()
  assert.equal(longest.result, 1)
  assert.equal(cluster.primary[0]?.casts, 1)
})

test('total map › a change names keys, values old and new, and its author; a batch is one event', async () => {
  const { cluster, of } = made(2)
  const events: MapChange<unknown>[][] = []
  of('p1').addEventListener('change', ({ changes }) => events.push([...changes]))
  asked(of('p0').transaction((view) => view.set('a', 1).set('b', 2)))
  await cluster.rest()
  const { snapshot } = of('p1')
  asked(of('p0').transaction((view) => view.get('a')))
  asked(of('p0').delete('z'))
  await cluster.rest()
  assert.equal(of('p1').snapshot, snapshot)
  asked(of('p1').set('a', 3))
  await cluster.rest()
  asked(of('p0').clear())
  await cluster.rest()
  const by = (author: string) => ({ author, local: author === 'p1' })
  assert.deepEqual(events, [
    [
      { type: 'set', key: 'a', value: 1, previous: undefined, ...by('p0') },
      { type: 'set', key: 'b', value: 2, previous: undefined, ...by('p0') },
    ],
    [{ type: 'set', key: 'a', value: 3, previous: 1, ...by('p1') }],
    [
      { type: 'delete', key: 'a', value: undefined, previous: 3, ...by('p0') },
      { type: 'delete', key: 'b', value: undefined, previous: 2, ...by('p0') },
    ],
  ])
  assert.equal(of('p1').version, 3)
})

test('total map › who comes back is told what has changed meanwhile, in one event', async () => {
  const { cluster, of } = made(3)
  asked(of('p0').transaction((view) => view.set('kept', 1).set('changed', 2).set('gone', 3)))
  await cluster.rest()
  const [, away] = cluster.primary
  assert.ok(away)
  const events: MapChange<unknown>[][] = []
  away.handle.addEventListener('change', ({ changes }) => events.push([...changes]))
  cluster.cutOff(away)
  asked(of('p0').transaction((view) => view.set('changed', 4).set('new', 5).delete('gone')))
  await cluster.rest()
  assert.equal(events.length, 0)
  cluster.join(away)
  assert.deepEqual(
    events.map((changes) => changes.map(({ type, key, value, previous }) => [type, key, value, previous])),
    [
      [
        ['delete', 'gone', undefined, 3],
        ['set', 'changed', 4, 2],
        ['set', 'new', 5, undefined],
      ],
    ],
  )
})

test('total map › a schema types what is written, and what a peer wrote otherwise is hidden but kept', async () => {
  const { cluster, of } = made(1, { schema: strings })
  await assert.rejects(of('p0').set('k', 1), SchemaError)
  const { cluster: plain, of: plainly } = made(1)
  asked(plainly('p0').transaction((view) => view.set('a', 1).set('b', 'text')))
  await plain.rest()
  of('p0').replica.load(plainly('p0').replica.save())
  const map = of('p0')
  assert.deepEqual([...map], [['b', 'text']])
  assert.deepEqual([map.size, map.has('a'), map.get('a'), map.versionOf('a')], [1, false, undefined, 1])
  const seen = asked(map.transaction((view) => [view.has('a'), view.get('a')]))
  asked(map.set('a', 'fits'))
  await cluster.rest()
  assert.deepEqual(seen.result, [false, undefined])
  assert.deepEqual(
    [...map],
    [
      ['a', 'fits'],
      ['b', 'text'],
    ],
  )
})

test('total map › a step of a request takes effect if nobody but the steps before it has changed what it has read', () => {
  const { of } = made(1)
  const machine = of('p0').replica.machine as TotalMapMachine
  const caller = { process: 'p0', call: 1 }
  const good = Uint8Array.of(0)
  assert.deepEqual(machine.apply([0, [], ['a', good, 'b', good]], caller), [true, [1, 0]])
  const steps = [
    [
      ['a', 1],
      ['a', good],
    ],
    [
      ['a', -1, 'b', 1],
      ['a', good, 'b', null],
    ],
    // It was written once more since; was never written; was written by a step that is refused; is to come.
    [
      ['a', -1],
      ['c', good],
    ],
    [
      ['d', -1],
      ['c', good],
    ],
    [
      ['c', -3],
      ['d', good],
    ],
    [
      ['c', -6],
      ['d', good],
    ],
    // What is foretold is so, or not.
    [['a', -2, 'a', 3, 'b', 0], []],
    [['a', -2, 'a', 4], []],
    [[], ['e', good]],
  ]
  const [, committed] = machine.apply([2, ...steps], caller) ?? []
  assert.deepEqual(committed, [[2, 0], [3, 1], null, null, null, null, [3, 0], null, [4, 0]])
})

test('total map › of many transactions of one process those that overtook each other take effect with the next try', async () => {
  const { cluster, of } = made(3)
  const before = cluster.primary.map(({ casts }) => casts)
  const sees = (version: number, value: unknown): void => assert.equal(value ?? 0, version)
  const all = Array.from({ length: 20 }, () =>
    asked(
      of('p1').update('n', (n, version) => {
        sees(version, n)
        return Number(n ?? 0) + 1
      }),
    ),
  )
  await cluster.rest()
  assert.deepEqual(
    all.map(({ result }) => (result as { version: number }).version),
    all.map((_, i) => i + 1),
  )
  assert.deepEqual(of('p2').get('n'), 20)
  assert.deepEqual(
    cluster.primary.map(({ casts }, i) => casts - (before[i] ?? 0)),
    [0, 21, 0],
  )
})

test('total map › what somebody else changes meanwhile holds up those that have read it, and no others', async () => {
  const { cluster, of } = made(2)
  const move = (from: string, to: string) =>
    asked(
      of('p0').transaction((view) => {
        view.set(from, Number(view.get(from) ?? 0) - 1).set(to, Number(view.get(to) ?? 0) + 1)
        return [from, to]
      }),
    )
  const all = [move('a', 'b'), move('b', 'c'), move('x', 'y'), move('c', 'a'), move('y', 'x')]
  asked(of('p1').set('b', 100))
  await cluster.rest()
  assert.ok(all.every(({ result }) => Array.isArray(result)))
  assert.equal(Number(of('p1').get('b')) + Number(of('p1').get('a')) + Number(of('p1').get('c')) >= 99, true)
  assert.deepEqual([of('p1').get('x'), of('p1').get('y')], [0, 0])
})

test('total map › what a transaction throws on what need not come counts only if it comes', async () => {
  const { cluster, of } = made(2)
  asked(of('p0').set('seats', 3))
  await cluster.rest()
  const seen: unknown[] = []
  const book = () =>
    asked(
      of('p0').transaction((view) => {
        const seats = Number(view.get('seats'))
        seen.push(seats)
        if (seats === 0) throw new RangeError('booked')
        view.set('seats', seats - 1)
        return seats
      }),
    )
  const all = [book(), book(), book(), book(), book()]
  await cluster.rest()
  assert.deepEqual(
    all.map(({ result }) => (result instanceof Error ? result.message : result)),
    [3, 2, 1, 'booked', 'booked'],
  )
  assert.equal(of('p1').get('seats'), 0)
  // Told first of what was foretold, then of what is there.
  assert.deepEqual(seen.slice(5), [2, 1, 0, 0, 0, 0])
})

test('total map › an update whose function needs time once it is tried again is tried by itself', async () => {
  const { cluster, of } = made(2)
  let runs = 0
  const sync = [1, 2].map(() => asked(of('p0').update('n', (n = 0) => Number(n) + 1)))
  const odd = asked(
    of('p0').update('n', (n = 0) => {
      runs += 1
      return runs === 1 ? Number(n) + 1 : Promise.resolve(Number(n) + 1)
    }),
  )
  await cluster.rest()
  assert.deepEqual([...sync, odd].map(({ result }) => (result as { value: number }).value).sort(), [1, 2, 3])
  assert.equal(of('p1').get('n'), 3)
})

test('total map › overtaken together, each ends with its own signal, and all with the map', async () => {
  const { cluster, of } = made(2)
  const stop = new AbortController()
  const add = (signal?: AbortSignal) =>
    asked(
      of('p0').transaction(
        (view) => {
          view.set('n', Number(view.get('n') ?? 0) + 1)
          return 'done'
        },
        signal === undefined ? {} : { signal },
      ),
    )
  const all = [add(), add(stop.signal), add()]
  while (cluster.step());
  // They are told now, and tried again; the request is under way.
  await new Promise((resolve) => setImmediate(resolve))
  stop.abort('enough')
  await cluster.rest()
  assert.deepEqual(
    all.map(({ result }) => result),
    ['done', 'enough', 'done'],
  )
  assert.equal(of('p1').get('n'), 3)
  const last = [add(), add(), add()]
  while (cluster.step());
  await new Promise((resolve) => setImmediate(resolve))
  of('p0').handleEnd()
  await cluster.rest()
  assert.equal(last.filter(({ result }) => result instanceof Error).length, 2)
})

test('total map › malformed requests and states change nothing', () => {
  const { of } = made(1)
  const machine = of('p0').replica.machine as TotalMapMachine
  const caller = { process: 'p0', call: 1 }
  const good = Uint8Array.of(0)
  for (const body of [
    null,
    [],
    [2],
    [1, 1],
    [0, []],
    [0, ['k'], []],
    [0, ['k', -1], []],
    [0, [1, 1], []],
    [0, [], ['k']],
    [0, [], ['k', 1]],
    [0, [], ['k', Uint8Array.of(255)]],
    [0, [], ['k', good, 'x'.repeat(4_097), good]],
    [
      2,
      [
        ['k', 0],
        ['k', good],
      ],
      [['k']],
    ],
    [
      2,
      [
        ['k', 0],
        ['k', good],
      ],
      ['k', 0],
    ],
    [2, [['k', -65], []]],
    [2, ...Array.from({ length: 65 }, () => [[], ['k', good]])],
  ]) {
    assert.equal(machine.apply(body, caller), null, JSON.stringify(body)?.slice(0, 80))
  }
  for (const state of [1, [], [-1], [1, 'k', 1, 'p0'], [1, 'k', 2, 'p0', good], [1, 'k', 0, 'p0', good]]) {
    assert.throws(() => machine.load(state), ValueError, JSON.stringify(state))
  }
  assert.throws(() => machine.load([2, 'k', 1, 'p0', good, 'k', 2, 'p0', good]), ValueError)
  assert.throws(() => machine.load([1, 'k', 1, 'p0', Uint8Array.of(255)]), ValueError)
  assert.deepEqual(machine.save(), [0])
})

test('total map › closed, it rejects what is asked and shows what it last held', async () => {
  const { cluster, of } = made(2)
  asked(of('p0').set('k', 'last'))
  await cluster.rest()
  of('p0').handleEnd()
  await assert.rejects(of('p0').set('k', 'late'), ClosedError)
  assert.equal(of('p0').get('k'), 'last')
})

test('total map › in any order of losses, states and views, transactions take effect one after the other', async () => {
  const keys = ['a', 'b', 'c', 'd', 'e']
  const total = 1_000
  for (let seed = 1; seed <= 60; seed += 1) {
    /** By version, which transaction had it. */
    const committed = new Map<number, string>()
    const note = (version: number, what: string): void => {
      assert.equal(committed.get(version), undefined, `version ${version} twice: ${what}`)
      committed.set(version, what)
    }
    const { members } = await runCourse(
      totalMapKind,
      { consistency: 'total' as const },
      seed,
      async (handle, random) => {
        const dice = random()
        const [from, to] = [pick(random, keys), pick(random, keys)]
        if (dice < 0.5) {
          // What is moved is never lost or made: the sum stays, whatever is in the way.
          await handle.transaction((view) => {
            const amount = Number(view.get(from) ?? total / keys.length)
            if (from === to) return
            view.set(from, amount - 1)
            view.set(to, Number(view.get(to) ?? total / keys.length) + 1)
          })
        } else if (dice < 0.7) {
          // One moment: what is read adds up as well.
          const sum = await handle.transaction((view) =>
            keys.reduce((all, key) => all + Number(view.get(key) ?? total / keys.length), 0),
          )
          assert.equal(sum, total)
        } else if (dice < 0.85) {
          const seen = handle.versionOf('cas')
          const result = await handle.compareAndSet('cas', seen, seen)
          if (result.ok) note(result.version, 'cas')
          // What the last one saw is the version before.
          assert.ok(result.ok ? result.version > seen : result.version !== seen)
        } else if (dice < 0.95) note((await handle.update('n', (n) => Number(n ?? 0) + 1)).version, 'update')
        else await handle.delete('other')
      },
    )
    const [first] = members
    assert.ok(first)
    const sum = keys.reduce((all, key) => all + Number(first.handle.get(key) ?? total / keys.length), 0)
    assert.equal(sum, total, `seed ${seed}`)
    for (const { handle } of members) assert.deepEqual([...handle], [...first.handle], `seed ${seed}`)
    assert.ok(Number(first.handle.get('n') ?? 0) >= [...committed.values()].filter((what) => what === 'update').length)
  }
})

test('total map › a state is loaded as it was saved, and events never tell of what is not', async () => {
  const random = makeRandom(3)
  const { cluster, of } = made(2)
  const mirror = new Map<string, unknown>()
  of('p1').addEventListener('change', ({ changes }) => {
    for (const { type, key, value, previous } of changes) {
      assert.deepEqual(previous, mirror.get(key))
      if (type === 'set') mirror.set(key, value)
      else mirror.delete(key)
    }
  })
  for (let i = 0; i < 200; i += 1) {
    const key = pick(random, ['a', 'b', 'c'])
    asked(random() < 0.3 ? of('p0').delete(key) : random() < 0.05 ? of('p1').clear() : of('p0').set(key, i))
    if (random() < 0.3) await cluster.rest()
  }
  await cluster.rest()
  assert.deepEqual([...mirror].sort(), [...of('p1')].sort())
  const saved = encodeValue(of('p0').replica.save())
  const { of: another } = made(1)
  another('p0').replica.load(decodeValue(saved))
  assert.deepEqual(encodeValue(another('p0').replica.save()), saved)
  assert.deepEqual([...another('p0')], [...of('p0')])
})
