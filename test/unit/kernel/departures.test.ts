/** Who hears that somebody is gone, and who has to know. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Departed } from '../../../lib/kernel/frame.ts'
import { isNews } from '../../../lib/kernel/gone.ts'
import { Cluster } from './cluster.ts'

/** The parts do not hear each other; the last one, which `c` leads, has half of all, and not the most senior. */
function inParts(...parts: readonly string[]): Cluster {
  const cluster = new Cluster([...parts.join('')], {})
  cluster.tamper = (frame, from, to) => (parts.some((part) => part.includes(from) && part.includes(to)) ? frame : null)
  const last = [...(parts.at(-1) ?? '')]
  cluster.until(() => last.every((id) => cluster.seen(id).members.join('') === last.join('')))
  return cluster
}

/** There is a path between two, and each of them hears nobody else whom it has not heard before. */
function connect(cluster: Cluster, one: string, other: string): void {
  const { tamper } = cluster
  cluster.tamper = (frame, from, to, channel) =>
    [one, other].includes(from) && [one, other].includes(to) ? frame : tamper(frame, from, to, channel)
  cluster.reset(one, other)
}

const isPrimary = (cluster: Cluster, id: string): boolean => cluster.kernels.get(id)?.era.view.primary === true

test('departures › a goodbye that another than the coordinator hears lets their part go on', () => {
  const cluster = inParts('a', 'b', 'cd')
  connect(cluster, 'a', 'd')
  cluster.run(25)
  assert.ok(!isPrimary(cluster, 'c'))
  cluster.command('a', { type: 'leave', quick: true })
  cluster.run(2_000)
  assert.deepEqual(
    ['c', 'd'].map((id) => isPrimary(cluster, id)),
    [true, true],
  )
})

test('departures › what is heard too late for the view that the coordinator leaves is told in the next one', () => {
  const cluster = inParts('a', 'b', 'f', 'cde')
  connect(cluster, 'a', 'd')
  const before = cluster.lines.length
  cluster.crash('e')
  cluster.until(() => cluster.lines.slice(before).some(({ p, e }) => p === 'd' && e === 'ready'))
  cluster.run(5)
  cluster.command('a', { type: 'leave', quick: true })
  cluster.until(() => cluster.lines.some(({ p, e }) => p === 'd' && e === 'departed'))
  assert.deepEqual(
    [cluster.seen('c').members, cluster.seen('d').members],
    [
      ['c', 'd'],
      ['c', 'd', 'e'],
    ],
  )
  cluster.run(2_000)
  assert.ok(cluster.kernels.get('c')?.departed.has('a'))
})

test('departures › a goodbye tells more than a death, and a record more than none', () => {
  const votes = { last: null, attempt: null }
  const said = (isDead: boolean, isTold: boolean): Departed => ({
    id: 'a',
    isDead,
    votes: isTold ? votes : null,
    ended: [],
  })
  const dead = said(true, false)
  const read = said(true, true)
  const left = said(false, true)
  const isNewsAfter = (before: Departed, now: Departed): boolean => isNews(now, new Map([['a', before]]))
  for (const each of [dead, read, left]) assert.ok(isNews(each, new Map()) && !isNewsAfter(each, each))
  assert.ok(isNewsAfter(dead, read) && isNewsAfter(dead, left) && isNewsAfter(read, left))
  assert.ok(!isNewsAfter(read, dead) && !isNewsAfter(left, dead) && !isNewsAfter(left, read))
})
