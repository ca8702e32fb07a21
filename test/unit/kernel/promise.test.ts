/** What a row says of attempts, and which installs count after it: others conclude from it (decision 016). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Frame, Row } from '../../../lib/kernel/frame.ts'
import type { Ballot } from '../../../lib/kernel/ids.ts'
import { defaultLimits } from '../../../lib/kernel/limits.ts'
import { Cluster } from './cluster.ts'

const four = ['a', 'b', 'c', 'd']

/** The messages of one kind in a frame. */
function of<K extends string>(frame: Frame, kind: K): { readonly k: K }[] {
  return frame.t === 'control' ? frame.messages.filter((message): message is never => message.k === kind) : []
}

test('promises › after a row an older view is installed only if whom the row was given to says so', () => {
  for (const [from, isTaken] of [
    ['a', false],
    ['b', true],
  ] as const) {
    const cluster = new Cluster(four, {})
    let older: Ballot | null = null
    // A leader installs a view without d, tells nobody, and dies.
    cluster.tamper = (frame, sender) => {
      for (const install of of(frame, 'install'))
        if (sender === 'a') older = (install as unknown as { ballot: Ballot }).ballot
      return sender === 'a' && of(frame, 'install').length > 0 ? null : frame
    }
    cluster.crash('d')
    cluster.until(() => older !== null)
    cluster.crash('a')
    const start = cluster.lines.length
    cluster.until(() => cluster.lines.slice(start).some((line) => line.p === 'c' && line['e'] === 'row'))
    const c = cluster.kernels.get('c')
    assert.ok(c && older)
    const before = c.era.id
    c.membership.handleInstall(from, { k: 'install', ballot: older })
    assert.equal(c.era.id !== before, isTaken)
  }
})

test('promises › whoever goes over before it has said READY does not tell of that attempt as open', () => {
  const cluster = new Cluster(four, {})
  const rows: Row[] = []
  cluster.tamper = (frame, sender) => {
    for (const { row } of of(frame, 'row') as unknown as { row: Row }[]) if (sender === 'c') rows.push(row)
    return frame
  }
  // C gets the cut of the view without d, and waits for its vote to be stored.
  const start = cluster.lines.length
  cluster.unstored.add('c')
  cluster.crash('d')
  cluster.until(() => cluster.lines.slice(start).some((line) => line.p === 'c' && line['e'] === 'cut'))
  cluster.run(100)
  cluster.crash('a')
  cluster.until(() => rows.length >= 2)
  const [first, second] = rows
  assert.deepEqual(second?.votes, first?.votes)
  assert.deepEqual(second?.readies, [])
})

test('promises › whose cut has just come is not taken for gone, though its heartbeats have not come for long', () => {
  const { suspectAfterMs, readyHoldMs } = defaultLimits
  const cluster = new Cluster(four, {})
  const happened = (event: string): boolean =>
    cluster.lines.slice(start).some((line) => line.p === 'b' && line['e'] === event)
  // As from one that has been frozen: what it had waiting goes at once, its heartbeat and the install much later.
  cluster.tamper = (frame, sender) => {
    if (sender !== 'a') return frame
    return frame.t === 'heartbeat' || of(frame, 'install').length > 0 ? null : frame
  }
  const start = cluster.lines.length
  cluster.crash('d')
  cluster.until(() => happened('row'))
  const heard = cluster.kernels.get('b')?.detector.seen.get('a')
  assert.ok(heard && !happened('ready'))
  heard.at = cluster.now - suspectAfterMs
  cluster.until(() => happened('ready'))
  cluster.run(readyHoldMs - 100)
  assert.ok(!happened('propose'))
  cluster.run(500)
  assert.ok(happened('propose'))
})
