/** Errors: codes, definiteness, and the way across the worker's border. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import * as errors from '../../lib/errors.ts'

const cause = new TypeError('below')
const all: readonly errors.TuttiError[] = [
  new errors.UsageError('m', { cause }),
  new errors.ValueError('m', '.a[3].b', { cause }),
  new errors.TooLargeError('m', 2, 1, { cause }),
  new errors.BusyError('m', { cause }),
  new errors.ClosedError('m', { cause, reason: 'superseded' }),
  new errors.NotPrimaryError('m', ['p', 'q'], { cause }),
  new errors.UnknownOutcomeError('m', { cause }),
  new errors.ViewChangedError('m', { cause }),
  new errors.StaleTokenError('m', { cause }),
  new errors.KindMismatchError('m', { cause }),
  new errors.GroupMismatchError('m', { cause }),
  new errors.LaggedError('m', { cause }),
  new errors.TransportError('m', 'unreachable', { cause }),
  new errors.StorageError('m', { cause }),
  new errors.SchemaError('m', [{ message: 'no', path: '.a' }], { cause }),
  new errors.WorkerError('m', { cause }),
  new errors.InvariantError('m', { cause }),
]

test('errors › each class has its own code and name, and every class is in this list', () => {
  const classes = Object.entries(errors).filter(([name]) => name.endsWith('Error') && name !== 'TuttiError')
  assert.deepEqual(all.map(({ name }) => name).sort(), classes.map(([name]) => name).sort())
  assert.equal(new Set(all.map(({ code }) => code)).size, all.length)
})

test('errors › every error crosses the border intact, its cause with it', () => {
  for (const error of all) {
    const copy = errors.errorFromPlain(structuredClone(errors.errorToPlain(error)))
    assert.ok(copy instanceof errors.TuttiError)
    assert.equal(copy.constructor, error.constructor)
    assert.deepEqual({ ...copy }, { ...error })
    assert.deepEqual([copy.name, copy.message, copy.definite], [error.name, error.message, error.definite])
    assert.deepEqual([(copy.cause as Error).name, (copy.cause as Error).message], ['TypeError', 'below'])
  }
})

test('errors › anything thrown crosses the border, a circle of causes too', () => {
  const circular = new Error('c')
  circular.cause = circular
  for (const thrown of [undefined, null, 'text', Symbol('s'), Object.create(null), circular]) {
    assert.ok(errors.errorFromPlain(structuredClone(errors.errorToPlain(thrown))) instanceof Error)
  }
})

test('errors › only what may have happened is not definite', () => {
  const open = all.filter(({ definite }) => !definite).map(({ code }) => code)
  assert.deepEqual(open.sort(), ['invariant', 'storage', 'transport', 'unknown-outcome', 'worker'])
})

test('errors › every code has its section in docs/errors.md', () => {
  const text = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')
  for (const { code, name, docs } of all) {
    assert.ok(text.includes(`\n## ${code}\n`), code)
    assert.ok(text.includes(`\`${name}\``), name)
    assert.equal(docs, `docs/errors.md#${code}`)
  }
})
