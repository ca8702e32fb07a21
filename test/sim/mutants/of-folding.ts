/** Planted bugs of folding. A twin that never folds, of each counter and map, finds them (`never-folds.ts`). */
import type { Mutant } from './mutant.ts'

/** See {@link Mutant}. */
export const foldingMutants: readonly Mutant[] = [
  {
    name: 'summed-up-and-counted',
    about: 'what a part brings that is summed up here, and whose names are forgotten, is counted again',
    file: 'lib/objects/lineage.ts',
    find: 'if (isBefore && (marks.has(key) || !named.has(key)))',
    replace: 'if (isBefore && marks.has(key))',
    properties: ['fold'],
    workload: 'fold',
  },
  {
    name: 'any-view-sums-up',
    about: 'a part that is not primary, or has come from elsewhere, marks and sums up all the same',
    file: 'lib/objects/lineage.ts',
    find: '    if (!primary) return\n    for (const [id, { reach }] of this.#all) if (reach === after) this.#acting = id',
    replace: '    for (const id of this.#all.keys()) this.#acting = id',
    properties: ['fold', 'fault'],
    workload: 'fold',
  },
  {
    name: 'mark-without-totals',
    about: 'what is summed up is what stands under the key by then, not what all had when it was marked',
    file: 'lib/objects/counter-state.ts',
    find: '    fold: (key, { up, down }, sums) => {',
    replace: '    fold: (key, _, sums) => {\n      const { up, down } = this.get(key)',
    properties: ['fold', 'fault', 'T2', 'T4'],
    workload: 'fold',
  },
  {
    name: 'summed-up-at-once',
    about:
      'what is due is summed up when that is heard, not at the next view: before or after what others count meanwhile',
    file: 'lib/objects/lineage.ts',
    find: 'if (lineage !== undefined) lineage.due = Math.max(lineage.due, Math.min(upTo, epochOf(lineage.reach)))',
    replace: 'if (lineage !== undefined) this.#fold(lineage, Math.min(upTo, epochOf(lineage.reach)))',
    properties: ['fold', 'T2', 'T4'],
    workload: 'fold',
    faults: 'doze',
  },
  {
    name: 'deleted-comes-back',
    about: 'what a part brings of a folded author is kept, though the others lack it: they had deleted it',
    file: 'lib/objects/map-union.ts',
    find: 'if (rests.has(author, k) || !lacking.some(({ folded }) => folded.isPast(author))) return true',
    replace: 'if (rests.has(author, k) || parts.length > 0) return true',
    properties: ['fold'],
    workload: 'fold',
  },
  {
    name: 'marked-or-not',
    about: 'all of a key that was marked is folded, what came after the mark as well',
    file: 'lib/objects/folded-dots.ts',
    find: 'this.keepRest(key, without(this.context.ranges(key), marked))',
    replace: 'this.keepRest(key, [])',
    properties: ['fold', 'fault', 'T2', 'T4'],
    workload: 'fold',
  },
]
