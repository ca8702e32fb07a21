/**
 * Dependencies that a later cast is taken to cover are not named any more: the rules of the literature, which are not
 * enough here (decision 019), and what is less than them.
 */
import type { Mutant } from './mutant.ts'

/** The place at which a delivered cast hands its dependencies on. */
const find = '      this.addDep(cast.deps[i] ?? 0, cast.deps[i + 1] ?? 0, cast.deps[i + 2] ?? 0)\n'

/** There, what is so is left out: of the groups `to`, of the cast, and `of`, of the dependency. */
function leavingOut(isCovered: string): string {
  return `      const [rank = 0, stream = 0, seq = 0] = cast.deps.slice(i, i + 3)
      const [to, of] = [era.groups.get(cast.gid), era.groups.get(stream >> 1)]
      if (to === undefined || of === undefined || of === to || stream % 2 === 1 || !(${isCovered})) this.addDep(rank, stream, seq)
      else if ((era.deps.get(streamKey(rank, stream)) ?? 0) <= seq) era.deps.delete(streamKey(rank, stream))
`
}

const isCausal = "to.options.order !== 'fifo'"
const isSubset = 'of.members.every((id) => to.members.includes(id))'

/** See {@link Mutant}. */
export const coverageMutants: readonly Mutant[] = [
  {
    name: 'covered-dependencies',
    about: 'a dependency is not named once a cast that names it went to all members of its group',
    file: 'lib/kernel/delivery.ts',
    find,
    replace: leavingOut(`${isCausal} && ${isSubset}`),
    properties: ['O4', 'O3', 'F1'],
    // It shows where somebody hears of the cover by a fifo cast, answers, and is then alone without what is lost.
    workload: 'available',
    faults: 'isolate,halves,suspend',
  },
  {
    name: 'covered-by-fifo',
    about: 'the same, also by a fifo cast, which waits for nothing',
    file: 'lib/kernel/delivery.ts',
    find,
    replace: leavingOut(isSubset),
    properties: ['O3'],
  },
  {
    name: 'covered-by-anything',
    about: 'a dependency is not named once a cast that names it was delivered, whoever that went to',
    file: 'lib/kernel/delivery.ts',
    find,
    replace: leavingOut(isCausal),
    properties: ['O3'],
  },
]
