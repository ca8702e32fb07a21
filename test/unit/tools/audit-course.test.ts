/** Triggers of audit logs through what passes: too many calls, a split, an unknown outcome. In virtual time. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UnknownOutcomeError } from '../../../lib/errors.ts'
import { type AuditLog, auditKind } from '../../../lib/tools/audit.ts'
import { AUDIT_OP } from '../../../lib/tools/audit-machine.ts'
import { leadersKind } from '../../../lib/tools/leader.ts'
import { withoutAbortSignalAny } from '../without-any.ts'
import { AppCluster } from './app-cluster.ts'

/** Three processes that have a log open. */
interface Stage {
  readonly cluster: AppCluster
  log(id: string): AuditLog<number>
}

const IDS = ['a', 'b', 'c']

async function stage(): Promise<Stage> {
  const cluster = await AppCluster.of(IDS)
  const logs = new Map<string, AuditLog<number>>()
  for (const id of IDS) {
    const leaders = cluster.open(id, leadersKind, { name: 'tutti:leaders', options: {} })
    const kind = auditKind((name, fn, options) => leaders.whenLeader(name, fn, options))
    const options = { keep: 2_000, whenNotPrimary: 'reject' } as const
    logs.set(id, cluster.open(id, kind, { name: 'log', options }) as AuditLog<number>)
  }
  const isWhole = (id: string): boolean =>
    ['log', 'tutti:leaders'].every((name) => cluster.app(id).group(name)?.isWhole === true)
  await cluster.until(() => IDS.every(isWhole))
  return {
    cluster,
    log(id) {
      const log = logs.get(id)
      assert.ok(log)
      return log
    },
  }
}

/** Each firing, as `trigger position`. */
function fired(log: AuditLog<number>): string[] {
  return log.firings.map(({ trigger, position }) => `${trigger} ${position}`)
}

/** Says how it ended, once it has. */
function follow(watching: Promise<unknown>): { end: unknown } {
  const course = { end: null as unknown }
  watching.catch((error: unknown) => {
    course.end = error
  })
  return course
}

test('an audit log › where there is no AbortSignal.any, a trigger is judged, until its signal aborts', async (t) => {
  withoutAbortSignalAny(t)
  const { cluster, log } = await stage()
  const stop = new AbortController()
  const course = follow(log('a').watch('all', { run: () => 'done', signal: stop.signal }))
  await cluster.until(() => log('b').progressOf('all') !== null)
  void log('b').append(1)
  await cluster.until(() => log('c').firings.length === 1)
  assert.equal(course.end, null)
  stop.abort(new RangeError('enough'))
  await cluster.until(() => course.end !== null)
  assert.deepEqual(course.end, new RangeError('enough'))
})

test('an audit log › a trigger goes on when its judge has no room for one more call', async () => {
  const { cluster, log } = await stage()
  const fill = (): void => {
    for (let i = 0; i < 1_024; i += 1)
      log('a')
        .append(-1)
        .catch(() => undefined)
  }
  // As it begins, as it records a firing, and as it records that nothing matches.
  fill()
  const course = follow(
    log('a').watch('positive', {
      when: ({ value, position }) => {
        if (position === log('a').last && value < 0 && log('a').last < 3_000) fill()
        return value > 0
      },
      run: fill,
    }),
  )
  await cluster.until(() => log('b').progressOf('positive') !== null)
  void log('b').append(1)
  const position = await cluster
    .until(() => log('c').firings.length === 1)
    .then(() => log('c').firings[0]?.position ?? 0)
  await cluster.until(() => log('c').last > 3_000 && (log('c').progressOf('positive')?.next ?? 0) > position + 1)
  assert.equal(course.end, null)
  assert.deepEqual(fired(log('c')), [`positive ${position}`])
})

test('an audit log › a trigger goes on when its judge is cut off as it records, and is back, where calls reject', async () => {
  const { cluster, log } = await stage()
  const runs: (() => void)[] = []
  const course = follow(log('a').watch('all', { run: () => new Promise<void>((resolve) => runs.push(resolve)) }))
  await cluster.until(() => log('b').progressOf('all') !== null)
  void log('b').append(1)
  await cluster.until(() => runs.length === 1)
  for (const other of ['b', 'c']) cluster.disconnect('a', other)
  await cluster.until(() => cluster.app('a').view?.primary === false)
  runs[0]?.()
  await cluster.run(200)
  assert.equal(course.end, null)
  for (const other of ['b', 'c']) cluster.connect('a', other)
  await cluster.until(() => {
    for (const end of runs) end()
    return log('c').firings.length === 1
  })
  void log('c').append(2)
  await cluster.until(() => {
    for (const end of runs) end()
    return log('b').firings.length === 2
  })
  assert.deepEqual([course.end, fired(log('b'))], [null, ['all 1', 'all 2']])
})

for (const counts of [true, false]) {
  test(`an audit log › a firing of which nobody can tell whether it counts, and that does${counts ? '' : ' not'}, is recorded once`, async () => {
    const { cluster, log } = await stage()
    const { replica } = log('a')
    const call = replica.call.bind(replica)
    let isLost = false
    replica.call = async (body, options) => {
      if (isLost || (body as unknown[])[0] !== AUDIT_OP.fire) return call(body, options)
      isLost = true
      if (counts) await call(body, options)
      throw new UnknownOutcomeError('this process was forgotten')
    }
    const runs: number[] = []
    const course = follow(log('a').watch('all', { run: ({ position }) => runs.push(position) }))
    await cluster.until(() => log('b').progressOf('all') !== null)
    // The second one is there before the first is recorded: nothing else has the judge look again.
    for (const value of [1, 2]) void log('b').append(value)
    await cluster.until(() => log('b').firings.length === 2)
    await cluster.run(1_000)
    assert.deepEqual([isLost, course.end, runs, fired(log('b'))], [true, null, [1, 2], ['all 1', 'all 2']])
  })
}
