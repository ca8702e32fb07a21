/** The times that the kernel promises at a constant delay, at a few seeds; `npm run sim:timing` runs more. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { measureCalls } from './calls.ts'
import { ENGINES, measureEngine } from './engines.ts'
import { HEAL_KINDS, measureFlush, measureHeal, measureHerd, TIMING_BOUNDS } from './measure.ts'
import { measureTools } from './tools.ts'

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

test('timing › round robin takes one delay and no record where all cast in step, and costs most where one casts', async () => {
  const inStep = await measureEngine('round-robin', 'all in step', 5)
  assert.ok(inStep.maxMs <= 41 && inStep.records === 0, JSON.stringify(inStep))
  const one = await measureEngine('round-robin', 'one', 5)
  assert.ok(one.maxMs <= 81 && one.records <= 16, JSON.stringify(one))
})

test('timing › a moving sequencer serves whoever casts alone in one delay, and others as the fixed one does', async () => {
  for (const engine of ENGINES.slice(0, 2)) {
    const [one, all] = [await measureEngine(engine, 'one', 5), await measureEngine(engine, 'all', 5)]
    assert.ok(all.meanMs > 60 && all.maxMs <= 81, JSON.stringify(all))
    // The role moves after 64 of the 200 casts.
    assert.ok(engine === 'moving' ? one.meanMs < 50 : one.meanMs > 70, JSON.stringify(one))
  }
})

test('timing › a call of a tool takes four delays, one copy of it and one record to each other member', async () => {
  const n = 3
  const figures = await measureTools(n)
  for (const { tool, call, delays, copies, records, frames } of figures) {
    const isLight = tool === 'map' || tool === 'presence'
    const times = tool === 'ballot' ? n : call === 'once, the first' ? 2 : 1
    const most = isLight ? 1 : tool === 'ballot' ? 4 : 4 * times
    const each = times * (n - 1)
    const text = JSON.stringify({ tool, call, delays, copies, records, frames })
    if (tool === 'snapshot') {
      // To all, and of everybody to everybody twice; and a word of each to who takes it.
      const word = 2 * (n - 1)
      assert.ok(delays <= 3.1 && copies === (2 * n + 1) * (n - 1) && frames <= copies + word, text)
      continue
    }
    assert.ok(delays >= 1 && delays <= most + 0.1, text)
    assert.ok(copies === each && records <= (isLight ? 0 : each) && frames <= 2 * each, text)
  }
  assert.equal(figures.length, 23)
})

test('timing › requests, calls and clients take the delays and the messages that the docs say', async () => {
  const n = 3
  const figures = await measureCalls(n)
  const of = (tool: string, call: string): (typeof figures)[number] => {
    const found = figures.find((each) => each.tool === tool && each.call === call)
    assert.ok(found, `${tool}: ${call}`)
    return found
  }
  for (const [tool, cast, order] of [
    ['causal', 1, 0],
    ['total', 2, n - 1],
    ['total, uniform', 4, n - 1],
  ] as const) {
    for (const [call, delays, messages] of [
      ['client.cast, until another member has it', cast + 1, 4],
      ['client.request', cast + 2, n + 3],
      ['cast of a member, until the client has it', cast + 1, 1],
      ['group.request', cast + 1, n - 1],
    ] as const) {
      const measured = of(tool, call)
      const text = JSON.stringify(measured)
      assert.ok(measured.delays >= delays - 0.1 && measured.delays <= delays + 0.1, text)
      assert.equal(measured.copies, n - 1, text)
      assert.equal(measured.records, order, text)
      assert.equal(measured.messages, messages, text)
      assert.ok(measured.frames <= n - 1 + order + messages, text)
    }
  }
  for (const call of ['call of a process that does not serve', 'call of one that serves']) {
    const { delays, copies, frames } = of('service', call)
    assert.ok(delays <= 10.1 && copies === 2 * (n - 1) && frames <= 4 * (n - 1) + 2, `${call}: ${delays} ${frames}`)
  }
  assert.equal(figures.length, 20)
})
