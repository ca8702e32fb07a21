/**
 * Regions: asynchronous handlers enter in the order of their events, whatever they do and however long it takes.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ClosedError, LaggedError, UsageError } from '../../lib/errors.ts'
import { EventNumbers, Followers, type NumberedEvent } from '../../lib/event-numbers.ts'
import { PENDING_MAX, Region } from '../../lib/region.ts'

interface Told extends NumberedEvent {
  readonly name: string
}

/** A group as a region sees it. */
class Source {
  readonly followers: Followers<Told>

  constructor(numbers: EventNumbers) {
    this.followers = new Followers(numbers)
  }

  tell(name: string): Told {
    const event = { number: this.followers.numbers.next(), name }
    this.followers.tell(event)
    return event
  }
}

/** A promise that the test settles. */
class Gate {
  open: () => void = () => undefined
  readonly promise: Promise<void>

  constructor() {
    this.promise = new Promise((resolve) => {
      this.open = resolve
    })
  }
}

/** Lets everything run that waits for nothing but promises. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function bench() {
  const numbers = new EventNumbers()
  const reported: unknown[] = []
  const region = new Region(numbers, (error) => reported.push(error))
  return { numbers, region, reported, a: new Source(numbers), b: new Source(numbers), log: [] as string[] }
}

test('region › whoever gets there first waits for the earlier events, over two groups', async () => {
  const { region, reported, a, b, log } = bench()
  const gates = new Map<string, Gate>()
  const handler = async (event: Told): Promise<void> => {
    const gate = new Gate()
    gates.set(event.name, gate)
    await gate.promise
    await region.run(event, () => void log.push(event.name))
  }
  region.follow(a, handler)
  region.follow(b, handler)
  assert.deepEqual(
    [a.tell('1'), b.tell('2'), a.tell('3')].map(({ number }) => number),
    [1, 2, 3],
  )
  for (const [name, seen] of [
    ['3', []],
    ['2', []],
    ['1', ['1', '2', '3']],
  ] as const) {
    gates.get(name)?.open()
    await settle()
    assert.deepEqual(log, seen)
  }
  assert.equal(region.pending, 0)
  assert.deepEqual(reported, [])
})

test('region › one is inside at a time, until what it runs has settled', async () => {
  const { region, a, log } = bench()
  const gate = new Gate()
  region.follow(a, (event) =>
    region.run(event, async () => {
      log.push(`in ${event.name}`)
      if (event.name === '1') await gate.promise
      log.push(`out ${event.name}`)
    }),
  )
  a.tell('1')
  a.tell('2')
  assert.deepEqual(log, [], 'nothing runs in the call itself')
  await settle()
  assert.deepEqual(log, ['in 1'])
  gate.open()
  await settle()
  assert.deepEqual(log, ['in 1', 'out 1', 'in 2', 'out 2'])
})

test('region › results and errors are the caller’s own, and an error keeps nobody out', async () => {
  const { region, reported, a } = bench()
  const results: PromiseSettledResult<unknown>[] = []
  region.follow(a, async (event) => {
    const [result] = await Promise.allSettled([
      region.run(event, () => {
        if (event.name === 'throws') throw new Error('thrown')
        return event.name === 'rejects' ? Promise.reject(new Error('rejected')) : event.name
      }),
    ])
    results.push(result)
  })
  for (const name of ['throws', 'rejects', 'returns']) a.tell(name)
  await settle()
  assert.deepEqual(
    results.map((each) => (each.status === 'fulfilled' ? each.value : each.reason.message)),
    ['thrown', 'rejected', 'returns'],
  )
  assert.deepEqual(reported, [])
})

test('region › an event that its handler does not run passes when the handler ends, whichever way', async () => {
  const { region, reported, a, log } = bench()
  const gate = new Gate()
  region.follow(a, (event) => {
    switch (event.name) {
      case 'returns':
        return
      case 'throws':
        throw new Error('thrown')
      case 'rejects':
        return Promise.reject(new Error('rejected'))
      case 'waits':
        return gate.promise
      case 'skips':
        region.skip(event)
        return new Promise(() => undefined)
      default:
        return region.run(event, () => void log.push(event.name))
    }
  })
  for (const name of ['returns', 'a', 'throws', 'b', 'rejects', 'c', 'skips', 'd', 'waits', 'e']) a.tell(name)
  await settle()
  assert.deepEqual(log, ['a', 'b', 'c', 'd'])
  gate.open()
  await settle()
  assert.deepEqual(log, ['a', 'b', 'c', 'd', 'e'])
  assert.deepEqual(
    reported.map((error) => (error as Error).message),
    ['thrown', 'rejected'],
  )
})

test('region › what a handler runs without awaiting it keeps its turn', async () => {
  const { region, a, log } = bench()
  const gate = new Gate()
  region.follow(a, (event) => {
    void region.run(event, async () => {
      if (event.name === '1') await gate.promise
      log.push(event.name)
    })
  })
  a.tell('1')
  a.tell('2')
  await settle()
  assert.deepEqual(log, [])
  gate.open()
  await settle()
  assert.deepEqual(log, ['1', '2'])
})

test('region › an aborted signal gives up the turn, and does not stop what has begun', async () => {
  const { region, a, log } = bench()
  const [gate, one, two] = [new Gate(), new AbortController(), new AbortController()]
  const runs: Promise<unknown>[] = []
  region.follow(a, (event) => {
    const signals: Record<string, AbortSignal> = { '1': one.signal, '2': two.signal, '4': AbortSignal.abort('never') }
    const signal = signals[event.name]
    const fn = async (): Promise<void> => {
      if (event.name === '1') await gate.promise
      log.push(event.name)
    }
    runs.push(region.run(event, fn, signal === undefined ? {} : { signal }).catch((reason) => log.push(`no ${reason}`)))
  })
  for (const name of ['1', '2', '3', '4', '5']) a.tell(name)
  await settle()
  one.abort('too late')
  two.abort('enough')
  await settle()
  assert.deepEqual(log, ['no never', 'no enough'])
  gate.open()
  await Promise.all(runs)
  assert.deepEqual(log, ['no never', 'no enough', '1', '3', '5'])
  assert.equal(region.pending, 0)
})

test('region › misuse is a UsageError that says what to do', async () => {
  const { numbers, region, a, b } = bench()
  const gate = new Gate()
  const handler = (): Promise<void> => gate.promise
  region.follow(a, handler)
  assert.throws(() => region.follow(a, handler), { code: 'usage', message: /already/ })
  assert.throws(() => region.follow(new Source(new EventNumbers()), handler), { code: 'usage', message: /own space/ })
  assert.throws(() => region.follow({} as Source, handler), UsageError)
  assert.throws(() => region.follow(b, undefined as never), UsageError)

  const [first, second] = [a.tell('1'), a.tell('2')]
  const foreign = [{ number: 1, name: '1' }, b.tell('nobody follows'), null as never, 1 as never]
  for (const event of foreign) {
    await assert.rejects(
      region.run(event, () => undefined),
      { code: 'usage', message: /very event/ },
    )
    assert.throws(() => region.skip(event), { code: 'usage', message: /very event/ })
  }
  await assert.rejects(region.run(first, 'fn' as never), UsageError)
  const inside = new Gate()
  const running = region.run(first, () => inside.promise)
  const waiting = region.run(second, () => 'second')
  for (const event of [first, second]) {
    await assert.rejects(
      region.run(event, () => undefined),
      { code: 'usage', message: /taken/ },
    )
    assert.throws(() => region.skip(event), { code: 'usage', message: /taken/ })
  }
  inside.open()
  await running
  assert.equal(await waiting, 'second')
  const third = a.tell('3')
  gate.open()
  await settle()
  for (const event of [first, third]) {
    await assert.rejects(
      region.run(event, () => undefined),
      { code: 'usage', message: /passed/ },
    )
    region.skip(event)
  }
  assert.equal(numbers.next(), 5)
})

test('region › closing sends away who waits, lets go on who is inside, and calls no handler any more', async () => {
  const { region, reported, a, b, log } = bench()
  const [inside, before] = [new Gate(), new Gate()]
  region.follow(a, async (event) => {
    log.push(`told ${event.name}`)
    if (event.name === '3') await before.promise
    try {
      await region.run(event, () => inside.promise)
      log.push(`done ${event.name}`)
    } catch (error) {
      log.push(`${(error as ClosedError).code} to ${event.name}`)
      throw error
    }
  })
  let followers = 1
  const { add } = b.followers
  b.followers.add = (...args) => {
    const remove = add.apply(b.followers, args)
    return () => {
      followers -= 1
      remove()
    }
  }
  region.follow(b, () => undefined)
  const events = [a.tell('1'), a.tell('2'), a.tell('3')]
  await settle()
  let isClosed = false
  region.closed.then(() => {
    isClosed = true
  })
  region.close()
  region.close()
  a.tell('4')
  before.open()
  inside.open()
  await settle()
  assert.deepEqual(log, ['told 1', 'told 2', 'told 3', 'closed to 2', 'closed to 3', 'done 1'])
  assert.ok(isClosed)
  assert.equal(followers, 0, 'nothing holds on to a region that is closed')
  await region.closed
  assert.deepEqual(reported, [], 'the end is no failure of the handlers')
  assert.equal(region.pending, 0)
  for (const event of events) {
    await assert.rejects(
      region.run(event, () => undefined),
      ClosedError,
    )
    region.skip(event)
  }
  assert.throws(() => region.follow(a, () => undefined), ClosedError)
})

test('region › a handler that hangs ends its region after so many events, and no other', async () => {
  const { numbers, region, reported, a, log } = bench()
  const other = new Region(numbers)
  let others = 0
  other.follow(a, (event) =>
    other.run(event, () => {
      others += 1
    }),
  )
  region.follow(a, async (event) => {
    if (event.name === '1') return new Promise(() => undefined)
    if (event.name === '2') await region.run(event, () => undefined).catch((error) => log.push(error.code))
    return undefined
  })
  for (let i = 1; i <= PENDING_MAX; i += 1) a.tell(String(i))
  await settle()
  assert.equal(region.pending, PENDING_MAX)
  assert.deepEqual([log, reported], [[], []])
  a.tell('one more')
  await settle()
  assert.deepEqual(log, ['lagged'])
  assert.equal(reported.length, 1, 'nobody has asked for `closed`')
  assert.ok(reported[0] instanceof LaggedError)
  await assert.rejects(region.closed, LaggedError)
  assert.throws(() => region.follow(a, () => undefined), LaggedError)
  assert.equal(region.pending, 0)
  assert.equal(others, PENDING_MAX + 1)
})

test('region › a source that is no longer followed, or has ended, may be followed again; its turns remain', async () => {
  const { region, a, log } = bench()
  const gate = new Gate()
  const handler = async (event: Told): Promise<void> => {
    await gate.promise
    await region.run(event, () => void log.push(event.name))
  }
  const stop = region.follow(a, handler)
  a.tell('1')
  stop()
  a.tell('unheard')
  region.follow(a, handler)
  stop()
  assert.throws(() => region.follow(a, handler), { code: 'usage', message: /already/ })
  a.tell('2')
  a.followers.end()
  a.tell('unheard')
  region.follow(a, handler)
  a.tell('3')
  gate.open()
  await settle()
  assert.deepEqual(log, ['1', '2', '3'])
})

/** What a handler does with its event, after so many steps that take as long as the scheduler likes. */
const plan = fc.record({
  source: fc.nat(2),
  steps: fc.nat(3),
  act: fc.constantFrom('run', 'run', 'run', 'run throws', 'run unawaited', 'abort', 'skip', 'return', 'throw'),
  inside: fc.nat(2),
})

test('region › whatever handlers do, and however long it takes, they enter in order, one at a time', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(plan, { maxLength: 12 }), fc.scheduler(), async (plans, s) => {
      const { numbers, region, reported } = bench()
      const sources = [new Source(numbers), new Source(numbers), new Source(numbers)]
      const entered: number[] = []
      let inside = 0
      const wait = async (count: number): Promise<void> => {
        for (let i = 0; i < count; i += 1) await s.schedule(Promise.resolve())
      }
      const handler = async (event: Told): Promise<void> => {
        const { steps, act, inside: insideSteps } = plans[event.number - 1] ?? assert.fail()
        await wait(steps)
        const fn = async (): Promise<string> => {
          entered.push(event.number)
          inside += 1
          assert.equal(inside, 1)
          await wait(insideSteps)
          inside -= 1
          if (act === 'run throws') throw new Error('from inside')
          return event.name
        }
        if (act === 'skip') region.skip(event)
        if (act === 'throw') throw new Error('from the handler')
        if (act === 'run') assert.equal(await region.run(event, fn), event.name)
        if (act === 'run throws') await assert.rejects(region.run(event, fn), /from inside/)
        if (act === 'run unawaited') void region.run(event, fn)
        if (act === 'abort') {
          const controller = new AbortController()
          const run = region.run(event, fn, { signal: controller.signal })
          void wait(1).then(() => controller.abort('enough'))
          await run.catch((reason) => assert.equal(reason, 'enough'))
        }
        await wait(1)
      }
      for (const source of sources) region.follow(source, handler)
      s.scheduleSequence(
        plans.map(({ source }, i) => async () => {
          sources[source]?.tell(`event ${i}`)
        }),
      )
      await s.waitIdle()
      const mustRun = plans.flatMap(({ act }, i) => (act.startsWith('run') ? [i + 1] : []))
      const mayRun = plans.flatMap(({ act }, i) => (act === 'abort' ? [i + 1] : []))
      assert.deepEqual(
        entered,
        entered.toSorted((x, y) => x - y),
      )
      assert.deepEqual(
        entered.filter((number) => !mayRun.includes(number)),
        mustRun,
      )
      assert.equal(region.pending, 0)
      assert.equal(reported.length, plans.filter(({ act }) => act === 'throw').length)
    }),
    { numRuns: 300 },
  )
})
