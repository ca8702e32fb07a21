/**
 * Bugs of state transfer and of states that are united, planted one at a time.
 */
import type { Mutant } from './mutant.ts'

/** See {@link Mutant}. */
export const transferMutants: readonly Mutant[] = [
  {
    name: 'snapshot-without-unstable',
    about: 'the receiver of a state forgets the casts that came while it waited',
    file: 'lib/app-group.ts',
    find: '    this.#replay(event)\n',
    replace: '    this.#buffer = []\n',
    properties: ['T2'],
  },
  {
    name: 'merge-without-states',
    about: 'parts of a split do not unite their states',
    file: 'lib/group-state.ts',
    find: 'for (const state of states) replica.merge(state)',
    replace: 'for (const state of states.slice(0, 0)) replica.merge(state)',
    properties: ['T2'],
  },
  {
    name: 'joiner-without-state',
    about: 'a newcomer is taken for whole without a state',
    file: 'lib/kernel/state-plan.ts',
    find: '    if (own >= 0 && sources.length === 1) continue',
    replace: '    if (own < 0 || sources.length === 1) continue',
    properties: ['T2'],
  },
  {
    name: 'state-of-another-view',
    about: 'a state that was given at another view is taken for that of this one',
    file: 'lib/kernel/transfer.ts',
    find: 'incoming === undefined || incoming.view !== chunk.view',
    replace: 'incoming === undefined',
    properties: ['T1'],
  },
  {
    name: 'own-state-first',
    about: 'each member unites the states of the parts beginning with that of its own',
    file: 'lib/kernel/state-plan.ts',
    find: 'sources: sources.map((s, i) => ({ donor: i === own ? id : s.donor, subview: s.subview })),',
    replace:
      'sources: [...sources]\n        .sort((a, b) => Number(b.members.includes(id)) - Number(a.members.includes(id)))\n        .map((s) => ({ donor: s.members.includes(id) ? id : s.donor, subview: s.subview })),',
    properties: ['T4'],
  },
  {
    name: 'half-a-state-is-ready',
    about: 'whoever awaited a state when its donor died goes on as if that had come',
    file: 'lib/app-group.ts',
    find: "this.#awaits = plan === 'merge' || plan === 'replace' ? plan : 'nothing'",
    replace: "this.#awaits = (plan === 'merge' || plan === 'replace') && this.#awaits !== 'replace' ? plan : 'nothing'",
    properties: ['T3'],
    workload: 'transfer',
  },
  {
    name: 'donor-deaf-to-wishes',
    about: 'a donor sends only to who lacks all of the state',
    file: 'lib/kernel/outgoing.ts',
    find: "if (this.phase !== 'asking' || !areRanges(ranges, lengths.length)) return false",
    replace: "if (this.phase !== 'asking' || ranges[1] !== lengths.length) return false",
    properties: ['T3'],
    workload: 'transfer',
  },
]
