import assert from 'node:assert/strict'
import { performance } from 'node:perf_hooks'
import { test } from 'node:test'
import { checkTrace } from '../../sim/checkers/index.ts'
import { deliveriesOf, deliveryAt, numbers, synthesise } from './synthetic.ts'

test('a trace of 50,000 lines is checked in 300 ms', (t) => {
  const lines = synthesise(50_000, 1)
  // The best of some: the machine may be busy with something else, and a simulation checks many traces, warm.
  let best = Number.POSITIVE_INFINITY
  for (let i = 0; i < 24 && (i < 6 || best >= 300); i++) {
    const start = performance.now()
    const report = checkTrace(lines)
    best = Math.min(best, performance.now() - start)
    assert.deepEqual(report.violations, [])
  }
  t.diagnostic(`${lines.length} lines in ${best.toFixed(0)} ms`)
  assert.ok(best < 300, `${best} ms`)
})

test('time grows with length, not with its square', () => {
  const timeOf = (size: number): number => {
    const lines = synthesise(size, 2)
    let best = Number.POSITIVE_INFINITY
    for (let i = 0; i < 4; i++) {
      const start = performance.now()
      checkTrace(lines)
      best = Math.min(best, performance.now() - start)
    }
    return best
  }
  const ratio = timeOf(80_000) / timeOf(20_000)
  assert.ok(ratio < 10, `four times the lines take ${ratio.toFixed(1)} times as long`)
})

test('a long correct trace puts most properties to the test', () => {
  const { checked } = checkTrace(synthesise(5_000, 3))
  const idle = Object.keys(checked).filter((property) => checked[property] === 0)
  assert.deepEqual(idle, [
    'S6',
    'S9',
    'P3',
    'P4',
    'P5',
    'M4',
    'M7',
    'M10',
    'O9',
    'D1',
    'D2',
    'D3',
    'F2',
    'F3',
    'F4',
    'T3',
    'T4',
    'T5',
    'T6',
    'T7',
    'T8',
    'T11',
    'T12',
    'T13',
    'T14',
    'T15',
    'T16',
    'T17',
    'T18',
    'L4',
    'L5',
    'L9',
  ])
})

test('any one delivery that is dropped, doubled or brought forward is noticed', () => {
  const lines = synthesise(5_000, 4)
  const places = deliveriesOf(lines)
  const next = numbers(5)
  for (let round = 0; round < 30; round++) {
    const place = places[next(places.length)] ?? 0
    const line = deliveryAt(lines, place)
    const dropped = lines.toSpliced(place, 1)
    assert.ok(checkTrace(dropped).violations.length > 0, `dropped ${line.m} at ${line.p}`)
    const doubled = lines.toSpliced(place, 0, line)
    assert.ok(
      checkTrace(doubled).violations.some(({ property }) => property === 'M2'),
      `doubled ${line.m} at ${line.p}`,
    )
    const before = places.filter((other) => other < place && deliveryAt(lines, other).p === line.p).at(-1)
    if (before === undefined || deliveryAt(lines, before).g !== line.g || line.g === 'fifo' || line.g === 'causal')
      continue
    const swapped = lines.with(place, deliveryAt(lines, before)).with(before, line)
    assert.ok(checkTrace(swapped).violations.length > 0, `brought forward ${line.m} at ${line.p}`)
  }
})
