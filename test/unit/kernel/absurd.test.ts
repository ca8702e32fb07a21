/** A member names absurd numbers, in each field of each kind of frame: nobody stops, and without it all go on. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GroupOptions } from '../../../lib/kernel/api.ts'
import type { Frame, Message, Part } from '../../../lib/kernel/frame.ts'
import { defaultLimits } from '../../../lib/kernel/limits.ts'
import { Cluster } from './cluster.ts'

const IDS = ['a', 'b', 'c', 'd']

/** The paths of all numbers in it, without indices: `control.messages.row.lamport`. */
function* pathsOf(value: unknown, path: string): Iterable<string> {
  if (typeof value === 'number') yield path
  if (Array.isArray(value)) for (const each of value) yield* pathsOf(each, path)
  else if (isRecord(value))
    for (const [key, each] of Object.entries(value)) yield* pathsOf(each, pathTo(value, key, path))
}

function pathTo(value: object, key: string, path: string): string {
  const { t, k } = value as { t?: string; k?: string }
  return [path, t ?? k, key].filter((part) => part !== undefined && part !== '').join('.')
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)
}

/** The same with another number at each place of that path. */
function put<T>(value: T, where: string, n: number, path = ''): T {
  if (typeof value === 'number') return (path === where ? n : value) as T
  if (Array.isArray(value)) return value.map((each) => put(each, where, n, path)) as T
  if (!isRecord(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, put(each, where, n, pathTo(value, key, path))]),
  ) as T
}

const KINDS: Readonly<Record<string, Partial<GroupOptions>>> = {
  causal: { uniform: true },
  sequencer: { order: 'total' },
  'moving sequencer': { order: 'total', engine: 'moving' },
  'round robin': { order: 'total', engine: 'round-robin' },
  domain: { order: 'total', domain: 'd' },
}

/** b casts, leads a view as a is gone, and crashes; its frames are changed by `lie`. */
function course(options: Partial<GroupOptions>, lie: (frame: Frame) => Frame): Cluster {
  const made = new Cluster(IDS, options)
  made.tamper = (frame, from) => (from === 'b' ? lie(frame) : frame)
  for (const id of IDS) made.cast(id, 1)
  made.run(300)
  made.crash('a')
  made.run(8_000)
  for (const id of ['b', 'c', 'd']) made.cast(id, 1)
  made.run(300)
  made.crash('b')
  made.run(12_000)
  return made
}

/** Those who are left are together, and what they cast is delivered. */
function goOn(made: Cluster, ids = ['c', 'd']): void {
  for (const id of ids) made.cast(id, 2)
  made.run(1_000)
  for (const id of ids) {
    assert.deepEqual(made.seen(id).members, ids)
    const last = made.seen(id).delivered.slice(-2)
    assert.deepEqual(last.map((cast) => cast[0]).sort(), ids)
  }
}

/** Says it in the first frame that has such a place, or in all of them. */
function liar(path: string, n: number, isOnce: boolean): (frame: Frame) => Frame {
  let isDone = false
  return (frame) => {
    if (isDone && isOnce) return frame
    isDone ||= [...pathsOf(frame, '')].includes(path)
    return put(frame, path, n)
  }
}

for (const [name, options] of Object.entries(KINDS)) {
  test(`absurd numbers › ${name}: nobody stops, and those who are left go on`, () => {
    const paths = new Set<string>()
    course(options, (frame) => {
      for (const path of pathsOf(frame, '')) paths.add(path)
      return frame
    })
    assert.ok(paths.size > 40, `${paths.size} places`)
    const wrong: string[] = []
    for (const path of paths) {
      for (const n of [2 ** 53 - 2, 2 ** 45, 2 ** 31]) {
        for (const isOnce of [true, false]) {
          try {
            goOn(course(options, liar(path, n, isOnce)))
          } catch (error) {
            wrong.push(`${path} = ${n}, ${isOnce ? 'once' : 'always'}: ${String(error)}`)
          }
        }
      }
    }
    assert.deepEqual(wrong, [])
  })
}

test('absurd numbers › who refuses a proposal with an absurd epoch is at fault, and alone', () => {
  for (const absurd of [{ promised: { epoch: 2 ** 53 - 2, leader: 'b' } }, { view: `${2 ** 53 - 2}.b` }]) {
    const made = new Cluster(IDS, {})
    made.tamper = (frame, from) => {
      if (frame.t !== 'control' || from !== 'b') return frame
      const messages = frame.messages.map((message): Message => {
        if (message.k !== 'row') return message
        const { ballot, row } = message
        return { k: 'refuse', ballot, promised: ballot, view: row.view, unlinked: [], ...absurd }
      })
      return { ...frame, messages }
    }
    made.crash('d')
    made.run(10_000)
    made.crash('b')
    made.run(12_000)
    goOn(made, ['a', 'c'])
    assert.ok(made.seen('a').faults.includes('b leap'))
  }
})

test('absurd numbers › a proposed view with too many members, with one twice or a part without any is a fault', () => {
  const { membersMax } = defaultLimits
  const many = (n: number): string[] => Array.from({ length: n }, (_, i) => `m${i}`)
  const two = (n: number): Part[] => [IDS, many(n)].map((members, i) => ({ view: i === 0 ? '' : '1.m0', members }))
  const absurd: readonly Part[][] = [
    two(membersMax - IDS.length + 1),
    [{ view: '', members: [...IDS, 'a'] }],
    [
      { view: '', members: IDS },
      { view: '1.m0', members: ['b'] },
    ],
    [
      { view: '', members: IDS },
      { view: '1.m0', members: [] },
    ],
  ]
  const faultsAt = (parts: readonly Part[]): string[] => {
    const made = new Cluster(IDS, {})
    const kernel = made.kernels.get('c')
    assert.ok(kernel)
    const { id, epoch } = kernel.era
    const ours = parts.map((part) => (part.view === '' ? { ...part, view: id } : part))
    kernel.effects = []
    const ballot = { epoch: epoch + 1, leader: 'b' }
    kernel.membership.handlePropose('b', { k: 'propose', ballot, parts: ours, found: null })
    const faults = kernel.effects.flatMap((effect) => (effect.type === 'fault' ? `${effect.peer} ${effect.code}` : []))
    // Nothing of it was taken in: its row is not given, its ballot not promised, its view not closed.
    if (faults.length > 0) {
      assert.ok(kernel.membership.flush === null && kernel.membership.promised.epoch <= epoch && !kernel.era.isClosed)
      made.cast('b', 1)
      made.run(1_000)
      assert.deepEqual([made.seen('c').members, made.seen('c').delivered], [IDS, ['b#1']])
    }
    return faults
  }
  for (const parts of absurd) assert.deepEqual(faultsAt(parts), ['b bad-propose'])
  assert.deepEqual(faultsAt(two(membersMax - IDS.length)), [])
  assert.deepEqual(faultsAt([{ view: '', members: IDS }]), [])
})
