/** Errors: codes, definiteness, and the way across the worker's border. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import * as errors from '../../lib/errors.ts'
import * as toolErrors from '../../lib/tool-errors.ts'

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

/** By code: what a user writes who handles all of them. It compiles if the union names each class's code, and no other. */
const byCode: { readonly [Code in errors.ErrorCode]: errors.TuttiError } = {
  usage: new errors.UsageError('m'),
  value: new errors.ValueError('m'),
  'too-large': new errors.TooLargeError('m', 2, 1),
  busy: new errors.BusyError('m'),
  closed: new errors.ClosedError('m'),
  'not-primary': new errors.NotPrimaryError('m'),
  'unknown-outcome': new errors.UnknownOutcomeError('m'),
  'view-changed': new errors.ViewChangedError('m'),
  'stale-token': new errors.StaleTokenError('m'),
  'kind-mismatch': new errors.KindMismatchError('m'),
  'group-mismatch': new errors.GroupMismatchError('m'),
  lagged: new errors.LaggedError('m'),
  transport: new errors.TransportError('m', 'unreachable'),
  storage: new errors.StorageError('m'),
  schema: new errors.SchemaError('m', [{ message: 'no', path: '' }]),
  worker: new errors.WorkerError('m'),
  invariant: new errors.InvariantError('m'),
  conflict: new toolErrors.ConflictError('m'),
  deadlock: new toolErrors.DeadlockError([]),
  divergence: new toolErrors.DivergenceError('m', { calls: 1, diverged: ['p'] }),
  'no-handler': new toolErrors.NoHandlerError('m'),
  'no-replies': new toolErrors.NoRepliesError('m', { replies: null }),
  'not-atomic': new toolErrors.NotAtomicError('m'),
  'out-of-bounds': new toolErrors.OutOfBoundsError('m'),
  remote: new toolErrors.RemoteError('m', { process: 'p', remoteName: 'Error' }),
  snapshot: new toolErrors.SnapshotError('m', { reason: 'newer' }),
  vote: new toolErrors.VoteError('m', 'decided'),
}

test('errors › the type of `code` names the codes of tools, and there is no class without one', () => {
  const classes = Object.keys({ ...errors, ...toolErrors }).filter((name) => /[a-z]Error$/.test(name))
  const named = Object.values(byCode).map(({ name }) => name)
  assert.deepEqual([...named, 'TuttiError'].sort(), classes.sort())
  for (const [code, error] of Object.entries(byCode)) assert.equal(error.code, code)
})

test('errors › every code has its section in docs/errors.md, and every error leads there', () => {
  const text = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')
  for (const { code, name, docs } of Object.values(byCode)) {
    const [, section = ''] = text.split(`\n## ${code}\n`)
    assert.ok(section.startsWith(`\`${name}\``), code)
    assert.equal(docs, `docs/errors.md#${code}`)
  }
})
