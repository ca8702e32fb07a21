/** Those who wait for one thing to happen. */
import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import { Waiters } from '../../lib/waiters.ts'

test('waiters › are settled together, or by their signal, on which nothing stays', async () => {
  const waiters = new Waiters()
  const abort = new AbortController()
  const { signal } = abort
  const listeners = (): number => getEventListeners(signal, 'abort').length
  const resolved = [waiters.wait(signal), waiters.wait(signal), waiters.wait()]
  assert.equal(listeners(), 2)
  waiters.resolve()
  await Promise.all(resolved)
  assert.deepEqual([listeners(), waiters.isEmpty], [0, true])
  const rejected = waiters.wait(signal)
  waiters.reject(new Error('over'))
  await assert.rejects(rejected, /over/)
  assert.equal(listeners(), 0)
  const aborted = waiters.wait(signal)
  abort.abort(new Error('enough'))
  await assert.rejects(aborted, /enough/)
  assert.deepEqual([listeners(), waiters.isEmpty], [0, true])
  await assert.rejects(waiters.wait(signal), /enough/)
  assert.equal(waiters.isEmpty, true)
})
