/**
 * The trace of real spaces: its lines are those that the property checkers read, and they find nothing wrong.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { MemoryHub, memory } from '../../adapters/memory/index.ts'
import { openSpace, type SpaceOptions } from '../../lib/open-space.ts'
import type { Space } from '../../lib/space.ts'
import type { TraceLine } from '../../lib/testing/trace.ts'
import { formatTrace, parseTrace } from '../../lib/testing/trace-text.ts'
import { checkTrace } from '../sim/checkers/index.ts'
import { BOUNDS } from '../sim/scenario.ts'
import { FakeWorker } from './fake-worker.ts'

/** What a run of three that work together, and of which one leaves, must put to the test. */
const PUT_TO_THE_TEST = [
  ...['S1', 'S2', 'S3', 'S4', 'S7', 'S8', 'P1', 'M1', 'M2', 'M5', 'M6', 'M8', 'M11', 'M12'],
  ...['O1', 'O2', 'O3', 'O4', 'O5', 'O6', 'O7', 'O8', 'T1', 'T2'],
]

const modes: Readonly<Record<string, (hub: MemoryHub) => SpaceOptions>> = {
  'in thread': (hub) => ({ worker: false, transports: [memory({ hub })] }),
  'with a worker': (hub) => ({
    worker: () => new FakeWorker({ hub }).asWorker,
    transports: [memory({ hub })],
  }),
}

for (const [mode, optionsFor] of Object.entries(modes)) {
  test(`trace › of three spaces ${mode} it satisfies every checker`, { timeout: 20_000 }, async (t) => {
    const hub = new MemoryHub()
    const lines: TraceLine[] = []
    const world = (line: Readonly<Record<string, unknown>>): void => {
      const t = performance.timeOrigin + performance.now()
      lines.push({ t, ...line } as unknown as TraceLine)
    }
    world({ e: 'run', seed: 'none', options: {}, bounds: BOUNDS })
    const open = (name: string): Promise<Space> =>
      openSpace('traced', { ...optionsFor(hub), name, foundAfterMs: 20, trace: (line) => lines.push(line) })
    const spaces = await Promise.all([open('a'), open('b')])
    closeAfter(t, spaces)
    await work(spaces)
    // A newcomer, for a state to travel.
    spaces.push(await open('c'))
    await work(spaces)
    await spaces.shift()?.close()
    await work(spaces)
    world({ e: 'quiet', parts: [spaces.map(({ self }) => self)] })
    await work(spaces)
    await new Promise((resolve) => setTimeout(resolve, 200))
    await Promise.all(spaces.map((space) => space.dump()))
    for (const space of spaces) space.kill()
    world({ e: 'end', seed: 'none', events: 0 })

    // What a kernel in a worker has written comes with a delay; one machine has one clock.
    lines.sort((a, b) => a.t - b.t)
    const { violations, checked } = checkTrace(parseTrace(formatTrace(lines)))
    assert.deepEqual(violations, [])
    assert.deepEqual(
      PUT_TO_THE_TEST.filter((property) => checked[property] === 0),
      [],
    )
    assert.ok((lines.at(-1)?.t ?? 0) - (lines[0]?.t ?? 0) < 20_000, 'the clocks of both sides differ')
    assert.ok(lines.every((line) => !('payload' in line)))
  })
}

test('trace › a reader that throws is not called again, and harms nothing', { timeout: 10_000 }, async (t) => {
  let calls = 0
  const warnings: string[] = []
  const space = await openSpace('traced', {
    worker: false,
    transports: [memory({ hub: new MemoryHub() })],
    logger: { warn: (message) => warnings.push(message) },
    trace() {
      calls += 1
      throw new Error('full')
    },
  })
  closeAfter(t, [space])
  const map = await space.map<number>('map')
  map.set('a', 1)
  assert.equal(map.get('a'), 1)
  assert.equal(calls, 1)
  assert.deepEqual(warnings, ['tutti: the trace ends: its reader threw'])
})

/** Every space does something in every kind of group, and waits until all have seen it. */
async function work(spaces: readonly Space[]): Promise<void> {
  const isTogether = ({ view }: Space): boolean => view.primary && view.members.length === spaces.length
  while (!spaces.every(isTogether)) await turn()
  const objects = await Promise.all(
    spaces.map(async (space) => ({
      map: await space.map<string>('map'),
      plays: await space.counter('plays'),
      jobs: await space.queue<string>('jobs'),
      log: await space.group('log', { order: 'total', uniform: true }),
    })),
  )
  const before = objects[0]?.plays.value ?? 0
  await Promise.all(
    objects.map(async ({ map, plays, jobs, log }, i) => {
      for (let n = 0; n < 10; n += 1) {
        map.set(`key ${n}`, `${i} ${map.get(`key ${n - 1}`) ?? ''}`.slice(0, 20))
        plays.add(1)
        await log.cast(n).delivered
      }
      await jobs.add(`job of ${i}`)
      await (await jobs.take()).done()
    }),
  )
  for (const { plays } of objects) while (plays.value < before + 10 * spaces.length) await turn()
}

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5))
}

function closeAfter(t: TestContext, spaces: readonly Space[]): void {
  t.after(() => {
    for (const space of spaces) space.kill()
  })
}
