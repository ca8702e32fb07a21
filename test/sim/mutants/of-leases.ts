/**
 * Bugs of leases, planted one at a time.
 */
import type { Mutant } from './mutant.ts'

/** See {@link Mutant}. */
export const leaseMutants: readonly Mutant[] = [
  {
    name: 'three-leases',
    about: 'a holder goes on for three leases after it was last heard',
    file: 'lib/objects/leases.ts',
    find: 'from + this.#leaseMs - this.#port.now()',
    replace: 'from + this.#leaseMs * 3 - this.#port.now()',
    properties: ['P3'],
  },
  {
    name: 'leased-by-the-grant',
    about: 'a lease counts from when the grant is heard, though its taker may have slept since it was made',
    file: 'lib/objects/queue-hands.ts',
    find: 'const { id, token, since } = granted',
    replace: 'const { id, token } = granted\n    const since = this.port.now()',
    properties: ['P3'],
  },
  {
    name: 'leased-from-elsewhere',
    about: 'an answer counts for a lease, whatever view it comes from',
    file: 'lib/kernel/detector.ts',
    find: 'held: isHolding ? frame.echo : (before?.held ?? 0),',
    replace: 'held: frame.echo,',
    properties: ['P3'],
  },
]
