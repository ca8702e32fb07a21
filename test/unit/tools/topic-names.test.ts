/** Names of topics, patterns, and what a lane keeps, without a network. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { UsageError, ValueError } from '../../../lib/errors.ts'
import { CLEARINGS_MAX, KeptMessages } from '../../../lib/tools/kept-messages.ts'
import { checkTopic, LANES, laneOf, TopicPattern } from '../../../lib/tools/topic-names.ts'

test('topic patterns › a * is one segment, a ** any number of them', () => {
  const cases: readonly (readonly [pattern: string, matching: readonly string[], others: readonly string[]])[] = [
    ['a.b', ['a.b'], ['a', 'a.b.c', 'a.c', 'b.a']],
    ['a.*', ['a.b', 'a.c'], ['a', 'a.b.c', 'b.c', 'ab']],
    ['a.*.c', ['a.b.c', 'a.a.c'], ['a.c', 'a.b.b.c', 'a.b.d']],
    ['a.**', ['a', 'a.b', 'a.b.c'], ['b', 'ab', 'b.a']],
    ['**', ['a', 'a.b.c'], []],
    ['**.c', ['c', 'a.c', 'a.b.c'], ['c.a', 'a.cc']],
    ['a.**.c.*', ['a.c.d', 'a.c.c.d', 'a.b.c.d', 'a.c.c'], ['a.c', 'a.b.c', 'a.c.d.e']],
    ['**.a.**.b', ['a.b', 'x.a.y.b', 'a.a.b.b'], ['b.a', 'a.b.x']],
    ['*', ['a'], ['a.b']],
  ]
  for (const [pattern, matching, others] of cases) {
    const read = new TopicPattern(pattern)
    for (const topic of matching) assert.ok(read.matches(topic), `${pattern} is ${topic}`)
    for (const topic of others) assert.ok(!read.matches(topic), `${pattern} is not ${topic}`)
  }
})

test('topic patterns › they match what the same regular expression does, in the lanes that they name', () => {
  const segment = fc.constantFrom('a', 'b', 'c')
  const topics = fc.array(segment, { minLength: 1, maxLength: 7 }).map((list) => list.join('.'))
  const patterns = fc.array(fc.oneof(segment, fc.constantFrom('*', '**')), { minLength: 1, maxLength: 7 })
  fc.assert(
    fc.property(patterns, topics, (list, topic) => {
      const each = list.map((one) => (one === '**' ? '(?:[abc]\\.)*' : one === '*' ? '[abc]\\.' : `${one}\\.`))
      const pattern = new TopicPattern(list.join('.'))
      assert.equal(pattern.matches(topic), new RegExp(`^${each.join('')}$`).test(`${topic}.`))
      if (pattern.matches(topic)) assert.ok(pattern.lanes.includes(laneOf(topic)))
    }),
    { numRuns: 500 },
  )
})

test('topic patterns › what is no name, and what is no pattern, is refused', () => {
  for (const bad of ['', '.', 'a.', '.a', 'a..b', 'a.*', '**', 'a*', 'x'.repeat(257), 7, null, undefined]) {
    assert.throws(() => checkTopic(bad), UsageError)
  }
  for (const bad of ['', 'a..b', 'a.', 'a*', '***', 'a.b*', 'x'.repeat(257), 7, null, undefined]) {
    assert.throws(() => new TopicPattern(bad), UsageError)
  }
  checkTopic('x'.repeat(256))
})

test('topic lanes › what is below one word is on one lane, and words are spread over all of them', () => {
  assert.equal(laneOf('chat.a'), laneOf('chat.b.c'))
  const lanes = new Set(Array.from({ length: 500 }, (_, i) => laneOf(`word-${i}`)))
  assert.equal(lanes.size, LANES)
  assert.deepEqual(new TopicPattern('chat.**').lanes, [laneOf('chat')])
  assert.equal(new TopicPattern('*.a').lanes.length, LANES)
})

const bytesOf = (n: number): Uint8Array => new Uint8Array([1, n])

test('kept messages › the last so many of each topic, as the newest of them says', () => {
  const kept = new KeptMessages()
  const add = (stamp: number, keep: number): boolean =>
    kept.add('a', { stamp, author: 'p', n: stamp, bytes: bytesOf(stamp), keep })
  for (let stamp = 1; stamp <= 5; stamp += 1) add(stamp, 3)
  assert.deepEqual(
    kept.of('a').map(({ stamp }) => stamp),
    [3, 4, 5],
  )
  assert.equal(add(2, 3), false)
  assert.equal(add(5, 3), false, 'it is there already')
  add(6, 1)
  assert.deepEqual(
    kept.of('a').map(({ stamp }) => stamp),
    [6],
  )
  assert.equal(kept.bytes, 2)
  assert.ok(kept.has('p'))
  kept.add('a', { stamp: 7, author: 'q', n: 1, bytes: new Uint8Array(0), keep: 1 })
  assert.deepEqual(kept.of('a'), [])
  assert.ok(!kept.has('p'))
  assert.equal(add(6, 1), false, 'what was cleared does not come back')
})

test('kept messages › parts that are united keep the same, in whatever order messages came', () => {
  const message = fc.record({
    topic: fc.constantFrom('a', 'b'),
    stamp: fc.integer({ min: 1, max: 12 }),
    author: fc.constantFrom('p', 'q', 'r'),
    keep: fc.integer({ min: 1, max: 4 }),
    isClearing: fc.boolean(),
  })
  fc.assert(
    fc.property(
      fc.array(message, { maxLength: 25 }),
      fc.func(fc.boolean()),
      fc.func(fc.integer()),
      (all, isLeft, order) => {
        // One author has one message of a stamp.
        const unique = new Map(all.map((each) => [`${each.stamp}/${each.author}`, each]))
        const list = [...unique.values()].map((each) => ({
          topic: each.topic,
          kept: {
            stamp: each.stamp,
            author: each.author,
            n: each.stamp,
            keep: each.isClearing ? 1 : each.keep,
            bytes: each.isClearing ? new Uint8Array(0) : bytesOf(each.stamp),
          },
        }))
        const addAll = (into: KeptMessages, some: typeof list): KeptMessages => {
          for (const { topic, kept } of some) into.add(topic, kept)
          return into
        }
        const whole = addAll(new KeptMessages(), list).save()
        const shuffled = [...list].sort((a, b) => order(a.kept.stamp) - order(b.kept.stamp))
        assert.deepEqual(addAll(new KeptMessages(), shuffled).save(), whole)
        const left = addAll(
          new KeptMessages(),
          list.filter((_, i) => isLeft(i)),
        )
        const right = addAll(
          new KeptMessages(),
          list.filter((_, i) => !isLeft(i)),
        )
        const [leftState, rightState] = [left.save(), right.save()]
        left.merge(rightState)
        right.merge(leftState)
        assert.deepEqual(left.save(), whole)
        assert.deepEqual(right.save(), whole)
        const loaded = new KeptMessages()
        loaded.load(whole)
        assert.deepEqual(loaded.save(), whole)
        assert.equal(loaded.bytes, left.bytes)
      },
    ),
    { numRuns: 300 },
  )
})

test('kept messages › of clearings the newest are remembered, and no more', () => {
  const kept = new KeptMessages()
  for (let i = 1; i <= CLEARINGS_MAX + 1; i += 1) {
    kept.add(`t${i}`, { stamp: i, author: 'p', n: i, bytes: new Uint8Array(0), keep: 1 })
  }
  assert.equal(kept.topics, CLEARINGS_MAX)
  assert.ok(!kept.hasTopic('t1'))
  assert.ok(kept.hasTopic('t2'))
})

test('kept messages › a malformed state is refused, and changes nothing', () => {
  const good = [1, 'p', 1, bytesOf(1), 1]
  for (const bad of [
    null,
    {},
    [['a']],
    [['a.*', [good]]],
    [['a', [[...good, 1]]]],
    [['a', [[0, 'p', 1, bytesOf(1), 1]]]],
    [['a', [[1, '', 1, bytesOf(1), 1]]]],
    [['a', [[1, 'p', 1, 'x', 1]]]],
    [['a', [[1, 'p', 1, bytesOf(1), 0]]]],
    [['a', [[1, 'p', 1, bytesOf(1), 1_001]]]],
  ]) {
    const kept = new KeptMessages()
    kept.add('b', { stamp: 1, author: 'p', n: 1, bytes: bytesOf(1), keep: 1 })
    const before = kept.save()
    assert.throws(() => kept.load(bad), ValueError)
    assert.throws(() => kept.merge(bad), ValueError)
    assert.deepEqual(kept.save(), before)
  }
})
