/**
 * What tests of the agreed objects share: calls that are looked at while they are under way, a schema, and a course in
 * which everything happens to the members that may.
 */
import assert from 'node:assert/strict'
import type { ObjectKind } from '../../../lib/objects/replica.ts'
import type { StandardSchemaV1 } from '../../../lib/objects/schema.ts'
import { makeRandom, pick } from './cluster.ts'
import { TotalCluster, type TotalMember } from './total-cluster.ts'

/** Says what has come of a call: `'pending'`, its value, or its error. */
export function asked(call: Promise<unknown> | undefined): { result: unknown } {
  const made: { result: unknown } = { result: 'pending' }
  call?.then(
    (value) => {
      made.result = value
    },
    (error: unknown) => {
      made.result = error
    },
  )
  return made
}

/** Lets promises run. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** A schema of strings. */
export const strings: StandardSchemaV1<unknown, string> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) => (typeof value === 'string' ? { value } : { issues: [{ message: 'no string' }] }),
  },
}

/** How a course went. */
export interface Course<Handle> {
  readonly members: readonly TotalMember<Handle>[]
  /** Calls of members that left or died before they were settled: nobody knows whether they took effect. */
  readonly unknown: number
}

/**
 * Has members call at random while casts are lost, and members are cut off, come back, join, leave and die. Checks that
 * every call of those who stay is settled without an error, and that their states are equal.
 */
export async function runCourse<Handle, Options>(
  kind: ObjectKind<Handle, Options>,
  options: Options,
  seed: number,
  call: (handle: Handle, random: () => number) => Promise<unknown>,
): Promise<Course<Handle>> {
  const random = makeRandom(seed)
  const cluster = new TotalCluster(kind, options, 4, seed)
  const open = new Map<Promise<void>, TotalMember<Handle>>()
  const failures: unknown[] = []
  let unknown = 0
  const act = (member: TotalMember<Handle>): void => {
    const settling: Promise<void> = call(member.handle, random).then(
      () => void open.delete(settling),
      (error: unknown) => void failures.push(error),
    )
    open.set(settling, member)
  }
  const away: TotalMember<Handle>[] = []
  for (let round = 0; round < 40; round += 1) {
    const member = pick(random, cluster.primary)
    if (random() < 0.1) member.loses = 1
    if (random() < 0.1) member.drops = 1
    act(member)
    const dice = random()
    if (dice < 0.1 && away.length === 0) {
      away.push(member)
      cluster.cutOff(member)
      act(member)
    } else if (dice < 0.25) for (const each of away.splice(0)) cluster.join(each)
    else if (dice < 0.3 && cluster.primary.length < 6) cluster.join(`j${round}`)
    else if (dice < 0.34 && cluster.primary.length > 2) {
      cluster.end(member, pick(random, ['left', 'dead'] as const))
      for (const [settling, who] of open) if (who === member && open.delete(settling)) unknown += 1
    }
    for (let i = random() * 8; i > 0; i -= 1) cluster.step()
    await settled()
    if (random() < 0.3) await cluster.advance(30)
  }
  for (const each of away) cluster.join(each)
  await cluster.advance(3_000)
  assert.deepEqual(failures, [], `seed ${seed}`)
  assert.equal(open.size, 0, `seed ${seed}: ${open.size} calls are not settled`)
  assert.deepEqual(cluster.faults, [])
  assert.equal(new Set(cluster.states()).size, 1, `seed ${seed}: states differ`)
  return { members: cluster.primary, unknown }
}
