/**
 * Bugs of the flush from one view to the next, planted one at a time.
 */
import type { Mutant } from './mutant.ts'

/** See {@link Mutant}. */
export const membershipMutants: readonly Mutant[] = [
  {
    name: 'skip-row',
    about: 'the leader decides without the row of the last member',
    file: 'lib/kernel/cut.ts',
    find: 'for (const cast of removed.held) {',
    replace: 'for (const cast of row === rows.at(-1) ? [] : removed.held) {',
    properties: ['M6', 'O2', 'O4'],
  },
  {
    name: 'forget-unstable',
    about: 'the unstable casts of a removed sender are not forwarded to those who lack them',
    file: 'lib/kernel/cut.ts',
    find: 'if (entry.holders.has(member)) continue\n      if (member === self)',
    replace: 'if (entry.holders.size > 0) continue\n      if (member === self)',
    properties: ['M6'],
  },
  {
    name: 'wrong-transitional-set',
    about: 'the transitional set names all members of the new view',
    file: 'lib/kernel/install.ts',
    find: 'trans: flush.part.members,',
    replace: 'trans: members.map((m) => m.id),',
    properties: ['M8'],
  },
  {
    name: 'two-view-events',
    about: 'the application is told of a view twice',
    file: 'lib/kernel/install.ts',
    find: "kernel.app({ type: 'view', group: '', view, state: 'whole' })",
    replace:
      "kernel.app({ type: 'view', group: '', view, state: 'whole' })\n  if (members.length > 3) kernel.app({ type: 'view', group: '', view, state: 'whole' })",
    properties: ['S7'],
  },
  {
    name: 'forgotten-predecessor',
    about: 'a view does not name the one before it',
    file: 'lib/kernel/install.ts',
    find: 'prev: old.id,',
    replace: 'prev: null,',
    properties: ['S2'],
  },
  {
    name: 'reasons-by-hearsay',
    about: 'who left or died is told from what each process happens to know',
    file: 'lib/kernel/install.ts',
    find: 'const departed = agreedDeparted(flush.rows)\n',
    replace: 'const departed = kernel.departed\n',
    properties: ['S4'],
  },
  {
    name: 'silence-is-death',
    about: 'whoever is silent is said to be proven dead',
    file: 'lib/kernel/gone.ts',
    find: 'dead: gone.filter((id) => departed.get(id)?.isDead === true),',
    replace: 'dead: gone.filter((id) => departed.get(id)?.isDead !== false),',
    properties: ['S5'],
  },
  {
    name: 'nameless-merge',
    about: 'a merge view says of all parts that they come from the first',
    file: 'lib/kernel/install.ts',
    find: 'subviews: parts.map((part) => ({ id: part.view, members: part.members })),',
    replace: 'subviews: parts.map((part) => ({ id: parts[0]?.view ?? part.view, members: part.members })),',
    properties: ['S6'],
  },
  {
    name: 'cut-taken-for-view',
    about: 'after a flush, members are said to come from a view of the group that was only a cut for gbcasts',
    file: 'lib/kernel/cut.ts',
    find: 'if (install.gn <= gn && install.plan !== null) last',
    replace: 'if (install.gn <= gn) last',
    properties: ['M8', 'S6'],
    workload: 'gbcast',
  },
  {
    name: 'seniors-only',
    about: 'no view change follows the failure of a junior member',
    file: 'lib/kernel/leading.ts',
    find: 'const suspects = this.core.era.members.filter((id) => this.detector.isSuspect(id))',
    replace: 'const suspects = this.core.era.members.slice(0, 2).filter((id) => this.detector.isSuspect(id))',
    properties: ['L3'],
  },
]
