/**
 * Bugs of votes, lines and the primary component, planted one at a time.
 */
import type { Mutant } from './mutant.ts'

/** See {@link Mutant}. */
export const primaryMutants: readonly Mutant[] = [
  {
    name: 'second-line',
    about: "a process founds a line although its origin's founding section says no",
    file: 'lib/kernel/founding.ts',
    find: 'if (!isGranted || core.line !== null) {',
    replace: 'if (core.line !== null) {',
    properties: ['P5'],
  },
  {
    name: 'no-quorum',
    about: 'every component is primary',
    file: 'lib/kernel/quorum.ts',
    find: 'return votes * 2 > total || (votes * 2 === total && present.has(senior.id))',
    replace: 'return votes > 0 || present.has(senior.id)',
    properties: ['P1'],
  },
  {
    name: 'half-is-enough',
    about: 'half of a primary view is a quorum without its most senior member',
    file: 'lib/kernel/quorum.ts',
    find: 'return votes * 2 > total || (votes * 2 === total && present.has(senior.id))',
    replace: 'return votes * 2 >= total || present.has(senior.id)',
    properties: ['P2'],
  },
  {
    name: 'weights-ignored',
    about: 'votes are counted by heads, whatever they weigh',
    file: 'lib/kernel/quorum.ts',
    find: 'const weigh = ({ weight }: Voter): number => (isByHeads ? 1 : weight)',
    replace: 'const weigh = ({ weight }: Voter): number => (isByHeads || weight >= 0 ? 1 : weight)',
    properties: ['P1', 'P2'],
    workload: 'votes',
  },
  {
    name: 'weightless-tie-breaker',
    about: 'half of the votes is a quorum with the most senior, though that one has no vote',
    file: 'lib/kernel/quorum.ts',
    find: 'base.find((voter) => weigh(voter) > 0)',
    replace: 'base.find(({ weight }) => weight >= 0)',
    properties: ['P1', 'P2'],
    workload: 'votes',
  },
  {
    name: 'witness-by-seniority',
    about: 'a witness ranks by its seniority, and so may lead',
    file: 'lib/kernel/quorum.ts',
    find: 'if (witnesses.size === 0) return all',
    replace: 'if (witnesses.size >= 0) return all',
    properties: ['S8'],
    workload: 'votes',
  },
  {
    name: 'dead-without-record',
    about: 'the dead are taken out of the base, but what they had voted for is not looked at',
    file: 'lib/kernel/primary.ts',
    find: '...[...departed.values()].flatMap((d) => (d.votes === null ? [] : [d.votes])),',
    replace: '...[...departed.values()].flatMap((d) => (d.votes === null || d.isDead ? [] : [d.votes])),',
    properties: ['P1', 'P2'],
    workload: 'votes',
  },
  {
    name: 'dead-still-counted',
    about: 'a proven death does not take the vote out of the count: the survivor of two tabs waits for ever',
    file: 'lib/kernel/primary.ts',
    find: 'weigh(members.filter((id) => !departed.has(id)))',
    replace: 'weigh(members.filter((id) => departed.get(id)?.isDead !== false))',
    properties: ['L10'],
  },
  {
    name: 'never-refused',
    about: 'a view that one of them never promised is waited for like one that its leader may have installed',
    file: 'lib/kernel/attempts.ts',
    find: "    if (!mayBeDone) return 'dead'\n",
    replace: "    if (!mayBeDone) return 'unknown'\n",
    properties: ['L10'],
  },
]
