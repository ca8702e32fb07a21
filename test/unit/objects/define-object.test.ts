/** A user's own object: the example of its docs, run, and definitions that cannot work. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { defineObject } from '../../../adapters/state-transfer/index.ts'
import type { ObjectKind } from '../../../lib/objects/replica.ts'
import { Cluster, makeRandom, pick } from './cluster.ts'

interface Auction {
  bid(amount: number): unknown
  best(): { readonly amount: number; readonly by: string }
}

/** Takes the example out of the module's comment and imports it. */
async function loadExample(): Promise<ObjectKind<Auction, undefined>> {
  const file = new URL('../../../adapters/state-transfer/index.ts', import.meta.url)
  const [, code = ''] = /```ts\n([\s\S]*?)```/.exec(readFileSync(file, 'utf8')) ?? []
  const source = code
    .replace(/^ \* ?/gm, '')
    .replace("'tutti/adapters/state-transfer'", JSON.stringify(pathToFileURL(fileURLToPath(file)).href))
  const folder = mkdtempSync(join(tmpdir(), 'tutti-example-'))
  try {
    const path = join(folder, 'example.mts')
    writeFileSync(path, source)
    const module = (await import(pathToFileURL(path).href)) as { auctionKind: ObjectKind<Auction, undefined> }
    return module.auctionKind
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test('defineObject › the example of the docs converges through splits, heals and joins', async () => {
  const auctionKind = await loadExample()
  for (let seed = 1; seed <= 20; seed++) {
    const cluster = new Cluster(auctionKind, undefined, 3, seed)
    const random = makeRandom(seed)
    let highest = 0
    for (let step = 0; step < 60; step++) {
      const dice = random()
      if (dice < 0.4) {
        const amount = 1 + Math.floor(random() * 1000)
        pick(random, cluster.members).handle.bid(amount)
        highest = Math.max(highest, amount)
      } else if (dice < 0.9) cluster.deliverOne()
      else if (dice < 0.95) cluster.split()
      else cluster.heal(() => undefined, 0)
    }
    cluster.join('late')
    cluster.healAll()
    for (const { handle } of cluster.members) assert.equal(handle.best().amount, highest)
    assert.equal(new Set(cluster.states()).size, 1)
  }
})

test('defineObject › what it makes is a kind of object for the space', () => {
  const machine = { apply: () => true, save: () => null, load: () => undefined, handle: 7 }
  const kind: ObjectKind<number, undefined> = defineObject({ kind: 'k', order: 'total', create: () => machine })
  assert.deepEqual([kind.uniform, kind.consistency], [true, 'consistent'])
})

test('defineObject › a definition that cannot work is refused with what to do', () => {
  const machine = { apply: () => true, save: () => null, load: () => undefined, handle: 7 }
  const create = () => machine
  assert.throws(() => defineObject({ kind: '', order: 'fifo', create }), /1 to 64/)
  assert.throws(() => defineObject({ kind: 'k', order: 'causal', consistency: 'consistent', create }), /order 'total'/)
  const kind = defineObject({ kind: 'k', order: 'fifo', create })
  assert.throws(() => new Cluster(kind, undefined, 1, 1), /needs merge/)
})
