/** The state of the locks: who is granted what, and in which order. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Answer, Caller, MachineContext } from '../../../lib/objects/state-machine.ts'
import type { Token } from '../../../lib/objects/token.ts'
import { LockMachine, type LockMode, type LockWish } from '../../../lib/tools/lock-machine.ts'
import { LOCK_NAME_MAX } from '../../../lib/tools/lock-request.ts'
import { decodeValue, encodeValue } from '../../../lib/values.ts'

/** A machine with what it is told, and what it answers: `waits`, a token's number, or null. */
class Bench {
  readonly machine = new LockMachine()
  readonly answers = new Map<string, number | null | 'waits' | string>()
  readonly ends: string[] = []
  readonly members = new Set(['a', 'b', 'c', 'd'])
  isPrimary = true
  #calls = 0
  #n = 0
  readonly context: MachineContext

  constructor() {
    const bench = this
    this.context = {
      view: '1.a.1',
      line: 'L',
      get isPrimary() {
        return bench.isPrimary
      },
      members: this.members,
      get ranked() {
        return [...bench.members]
      },
      nextToken: () => {
        this.#n += 1
        return ['L', '1.a.1', this.#n]
      },
      answer: (caller, answer) => this.#answer(caller, answer),
    }
    this.machine.ended = (lock, how) => this.ends.push(`${lock.caller.process} ${how}`)
  }

  #answer({ process, call }: Caller, answer: Answer): void {
    this.answers.set(`${process}${call}`, answer[0] ? ((answer[1] as Token | null)?.[2] ?? null) : answer[1])
  }

  /** Asks for a lock; the key of the answer. */
  lock(process: string, mode: LockMode = 'exclusive', wish: LockWish = 'wait', name = 'x'): string {
    this.#calls += 1
    const caller = { process, call: this.#calls }
    const answer = this.machine.apply(['lock', name, mode, wish], caller, this.context)
    assert.notEqual(answer, null)
    if (answer === 'waits' || answer === null) this.answers.set(`${process}${this.#calls}`, 'waits')
    else this.#answer(caller, answer)
    return `${process}${this.#calls}`
  }

  unlock(key: string, name = 'x'): void {
    this.#calls += 1
    const token = ['L', '1.a.1', this.answers.get(key)]
    this.machine.apply(['unlock', name, token], { process: key.charAt(0), call: this.#calls }, this.context)
  }

  cancel(key: string): void {
    this.machine.cancel({ process: key.charAt(0), call: Number(key.slice(1)) }, this.context)
  }

  of(...keys: string[]): unknown[] {
    return keys.map((key) => this.answers.get(key))
  }
}

test('lock machine › an exclusive lock has one holder; the next in line is granted with a higher token', () => {
  const bench = new Bench()
  const keys = ['a', 'b', 'c'].map((process) => bench.lock(process))
  assert.deepEqual(bench.of(...keys), [1, 'waits', 'waits'])
  bench.unlock(keys[0] ?? '')
  assert.deepEqual(bench.of(...keys), [1, 2, 'waits'])
})

test('lock machine › a lock can be asked for again by who holds it, and waits', () => {
  const bench = new Bench()
  assert.deepEqual(bench.of(bench.lock('a'), bench.lock('a')), [1, 'waits'])
})

test('lock machine › shared locks are held together, but nobody overtakes who came before', () => {
  const bench = new Bench()
  const [s1, s2, x, s3] = [
    bench.lock('a', 'shared'),
    bench.lock('b', 'shared'),
    bench.lock('c'),
    bench.lock('d', 'shared'),
  ]
  assert.deepEqual(bench.of(s1, s2, x, s3), [1, 2, 'waits', 'waits'])
  bench.unlock(s1)
  assert.deepEqual(bench.of(x, s3), ['waits', 'waits'])
  bench.unlock(s2)
  assert.deepEqual(bench.of(x, s3), [3, 'waits'])
  bench.unlock(x)
  assert.deepEqual(bench.of(s3), [4])
})

test('lock machine › locks of different names have nothing to do with each other', () => {
  const bench = new Bench()
  assert.deepEqual(bench.of(bench.lock('a'), bench.lock('b', 'exclusive', 'wait', '')), [1, 2])
})

test('lock machine › ifAvailable is answered at once: granted if first and compatible, else null', () => {
  const bench = new Bench()
  const s1 = bench.lock('a', 'shared', 'ifAvailable')
  const s2 = bench.lock('b', 'shared', 'ifAvailable')
  const no = bench.lock('c', 'exclusive', 'ifAvailable')
  assert.deepEqual(bench.of(s1, s2, no), [1, 2, null])
  const x = bench.lock('c')
  const behind = bench.lock('d', 'shared', 'ifAvailable')
  assert.deepEqual(bench.of(x, behind), ['waits', null])
  bench.unlock(s1)
  bench.unlock(s2)
  assert.deepEqual(bench.of(x, bench.lock('a', 'exclusive', 'ifAvailable')), [3, null])
})

test('lock machine › a steal takes away all that is held, and goes before those who wait', () => {
  const bench = new Bench()
  const [s1, s2, waiting] = [bench.lock('a', 'shared'), bench.lock('b', 'shared'), bench.lock('c')]
  const thief = bench.lock('d', 'exclusive', 'steal')
  assert.deepEqual(bench.ends, ['a stolen', 'b stolen'])
  assert.deepEqual(bench.of(thief, waiting), [3, 'waits'])
  // What was stolen is no longer anybody's to unlock.
  bench.unlock(s1)
  bench.unlock(s2)
  assert.deepEqual(bench.of(waiting), ['waits'])
  bench.unlock(thief)
  assert.deepEqual(bench.of(waiting), [4])
})

test('lock machine › only its holder unlocks a lock, and only under its token', () => {
  const bench = new Bench()
  const held = bench.lock('a')
  const token = ['L', '1.a.1', 1] as const
  assert.deepEqual(bench.machine.apply(['unlock', 'x', token], { process: 'b', call: 90 }, bench.context), [
    true,
    false,
  ])
  const other = ['L', '1.a.1', 2]
  assert.deepEqual(bench.machine.apply(['unlock', 'x', other], { process: 'a', call: 91 }, bench.context), [
    true,
    false,
  ])
  assert.ok(bench.machine.isHeld('a', 'x', token))
  bench.unlock(held)
  assert.ok(!bench.machine.isHeld('a', 'x', token))
})

test('lock machine › who waits no more lets those behind go', () => {
  const bench = new Bench()
  const [, x, s2] = [bench.lock('a', 'shared'), bench.lock('b'), bench.lock('c', 'shared')]
  bench.cancel(x)
  assert.deepEqual(bench.of(s2), [2])
})

test('lock machine › what a process held is released with it', () => {
  const bench = new Bench()
  const [x, y] = [bench.lock('a'), bench.lock('a', 'exclusive', 'wait', 'y')]
  const [next, other] = [bench.lock('b'), bench.lock('c', 'shared', 'wait', 'y')]
  assert.ok(bench.machine.isHolding('a'))
  bench.machine.release('a', bench.context)
  assert.deepEqual(bench.of(x, y, next, other), [1, 2, 3, 4])
  assert.deepEqual(bench.ends, ['a released', 'a released'])
  assert.ok(!bench.machine.isHolding('a'))
})

test('lock machine › nothing is granted to who is out of reach, nor outside the primary component', () => {
  const bench = new Bench()
  const [held, gone, next] = [bench.lock('a'), bench.lock('b'), bench.lock('c')]
  bench.members.delete('b')
  bench.unlock(held)
  assert.deepEqual(bench.of(gone, next), ['waits', 'waits'])
  bench.cancel(gone)
  assert.deepEqual(bench.of(next), [2])
  bench.isPrimary = false
  const waits = [
    bench.lock('d', 'exclusive', 'wait', 'y'),
    bench.lock('d', 'exclusive', 'ifAvailable', 'y'),
    bench.lock('d', 'exclusive', 'steal'),
  ]
  assert.deepEqual(bench.of(...waits), ['waits', 'waits', 'waits'])
  bench.isPrimary = true
  bench.machine.viewed(bench.context)
  assert.deepEqual(bench.ends, ['a unlocked', 'c stolen'])
  assert.deepEqual(bench.of(...waits), [4, null, 3])
})

test('lock machine › what is held and waited for is listed over all names, in the order of grants and of requests', () => {
  const bench = new Bench()
  const first = bench.lock('a', 'exclusive', 'wait', 'z')
  bench.lock('b', 'shared', 'wait', 'y')
  bench.lock('c', 'exclusive', 'wait', 'y')
  bench.lock('c', 'exclusive', 'wait', 'z')
  bench.lock('d', 'shared', 'wait', 'y')
  bench.unlock(first, 'z')
  const told = (list: readonly { name: string; caller: Caller }[]) =>
    list.map(({ name, caller }) => caller.process + name)
  assert.deepEqual(told(bench.machine.held()), ['by', 'cz'])
  assert.deepEqual(told(bench.machine.waiting()), ['cy', 'dy'])
})

test('lock machine › a state goes over whole: the copy answers as the original', () => {
  const bench = new Bench()
  const copy = new LockMachine()
  for (const [process, mode, name] of [
    ['a', 'shared', 'y'],
    ['b', 'shared', 'y'],
    ['c', 'exclusive', 'y'],
    ['d', 'exclusive', 'x'],
    ['a', 'exclusive', 'x'],
  ] as const) {
    bench.lock(process, mode, 'wait', name)
  }
  copy.load(decodeValue(encodeValue(bench.machine.save())))
  assert.deepEqual(copy.save(), bench.machine.save())
  for (const machine of [copy, bench.machine]) machine.release('d', bench.context)
  const withoutTokens = (machine: LockMachine) => machine.held().map(({ caller, name, place }) => [caller, name, place])
  assert.deepEqual(withoutTokens(copy), withoutTokens(bench.machine))
})

test('lock machine › a malformed request changes nothing, a malformed state is refused', () => {
  const bench = new Bench()
  const empty = bench.machine.save()
  const bad: unknown[] = [
    null,
    [],
    ['lock', 'x', 'exclusive'],
    ['lock', 1, 'exclusive', 'wait'],
    ['lock', 'x'.repeat(LOCK_NAME_MAX + 1), 'exclusive', 'wait'],
    ['lock', 'x', 'greedy', 'wait'],
    ['lock', 'x', 'shared', 'steal'],
    ['lock', 'x', 'shared', 'toString'],
    ['unlock', 'x', ['L', '1.a.1']],
    ['unlock', 'x'],
    ['query', 1],
    ['lock', 'x', 'exclusive', 'wait', [['t', 'token']]],
    ['lock', 'x', 'exclusive', 'wait', Array.from({ length: 65 }, () => ['t', ['L', '1.a.1', 1]])],
    ['await', 's', [], []],
    ['await', 's', [['b', ['L', '1.a.1', 1]]]],
    ['await', 's', [['b', ['L', '1.a.1', 0]]], []],
    ['confirm', 0, []],
    ['confirm', 1, [0]],
    ['confirm', 1],
    ['toString'],
  ]
  for (const body of bad) assert.equal(bench.machine.apply(body, { process: 'a', call: 1 }, bench.context), null)
  assert.deepEqual(bench.machine.save(), empty)
  bench.lock('a')
  const before = bench.machine.save()
  const held = ['a', 1, 'x', 'exclusive', ['L', '1.a.1', 1], 2]
  const waiting: unknown[] = ['a', 1, 'x', 'exclusive', 'wait', 2, []]
  const none = [[], 0, null]
  const elsewhere = ['a', 1, 's', [['b', ['L', '1.a.1', 1]]], [], 2]
  for (const state of [
    null,
    [],
    [1, [], []],
    [1, [], null, none],
    [-1, [], [], none],
    [1, [held.with(0, 7)], [], none],
    [1, [held.with(3, 'x')], [], none],
    [1, [held.with(4, ['L'])], [], none],
    [1, [], [waiting.with(4, 'hope')], none],
    [1, [held], [waiting.with(1, 0)], none],
    [1, [], [waiting.slice(1)], none],
    [1, [], [waiting.with(6, [['x', ['L']]])], none],
    [1, [], [], null],
    [1, [], [], [[], -1, null]],
    [1, [], [], [[elsewhere.with(3, [])], 0, null]],
    [1, [], [], [[elsewhere.with(2, 3)], 0, null]],
    [1, [], [], [[elsewhere.slice(1)], 0, null]],
    // A deadlock that is none.
    [1, [], [], [[elsewhere], 1, [1, [2], []]]],
    [1, [], [], [[], 1, [1]]],
  ]) {
    assert.throws(() => bench.machine.load(state), /malformed state/)
  }
  assert.deepEqual(bench.machine.save(), before)
})

test('lock machine › the longest name is taken', () => {
  const bench = new Bench()
  assert.deepEqual(bench.of(bench.lock('a', 'exclusive', 'wait', 'x'.repeat(LOCK_NAME_MAX))), [1])
})
