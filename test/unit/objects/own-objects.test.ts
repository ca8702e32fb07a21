/** docs/own-objects.md: its object, taken out of the page and run. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { ObjectKind } from '../../../lib/objects/replica.ts'
import { Cluster, makeRandom, pick } from './cluster.ts'

interface Poll extends EventTarget {
  readonly counts: ReadonlyMap<string, number>
  vote(choice: string): void
}

const page = readFileSync(new URL('../../../docs/own-objects.md', import.meta.url), 'utf8')
const [, code = ''] = /```ts\n([\s\S]*?)```/.exec(page) ?? []

async function loadPoll(): Promise<ObjectKind<Poll, undefined>> {
  const entry = new URL('../../../adapters/state-transfer/index.ts', import.meta.url)
  const source = code.replace(
    "'tutti/adapters/state-transfer'",
    JSON.stringify(pathToFileURL(fileURLToPath(entry)).href),
  )
  const folder = mkdtempSync(join(tmpdir(), 'tutti-own-'))
  try {
    const path = join(folder, 'poll.mts')
    writeFileSync(path, source)
    const module = (await import(pathToFileURL(path).href)) as { pollKind: ObjectKind<Poll, undefined> }
    return module.pollKind
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test('own objects › the object of the page converges through splits, heals and joins, on the last vote of each', async () => {
  const pollKind = await loadPoll()
  for (let seed = 1; seed <= 20; seed += 1) {
    const cluster = new Cluster(pollKind, undefined, 3, seed)
    const random = makeRandom(seed)
    const last = new Map<string, string>()
    for (let step = 0; step < 80; step += 1) {
      const dice = random()
      if (dice < 0.4) {
        const member = pick(random, cluster.members)
        const choice = pick(random, ['yes', 'no', 'perhaps'])
        member.handle.vote(choice)
        last.set(member.id, choice)
      } else if (dice < 0.9) cluster.deliverOne()
      else if (dice < 0.95) cluster.split()
      else cluster.heal(() => undefined, 0)
    }
    cluster.join('late')
    cluster.healAll()
    const counts = new Map<string, number>()
    for (const choice of last.values()) counts.set(choice, (counts.get(choice) ?? 0) + 1)
    for (const { handle } of cluster.members) {
      assert.deepEqual([...handle.counts].sort(), [...counts].sort())
    }
    assert.equal(new Set(cluster.states()).size, 1)
  }
})

test('own objects › what is malformed is refused, and the page keeps its word about its length', async () => {
  const pollKind = await loadPoll()
  const cluster = new Cluster(pollKind, undefined, 1, 1)
  const [member] = cluster.members
  assert.ok(member)
  const info = { author: 'p', local: false, n: 1, view: 'v', index: 1 }
  assert.equal(member.replica.apply(7, info), false)
  assert.throws(() => member.replica.load([['p', ['yes']]]), TypeError)
  assert.throws(() => member.replica.merge?.([[1, ['yes', 1]]]), TypeError)
  assert.equal(member.handle.counts.size, 0)
  const lines = code.split('\n').filter((line) => line.trim() !== '')
  assert.ok(lines.length <= 40, `${lines.length} lines`)
})
