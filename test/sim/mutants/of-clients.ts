/**
 * Bugs of clients of groups, planted one at a time.
 */
import type { Mutant } from './mutant.ts'

const TABLE = 'lib/tools/client-table.ts'
const SPONSOR = 'lib/tools/sponsor.ts'
const ASKS = 'lib/tools/client-asks.ts'
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
  {
    name: 'request-carried-out-again',
    about: 'a member whose state is replaced carries a request out again that it has carried out',
    file: ASKS,
    find: 'if (n <= (this.#seen.get(client) ?? 0)) {',
    replace: 'if (n < 0) {',
    properties: ['T8'],
  },
  {
    name: 'request-in-the-view-of-now',
    about: 'a member says that a request was delivered in the view in force, whichever it was',
    file: 'lib/tools/sponsored-casts.ts',
    find: 'const view = table.viewOf(id, n)',
    replace: 'const view = table.viewOf(id, n) && port.view',
    properties: ['T8'],
  },
  {
    name: 'skipped-unsaid',
    about: 'a member whose state covers a request does not say that it never saw it',
    file: SPONSOR,
    find: 'this.#asks.cover()',
    replace: '',
    properties: ['L9'],
  },
  {
    name: 'parted-before',
    about: 'a client takes a member for gone that it had parted from before it asked',
    file: 'lib/tools/client-requests.ts',
    find: 'place > open.since && ',
    replace: '',
    properties: ['T8'],
  },
]

/** See {@link Mutant}. */
export const clientMutants: readonly Mutant[] = planted.map((mutant) => ({ ...mutant, workload: 'clients' }))
