/** From when a lease counts: answers of those who are in the view, and have not closed it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Core } from '../../../lib/kernel/core.ts'
import { Detector } from '../../../lib/kernel/detector.ts'
import type { HeartbeatFrame } from '../../../lib/kernel/frame.ts'
import { defaultLimits } from '../../../lib/kernel/limits.ts'
import { Cluster } from './cluster.ts'

const members = ['a', 'b', 'c']
const beat: HeartbeatFrame = {
  t: 'heartbeat',
  view: '2.a',
  isMember: true,
  isClosed: false,
  epoch: 2,
  summary: null,
  sentAt: 1,
  echo: 0,
  ack: { session: 1, no: 0 },
}

function makeDetector(): Detector {
  const view = { members: members.map((id) => ({ id, weight: 1 })) }
  const era = { id: '2.a', members, ranks: new Map(members.map((id, rank) => [id, rank])), view }
  const core = { self: 'a', now: 1_000, limits: defaultLimits, links: new Map(), departed: new Map(), era }
  const detector = new Detector(core as unknown as Core)
  detector.newView()
  return detector
}

test('lease › it counts from the last heartbeat that a quorum has answered', () => {
  const detector = makeDetector()
  assert.equal(detector.leaseStart(), null)
  detector.handleBeat('b', { ...beat, echo: 500 })
  assert.equal(detector.leaseStart(), 500)
})

test('lease › an answer from another view counts for none: a primary one may have begun there', () => {
  const detector = makeDetector()
  detector.handleBeat('b', { ...beat, echo: 500 })
  detector.handleBeat('b', { ...beat, view: '3.b', isMember: false, echo: 900 })
  assert.equal(detector.leaseStart(), 500)
  assert.equal(detector.answered(), 900)
})

test('lease › an answer of one that has closed the view counts for none: others may have the next one already', () => {
  const detector = makeDetector()
  detector.handleBeat('b', { ...beat, echo: 500 })
  detector.handleBeat('b', { ...beat, isClosed: true, echo: 900 })
  assert.equal(detector.leaseStart(), 500)
  detector.handleBeat('c', { ...beat, echo: 700 })
  assert.equal(detector.leaseStart(), 700)
})

test('lease › who has said goodbye answers for none: what is voted without it may have been', () => {
  const cluster = new Cluster(['a', 'b'], {})
  cluster.run(1_000)
  const beats: boolean[] = []
  cluster.tamper = (frame, from) => {
    if (from === 'b' && frame.t === 'heartbeat') beats.push(frame.isClosed)
    // Nobody acknowledges the goodbye, so that it stays for a while.
    return from === 'a' ? null : frame
  }
  cluster.command('b', { type: 'leave', quick: false })
  cluster.run(800)
  assert.ok(beats.length > 0 && beats.every((isClosed) => isClosed), `beats: ${beats}`)
})
