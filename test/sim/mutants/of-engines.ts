/**
 * Protocol bugs of the total order engines, planted one at a time. That a
 * moving sequencer's records behind a gap are void, chance shows too rarely: a scenario does (`scenarios/engines.ts`).
 */
import type { Mutant } from './mutant.ts'

/** See {@link Mutant}. */
export const engineMutants: readonly Mutant[] = [
  {
    name: 'two-sequencers',
    about: 'a moving sequencer that has handed its role over goes on giving positions',
    file: 'lib/kernel/moving-sequencer.ts',
    find: 'if (!isDue || !isMost || !others.includes(most ?? -1)) return []\n    state.from = null\n',
    replace: 'if (!isDue || !isMost || !others.includes(most ?? -1)) return []\n',
    properties: ['O5', 'O6', 'O7', 'M3', 'M6', 'exception'],
    workload: 'engines',
  },
  {
    name: 'successor-too-early',
    about: 'a successor gives positions before it has all records of those before it',
    file: 'lib/kernel/moving-sequencer.ts',
    find: 'from === null || known < from',
    replace: 'from === null',
    properties: ['O5', 'O6', 'O7', 'M3', 'L2', 'L3'],
    workload: 'engines',
  },
  {
    name: 'turn-without-passes',
    about: "round robin: a cast's turn comes although others may cast before it",
    file: 'lib/kernel/round-robin.ts',
    find: 'if (head.position >= open && !era.isCutting) {',
    replace: 'if (head.position > open + group.members.length && !era.isCutting) {',
    properties: ['O5', 'O6', 'O7'],
    workload: 'engines',
  },
  {
    name: 'nobody-passes',
    about: 'round robin: whoever has nothing to cast holds up all others',
    file: 'lib/kernel/round-robin.ts',
    find: 'if (highest < 0) return nothingToSay',
    replace: 'if (highest < 0 || group.members[0] === this.core.self) return nothingToSay',
    properties: ['L2', 'L3', 'L6'],
    workload: 'engines',
  },
  {
    name: 'turns-by-arrival',
    about: 'round robin: at a cut, casts come in the order in which they arrived',
    file: 'lib/kernel/round-robin.ts',
    find: 'while (at > 0 && (line[at - 1]?.position ?? 0) > position) at -= 1',
    replace: 'while (at > 0 && (line[at - 1]?.position ?? 0) > position && position < state.open + 1) at -= 1',
    properties: ['O5', 'O6', 'O7'],
    workload: 'engines',
  },
]
