/**
 * Protocol bugs, planted one at a time to prove that the checkers bite. Each is a small change of one source file.
 */

/** One planted bug. */
export interface Mutant {
  readonly name: string
  /** What the change does to the protocol. */
  readonly about: string
  readonly file: string
  /** Occurs exactly once in the file. */
  readonly find: string
  readonly replace: string
  /** The properties it breaks: a violation of one of them finds it. */
  readonly properties: readonly string[]
}

/** All planted bugs. */
export const MUTANTS: readonly Mutant[] = [
  {
    name: 'skip-row',
    about: 'the leader decides without the row of the last member',
    file: 'lib/kernel/cut.ts',
    find: 'for (const cast of removed.held) {',
    replace: 'for (const cast of row === rows.at(-1) ? [] : removed.held) {',
    properties: ['M6', 'O2', 'O4'],
  },
  {
    name: 'deliver-before-dependency',
    about: 'a causal or total cast does not wait for its dependencies',
    file: 'lib/kernel/delivery.ts',
    find: '      if (!era.isCutting) return false\n      // At the cut',
    replace: '      if (!era.isCutting) continue\n      // At the cut',
    properties: ['O3'],
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
    name: 'orphans-by-arrival',
    about: 'total casts without a position are delivered at the cut in the order in which they arrived',
    file: 'lib/kernel/delivery.ts',
    find: 'if (best === null || compareHeld(held, best) < 0) best = held',
    replace: 'if (best === null) best = held',
    properties: ['O6', 'O7'],
  },
  {
    name: 'snapshot-without-unstable',
    about: 'the receiver of a state forgets the casts that came while it waited',
    file: 'lib/app-group.ts',
    find: '    this.#replay(event.cut)\n',
    replace: '    this.#buffer = []\n',
    properties: ['T2'],
  },
  {
    name: 'old-view-frames',
    about: 'casts of an earlier view or incarnation of a member are taken for casts of this one',
    file: 'lib/kernel/kernel.ts',
    find: 'if (frame.view !== era.id) return\n    const rank',
    replace: 'const rank',
    properties: ['M1', 'M2', 'M5', 'M6', 'O1', 'O2', 'O3', 'S3'],
  },
  {
    name: 'ack-before-holding',
    about: 'a member acknowledges the frame after the last one it holds',
    file: 'lib/kernel/link.ts',
    find: 'ack: { session: this.peerSession, no: Math.min(this.gotData, this.ackCap) },',
    replace: 'ack: { session: this.peerSession, no: this.gotData + 1 },',
    properties: ['M6', 'O2', 'O4', 'O5', 'L2', 'L3'],
  },
  {
    name: 'two-grants',
    about: 'an item that is taken is granted once more',
    file: 'lib/objects/queue-state.ts',
    find: 'this.#lastGranted += 1\n    return',
    replace: 'this.#lastGranted += this.#lastGranted % 8 === 7 && this.#n % 2 === 1 ? 0 : 1\n    return',
    properties: ['T5'],
  },
  {
    name: 'second-line',
    about: "a process founds a line although its origin's founding section says no",
    file: 'lib/kernel/membership.ts',
    find: 'if (!isGranted || this.core.line !== null) {',
    replace: 'if (this.core.line !== null) {',
    properties: ['P5'],
  },
  {
    name: 'no-quorum',
    about: 'every component is primary',
    file: 'lib/kernel/primary.ts',
    find: 'return votes * 2 > base.length || (votes * 2 === base.length && present.has(senior))',
    replace: 'return votes > 0 || present.has(senior)',
    properties: ['P1'],
  },
  {
    name: 'minority-delivers',
    about: 'what a consistent group held unreleased is delivered outside the primary component',
    file: 'lib/kernel/delivery.ts',
    find: 'if (!isReleased && isKept(group, era.cut)) {',
    replace: 'if (!isReleased && held.isDropped) {',
    properties: ['P4'],
  },
  {
    name: 'minority-forgets',
    about: 'what a consistent group held unreleased is forgotten with the primary component',
    file: 'lib/app-group.ts',
    find: 'this.#kept.push(this.#locate(event))',
    replace: 'this.#locate(event)',
    properties: ['T5'],
  },
  {
    name: 'release-unstable',
    about: 'a uniform cast is delivered as soon as its turn has come, held by all or not',
    file: 'lib/kernel/delivery.ts',
    find: 'if (group.options.uniform && !era.isCutting) {',
    replace: 'if (group.options.uniform && era.isStable(-1, 1)) {',
    properties: ['F1'],
  },
  {
    name: 'signal-too-early',
    about: 'the transitional signal comes before casts that a mover had released',
    file: 'lib/kernel/delivery.ts',
    find: 'group.options.uniform && !isReleased && !group.isTransSignalled',
    replace: 'group.options.uniform && !group.isTransSignalled',
    properties: ['M7'],
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
    name: 'total-before-past',
    about: 'a total cast whose turn has come does not wait for the casts of other groups before it',
    file: 'lib/kernel/delivery.ts',
    find: 'if (this.areDepsMet(held)) best = held',
    replace: 'best = held',
    properties: ['O8'],
  },
  {
    name: 'uncounted-casts',
    about: "at a group's own view change a member reports none of its casts in the old view",
    file: 'lib/kernel/groups.ts',
    find: 'seq: group.ownLast,',
    replace: 'seq: 0,',
    properties: ['M5', 'M6', 'O1', 'O2', 'O3'],
  },
  {
    name: 'merge-without-states',
    about: 'parts of a split do not unite their states',
    file: 'lib/app-group.ts',
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
    name: 'dead-stays',
    about: 'silence is never a suspicion',
    file: 'lib/kernel/detector.ts',
    find: 'const heard = (seen?.at ?? 0) + limits.suspectAfterMs',
    replace: 'const heard = (seen?.at ?? 0) + limits.suspectAfterMs * 10',
    properties: ['L5', 'L1'],
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
]
