/** The times that the kernel promises at a constant delay, at a few seeds; `npm run sim:timing` runs more. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HEAL_KINDS, measureFlush, measureHeal, measureHerd, TIMING_BOUNDS } from './measure.ts'

test('timing › after a heal ten processes are in one view within 2 s of the first path', async () => {
  for (const kind of HEAL_KINDS) {
    const measured = await measureHeal(1, 10, kind)
    // At least the way of a connection's frames and of a flush.
    assert.ok(measured.figure > 200 && measured.figure <= TIMING_BOUNDS.heal, JSON.stringify(measured))
  }
})

test('timing › whoever heals into two or three whole parts gets one merge view', async () => {
  for (const kind of ['halves', 'thirds', 'minority'] as const) {
    const measured = await measureHeal(2, 10, kind)
    assert.equal(measured.views, 1, JSON.stringify(measured))
  }
})

test('timing › fifty members install within 250 ms of the proposal, fewer also when casts must be forwarded', async () => {
  for (const [n, kind] of [
    [50, 'join'],
    [20, 'crash'],
  ] as const) {
    const measured = await measureFlush(1, n, kind)
    assert.ok(measured.figure >= 200 && measured.figure <= TIMING_BOUNDS.flush, JSON.stringify(measured))
  }
})

test('timing › a herd of joiners takes few views, whether there is somebody to join or not', async () => {
  for (const [joiners, incumbents] of [
    [50, 1],
    [20, 0],
  ] as const) {
    const measured = await measureHerd(1, joiners, incumbents)
    assert.ok(measured.figure >= 1 && measured.figure <= TIMING_BOUNDS.herd, JSON.stringify(measured))
  }
})
