/**
 * Bugs of failure detection, of who is away, and of whom to take in, planted one at a time.
 */
import type { Mutant } from './mutant.ts'

/** See {@link Mutant}. */
export const detectorMutants: readonly Mutant[] = [
  {
    name: 'dead-stays',
    about: 'silence is never a suspicion',
    file: 'lib/kernel/detector.ts',
    find: 'const heard = (seen?.at ?? 0) + limits.suspectAfterMs',
    replace: 'const heard = (seen?.at ?? 0) + limits.suspectAfterMs * 10',
    properties: ['L5', 'L1'],
  },
  {
    name: 'parts-stay-apart',
    about: 'views of several members are never merged',
    file: 'lib/kernel/contacts.ts',
    find: 'parts.push({ view: summary.id, members: summary.members })',
    replace: 'if (summary.members.length === 1) parts.push({ view: summary.id, members: summary.members })',
    properties: ['L1'],
  },
  {
    name: 'hasty',
    about: 'a short silence is a suspicion',
    file: 'lib/kernel/detector.ts',
    find: 'const heard = (seen?.at ?? 0) + limits.suspectAfterMs',
    replace: 'const heard = (seen?.at ?? 0) + limits.suspectAfterMs / 4',
    properties: ['L5'],
  },
  {
    name: 'away-by-hearsay',
    about: 'who is away is told from what each process happens to know',
    file: 'lib/kernel/away.ts',
    find: 'const away = uniteAway(rows, present, viewIdOf(ballot), limits)',
    replace:
      'const away = uniteAway(\n    rows.filter(({ from }) => from === self),\n    present,\n    viewIdOf(ballot),\n    limits,\n  )',
    properties: ['S4'],
    faults: 'all,suspend',
  },
  {
    name: 'away-and-here',
    about: 'who is back is still said to be away',
    file: 'lib/kernel/away.ts',
    find: 'if (present.has(told.id) || departed.has(told.id) ||',
    replace: 'if (departed.has(told.id) ||',
    properties: ['S4'],
    faults: 'all,suspend',
  },
  {
    name: 'hears-old-answers',
    about: 'a process that may have been away takes what was sent before for a sign that its view still stands',
    file: 'lib/kernel/detector.ts',
    find: 'seen.echo >= time',
    replace: 'time >= 0',
    properties: ['S9'],
    faults: 'all,suspend',
  },
  {
    name: 'laggard-stays',
    about: 'a process whose application consumes nothing goes on as if nothing were the matter',
    file: 'lib/kernel/away.ts',
    find: 'now - this.stuckSince >= core.limits.lagMs',
    replace: 'now - this.stuckSince >= core.limits.lagMs * 100',
    properties: ['L8'],
    faults: 'all,lag',
  },
  {
    name: 'laggard-lost',
    about: 'a process that lagged does not notice that its application has caught up',
    file: 'lib/kernel/away.ts',
    find: 'backlogBytes > limits.backlogBytesMax / 2',
    replace: 'backlogBytes >= 0',
    properties: ['L1'],
    faults: 'all,lag',
  },
]
