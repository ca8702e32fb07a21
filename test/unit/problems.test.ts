/** What a space reports of its own accord, and that it writes nothing unless it is given somewhere to write. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { MemoryHub, memory } from '../../adapters/memory/index.ts'
import { UsageError } from '../../lib/errors.ts'
import { openSpace, type SpaceOptions } from '../../lib/open-space.ts'
import type { TransportSpec } from '../../lib/ports/transport.ts'
import type { Space } from '../../lib/space.ts'

const brokenWorker = (): Worker => {
  throw new SyntaxError('no such file')
}
/** Finds something wrong before the space is there, and something more a while later. */
const grumbling: TransportSpec = {
  type: 'grumbling',
  options: {},
  create: () => ({
    type: 'grumbling',
    preference: 1,
    start(host) {
      host.problem({ code: 'early', message: 'was wrong from the start' })
      host.searched()
      setTimeout(() => host.problem({ code: 'late', message: 'went wrong later' }), 50)
    },
    stop: () => undefined,
  }),
}

async function problemsOf(t: TestContext, options: SpaceOptions, count: number): Promise<readonly string[]> {
  const space: Space = await openSpace('test', options)
  t.after(() => space.kill())
  const found: string[] = []
  await new Promise<void>((resolve) => {
    space.addEventListener('problem', ({ error }) => {
      found.push('reason' in error ? `${error.code} ${error.reason}` : `${error.code} ${error.name}`)
      if (found.length === count) resolve()
    })
  })
  return found
}

test('problems › what was found before openSpace resolved is told to who listens then, once, and later ones as they come', {
  timeout: 10_000,
}, async (t) => {
  const options = { worker: false, transports: [grumbling] }
  assert.deepEqual(await problemsOf(t, options, 2), ['transport early', 'transport late'])
})

test('problems › a space whose worker cannot be made opens in this thread, and says so', {
  timeout: 10_000,
}, async (t) => {
  const options = { worker: brokenWorker, transports: [memory({ hub: new MemoryHub() })] }
  assert.deepEqual(await problemsOf(t, options, 1), ['worker WorkerError'])
})

test('logger › without one nothing is written, with one each problem is', { timeout: 10_000 }, async (t) => {
  const written: unknown[] = []
  for (const method of ['log', 'info', 'warn', 'error', 'debug'] as const) {
    t.mock.method(console, method, (...args: unknown[]) => written.push(args))
  }
  const options = { worker: brokenWorker, transports: [grumbling] }
  await problemsOf(t, options, 3)
  assert.deepEqual(written, [])
  const warnings: string[] = []
  await problemsOf(t, { ...options, logger: { warn: (message) => warnings.push(message) } }, 3)
  assert.deepEqual(
    warnings.map((message) => message.split(/[;(]/)[0]?.trim()),
    ['tutti: no worker', 'tutti: grumbling: was wrong from the start', 'tutti: grumbling: went wrong later'],
  )
  assert.deepEqual(written, [])
})

test('logger › what is none is refused at once, and one that throws breaks nothing', { timeout: 10_000 }, async (t) => {
  for (const logger of [console.log, {}, null, { warn: true }, 'console']) {
    await assert.rejects(openSpace('test', { worker: false, logger: logger as never }), UsageError)
  }
  let calls = 0
  const warn = (): void => {
    calls += 1
    throw new Error('full')
  }
  const options = { worker: brokenWorker, transports: [grumbling], logger: { warn } }
  assert.deepEqual(await problemsOf(t, options, 3), ['worker WorkerError', 'transport early', 'transport late'])
  assert.equal(calls, 3)
})
