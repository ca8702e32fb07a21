/** Weights and witnesses, as an application sees them. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { MemoryHub, memory } from '../../adapters/memory/index.ts'
import { UsageError } from '../../lib/errors.ts'
import { openSpace, type SpaceOptions } from '../../lib/open-space.ts'
import { makePlatform } from '../../lib/platform.ts'
import { Space } from '../../lib/space.ts'
import { until } from './until.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

test('votes › a weight is a whole number from 0 to 255, and a witness has one', async () => {
  const wrong: readonly (readonly [object, RegExp])[] = [
    [{ weight: -1 }, /0 to 255/],
    [{ weight: 256 }, /0 to 255/],
    [{ weight: 0.5 }, /0 to 255/],
    [{ weight: '1' }, /0 to 255/],
    [{ witness: 1 }, /true or false/],
    [{ witness: true, weight: 0 }, /nothing at all/],
  ]
  for (const [options, message] of wrong) {
    await assert.rejects(openSpace('test', { transports: [memory()], ...options }), (error) => {
      assert.ok(error instanceof UsageError)
      assert.match(error.message, message)
      return true
    })
  }
})

test('votes › a witness votes, shows itself as one, and opens nothing', { timeout: 20_000 }, async (t) => {
  const hub = new MemoryHub()
  const open = async (options: SpaceOptions): Promise<Space> => {
    const space = await openSpace('test', {
      worker: false,
      foundAfterMs: 20,
      transports: [memory({ hub })],
      ...options,
    })
    t.after(() => space.kill())
    return space
  }
  const witness = await open({ name: 'w', witness: true, weight: 255 })
  const [a, b] = [await open({ name: 'a' }), await open({ name: 'b', weight: 0 })]
  await until(witness, 'view', () => witness.view.members.length === 3 && witness.view.primary)
  assert.deepEqual(witness.members.map(({ name, weight, witness: isWitness }) => [name, weight, isWitness]).sort(), [
    ['a', 1, false],
    ['b', 0, false],
    ['w', 255, true],
  ])
  assert.equal(witness.view.members.at(-1)?.id, witness.self)
  for (const opening of [() => witness.map('m'), () => witness.queue('q'), () => witness.group('g')]) {
    await assert.rejects(opening(), (error) => error instanceof UsageError && /witness/.test(error.message))
  }
  await assert.rejects(witness.refound(), UsageError)
  const [left, right] = [await a.map('m'), await b.map('m')]
  left.set('key', 'value')
  await until(right, 'change', () => right.get('key') === 'value')
})

test('votes › the trace of a witness says that it is one', () => {
  const lines: object[] = []
  const parts = { name: 'n', self: 'w', platform: makePlatform(), logger: console, origin: '', isWitness: true }
  const space = new Space({ ...parts, trace: (line) => lines.push(line) })
  assert.ok(lines.some((line) => 'e' in line && line.e === 'start' && 'witness' in line && line.witness === true))
  space.kill()
})

test('votes › the example of two devices and a witness runs', { timeout: 60_000 }, async () => {
  const flags = ['--conditions=tutti-source', '--import', 'tsx', 'demo/witness.ts']
  const { stdout } = await promisify(execFile)(process.execPath, flags, { cwd: root })
  const [first = '', ...rest] = stdout.trim().split('\n')
  assert.match(first, /^together: primary, .*witness \(votes: 1\)$/)
  assert.deepEqual(rest, ['without the desk: primary, phone, witness (votes: 1)', 'agreed on: copy the parts'])
})
