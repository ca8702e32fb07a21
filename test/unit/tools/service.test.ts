/** Services: one outcome for each call, whoever dies meanwhile, and callers that are members of nothing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BusyError, TooLargeError, UnknownOutcomeError, ValueError } from '../../../lib/errors.ts'
import { NoHandlerError, RemoteError } from '../../../lib/tool-errors.ts'
import { type Service, type ServiceContext, type ServiceHandler, serviceKind } from '../../../lib/tools/service.ts'
import { ServiceClient } from '../../../lib/tools/service-client.ts'
import { AppCluster } from './app-cluster.ts'

const SERVERS = ['a', 'b', 'c']

interface Ran {
  readonly by: string
  readonly value: unknown
  readonly context: ServiceContext
  readonly at: number
}

/** Who serves, who calls, and what was run. */
class Stage {
  readonly cluster: AppCluster
  readonly services = new Map<string, Service>()
  readonly ran: Ran[] = []
  /** What the handlers do. */
  handle: (ran: Ran) => unknown = ({ value }) => value

  private constructor(cluster: AppCluster) {
    this.cluster = cluster
  }

  static async of(ids: readonly string[], servers = SERVERS): Promise<Stage> {
    const stage = new Stage(await AppCluster.of(ids))
    for (const id of servers) stage.serve(id)
    await stage.whole(servers)
    return stage
  }

  serve(id: string): void {
    const handler: ServiceHandler = (value, context) => {
      const ran = { by: id, value, context, at: this.cluster.now }
      this.ran.push(ran)
      return this.handle(ran)
    }
    const options = { handler, service: 'sums', follow: () => () => undefined, ended: () => undefined }
    this.services.set(id, this.cluster.open(id, serviceKind, { name: 'tutti:serve:sums', options }))
  }

  async whole(servers: readonly string[]): Promise<void> {
    await this.cluster.until(() =>
      servers.every((id) => {
        const group = this.cluster.app(id).group('tutti:serve:sums')
        return group?.isWhole === true && group.view?.members.length === servers.length
      }),
    )
  }

  client(id: string): ServiceClient {
    return new ServiceClient('sums', this.cluster.app(id).mail)
  }

  runs(value: unknown): string[] {
    return this.ran.filter((ran) => ran.value === value).map(({ by }) => by)
  }
}

/** A call, and what it came to. */
class Called {
  value: unknown
  error: unknown = null
  ends = 0

  constructor(client: ServiceClient, value: unknown, signal?: AbortSignal) {
    client.call(value, signal === undefined ? {} : { signal }).then(
      (result) => {
        this.ends += 1
        this.value = result
      },
      (error: unknown) => {
        this.ends += 1
        this.error = error
      },
    )
  }

  get isOver(): boolean {
    return this.ends > 0
  }
}

test('service › calls of members and of others are run once each, spread over those who serve', async () => {
  const stage = await Stage.of(['a', 'b', 'c', 'x', 'y'])
  stage.handle = ({ value }) => [value, 'done']
  const calls = ['a', 'x', 'y'].flatMap((id) => {
    const client = stage.client(id)
    return Array.from({ length: 20 }, (_, i) => new Called(client, `${id}${i}`))
  })
  await stage.cluster.until(() => calls.every(({ isOver }) => isOver))
  assert.deepEqual(
    calls.map(({ value }) => value),
    ['a', 'x', 'y'].flatMap((id) => Array.from({ length: 20 }, (_, i) => [`${id}${i}`, 'done'])),
  )
  assert.equal(stage.ran.length, 60)
  for (const id of SERVERS) assert.ok(stage.ran.filter(({ by }) => by === id).length > 8, id)
  assert.deepEqual(stage.cluster.faults, [])
})

test('service › what a handler throws is the outcome, and so is what cannot be one', async () => {
  const stage = await Stage.of(['a', 'b', 'c', 'x'])
  stage.handle = ({ value }) => {
    if (value === 1) throw new RangeError('too far')
    if (value === 4) throw Object.create(null)
    if (value === 5) throw Object.assign(new Error('odd'), { name: Object.create(null) })
    return value === 2 ? () => 1 : new Uint8Array(70_000)
  }
  const client = stage.client('x')
  const calls = [1, 2, 3, 4, 5].map((value) => new Called(client, value))
  await stage.cluster.until(() => calls.every(({ isOver }) => isOver))
  const errors = calls.map(({ error }) => error as RemoteError)
  assert.ok(errors.every((error) => error instanceof RemoteError && error.process === null))
  assert.deepEqual(
    errors.map(({ remoteName }) => remoteName),
    ['RangeError', 'ValueError', 'TooLargeError', 'Error', 'what was thrown has no string form'],
  )
  assert.deepEqual(
    [0, 3, 4].map((i) => errors[i]?.message),
    ['too far', 'what was thrown has no string form', 'odd'],
  )
  assert.equal(stage.ran.length, 5)
})

test('service › another member runs what a dead one had begun, under a higher token; there is one outcome', async () => {
  const stage = await Stage.of(['a', 'b', 'c', 'x'])
  const hung: Ran[] = []
  stage.handle = (ran) => {
    if (hung.length > 0) return `by ${ran.by}`
    hung.push(ran)
    return new Promise(() => undefined)
  }
  const call = new Called(stage.client('x'), 1)
  await stage.cluster.until(() => hung.length === 1)
  const [first] = hung
  assert.ok(first)
  stage.cluster.crash(first.by)
  await stage.cluster.until(() => call.isOver)
  assert.deepEqual(stage.runs(1).length, 2)
  const second = stage.ran[1]
  assert.equal(call.value, `by ${second?.by}`)
  assert.notEqual(second?.by, first.by)
  assert.ok(Number.parseInt(second?.context.token[1] ?? '', 10) > Number.parseInt(first.context.token[1], 10))
})

test('service › whoever serves no longer hands over what it runs, and is told by its signal', async () => {
  const stage = await Stage.of(['a', 'b', 'c', 'x'])
  let reason: unknown = null
  stage.handle = ({ by, context: { signal } }) => {
    if (stage.ran.length > 1) return by
    return new Promise((_, reject) =>
      signal.addEventListener('abort', () => {
        reason = signal.reason
        reject(signal.reason)
      }),
    )
  }
  const call = new Called(stage.client('x'), 1)
  await stage.cluster.until(() => stage.ran.length === 1)
  void stage.services.get(stage.ran[0]?.by ?? '')?.close()
  await stage.cluster.until(() => call.isOver)
  assert.equal((reason as { code?: string }).code, 'closed')
  assert.equal(call.value, stage.ran[1]?.by)
  assert.equal(call.ends, 1)
})

test('service › a retry of what is recorded is answered, and not run again', async () => {
  const stage = await Stage.of(['a', 'b', 'c', 'x'])
  // What its contact tells the client is lost with the contact.
  let contact: string | null = null
  stage.cluster.isLost = (from, to, frame) => {
    const isTold = to === 'x' && frame.t === 'data' && frame.items.some((item) => item.k === 'message')
    if (stage.ran.length > 0 && isTold) contact ??= from
    return from === contact && isTold
  }
  const call = new Called(stage.client('x'), 'once')
  await stage.cluster.until(() => contact !== null)
  await stage.cluster.run(300)
  assert.equal(call.isOver, false)
  stage.cluster.crash(contact ?? '')
  await stage.cluster.until(() => call.isOver)
  assert.equal(call.value, 'once')
  assert.deepEqual(stage.runs('once').length, 1)
})

test('service › the client finds another member when its contact dies, and hears once', async () => {
  const stage = await Stage.of(['a', 'b', 'c', 'd', 'x'], ['a', 'b', 'c', 'd'])
  let go: () => void = () => undefined
  const gate = new Promise<void>((resolve) => {
    go = resolve
  })
  stage.handle = async ({ value }) => {
    await gate
    return value
  }
  const client = stage.client('x')
  const calls = Array.from({ length: 40 }, (_, i) => new Called(client, i))
  await stage.cluster.until(() => stage.ran.length === 40)
  stage.cluster.crash('b')
  await stage.cluster.run(100)
  stage.cluster.crash('c')
  await stage.cluster.run(6_000)
  go()
  await stage.cluster.until(() => calls.every(({ isOver }) => isOver))
  await stage.cluster.run(500)
  assert.deepEqual(
    calls.map(({ value }) => value),
    Array.from({ length: 40 }, (_, i) => i),
  )
  assert.ok(calls.every(({ ends }) => ends === 1))
})

test('service › a newcomer gets the record with the state, and answers a retry from it', async () => {
  const stage = await Stage.of(['a', 'x'], ['a'])
  const client = stage.client('x')
  const first = new Called(client, 'first')
  await stage.cluster.until(() => first.isOver)
  stage.cluster.add('b')
  await stage.cluster.until(() => stage.cluster.app('b').view?.members.length === 3)
  stage.serve('b')
  await stage.whole(['a', 'b'])
  // By hand, as a retry would come: the same number again, to the newcomer.
  const told: unknown[] = []
  const { mail } = stage.cluster.app('x')
  mail.listen('tutti:client:sums', { message: (_, message) => told.push(message) })
  const founded = stage.cluster.app('b').group('tutti:serve:sums')
  assert.ok(founded)
  mail.send('b', 'tutti:serve:sums', [0])
  await stage.cluster.until(() => told.length === 1)
  const [, members, state] = told[0] as [number, string[], string]
  assert.deepEqual(members, ['a', 'b'])
  const born = Number.parseInt(mail.view?.id ?? '', 10)
  mail.send('b', 'tutti:serve:sums', [1, 1, born, 1, [], new Uint8Array([1]), state])
  await stage.cluster.until(() => told.length === 2)
  assert.equal((told[1] as unknown[])[0], 1)
  assert.equal(stage.ran.length, 1)
  // What the client has said it no longer waits for is not run again either.
  mail.send('b', 'tutti:serve:sums', [1, 1, born, 2, [], new Uint8Array([1]), state])
  await stage.cluster.until(() => stage.ran.length === 2)
  mail.send('a', 'tutti:serve:sums', [1, 1, born, 1, [], new Uint8Array([1]), state])
  await stage.cluster.run(500)
  assert.equal(stage.ran.length, 2)
  // Another state's calls are not taken for new.
  mail.send('a', 'tutti:serve:sums', [1, 1, born, 3, [], new Uint8Array([1]), 'other'])
  await stage.cluster.until(() => told.length === 4)
  assert.deepEqual(told[3], [4, 1])
  assert.equal(stage.ran.length, 2)
})

test('service › where nobody serves a call is refused; where all who served are gone its fate is unknown', async () => {
  const stage = await Stage.of(['a', 'b', 'x'], ['a'])
  const nobody = new Called(new ServiceClient('none', stage.cluster.app('x').mail), 1)
  await stage.cluster.until(() => nobody.isOver)
  assert.ok(nobody.error instanceof NoHandlerError)
  stage.handle = () => new Promise(() => undefined)
  const client = stage.client('x')
  const call = new Called(client, 1)
  await stage.cluster.until(() => stage.ran.length === 1)
  stage.cluster.crash('a')
  await stage.cluster.until(() => call.isOver)
  assert.ok(call.error instanceof UnknownOutcomeError)
  // Who serves next has another state, in which the client begins anew.
  stage.handle = ({ value }) => value
  stage.serve('b')
  await stage.whole(['b'])
  const next = new Called(client, 2)
  await stage.cluster.until(() => next.isOver)
  assert.equal(next.value, 2)
  assert.deepEqual(stage.runs(1), ['a'])
})

test('service › a signal ends the wait; too many, too large, and after the end is told at once', async () => {
  const stage = await Stage.of(['a', 'b', 'c', 'x'])
  stage.handle = () => new Promise(() => undefined)
  const client = stage.client('x')
  const abort = new AbortController()
  const aborted = new Called(client, 1, abort.signal)
  await stage.cluster.until(() => stage.ran.length === 1)
  abort.abort(new RangeError('enough'))
  await stage.cluster.run(10)
  assert.ok(aborted.error instanceof RangeError)
  const large = new Called(client, new Uint8Array(65_537))
  const odd = new Called(client, () => 1)
  const many = Array.from({ length: 257 }, (_, i) => new Called(client, i))
  await stage.cluster.run(300)
  assert.ok(large.error instanceof TooLargeError)
  assert.equal((odd.error as { code?: string }).code, 'value')
  assert.deepEqual([many[255]?.isOver, many[256]?.error instanceof BusyError], [false, true])
  client.handleEnd()
  await stage.cluster.run(10)
  assert.ok(many[0]?.error instanceof UnknownOutcomeError)
  const late = new Called(client, 1)
  await stage.cluster.run(10)
  assert.equal((late.error as { code?: string }).code, 'closed')
})

test('service › an outcome that cannot be read rejects the call, and says whose it is', async () => {
  const stage = await Stage.of(['a', 'x'], ['a'])
  // It never ends where it runs: what its caller hears is made up.
  stage.handle = () => new Promise(() => undefined)
  const called = new Called(stage.client('x'), 1)
  await stage.cluster.until(() => stage.ran.length === 1)
  stage.cluster.app('a').mail.send('x', 'tutti:client:sums', [1, 1, 1, [true, new Uint8Array([255])]])
  await stage.cluster.until(() => called.isOver)
  const { error } = called
  assert.ok(error instanceof RemoteError)
  assert.deepEqual([error.process, error.remoteName, error.definite], ['a', 'ValueError', false])
  assert.ok(error.cause instanceof ValueError)
})

test('service › what makes no sense is a fault of who sent it, and disturbs nobody', async () => {
  const stage = await Stage.of(['a', 'b', 'c', 'x'])
  const { mail } = stage.cluster.app('x')
  const wrong = [
    null,
    [],
    [9],
    [1],
    [1, 1, 1, 1, [1], new Uint8Array(1), ''],
    [1, 1, 1, 1, [], new Uint8Array(65_537), ''],
  ]
  for (const message of wrong) mail.send('a', 'tutti:serve:sums', message)
  // Bytes that are no value: an outcome, which the handler never sees.
  const told: unknown[] = []
  mail.listen('tutti:client:sums', { message: (_, message) => told.push(message) })
  mail.send('a', 'tutti:serve:sums', [0])
  await stage.cluster.until(() => told.length === 1)
  const state = (told[0] as unknown[])[2]
  mail.send('a', 'tutti:serve:sums', [
    1,
    1,
    Number.parseInt(mail.view?.id ?? '', 10),
    1,
    [],
    new Uint8Array([255]),
    state,
  ])
  await stage.cluster.until(() => told.length === 2)
  assert.deepEqual((told[1] as [number, number, number, unknown[]])[3].slice(0, 2), [false, 'ValueError'])
  assert.equal(stage.ran.length, 0)
  const faults = stage.cluster.faults.filter((fault) => fault === 'a  bad-call')
  assert.deepEqual([faults.length, stage.cluster.faults.length], [wrong.length, wrong.length])
})
