/**
 * Bugs of queues, planted one at a time.
 */
import type { Mutant } from './mutant.ts'

const MACHINE = 'lib/objects/queue-machine.ts'

type QueueMutant = Omit<Mutant, 'workload' | 'properties'> & Partial<Pick<Mutant, 'properties'>>

const planted: readonly QueueMutant[] = [
  {
    name: 'priority-forgotten',
    about: 'a member that was given the state takes the oldest item first, whatever its priority',
    file: MACHINE,
    find: 'else if (item.delay === null) this.#ready.push(item)\n    }',
    replace: 'else if (item.delay === null) this.#ready.push({ ...item, priority: 0 })\n    }',
  },
  {
    name: 'dead-letter-lost',
    about: 'of the items that were tried too often, every second one is gone',
    file: MACHINE,
    find: 'this.#dead.set(id, back)',
    replace: 'if (id % 2 === 0) this.#dead.set(id, back)',
  },
  {
    name: 'one-too-many',
    about: 'a queue holds one item more than it should',
    file: MACHINE,
    find: 'return size + more <= this.terms.maxSize &&',
    replace: 'return size + more <= this.terms.maxSize + 1 &&',
  },
  {
    name: 'restored-too-many',
    about: 'a dead letter is put back though the queue is full',
    file: MACHINE,
    find: 'if (this.#items.size >= this.terms.maxSize) return FULL\n    this.#dead',
    replace: 'this.#dead',
  },
  {
    name: 'delay-half-over',
    about: 'a member says that a delay is over when half of it is',
    file: 'lib/objects/queue-clock.ts',
    find: 'at: begun + (isDelay ? ms : ms * SLACK)',
    replace: 'at: begun + (isDelay ? ms / 2 : ms * SLACK)',
  },
  {
    name: 'delay-forgotten',
    about: 'a member that was given the state lets delayed items be taken',
    file: MACHINE,
    find: 'else if (item.delay === null) this.#ready.push(item)\n    }',
    replace: 'else this.#ready.push(item)\n    }',
  },
  {
    name: 'one-try-more',
    about: 'an item is tried once more than it may be',
    file: MACHINE,
    find: 'attempts >= maxTries)',
    replace: 'attempts > maxTries)',
  },
  {
    name: 'room-for-nobody',
    about: 'who waits for room is not told when there is some',
    file: MACHINE,
    find: 'const add = next\n',
    replace: 'if (this.#items.size > 0) break\n      const add = next\n',
  },
  {
    name: 'completed-by-the-former',
    about: 'who holds an item again completes it under an older token',
    file: MACHINE,
    find: 'item?.grant?.taker === process && sameToken(item.grant.token, token)',
    replace: 'item?.grant?.taker === process && token.length > 0',
  },
  {
    name: 'extended-for-nothing',
    about: 'the time of an item that was extended runs out as if it had not been',
    file: MACHINE,
    find: 'const limit = this.#count(ms === 0 ? (before?.ms ?? 0) : ms, context)\n    if (before !== null) this.#countdowns.delete(before.key)\n    if (limit !== null)',
    replace: 'const limit = before ?? this.#count(ms, context)\n    if (before === null && limit !== null)',
  },
  {
    name: 'done-before-agreed',
    about: 'whoever has an item in hand takes it for done before the others have agreed',
    file: 'lib/objects/taken-item.ts',
    find: '      await told\n',
    replace: '      told.catch(() => undefined)\n',
    properties: ['T13'],
  },
  {
    name: 'done-and-there',
    about: 'every fifth item that is done stays in the queue',
    file: MACHINE,
    find: 'this.#items.delete(item.id)\n    this.#letGo(item)',
    replace:
      'this.#items.delete(item.id)\n    this.#letGo(item)\n    if (item.id % 5 === 0) {\n      this.#put({ ...item, grant: null })\n      this.#wait({ ...item, grant: null, delay: null })\n    }',
    properties: ['T13'],
  },
]

/** See {@link Mutant}. */
export const queueMutants: readonly Mutant[] = [
  {
    name: 'two-grants',
    about: 'an item that is taken is granted once more',
    file: 'lib/objects/queue-machine.ts',
    find: 'this.#taken.add(item.id)\n    if',
    replace: 'this.#taken.add(item.id)\n    if (token[2] % 8 === 7) this.#ready.push(item)\n    if',
    properties: ['T5'],
  },
  ...planted.map((mutant): Mutant => ({ properties: ['T12'], ...mutant, workload: 'queue' })),
]
