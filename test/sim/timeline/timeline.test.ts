/** Time-space diagrams show what the trace says, and only what is in the window. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runSeed } from '../run-seed.ts'
import { DEFAULT_OPTIONS } from '../scenario.ts'
import type { AnyLine } from '../trace.ts'
import { drawTimeline } from './draw.ts'
import { modelOf } from './model.ts'

const view = (t: number, p: string, id: string, members: readonly string[], primary: boolean): AnyLine => {
  return { t, p, e: 'view', g: '', id, members, primary }
}
/** Two processes meet, cast, are cut apart, and one crashes. */
const trace: readonly AnyLine[] = [
  { t: 0, e: 'run', seed: 7 },
  { t: 0, e: 'start', p: 'a', site: 's1', origin: 'https://x<y.example' },
  { t: 1, e: 'start', p: 'b', site: 's2', origin: '' },
  view(2, 'a', '1.a', ['a'], false),
  { t: 5, p: 'a', e: 'propose' },
  { t: 5, p: 'a', e: 'row' },
  { t: 6, p: 'a', e: 'row' },
  { t: 9, p: 'a', e: 'install' },
  view(10, 'a', '2.a', ['a', 'b'], true),
  view(12, 'b', '2.a', ['a', 'b'], true),
  { t: 20, p: 'a', e: 'send', m: 'a#1', g: 'x', order: 'causal' },
  { t: 21, p: 'a', e: 'deliver', m: 'a#1', g: 'x' },
  { t: 30, p: 'b', e: 'deliver', m: 'a#1', g: 'x' },
  { t: 40, e: 'freeze', q: 'b' },
  { t: 45, e: 'thaw', q: 'b' },
  { t: 50, p: 'a', e: 'stateOut', g: 'x', to: 'b' },
  { t: 55, p: 'b', e: 'stateIn', g: 'x', from: 'a' },
  { t: 60, e: 'cut', parts: [['a'], ['b']] },
  { t: 65, e: 'cut', parts: [['b'], ['a']] },
  { t: 80, e: 'heal' },
  { t: 90, e: 'crash', q: 'b' },
  { t: 100, e: 'end', seed: 7 },
]

test('timeline › lives, views, flushes, casts, states and partitions are read from the trace', () => {
  const model = modelOf(trace)
  const [a, b] = model.lives
  assert.ok(a && b)
  assert.deepEqual([a.to, a.end, b.to, b.end], [100, 'alive', 90, 'crashed'])
  assert.deepEqual(
    a.views.map(({ id, from, to, isPrimary }) => [id, from, to, isPrimary]),
    [
      ['1.a', 2, 10, false],
      ['2.a', 10, 100, true],
    ],
  )
  assert.equal(b.views.at(-1)?.to, 90)
  assert.deepEqual(a.flushes, [{ from: 5, to: 9 }])
  assert.deepEqual(b.frozen, [{ from: 40, to: 45 }])
  assert.deepEqual(
    model.arrows.map(({ kind, from, to, sent, got }) => [kind, from, to, sent, got]),
    [
      ['cast', 'a', 'a', 20, 21],
      ['cast', 'a', 'b', 20, 30],
      ['state', 'a', 'b', 50, 55],
    ],
  )
  assert.deepEqual(
    model.partitions.map(({ from, to }) => [from, to]),
    [
      [60, 65],
      [65, 80],
    ],
  )
})

test('timeline › the diagram shows what is in the window', () => {
  const count = (svg: string, text: string): number => svg.split(text).length - 1
  const all = drawTimeline(modelOf(trace), { marks: [{ t: 70, text: 'M6' }] })
  assert.equal(count(all, 'url(#head-causal)"/>'), 2, 'the cast and the legend')
  assert.equal(count(all, '>cut: '), 2)
  assert.equal(count(all, '>M6<'), 1)
  assert.ok(all.includes('x&lt;y.example') && !all.includes('x<y'))
  const start = drawTimeline(modelOf(trace), { window: [0, 15] })
  assert.equal(count(start, 'url(#head-causal)"/>'), 1, 'the legend')
  assert.equal(count(start, '>cut: '), 0)
  assert.equal(count(start, '>2.a (2)<'), 2)
})

test('timeline › every cast that a run delivers elsewhere is an arrow, in a document without broken numbers', async () => {
  const { lines } = await runSeed(5, DEFAULT_OPTIONS)
  const model = modelOf(lines)
  const delivered = lines.filter(({ e }) => e === 'deliver').length
  assert.ok(delivered > 100)
  assert.equal(model.arrows.filter(({ kind }) => kind === 'cast').length, delivered)
  const group = modelOf(lines, 'u')
  assert.ok(group.arrows.length > 0 && group.arrows.every((arrow) => arrow.group === 'u'))
  assert.doesNotMatch(drawTimeline(model, { window: [5_000, 9_000] }), /NaN|undefined|Infinity/)
})
