/** Transfers of large states: what of them goes again when a donor dies, and what to somebody who holds most of it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Command } from '../../../lib/kernel/api.ts'
import type { Frame } from '../../../lib/kernel/frame.ts'
import { defaultLimits, type Limits } from '../../../lib/kernel/limits.ts'
import { Cluster } from './cluster.ts'

const MB = 1_000_000

/** Bytes that look like chance, the same for the same seed. */
function noise(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length)
  let state = seed
  for (let i = 0; i < length; i += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
    bytes[i] = state >>> 24
  }
  return bytes
}

/** Applications of the group `h`: a, b and c have its state, d is about to open it. */
class States {
  readonly cluster: Cluster
  readonly states = new Map<string, Uint8Array>()
  /** Who has left the group. */
  readonly left = new Set<string>()
  /** What of the state d holds; undefined: its page does not answer. */
  base: Uint8Array | null | undefined = null
  /** Bytes of chunks that were sent to d. */
  sent = 0
  /** May lose (null) or change a frame. */
  onFrame: (frame: Frame, from: string) => Frame | null = (frame) => frame

  constructor(state: Uint8Array, limits: Partial<Limits> = {}) {
    this.cluster = new Cluster(['a', 'b', 'c', 'd'], {}, limits)
    this.cluster.watch = (id, event) => {
      if (event.type === 'state') this.states.set(id, event.sources[0]?.state ?? new Uint8Array(0))
      if (event.type === 'leftGroup') this.left.add(id)
      if (event.type !== 'snapshot' && event.type !== 'base') return
      const given = event.type === 'snapshot' ? (this.states.get(id) ?? null) : id === 'd' ? this.base : null
      if (given !== undefined) this.cluster.command(id, { type: 'snapshot', transfer: event.transfer, state: given })
    }
    for (const id of ['a', 'b', 'c']) {
      this.states.set(id, state)
      this.cluster.join(id, { state: true }, 'h')
      this.cluster.run(100)
    }
    this.cluster.run(5_000)
    this.cluster.tamper = (frame, from, to) => {
      if (to !== 'd' || frame.t !== 'bulk' || frame.chunk === null) return frame
      this.sent += frame.chunk.bytes.length
      return this.onFrame(frame, from)
    }
  }

  /** d opens the group; its state, once it has come. */
  open(): Uint8Array {
    this.cluster.join('d', { state: true }, 'h')
    this.cluster.until(() => this.states.has('d'))
    return this.states.get('d') ?? new Uint8Array(0)
  }

  count(e: string): number {
    return this.cluster.lines.filter((line) => line['e'] === e && line.p === 'd').length
  }
}

test('transfer › when a donor dies at 90 % of 10 MB, another one sends what is missing', () => {
  const state = noise(10 * MB, 1)
  const s = new States(state)
  let dead = ''
  s.onFrame = (frame, from) => {
    if (s.sent < 9 * MB || dead !== '') return from === dead ? null : frame
    dead = from
    return null
  }
  s.cluster.join('d', { state: true }, 'h')
  s.cluster.until(() => dead !== '')
  s.cluster.crash(dead)
  assert.deepEqual(s.open(), state)
  assert.ok(s.sent < 1.1 * state.length, `${s.sent} bytes`)
})

test('transfer › when a donor stalls, another one sends what is missing, though casts have changed the state', () => {
  const state = noise(MB, 2)
  const s = new States(state)
  let stalled = ''
  s.onFrame = (frame, from) => {
    if (s.sent < 0.8 * MB || (stalled !== '' && from !== stalled)) return frame
    if (stalled === '') {
      stalled = from
      const later = new Uint8Array([...state.subarray(0, 5_000), ...noise(3_000, 3), ...state.subarray(5_000)])
      for (const id of ['a', 'b', 'c']) s.states.set(id, later)
    }
    return null
  }
  const came = s.open()
  assert.equal(came.length, MB + 3_000)
  assert.deepEqual(came, s.states.get('a'))
  assert.ok(s.sent < 1.5 * MB, `${s.sent} bytes`)
})

test('transfer › who holds a state of which 1 % has changed gets less than a tenth of it', () => {
  const held = noise(10 * MB, 4)
  const state = held.slice()
  for (let i = 0; i < 100; i += 1) state.set(noise(1_000, i + 5), i * 100_000 + 7 * i)
  const s = new States(state)
  s.base = held
  assert.deepEqual(s.open(), state)
  assert.ok(s.sent < 0.06 * state.length, `${s.sent} bytes`)
})

test('transfer › nothing is sent of a state that its receiver holds, wherever in something else', () => {
  const state = noise(MB, 6)
  const s = new States(state)
  s.base = new Uint8Array([...noise(777, 7), ...state])
  assert.deepEqual(s.open(), state)
  assert.ok(s.sent < 0.02 * MB, `${s.sent} bytes`)
})

test('transfer › a state that is not what the donor had is asked for again, whole', () => {
  const state = noise(MB, 8)
  const s = new States(state)
  s.base = state.subarray(0, MB / 2)
  let isDone = false
  s.onFrame = (frame) => {
    if (isDone || frame.t !== 'bulk' || frame.chunk?.what !== 'state') return frame
    isDone = true
    const bytes = frame.chunk.bytes.slice()
    bytes[99] = (bytes[99] ?? 0) ^ 1
    return { ...frame, chunk: { ...frame.chunk, bytes } }
  }
  assert.deepEqual(s.open(), state)
  assert.equal(s.count('mismatch'), 1)
  assert.ok(s.sent > 1.5 * MB, `${s.sent} bytes`)
  assert.deepEqual(s.cluster.seen('d').faults, [])
})

test('transfer › a page that does not say what it holds is not waited for', () => {
  const state = noise(MB, 9)
  const s = new States(state)
  s.base = undefined
  const before = s.cluster.now
  assert.deepEqual(s.open(), state)
  const took = s.cluster.now - before
  assert.ok(took > defaultLimits.transferTimeoutMs / 2 && took < defaultLimits.transferTimeoutMs, `${took} ms`)
  assert.equal(s.count('want'), 1)
})

test('transfer › a state is announced if it is larger than the limit', () => {
  for (const more of [0, 1]) {
    const state = noise(defaultLimits.announceBytes + more, 10)
    const s = new States(state)
    assert.deepEqual(s.open(), state)
    assert.equal(s.count('want'), more)
  }
})

test('transfer › a state is cut and verified a little in each step', () => {
  const state = noise(MB, 11)
  const s = new States(state, { cutBytes: 10_000 })
  s.base = state.subarray(0, MB / 2)
  assert.deepEqual(s.open(), state)
})

test('transfer › a donor that takes long to cut a state is not taken for one that stalls', () => {
  const state = noise(6 * MB, 12)
  const s = new States(state, { cutBytes: 2_000 })
  const before = s.cluster.now
  assert.deepEqual(s.open(), state)
  assert.ok(s.cluster.now - before > 1.5 * defaultLimits.transferTimeoutMs)
  assert.equal(s.count('want'), 1)
})

test('transfer › a donor that sends the state of one group first is not taken for one that stalls with another', () => {
  const state = noise(2 * MB, 14)
  const s = new States(state, { chunksInFlight: 1 })
  for (const id of ['a', 'b', 'c']) {
    s.cluster.join(id, { state: true }, 'i')
    s.cluster.run(2_000)
  }
  const all: string[] = []
  const { watch } = s.cluster
  s.cluster.watch = (id, event) => {
    if (id === 'd' && event.type === 'state') all.push(event.group)
    watch(id, event)
  }
  // Both come from a.
  s.cluster.command('b', { type: 'leaveGroup', group: 'i' }, { type: 'leaveGroup', group: 'h' })
  s.cluster.command('c', { type: 'leaveGroup', group: 'i' }, { type: 'leaveGroup', group: 'h' })
  s.cluster.run(1_000)
  s.cluster.lines.length = 0
  for (const group of ['h', 'i']) s.cluster.join('d', { state: true }, group)
  s.cluster.until(() => all.length === 2)
  assert.deepEqual(
    s.cluster.lines.filter((line) => line['e'] === 'transfer').map((line) => [line.p, line['g']]),
    [
      ['a', 'h'],
      ['a', 'i'],
    ],
  )
})

/** d is sent the last of a state, which it takes long to put together, and all who have it go in the same moment. */
function deserted(command: Command): { readonly s: States; readonly state: Uint8Array } {
  const state = noise(MB, 13)
  const s = new States(state, { cutBytes: 2_000 })
  let isSent = false
  s.onFrame = (frame) => {
    isSent ||= frame.t === 'bulk' && frame.chunk?.isLast === true && frame.chunk.what === 'state'
    return frame
  }
  s.cluster.join('d', { state: true }, 'h')
  s.cluster.until(() => isSent)
  for (const id of ['a', 'b', 'c']) s.cluster.command(id, command)
  return { s, state }
}

test('transfer › all who have a state leave the group as the last of it is sent: it is put together before they are gone', () => {
  const { s, state } = deserted({ type: 'leaveGroup', group: 'h' })
  s.cluster.until(() => s.left.size === 3)
  assert.deepEqual(s.states.get('d'), state)
})

test('transfer › the same, if they leave the space', () => {
  const { s, state } = deserted({ type: 'leave', quick: false })
  s.cluster.until(() => s.cluster.kernels.get('d')?.era.members.length === 1)
  assert.deepEqual(s.states.get('d'), state)
})

test('transfer › a list that is none is as good as a donor that stalls, and keeps nobody from leaving', () => {
  const state = noise(MB, 13)
  const s = new States(state)
  let broken = ''
  s.onFrame = (frame, from) => {
    if (frame.t !== 'bulk' || frame.chunk?.what !== 'list' || (broken !== '' && broken !== from)) return frame
    broken = from
    return { ...frame, chunk: { ...frame.chunk, bytes: new Uint8Array(frame.chunk.bytes.length) } }
  }
  s.cluster.join('d', { state: true }, 'h')
  s.cluster.until(() => broken !== '')
  s.cluster.command(broken, { type: 'leaveGroup', group: 'h' })
  assert.deepEqual(s.open(), state)
  s.cluster.run(2_000)
  assert.equal(s.left.has(broken), true)
})
