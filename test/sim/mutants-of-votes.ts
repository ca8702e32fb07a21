/**
 * Planted bugs by which a part that may go on does not: what it waits for need not be waited for.
 */
import type { Mutant } from './mutant-list.ts'

/** All of them. */
export const voteMutants: readonly Mutant[] = [
  {
    name: 'dead-still-counted',
    about: 'a proven death does not take the vote out of the count: the survivor of two tabs waits for ever',
    file: 'lib/kernel/primary.ts',
    find: '    members.filter((id) => !departed.has(id)).map(',
    replace: '    members.filter((id) => departed.get(id)?.isDead !== false).map(',
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
