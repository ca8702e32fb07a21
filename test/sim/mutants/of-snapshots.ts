/**
 * Bugs of snapshots and of audit logs, planted one at a time.
 */
import type { Mutant } from './mutant.ts'

const MEMBER = 'lib/tools/snapshot-member.ts'

const planted: readonly Omit<Mutant, 'workload'>[] = [
  {
    name: 'snapshot-not-closed',
    about:
      'a process records as soon as it has its own mark, and not those of all: others may have cast something before theirs',
    file: MEMBER,
    find: 'if (!attempt.isRecorded && attempt.members.every((member) => attempt.marks.has(member)))',
    replace: 'if (!attempt.isRecorded && attempt.marks.has(this.#port.self))',
    properties: ['T16'],
  },
  {
    name: 'snapshot-without-all',
    about: 'a snapshot begins without the processes that are not in its group yet: nobody knows what they cast',
    file: 'lib/tools/snapshot-taker.ts',
    find: 'filter((member) => !inside.includes(member)) ?? []',
    replace: 'filter((member) => !inside.includes(member) && inside.length === 0) ?? []',
    properties: ['T16'],
  },
  {
    name: 'fires-again',
    about: 'a record counts at an entry that the trigger has judged last, so that two who judge it both count',
    file: 'lib/tools/audit-machine.ts',
    find: 'position < trigger.next || position',
    replace: 'position < trigger.next - 1 || position',
    properties: ['T17', 'T12'],
  },
  {
    name: 'judges-the-last',
    about:
      'who judges a trigger looks at the last entry only: what was appended while it acted on another is passed over',
    file: 'lib/tools/audit.ts',
    find: 'let position = Math.max(next, judged.position + 1)',
    replace: 'let position = Math.max(next, judged.position + 1, machine.last)',
    properties: ['T17'],
  },
]

/** See {@link Mutant}. */
export const snapshotMutants: readonly Mutant[] = planted.map((mutant) => ({ ...mutant, workload: 'snapshots' }))
