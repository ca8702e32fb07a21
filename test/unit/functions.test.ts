/** Whatever takes a function refuses what is none when it is given, before anything is done. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as Y from 'yjs'
import { list, TuttiProvider } from '../../adapters/yjs/index.ts'
import { UsageError } from '../../lib/errors.ts'
import type { Space } from '../../lib/space.ts'
import { openTogether } from './together.ts'

/** A call that is given `fn` where a function belongs. */
type Call = (fn: never) => unknown

/** Those of the space itself, which load and open what they need. */
const ofSpace = (space: Space): Readonly<Record<string, Call>> => ({
  'space.batch': (fn) => space.batch(fn),
  'space.whenLeader': (fn) => space.whenLeader('chief', fn),
  'space.once': (fn) => space.once('key', fn),
  'space.transact': (fn) => space.transact(fn),
  'space.serve': (fn) => space.serve('sums', fn),
  'space.replicate': (thing) => space.replicate('thing', thing),
  'space.topics.subscribe': (fn) => space.topics.subscribe('a/b', fn, { last: 1 }),
  'space.topic.subscribe': (fn) => space.topic('a/b').subscribe(fn, { last: 1 }),
  'space.group, state.save': (save) => space.group('plain', { state: { save, load: () => undefined } }),
  'space.group, state.merge': (merge) =>
    space.group('plain', { state: { save: () => 0, load: () => undefined, merge: merge ?? 1 } }),
  'space.region.follow': (fn) => space.region().follow(space, fn),
})

/** Those of what is open in it. */
async function ofObjects(space: Space): Promise<Readonly<Record<string, Call>>> {
  const queue = await space.queue<string>('jobs')
  const register = await space.register<string>('title')
  const accounts = await space.map<number>('accounts', { consistency: 'total' })
  const values = await list<string>(space, 'values')
  const group = await space.group('other')
  const log = await space.audit('log')
  const leadership = await space.leaderOf('chief')
  const replies = { replies: 'none' } as never
  await queue.add('job')
  return {
    'queue.process': (fn) => queue.process(fn, { retryDelay: 10 }),
    'queue.process, retryDelay': (fn) => queue.process(() => undefined, { retryDelay: fn ?? 'soon' }),
    'queue.subscribe': (fn) => queue.subscribe(fn),
    'register.update': (fn) => register.update(fn),
    'totalMap.transaction': (fn) => accounts.transaction(fn),
    'list.subscribe': (fn) => values.subscribe(fn),
    'group.whenLeader': (fn) => group.whenLeader(fn),
    'group.serve': (fn) => group.serve(fn),
    'group.respond': (fn) => group.respond(fn),
    'group.request': (fn) => group.request(1, fn === undefined ? replies : { replies: fn }),
    'log.watch': (run) => log.watch('trigger', { run }),
    'leadership.whenLeader': (fn) => leadership.whenLeader(fn),
    initialContent: (fn) =>
      new TuttiProvider(space, 'doc', new Y.Doc(), { awareness: null, initialContent: fn ?? (1 as never) }),
  }
}

async function thrownBy(call: Call, given: unknown): Promise<unknown> {
  try {
    const result: unknown = await call(given as never)
    return `nothing: ${String(result)}`
  } catch (error) {
    return error
  }
}

test('functions › what is none is a UsageError at the call', { timeout: 20_000 }, async (t) => {
  const [space] = await openTogether(t, [{}])
  assert.ok(space)
  const calls = { ...ofSpace(space), ...(await ofObjects(space)) }
  for (const [name, call] of Object.entries(calls)) {
    for (const given of [undefined, null, 'text', {}]) {
      const error = await thrownBy(call, given)
      assert.ok(error instanceof UsageError, `${name}(${JSON.stringify(given)}): ${String(error)}`)
    }
  }
})

test('functions › an item is not taken for what cannot be called with it', { timeout: 20_000 }, async (t) => {
  const [space] = await openTogether(t, [{}])
  assert.ok(space)
  const queue = await space.queue<string>('jobs')
  await queue.add('job')
  await assert.rejects(queue.process(undefined as never, { signal: AbortSignal.timeout(200) }), UsageError)
  assert.deepEqual(
    queue.items.map(({ state, attempts }) => [state, attempts]),
    [['waiting', 0]],
  )
})

test('functions › it is said before anything is opened: in a closed space, too', { timeout: 20_000 }, async (t) => {
  const [space] = await openTogether(t, [{}])
  assert.ok(space)
  await space.close()
  for (const [name, call] of Object.entries(ofSpace(space))) {
    const error = await thrownBy(call, 'text')
    assert.ok(error instanceof UsageError, `${name}: ${String(error)}`)
  }
})
