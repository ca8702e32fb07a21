/**
 * Bugs of replicated state machines and of the tools on them, planted one at a time; part of `mutant-list.ts`.
 */
import type { Mutant } from './mutant-list.ts'

const SESSIONS = 'lib/objects/sessions.ts'
const REPLICA = 'lib/objects/machine-replica.ts'

type ToolMutant = Omit<Mutant, 'workload'>

const planted: readonly ToolMutant[] = [
  {
    name: 'request-twice',
    about: 'a request that was cast again takes effect again',
    file: SESSIONS,
    find: 'if (call < session.next || before >= session.next',
    replace: 'if (before >= session.next',
    properties: ['T12'],
  },
  {
    name: 'request-too-early',
    about: 'a request takes effect though one before it is lost, which then never does',
    file: SESSIONS,
    find: 'before >= session.next || ',
    replace: '',
    properties: ['L9'],
  },
  {
    name: 'floor-drops-more',
    about: 'an answer is dropped that its process has not seen',
    file: SESSIONS,
    find: 'if (number >= floor || kept.has(number)) continue',
    replace: 'if (number > floor || kept.has(number)) continue',
    properties: ['L9'],
  },
  {
    name: 'answer-lost',
    about: 'of two that are answered at one step, one hears of it',
    file: SESSIONS,
    find: 'if (session?.answers.get(call) === null) session.answers.set(call, answer)',
    replace: 'if (session?.answers.get(call) === null && call % 5 > 0) session.answers.set(call, answer)',
    properties: ['L9'],
  },
  {
    name: 'dead-hold',
    about: 'what the dead and the departed held is not released',
    file: SESSIONS,
    find: 'else if (session.isGone) this.#end(process, session)',
    replace: 'else if (session.isGone) this.#dropWaiting(process, session)',
    properties: ['T12'],
  },
  {
    name: 'absent-wait',
    about: 'what waits for somebody who is out of reach goes on waiting, and is granted to nobody',
    file: SESSIONS,
    find: 'session.orphanedIn ??= this.#view\n    this.#dropWaiting(process, session)',
    replace: 'session.orphanedIn ??= this.#view',
    properties: ['T12'],
  },
  {
    name: 'absent-forgotten',
    about: 'whoever is out of reach is forgotten at once: what it asks again takes effect again',
    file: SESSIONS,
    find: 'else this.#orphan(process, session)',
    replace: 'else this.#sessions.delete(process)',
    properties: ['T12'],
  },
  {
    name: 'cancelled-granted',
    about: 'a request that was taken back goes on waiting',
    file: SESSIONS,
    find: 'this.#machine.cancel?.(caller, this.#context)',
    replace: 'void caller',
    properties: ['T12'],
  },
  {
    name: 'token-again',
    about: 'the tokens of one view are all one',
    file: SESSIONS,
    find: 'this.#n += 1',
    replace: 'this.#n = 1',
    properties: ['T5', 'T12'],
  },
  {
    name: 'expires-whoever',
    about: 'what somebody holds who was out of reach is released, though it is back',
    file: SESSIONS,
    find: 'if (this.#sessions.get(process)?.orphanedIn === view)',
    replace: 'if (this.#sessions.has(process))',
    properties: ['T12'],
  },
  {
    name: 'expires-at-once',
    about: 'what somebody holds who is out of reach is released long before its lease has run out',
    file: REPLICA,
    find: 'new OrphanWatch(port, settings.leaseMs,',
    replace: 'new OrphanWatch(port, settings.leaseMs / 10,',
    properties: ['T12'],
  },
  {
    name: 'not-asked-anew',
    about: 'a call that was dropped while its process was out of reach is not made again',
    file: REPLICA,
    find: 'if (wish === null) this.#open.delete(open)',
    replace: 'if (wish !== undefined) this.#open.delete(open)',
    properties: ['L9'],
  },
  {
    name: 'gap-waited-for',
    about: 'a request waits for every number below it, those that were settled in a line that is lost as well',
    file: REPLICA,
    find: 'waiting.filter((number) => number < floor), before]',
    replace: 'waiting.filter((number) => number < floor), Math.max(before, call - 1)]',
    properties: ['L9'],
  },
  {
    name: 'cas-of-any-version',
    about: 'a register is written though its version is another than was expected',
    file: 'lib/objects/register-machine.ts',
    find: 'if (expected !== null && expected !== this.version) return [true, 0]',
    replace: 'if (expected !== null && expected > this.version) return [true, 0]',
    properties: ['T13'],
  },
  {
    name: 'two-exclusive',
    about: 'an exclusive lock is granted beside another one',
    file: 'lib/tools/lock-machine.ts',
    find: "return mode === 'shared' || held.length < this.#holdersMax",
    replace: "return mode === 'shared' || held.length <= this.#holdersMax",
    properties: ['T5', 'P3'],
  },
  {
    name: 'last-come-first-served',
    about: 'who asks for a lock last is before all others who wait',
    file: 'lib/tools/lock-machine.ts',
    find: 'else lock.waiting.push(request)',
    replace: 'else lock.waiting.splice(0, 0, request)',
    properties: ['T12'],
  },
  {
    name: 'throws-and-changes',
    about: 'what a method of a replicated class has changed before it threw stays changed',
    file: 'lib/tools/object-machine.ts',
    find: '      return [false, ...describe(error)]',
    replace: '      this.#become(saveFields(instance))\n      return [false, ...describe(error)]',
    properties: ['T12', 'T13'],
  },
  {
    name: 'chance-of-its-own',
    about: 'what a replicated class draws is another thing at each member',
    file: 'lib/tools/call-context.ts',
    find: 'const draw = generator(seed)',
    replace: 'const draw = generator(seed + Math.random())',
    properties: ['T12', 'T2'],
  },
]

/** See {@link Mutant}. */
export const toolMutants: readonly Mutant[] = planted.map((mutant) => ({ ...mutant, workload: 'tools' }))
