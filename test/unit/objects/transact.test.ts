/** Transactions over several objects, with a kernel under them, in virtual time. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ATOMIC_OP, type AtomicMachine } from '../../../lib/objects/atomic-machine.ts'
import { type BoundedCounter, boundedCounterKind } from '../../../lib/objects/bounded-counter.ts'
import { type Ledger, ledgerKind } from '../../../lib/objects/ledger.ts'
import { queueKind, type SharedQueue } from '../../../lib/objects/queue.ts'
import { registerKind, type SharedRegister } from '../../../lib/objects/register.ts'
import { type TotalMap, totalMapKind } from '../../../lib/objects/total-map.ts'
import { type Transact, type TransactOptions, transact } from '../../../lib/objects/transact.ts'
import { OutOfBoundsError } from '../../../lib/tool-errors.ts'
import { AppCluster } from '../tools/app-cluster.ts'
import { withoutAbortSignalAny } from '../without-any.ts'

/** What a process may have open. */
interface Objects {
  readonly ledger: Ledger
  readonly map: TotalMap<number>
  readonly till: BoundedCounter
  readonly last: SharedRegister<string>
  readonly jobs: SharedQueue<string>
}

type Name = Exclude<keyof Objects, 'ledger'>

const ALL: readonly Name[] = ['map', 'till', 'last', 'jobs']
const TILL = { min: 0, max: 100 }

/** A cluster in which each process has these open. */
class Bank {
  readonly cluster: AppCluster
  readonly #objects = new Map<string, Objects>()

  constructor(cluster: AppCluster) {
    this.cluster = cluster
  }

  static async of(opened: Readonly<Record<string, readonly Name[]>>): Promise<Bank> {
    const bank = new Bank(await AppCluster.of(Object.keys(opened)))
    for (const [id, names] of Object.entries(opened)) await bank.open(id, names)
    return bank
  }

  async open(id: string, names: readonly Name[]): Promise<void> {
    const { cluster } = this
    const ledger = cluster.open(id, ledgerKind, { name: 'tutti:ledger', options: {} })
    await cluster.until(() => cluster.app(id).group('tutti:ledger')?.isWhole === true)
    const atomic = { atomic: true, ledger } as const
    const open = (name: Name): unknown => {
      if (name === 'map') return cluster.open(id, totalMapKind, { name, options: { consistency: 'total', ...atomic } })
      if (name === 'till') return cluster.open(id, boundedCounterKind, { name, options: { ...TILL, ...atomic } })
      if (name === 'last') return cluster.open(id, registerKind, { name, options: atomic })
      return cluster.open(id, queueKind, { name, options: { maxSize: 3, ...atomic } })
    }
    this.#objects.set(id, { ledger, ...Object.fromEntries(names.map((name) => [name, open(name)])) } as never)
    await cluster.until(() => names.every((name) => cluster.app(id).group(name)?.isWhole === true))
  }

  at(id: string): Objects {
    const objects = this.#objects.get(id)
    assert.ok(objects)
    return objects
  }

  /** Starts one. */
  transact<Result>(id: string, fn: (tx: Transact) => Result | PromiseLike<Result>, options: TransactOptions = {}) {
    const done = transact(this.at(id).ledger, fn, options)
    done.catch(() => undefined)
    return done
  }

  /** Waits for one. */
  async wait<Result>(done: Promise<Result>): Promise<Result> {
    let isOver = false
    const over = (): void => {
      isOver = true
    }
    done.then(over, over)
    await this.cluster.until(() => isOver)
    return done
  }
}

/** Moves one from the till to the map, and says who did it. */
function move({ map, till, last, jobs }: Objects, id: string): (tx: Transact) => number {
  return (tx) => {
    const held = tx.of(map).get('a') ?? 0
    tx.of(map).set('a', held + 1)
    tx.of(till).add(-1)
    tx.of(last).set(id)
    tx.of(jobs).add(`by ${id}`)
    return held
  }
}

async function three(): Promise<Bank> {
  const bank = await Bank.of({ a: ALL, b: ALL, c: ALL })
  await bank.wait(bank.at('a').till.add(10))
  return bank
}

test('transact › all changes take effect in all objects, at all members', async () => {
  const bank = await three()
  assert.equal(await bank.wait(bank.transact('b', move(bank.at('b'), 'b'))), 0)
  await bank.cluster.run(200)
  for (const id of ['a', 'b', 'c']) {
    const { map, till, last, jobs } = bank.at(id)
    assert.deepEqual(
      [map.get('a'), till.value, last.value, jobs.items.map(({ value }) => value)],
      [1, 9, 'b', ['by b']],
    )
  }
  assert.deepEqual(bank.cluster.faults, [])
})

test('transact › nothing takes effect if the function throws, a bound would be passed, or a queue is full', async () => {
  const bank = await three()
  const mine = bank.at('a')
  const thrown = bank.transact('a', (tx) => {
    move(mine, 'a')(tx)
    throw new RangeError('no')
  })
  await assert.rejects(bank.wait(thrown), RangeError)
  const beyond = bank.transact('a', (tx) => {
    tx.of(mine.last).set('a')
    tx.of(mine.till).add(-11)
  })
  await assert.rejects(bank.wait(beyond), OutOfBoundsError)
  const full = bank.transact('a', (tx) => {
    for (let i = 0; i < 4; i += 1) tx.of(mine.jobs).add(`${i}`)
    tx.of(mine.till).add(-1)
  })
  await assert.rejects(bank.wait(full), { code: 'busy' })
  await bank.cluster.run(200)
  for (const id of ['a', 'b', 'c']) {
    const { map, till, last, jobs } = bank.at(id)
    assert.deepEqual([map.get('a'), till.value, last.value, jobs.size], [undefined, 10, undefined, 0])
  }
  // And nothing is held any more.
  assert.equal(await bank.wait(bank.at('c').till.add(-1)), 9)
  assert.equal(await bank.wait(bank.at('c').last.set('c')), 1)
})

test('transact › several at once on the same objects take effect one after the other', async () => {
  const bank = await Bank.of({ a: ['map', 'till'], b: ['map', 'till'], c: ['map', 'till'] })
  await bank.wait(bank.at('a').till.add(10))
  const moves = ['a', 'b', 'c'].flatMap((id) =>
    [1, 2].map(() =>
      bank.transact(id, (tx) => {
        const { map, till } = bank.at(id)
        const { value } = tx.of(till)
        tx.of(map).set('a', (tx.of(map).get('a') ?? 0) + 1)
        tx.of(till).add(-1)
        return value
      }),
    ),
  )
  const values = await bank.wait(Promise.all(moves))
  assert.deepEqual(
    values.sort((x, y) => x - y),
    [5, 6, 7, 8, 9, 10],
  )
  await bank.cluster.run(200)
  for (const id of ['a', 'b', 'c']) assert.deepEqual([bank.at(id).map.get('a'), bank.at(id).till.value], [6, 4])
})

test('transact › one that is overtaken as often as it may be tried is a ConflictError', async () => {
  const bank = await three()
  const { map, till } = bank.at('a')
  const overtaken = bank.transact(
    'a',
    async (tx) => {
      tx.of(map).set('a', tx.of(till).value)
      await bank.at('b').till.add(1)
    },
    { tries: 2 },
  )
  await assert.rejects(bank.wait(overtaken), { code: 'conflict', definite: true })
  assert.equal(map.get('a'), undefined)
  assert.equal(till.value, 12)
})

test('transact › one that only reads is not overtaken for ever: it holds what it has read before', async () => {
  const bank = await three()
  const [mine, other] = [bank.at('a'), bank.at('b')]
  const { port } = mine.last.participant.replica
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => port.after(ms, resolve))
  let isWriting = true
  const write = async (): Promise<void> => {
    for (let n = 1; isWriting; n += 1) {
      await other.last.set(`${n}`)
      await other.map.set('a', n)
    }
  }
  const writing = write()
  let calls = 0
  const read = (ms: number) => async (tx: Transact) => {
    calls += 1
    const { value } = tx.of(mine.last)
    await sleep(ms)
    return [value, mine.last.value, tx.of(mine.map).get('a'), mine.map.get('a')]
  }
  const [last, lastNow, a, aNow] = await bank.wait(bank.transact('a', read(150)))
  assert.deepEqual([last, a, calls], [lastNow, aNow, 4])
  // One that takes long lets the others go on, and is overtaken like any other.
  await assert.rejects(bank.wait(bank.transact('a', read(900), { tries: 6 })), { code: 'conflict' })
  isWriting = false
  await bank.wait(writing)
  assert.deepEqual(bank.cluster.faults, [])
})

test('transact › what is let go while it is read counts for no more than what was never held, and so does what is written', async () => {
  const bank = await three()
  const [mine, other] = [bank.at('a'), bank.at('b')]
  let calls = 0
  const read = bank.transact('a', async (tx) => {
    calls += 1
    const { value } = tx.of(mine.last)
    // As whoever takes this process for gone does, while it sleeps.
    const { replica } = other.last.participant
    const { held } = replica.machine as AtomicMachine
    if (held !== null) await replica.call([ATOMIC_OP.end, [...held.key], false])
    if (calls <= 4) await other.last.set(`${calls}`)
    return [value, tx.of(mine.till).value]
  })
  assert.deepEqual([await bank.wait(read), calls], [['4', 10], 5])

  calls = 0
  const fickle = bank.transact('a', async (tx) => {
    calls += 1
    if (calls < 4) {
      const { value } = tx.of(mine.last)
      await other.last.set(`again ${calls}`)
      return [value, tx.of(mine.till).value]
    }
    const value = tx.of(mine.map).get('a')
    if (calls === 4) await other.map.set('a', 7)
    return [value, tx.of(mine.till).value]
  })
  assert.deepEqual([await bank.wait(fickle), calls], [[7, 10], 5])

  calls = 0
  const late = bank.transact('a', async (tx) => {
    calls += 1
    const { value } = tx.of(mine.last)
    if (calls < 4) await other.last.set(`once more ${calls}`)
    else tx.of(mine.till).add(-3)
    return [value, tx.of(mine.till).value]
  })
  assert.deepEqual([await bank.wait(late), calls, mine.till.value], [['once more 3', 7], 4, 7])
})

test('transact › it works with a signal where there is no AbortSignal.any, and is taken back by it', async (t) => {
  withoutAbortSignalAny(t)
  const bank = await three()
  const { signal } = new AbortController()
  assert.equal(await bank.wait(bank.transact('b', move(bank.at('b'), 'b'), { signal })), 0)
  const taken = new AbortController()
  const late = bank.transact('c', move(bank.at('c'), 'c'), { signal: taken.signal })
  taken.abort(new RangeError('too late'))
  await assert.rejects(bank.wait(late), RangeError)
})

test('transact › a counter that is only added to does not conflict', async () => {
  const bank = await three()
  const { map, till } = bank.at('a')
  let calls = 0
  const added = bank.transact('a', async (tx) => {
    calls += 1
    tx.of(map).set('a', 1)
    tx.of(till).add(-1)
    await bank.at('b').till.add(1)
  })
  await bank.wait(added)
  assert.deepEqual([calls, till.value], [1, 10])
})

test('transact › one that only reads several is told what was there at one moment', async () => {
  const bank = await three()
  const reads: number[] = []
  const moving = Promise.all([1, 2, 3].map(() => bank.transact('b', move(bank.at('b'), 'b'))))
  for (let i = 0; i < 8; i += 1) {
    const { map, till } = bank.at('c')
    reads.push(await bank.wait(bank.transact('c', (tx) => (tx.of(map).get('a') ?? 0) + tx.of(till).value)))
  }
  await bank.wait(moving)
  assert.deepEqual(
    reads,
    Array.from({ length: 8 }, () => 10),
  )
})

test('transact › what takes no part is refused, and so is a transaction that is over', async () => {
  const bank = await three()
  const { cluster } = bank
  const plain = cluster.open('a', registerKind, { name: 'plain', options: {} }) as SharedRegister<string>
  await assert.rejects(
    bank.transact('a', (tx) => tx.of(plain).set('x')),
    { code: 'not-atomic' },
  )
  await assert.rejects(
    bank.transact('a', (tx) => tx.of({} as never)),
    { code: 'not-atomic' },
  )
  await assert.rejects(
    bank.transact('a', (tx) => tx.of(bank.at('b').last).set('x')),
    { code: 'not-atomic' },
  )
  await assert.rejects(
    bank.transact('a', () => null, { tries: 0 }),
    { code: 'usage' },
  )
  let kept: Transact | null = null
  const over = bank.transact('a', (tx) => {
    kept = tx
    return tx.of(bank.at('a').map)
  })
  const view = await bank.wait(over)
  assert.throws(() => view.get('a'), { code: 'usage' })
  assert.throws(() => (kept as Transact | null)?.of(bank.at('a').map), { code: 'usage' })
})

test('transact › a call waits while the object is held, and one that is taken back does not', async () => {
  const bank = await three()
  bank.transact('a', move(bank.at('a'), 'a'))
  await bank.cluster.run(60)
  const abort = new AbortController()
  const waiting = bank.at('b').map.set('a', 7, { signal: abort.signal })
  waiting.catch(() => undefined)
  abort.abort(new Error('enough'))
  await assert.rejects(waiting, /enough/)
  await bank.cluster.run(400)
  assert.equal(bank.at('c').map.get('a'), 1)
})

/** The map has what the till has lost: all of it, or nothing. */
test('transact › whenever its maker vanishes, who has one of the objects sees all of it or nothing', async () => {
  const outcomes = new Set<number>()
  for (let ms = 0; ms <= 420; ms += 20) {
    const bank = await Bank.of({ a: ['map', 'till'], b: ['map'], c: ['till'], d: ['map', 'till'] })
    await bank.wait(bank.at('c').till.add(10))
    const { map, till } = bank.at('a')
    void bank.transact('a', (tx) => {
      tx.of(map).set('a', 10 - (tx.of(till).value - 1))
      tx.of(till).add(-1)
    })
    await bank.cluster.run(ms)
    bank.cluster.crash('a')
    // Both can be written again, and then all have the same.
    await bank.wait(Promise.all([bank.at('b').map.set('b', 1), bank.at('c').till.add(0)]))
    await bank.cluster.run(500)
    const moved = bank.at('b').map.get('a') ?? 0
    assert.deepEqual(
      [bank.at('d').map.get('a') ?? 0, 10 - bank.at('c').till.value, 10 - bank.at('d').till.value],
      [moved, moved, moved],
      `${ms} ms`,
    )
    outcomes.add(moved)
  }
  assert.deepEqual([...outcomes].sort(), [0, 1])
})

test('transact › a newcomer takes over what is held, and who waits', async () => {
  const bank = await Bank.of({ a: ['map', 'till'], b: ['map'], c: ['till'] })
  await bank.wait(bank.at('c').till.add(10))
  const { map, till } = bank.at('a')
  bank.transact('a', (tx) => {
    tx.of(map).set('a', 1)
    tx.of(till).add(-1)
  })
  await bank.cluster.run(90)
  const waiting = bank.at('b').map.set('b', 1)
  bank.cluster.crash('a')
  bank.cluster.add('d')
  await bank.cluster.until(() => bank.cluster.app('d').view?.members.length === 3)
  await bank.open('d', ['map', 'till'])
  await bank.wait(waiting)
  await bank.cluster.run(1_000)
  assert.deepEqual([...bank.at('d').map], [...bank.at('b').map])
  assert.equal(bank.at('d').till.value, 10 - (bank.at('b').map.get('a') ?? 0))
})

test('transact › a maker that closes an object in the middle leaves it to those who are in it', async () => {
  const bank = await Bank.of({ a: ['map', 'till'], b: ['map'], c: ['till'] })
  await bank.wait(bank.at('c').till.add(10))
  const { map, till } = bank.at('a')
  bank.transact('a', (tx) => {
    tx.of(map).set('a', 1)
    tx.of(till).add(-1)
  })
  await bank.cluster.run(100)
  void map.close()
  await bank.wait(bank.at('b').map.set('b', 1))
  await bank.cluster.run(1_000)
  assert.equal(bank.at('c').till.value, 10 - (bank.at('b').map.get('a') ?? 0))
})

test('transact › over k objects it takes 6(k + 1) delays, over one object four', async () => {
  const bank = await three()
  await bank.cluster.run(1_000)
  const { map, till, last } = bank.at('b')
  const parts: readonly ((tx: Transact) => void)[] = [
    (tx) => tx.of(map).set('a', 1),
    (tx) => tx.of(till).add(1),
    (tx) => tx.of(last).set('b'),
  ]
  const delays: number[] = []
  for (const k of [1, 2, 3]) {
    const begin = bank.cluster.now
    await bank.wait(
      bank.transact('b', (tx) => {
        for (const part of parts.slice(0, k)) part(tx)
      }),
    )
    delays.push(Math.round((bank.cluster.now - begin) / 10))
    await bank.cluster.run(1_000)
  }
  assert.deepEqual(delays, [4, 18, 24])
})
