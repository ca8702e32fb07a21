/**
 * Who does what: a share of the keys for each member of a view, as a pure function of who they are.
 *
 * Keys are hashed to {@link SLOTS} slots. Each slot goes to the member that it scores highest of those that have room, and a
 * member has room for a quarter more than its even share. Every member computes the same without a message, and only when the
 * view has changed: ranks do not matter, so a merge that reorders them moves nothing. When a member goes, its slots move, and
 * when one comes, those that it gets; of the others only those that move because a member was, or has become, full.
 *
 * Source: Thaler, Ravishankar 1998 (rendezvous hashing); Mirrokni, Thorup, Zadimoghaddam 2018 (bounded loads).
 */
import { UsageError } from '../errors.ts'
import { compareText } from '../objects/checks.ts'

/** Slots that keys are hashed to. Members of all versions must count alike. */
export const SLOTS = 4_096

/** How many slots one of so many members has at most: 5/4 of an even share. */
export function roomOf(members: number): number {
  return Math.ceil((5 * SLOTS) / (4 * members))
}

/** The slot of a key. Throws a UsageError unless it is a string. */
export function slotOf(key: unknown): number {
  if (typeof key !== 'string') throw new UsageError(`a key is a string, not ${typeof key}`)
  return hashText(key) % SLOTS
}

/** By slot, the member that has it; empty if there is no member. */
export function assignSlots(members: readonly string[]): readonly string[] {
  const ids = [...new Set(members)].sort(compareText)
  if (ids.length === 0) return []
  const room = roomOf(ids.length)
  const hashes = ids.map(hashText)
  const loads = ids.map(() => 0)
  return Array.from({ length: SLOTS }, (_, slot) => {
    const salt = mix(slot + 1)
    let best = 0
    let highest = -1
    for (const [i, hash] of hashes.entries()) {
      const score = (loads[i] ?? 0) < room ? mix(hash ^ salt) : -1
      // Of equal scores, the lower id.
      if (score <= highest) continue
      best = i
      highest = score
    }
    loads[best] = (loads[best] ?? 0) + 1
    return ids[best] ?? ''
  })
}

/** FNV-1a over UTF-16 units, mixed. */
function hashText(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return mix(hash)
}

/** Every bit of 32 depends on every one (the last step of murmur3). */
function mix(value: number): number {
  let bits = value ^ (value >>> 16)
  bits = Math.imul(bits, 0x85ebca6b)
  bits ^= bits >>> 13
  bits = Math.imul(bits, 0xc2b2ae35)
  return (bits ^ (bits >>> 16)) >>> 0
}
