/**
 * Bugs of clients of groups, planted one at a time; part of `mutant-list.ts`.
 */
import type { Mutant } from './mutant-list.ts'

const TABLE = 'lib/tools/client-table.ts'
const SPONSOR = 'lib/tools/sponsor.ts'
const FEEDER = 'lib/tools/feeder.ts'

const planted: readonly Omit<Mutant, 'workload'>[] = [
  {
    name: 'client-cast-twice',
    about: 'a cast of a client that another member makes again is told again, but for the last one',
    file: TABLE,
    find: "if (n <= last) return 'again'",
    replace: "if (n === last) return 'again'",
    properties: ['T15'],
  },
  {
    name: 'client-casts-with-holes',
    about: 'a cast of a client is told though the one before it is lost',
    file: TABLE,
    find: "if (last < after && base < after) return 'early'",
    replace: '',
    properties: ['T15', 'L9'],
  },
  {
    name: 'newcomers-know-no-clients',
    about: 'what is known of clients is no part of the state that a newcomer gets',
    file: 'lib/group.ts',
    find: 'sponsor?.table.load(clients)',
    replace: '',
    properties: ['T15', 'T1', 'T2'],
  },
  {
    name: 'feed-begins-anew',
    about: 'a client that comes from another member is fed what comes from there on, not what comes next for it',
    file: SPONSOR,
    find: 'attached.next = found.from',
    replace: 'attached.next = this.#log.end',
    properties: ['T15'],
  },
  {
    name: 'gap-untold',
    about: 'a client is not told that what came next for it is kept no more',
    file: FEEDER,
    find: "[gapEntry('behind'), ...opening]",
    replace: '[...opening]',
    properties: ['T15'],
  },
  {
    name: 'parted-untold',
    about: 'a client is not told that the members have not got the casts that it was told last',
    file: SPONSOR,
    find: "if (found.isParted) this.#feeder.feed(attached, [gapEntry('parted')], 1)",
    replace: '',
    properties: ['T15'],
  },
]

/** See {@link Mutant}. */
export const clientMutants: readonly Mutant[] = planted.map((mutant) => ({ ...mutant, workload: 'clients' }))
