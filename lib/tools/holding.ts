/**
 * What a request is made while holding: locks and permits, which its process does not give up before it is answered. Only
 * that makes somebody else's wait for one of them a wait for this request; two locks that one process holds for unrelated
 * reasons do not.
 */
import type { Claim } from './claims.ts'

/** Something in this process's hands that can be claimed. */
export interface Claimed {
  readonly claim: Claim
  /** The process that holds it: another for each opening of a space. */
  readonly process: string
  /** Has its user not given it up, nor lost it to somebody? */
  isInHand(): boolean
}

const known = new WeakMap<object, Claimed>()

/** Lets an object that stands for a grant be claimed. */
export function makeClaimable(thing: object, claimed: Claimed | undefined): void {
  if (claimed !== undefined) known.set(thing, claimed)
}

/** What the object stands for, if anything. */
export function claimedBy(thing: unknown): Claimed | undefined {
  return typeof thing === 'object' && thing !== null ? known.get(thing) : undefined
}

/** The option `holding`, taken apart. Throws a TypeError if it is not a list of locks and permits. */
export function readHolding(holding: unknown): readonly Claimed[] {
  if (holding === undefined) return []
  if (typeof holding !== 'object' || holding === null || !(Symbol.iterator in holding)) throw notHolding()
  return Array.from(holding as Iterable<unknown>, (thing) => {
    const claimed = claimedBy(thing)
    if (claimed === undefined) throw notHolding()
    return claimed
  })
}

function notHolding(): TypeError {
  return new TypeError('what a request is made while holding is a list of locks and permits')
}
