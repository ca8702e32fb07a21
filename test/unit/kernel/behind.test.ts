/** A member that is heard, and stays in an older view. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Core } from '../../../lib/kernel/core.ts'
import { Detector } from '../../../lib/kernel/detector.ts'
import { defaultLimits } from '../../../lib/kernel/limits.ts'

test('detector › who is heard from a view before this one is as good as silent, and whoever is in it is not', () => {
  const core = {
    self: 'a',
    now: 0,
    limits: defaultLimits,
    links: new Map(),
    departed: new Map(),
    era: { id: '2.a', members: ['a', 'b', 'c'], ranks: new Map(['a', 'b', 'c'].map((id, rank) => [id, rank])) },
  }
  const detector = new Detector(core as unknown as Core)
  detector.newView()
  const beat = (view: string) =>
    ({
      t: 'heartbeat',
      view,
      isMember: true,
      isClosed: false,
      epoch: 1,
      summary: null,
      sentAt: 0,
      echo: 0,
      ack: null,
    }) as never
  for (; core.now <= defaultLimits.suspectAfterMs * 2; core.now += defaultLimits.heartbeatMs) {
    detector.handleBeat('b', beat('1.a'))
    detector.handleBeat('c', beat('2.a'))
  }
  assert.equal(detector.isSuspect('b'), true)
  assert.equal(detector.isSuspect('c'), false)
})
