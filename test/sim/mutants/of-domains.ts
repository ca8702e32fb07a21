/**
 * Protocol bugs of strict groups and of domains, planted one at a time.
 */
import type { Mutant } from './mutant.ts'

/** See {@link Mutant}. */
export const domainMutants: readonly Mutant[] = [
  {
    name: 'strict-as-any',
    about: 'a cast of a strict group does not wait for what comes before it in other groups',
    file: 'lib/kernel/casting.ts',
    find: 'if (group.options.strict === true && this.strictness.isWaiting(group)) break',
    replace: 'if (group.options.strict === true && this.strictness.isWaiting(group) && group.isClosed) break',
    properties: ['O4'],
    workload: 'domains',
  },
  {
    name: 'each-group-by-itself',
    about: 'a cast does not wait for those of other groups of its domain that may come before it',
    file: 'lib/kernel/domain.ts',
    find: 'if (other === group) continue\n      const rival',
    replace: 'if (other.options.domain === group.options.domain) continue\n      const rival',
    properties: ['O9'],
    workload: 'domains',
  },
  {
    name: 'promise-broken',
    about: "while the view of one of its domain's groups ends, a member delivers beyond what it promised to say",
    file: 'lib/kernel/domain.ts',
    find: '} else if (boundOf(item) >= this.promised(other)) return null',
    replace: '} else if (boundOf(item) >= this.promised(other) && other === group) return null',
    properties: ['O9'],
    workload: 'domains',
    faults: 'reset',
  },
  {
    name: 'open-places-too-low',
    about: 'at a cut, casts without a place come before what somebody has delivered already',
    file: 'lib/kernel/domain.ts',
    find: 'if (place >= floor && group',
    replace: 'if (place < floor && group',
    properties: ['O5', 'O6', 'O7', 'O9'],
    workload: 'domains',
  },
]
