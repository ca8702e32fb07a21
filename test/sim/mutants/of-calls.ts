/**
 * Bugs of direct messages and of what stands on them, planted one at a time.
 */
import type { Mutant } from './mutant.ts'

const MACHINE = 'lib/tools/service-machine.ts'
const MESSAGES = 'lib/kernel/messages.ts'

const planted: readonly Omit<Mutant, 'workload'>[] = [
  {
    name: 'message-of-another-view',
    about: 'a direct message that comes in a frame of another view of the space is handed over all the same',
    file: 'lib/kernel/receiving.ts',
    find: '      this.keepEarly(frame.view, peer, frame)\n      return\n    }\n    const rank',
    replace:
      "      for (const item of frame.items) if (item.k === 'message') this.handleMessage(link, peer, item)\n" +
      '      this.keepEarly(frame.view, peer, frame)\n      return\n    }\n    const rank',
    properties: ['D1'],
  },
  {
    name: 'waiting-messages-last',
    about: 'a direct message goes before those that wait',
    file: MESSAGES,
    find: 'else queue.push(message)',
    replace: 'else queue.splice(queue[0]?.at === 0 ? 0 : 1, 0, message)',
    properties: ['D2'],
  },
  {
    name: 'messages-unmarked',
    about: 'the end of a view is not marked behind direct messages alone: they may be lost among those who stay',
    file: 'lib/kernel/link.ts',
    find: 'return this.data.length > 0 || this.items.length > 0',
    replace: 'return this.data.some(({ lastSeq }) => lastSeq > 0) || this.items.length > 0',
    properties: ['D3', 'D2'],
  },
  {
    name: 'unheard-untold',
    about: 'nobody is told of direct messages that went to somebody who is gone',
    file: MESSAGES,
    find: 'if (unheard.length > 0 && !movers.includes(link.peer))',
    replace: 'if (unheard.length > 0 && movers.length === 0)',
    properties: ['D3'],
  },
  {
    name: 'outcome-of-anybody',
    about: 'an outcome counts whoever brings it, and whenever: a later one takes the place of the first',
    file: MACHINE,
    find: 'if (session === undefined || record === undefined || !isPending(record)) return STALE\n    if (record.runner !== runner || !sameToken(record.token, token)) return STALE',
    replace:
      'if (session === undefined || record === undefined) return STALE\n    if (!isPending(record)) {\n      session.calls.set(no, outcome)\n      return [true, null]\n    }\n    void sameToken',
    properties: ['T7'],
  },
  {
    name: 'recorded-runs-again',
    about: 'a call that comes again is run again, though its outcome is recorded',
    file: MACHINE,
    find: 'if (record !== undefined && !isPending(record)) return [true, [...record]]',
    replace:
      'if (record !== undefined && !isPending(record)) {\n      session.calls.delete(no)\n      session.holes.add(no)\n      return this.#call({ client, opening, no }, { born, open, body }, caller, context)\n    }',
    properties: ['T7'],
  },
  {
    name: 'replies-of-the-seniors',
    about: 'a request has entries for the three most senior members only',
    file: 'lib/tools/replies.ts',
    find: 'for (const member of view.members) this.#entries',
    replace: 'for (const member of view.members.slice(0, 3)) this.#entries',
    properties: ['T8'],
  },
  {
    name: 'outcome-of-another-call',
    about: 'a client takes an outcome for that of the call that has waited longest',
    file: 'lib/tools/service-client.ts',
    find: 'const open = this.#open.get(second as number)\n    const outcome',
    replace: 'const [open] = this.#open.values()\n    const outcome',
    properties: ['T13'],
  },
  {
    name: 'nobody-though-run',
    about: 'a call that may have been run is said to have found nobody',
    file: 'lib/tools/service-client.ts',
    find: 'return isSent\n      ? new UnknownOutcomeError',
    replace: 'return !isSent\n      ? new UnknownOutcomeError',
    properties: ['T13'],
  },
  {
    name: 'leads-by-any-view',
    about: 'a group names its most senior member as its leader outside the primary component, too',
    file: 'lib/group.ts',
    find: 'return view?.primary === true && !this.#isClosed',
    replace: 'return view !== null && !this.#isClosed',
    properties: ['T6'],
  },
]

/** See {@link Mutant}. */
export const callMutants: readonly Mutant[] = planted.map((mutant) => ({ ...mutant, workload: 'calls' }))
