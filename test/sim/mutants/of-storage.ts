/**
 * Bugs of what is stored, planted one at a time.
 */
import type { Mutant } from './mutant.ts'

const LOG = 'lib/storage/group-log.ts'
const RESTORATION = 'lib/restoration.ts'

const planted: readonly Omit<Mutant, 'workload' | 'properties'>[] = [
  {
    name: 'durable-before-written',
    about: 'all counts as durable as soon as it is on its way to the store',
    file: LOG,
    find: 'else if (this.#stored >= this.#changes) done(null)',
    replace: 'else if (this.#stored >= 0) done(null)',
  },
  {
    name: 'first-store-wins',
    about: 'a group goes on from the state of whoever comes first by name, and not from the furthest',
    file: RESTORATION,
    find: 'if (best === null || compareStandings(acted.standing, best.standing) > 0) winner = author',
    replace: 'if (best === null) winner = author',
  },
  {
    name: 'waits-for-nobody',
    about: 'a group goes on from what is there, whoever may have more of it',
    file: RESTORATION,
    find: 'return (this.#furthest?.holders ?? []).filter((id) => !covered.has(id))',
    replace: 'return (this.#furthest?.holders ?? []).filter((id) => covered.size === 0 && !covered.has(id))',
  },
  {
    name: 'half-of-a-batch',
    about: 'of the records that were written together only the first half is read back',
    file: 'lib/storage/copies.ts',
    find: 'for (const record of records) {\n      const event',
    replace: 'for (const record of records.slice(0, Math.ceil(records.length / 2))) {\n      const event',
  },
  {
    name: 'unsent-forgotten',
    about: 'what a process had cast and not seen delivered is not read back',
    file: 'lib/storage/log-event.ts',
    find: "for (const [n, payload] of open) casts.push({ from: writer, n, view: '', index: 0, payload })",
    replace:
      "for (const [n, payload] of [...open].slice(0, 0)) casts.push({ from: writer, n, view: '', index: 0, payload })",
  },
  {
    name: 'unsent-taken-back',
    about: 'what could not be sent before a page was left is taken back in its copy',
    file: 'lib/storage/keeper.ts',
    find: 'if (this.#isLeaving) return\n',
    replace: '',
  },
  {
    name: 'torn-copy-set-aside',
    about: 'a copy that is cut short is set aside before its group has gone on from it',
    file: 'lib/storage/keeper.ts',
    find: 'const unreadable = copies.filter(({ content }) => content === null)',
    replace: 'const unreadable = copies.filter(({ fault }) => fault !== null)',
  },
  {
    name: 'refused-for-good',
    about: 'a group that had no state to store when it was asked is never asked again',
    file: LOG,
    find: 'if (this.#isPutOff && this.#isStale) this.#want()',
    replace: 'if (this.#isPutOff && !this.#isStale) this.#want()',
  },
  {
    name: 'kept-forgotten',
    about: 'what was kept beside the state in a snapshot is not stored when a primary view makes it take effect',
    file: LOG,
    find: ' || isBack) this.state()',
    replace: ' || (isBack && this.#isStale)) this.state()',
  },
]

/** See {@link Mutant}. */
export const storageMutants: readonly Mutant[] = planted.map((mutant) => ({
  ...mutant,
  workload: 'kept',
  properties: ['T11'],
}))
