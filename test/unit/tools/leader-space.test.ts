/** Leaders of a whole space, in one thread over the memory transport. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { MemoryHub, memory } from '../../../adapters/memory/index.ts'
import { ClosedError, UsageError } from '../../../lib/errors.ts'
import { compareTokens, type Token } from '../../../lib/objects/token.ts'
import { openSpace } from '../../../lib/open-space.ts'
import type { Space } from '../../../lib/space.ts'
import { until } from '../until.ts'

async function openSpaces(t: TestContext, count: number): Promise<readonly [Space, Space, Space]> {
  const transports = [memory({ hub: new MemoryHub() })]
  const open = (): Promise<Space> => openSpace('test', { worker: false, foundAfterMs: 20, transports })
  const spaces = await Promise.all(Array.from({ length: count }, open))
  t.after(() => {
    for (const space of spaces) space.kill()
  })
  await Promise.all(
    spaces.map((space) => until(space, 'view', () => space.members.length === count && space.view.primary)),
  )
  const [a, b, c] = spaces
  assert.ok(a && b && c)
  return [a, b, c]
}

/** Leads until it is told to stop. */
function lead(space: Space, name = 'chief') {
  const controller = new AbortController()
  const about: { token: Token | null; signal: AbortSignal | null } = { token: null, signal: null }
  let begin: () => void = () => undefined
  const begun = new Promise<void>((resolve) => {
    begin = resolve
  })
  const done = space.whenLeader(
    name,
    ({ signal, token }) => {
      Object.assign(about, { token, signal })
      begin()
      return new Promise<string>((resolve) => signal.addEventListener('abort', () => resolve('stopped')))
    },
    { signal: controller.signal },
  )
  done.catch(() => undefined)
  return { about, begun, done, stop: () => controller.abort(new RangeError('enough')) }
}

test('leader of a space › one leads, and when it stops or leaves the next one does', { timeout: 20_000 }, async (t) => {
  const [a, b, c] = await openSpaces(t, 3)
  const first = lead(a)
  await first.begun
  const watched = await c.leaderOf('chief')
  assert.equal(await c.leaderOf('chief'), watched)
  await until(watched, 'change', () => watched.leader === a.self)
  const [second, third] = [lead(b), lead(c)]
  first.stop()
  await assert.rejects(first.done, RangeError)
  await Promise.race([second.begun, third.begun])
  const [leading, waiting] = second.about.token ? [second, third] : [third, second]
  const leader = leading === second ? b : c
  await leader.close()
  assert.ok(leading.about.signal?.reason instanceof ClosedError)
  await waiting.begun
  const tokens = [first, leading, waiting].map(({ about }) => about.token as Token)
  assert.deepEqual([...tokens].sort(compareTokens), tokens)
})

test('leader of a group › is its most senior member; its work ends with the group', { timeout: 20_000 }, async (t) => {
  const [a, b, c] = await openSpaces(t, 3)
  const groups = await Promise.all([a, b, c].map((space) => space.group('band', { order: 'total' })))
  await Promise.all(groups.map((group) => until(group, 'view', () => group.view?.members.length === 3)))
  const [group, other] = groups
  assert.ok(group && other)
  assert.equal(group.leader, group.view?.members[0])
  assert.equal(other.leader, group.leader)
  let isLeading: () => void = () => undefined
  const leads = new Promise<void>((resolve) => {
    isLeading = resolve
  })
  const done = group.whenLeader(({ signal }) => {
    isLeading()
    return new Promise((resolve) => signal.addEventListener('abort', resolve))
  })
  await leads
  const next = other.whenLeader(({ token }) => token)
  const stopped = assert.rejects(done, ClosedError)
  await group.close()
  await stopped
  assert.equal((await next)[0], b.view.line)
  assert.equal(group.leader, null)
  await assert.rejects(
    group.whenLeader(() => 1),
    ClosedError,
  )
})

test('leader of a space › a witness cannot lead, and a name is needed', { timeout: 20_000 }, async (t) => {
  const transports = [memory({ hub: new MemoryHub() })]
  const witness = await openSpace('test', { worker: false, foundAfterMs: 20, transports, witness: true })
  t.after(() => witness.kill())
  await assert.rejects(
    witness.whenLeader('chief', () => 1),
    UsageError,
  )
  const space = await openSpace('test', { worker: false, foundAfterMs: 20, transports })
  t.after(() => space.kill())
  await assert.rejects(
    space.whenLeader('', () => 1),
    UsageError,
  )
  await assert.rejects(
    space.whenLeader('chief', () => 1, { signal: AbortSignal.abort(new RangeError('no')) }),
    RangeError,
  )
  assert.equal(await space.whenLeader('chief', () => 1), 1)
})
