/**
 * Bugs of the views of groups, planted one at a time.
 */
import type { Mutant } from './mutant.ts'

/** See {@link Mutant}. */
export const groupsMutants: readonly Mutant[] = [
  {
    name: 'uncounted-casts',
    about: "at a group's own view change a member reports none of its casts in the old view",
    file: 'lib/kernel/groups.ts',
    find: 'seq: group.ownLast,',
    replace: 'seq: 0,',
    properties: ['M5', 'M6', 'O1', 'O2', 'O3'],
  },
  {
    name: 'group-outlives-member',
    about: 'a group view goes on although the new space view takes members from it',
    file: 'lib/kernel/start-groups.ts',
    find: 'pieces.length === 1 && mine.isWhole && isSame',
    replace: 'pieces.length === 1 && isSame',
    properties: ['S8'],
  },
  {
    name: 'witness-as-member',
    about: 'a witness becomes a member of a group, and may be the donor of a state that it has not',
    file: 'lib/kernel/groups.ts',
    find: "    if (this.core.isWitness) {\n      this.core.app({ type: 'joined'",
    replace: "    if (this.core.isWitness && name === '') {\n      this.core.app({ type: 'joined'",
    properties: ['S8'],
    workload: 'votes',
  },
  {
    name: 'join-once',
    about: 'a join that a view change swallowed is not asked for again',
    file: 'lib/kernel/groups.ts',
    find: "    for (const [name, options] of this.joining) this.request(name, 'join', options, null)\n    this.leaveAsked",
    replace: '    this.leaveAsked',
    properties: ['L7'],
  },
  {
    name: 'leaver-goes-on',
    about: 'who left a group goes on with the view that it is not in',
    file: 'lib/kernel/groups.ts',
    find: 'if (!install.members.includes(self)) {\n      this.drop(group)',
    replace: 'if (install.members.length === 0) {\n      this.drop(group)',
    properties: ['S1'],
  },
  {
    name: 'untold-view',
    about: 'the application is not told of a view of a group that nobody joined or left',
    file: 'lib/kernel/groups.ts',
    find: "core.app({ type: 'view', group: group.name, view: info, state: mode, ...more })",
    replace:
      "const isTold = prev === null || info.joined.length + info.left.length + info.dead.length + info.expelled.length > 0\n    if (isTold) core.app({ type: 'view', group: group.name, view: info, state: mode, ...more })",
    properties: ['S3'],
  },
  {
    name: 'newcomer-unseen',
    about: 'old members of a group do not take in whoever joins it',
    file: 'lib/kernel/groups.ts',
    find: 'group.members = install.members\n    group.missing',
    replace:
      'group.members = prev === null ? install.members : old.filter((id) => install.members.includes(id))\n    group.missing',
    properties: ['M11'],
  },
  {
    name: 'own-part-only',
    about: "a merge view of a group tells of the members of one's own part only",
    file: 'lib/kernel/start-groups.ts',
    find: 'const draft = { ...group, viewId: id, members, missing }',
    replace: 'const draft = { ...group, viewId: id, members: mine.members, missing }',
    properties: ['M12'],
  },
]
