/** Strong groups: what waits when a view closes is refused once the next one is told, and nothing of it is sent. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Cluster } from './cluster.ts'

const ALL = ['a', 'b', 'c']
const limits = { castBytesMax: 100_000, pieceBytes: 1_000, frameFillBytes: 2_000, windowBytes: 8_500 }

/** Twenty casts of `a`, of which `c` has room for some; then `c` is gone. */
function crowded(isStrong: boolean, size = 1_000): Cluster {
  const cluster = new Cluster(ALL, { strong: isStrong }, limits)
  cluster.tamper = (frame, from) => (from === 'c' && frame.t === 'data' ? null : frame)
  for (let i = 0; i < 20; i += 1) cluster.cast('a', size)
  cluster.run(200)
  cluster.crash('c')
  cluster.until(() => ['a', 'b'].every((id) => cluster.seen(id).members.length === 2))
  cluster.run(1_000)
  return cluster
}

test('strong › casts that found no room in their view are refused, those that were sent are delivered by all', () => {
  const cluster = crowded(true)
  const { delivered, ends } = cluster.seen('a')
  assert.ok(delivered.length > 0 && ends.length > 0, `${delivered.length} delivered, ${ends.length} refused`)
  assert.deepEqual(cluster.seen('b').delivered, delivered)
  // Each cast has one end, and the order is that of the casts.
  const refused = Array.from({ length: ends.length }, (_, i) => `${delivered.length + i + 1} viewChanged`)
  assert.equal(delivered.length + ends.length, 20)
  assert.deepEqual(ends, refused)
  cluster.cast('a', 10)
  cluster.run(500)
  assert.equal(cluster.seen('b').delivered.at(-1), 'a#21')
})

test('strong › without it, they are delivered in the next view', () => {
  const cluster = crowded(false)
  assert.deepEqual(cluster.seen('a').ends, [])
  assert.equal(cluster.seen('b').delivered.length, 20)
})

test('strong › a large cast on its way is given up, and those behind it', () => {
  const cluster = crowded(true, 30_000)
  assert.deepEqual(cluster.seen('b').delivered, [])
  assert.equal(cluster.seen('a').ends.length, 20)
  cluster.cast('a', 30_000)
  cluster.until(() => cluster.seen('b').delivered.length === 1)
  assert.ok(cluster.seen('b').payloads[0]?.every((byte) => byte === 21))
  assert.deepEqual(cluster.seen('b').faults, [])
})

test('strong › what is cast in a view that is over, or in none, is refused at once', () => {
  const cluster = new Cluster(ALL, { strong: true })
  const payload = Uint8Array.of(1)
  for (const [n, view] of [null, '0.x.1'].entries()) {
    cluster.command('a', { type: 'cast', group: 'g', n: n + 1, payload, view })
  }
  cluster.command('a', { type: 'cast', group: 'other', n: 3, payload, view: '1.a.1' })
  assert.deepEqual(cluster.seen('a').ends, ['1 viewChanged', '2 viewChanged', '3 viewChanged'])
})

test('strong › a cast that waits can be taken back', () => {
  const cluster = new Cluster(ALL, { strong: true }, limits)
  cluster.tamper = (frame, from) => (from === 'c' && frame.t === 'data' ? null : frame)
  for (let i = 0; i < 20; i += 1) cluster.cast('a', 1_000)
  cluster.command('a', { type: 'cancel', ns: [19, 20] })
  assert.deepEqual(cluster.seen('a').ends, ['19 refused', '20 refused'])
})

test('strong › who names the group without the option is refused', () => {
  const cluster = new Cluster(['a', 'b'], { strong: true })
  cluster.join('a', { strong: true }, 'h')
  cluster.run(200)
  cluster.join('b', { strong: false }, 'h')
  cluster.run(200)
  cluster.join('b', { strong: true }, 'h')
  cluster.run(200)
  assert.deepEqual(cluster.seen('b').joins.slice(-2), ['h mismatch', 'h ok'])
})
