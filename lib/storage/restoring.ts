/**
 * The page's part in what is stored: from copies to states, and from a state to what others lack of it.
 *
 * A copy is read by a replica of its own, which goes on from the stored state by what was logged. So the object's replica
 * never sees casts of the past, and copies of several processes are united as states are that meet after a split.
 */
import { ClosedError } from '../errors.ts'
import type { GroupPort, Mail, Replica } from '../objects/replica.ts'
import { applyOperation } from '../operations.ts'
import { unpackState } from '../travelling-state.ts'
import { decodeValue, hashValue } from '../values.ts'
import type { RestoredCopy } from './messages.ts'

/** Makes replicas of a group's kind that no group drives. */
export type MakeReplica = () => Replica

/** The port of a replica that no group drives: it is told what was logged, and asked for its state, and that is all. */
export function scratchPort({ self, mail }: { readonly self: string; readonly mail: Mail }, name: string): GroupPort {
  const refuse = (): never => {
    throw new ClosedError(`"${name}" is only being read`)
  }
  return {
    name,
    self,
    opening: 0,
    view: null,
    phase: 'joining',
    isWhole: false,
    isWritable: false,
    cast: refuse,
    castRequest: refuse,
    mail,
    now: () => 0,
    after: () => () => undefined,
    leaseStart: () => null,
    heardAt: () => 0,
    fault: () => undefined,
    close: () => Promise.resolve(),
  }
}

/** The state that a copy comes to. Throws what the replica throws at a state it cannot read. */
export function stateOf({ state, steps, acted }: RestoredCopy, make: MakeReplica): unknown {
  const replica = make()
  // That of a consistent group is stored as it travels. What was kept with it has not taken effect.
  if (state !== null) replica.load(decodeValue(acted === null ? state : unpackState(state, '').state))
  for (const step of steps) {
    if ('told' in step) {
      replica.view(step.told)
      continue
    }
    const { from, n, view, index, payload } = step
    // What it does not understand here it would not have understood where it was delivered.
    applyOperation(replica, payload, { author: from, local: false, n, view, index })
  }
  replica.settle()
  return replica.save()
}

/** What the second state has that the first lacks, to be merged into the first; null if nothing. */
export function lackingIn(state: unknown, other: unknown, make: MakeReplica): unknown {
  const replica = make()
  replica.load(state)
  if (replica.lacking) return replica.lacking(other) ?? null
  const before = hashValue(replica.save())
  replica.merge?.(other)
  replica.united?.()
  return hashValue(replica.save()) === before ? null : other
}
