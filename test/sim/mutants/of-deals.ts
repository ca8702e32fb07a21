/**
 * Bugs of transactions over several objects, planted one at a time.
 */
import type { Mutant } from './mutant.ts'

const MACHINE = 'lib/objects/atomic-machine.ts'
const ATOMIC = 'lib/objects/atomic.ts'

const planted: readonly Omit<Mutant, 'workload'>[] = [
  {
    name: 'half-of-a-transaction',
    about: 'an object whose maker is gone drops its part, whatever the ledger says',
    file: ATOMIC,
    find: 'const isCommitted = await this.#ledger.resolve(key, names)',
    replace: 'const isCommitted = (await this.#ledger.resolve(key, names)) && names.length === 0',
    properties: ['T18'],
  },
  {
    name: 'commit-on-stale-read',
    about: 'an object is held for a transaction though what that has read of it has changed',
    file: MACHINE,
    find: 'if (answer[1] !== true) return [true, ATOMIC_ANSWER.stale]\n    this.#hold',
    replace: 'this.#hold',
    properties: ['T13'],
  },
  {
    name: 'committed-after-all',
    about: 'a maker that comes back commits what others have given up meanwhile',
    file: 'lib/objects/ledger-machine.ts',
    find: 'if (aborted !== undefined && (',
    replace: 'if (aborted === null && (',
    properties: ['T18', 'T12'],
  },
  {
    name: 'call-in-between',
    about: 'an object that is held for a transaction is changed by somebody else',
    file: MACHINE,
    find: 'if (this.#held === null && this.#waiting.length === 0) return true',
    replace: "if (typeof body[0] === 'number' || (this.#held === null && this.#waiting.length === 0)) return true",
    properties: ['T13', 'T12'],
  },
  {
    name: 'held-for-ever',
    about: 'what is held for somebody who is gone is let go by nobody',
    file: ATOMIC,
    find: ': !view.members.includes(maker)',
    replace: ': view.members.length === 0',
    properties: ['T18', 'L9'],
  },
]

/** See {@link Mutant}. */
export const dealMutants: readonly Mutant[] = planted.map((mutant) => ({ ...mutant, workload: 'deals' }))
