/**
 * Bugs of direct messages and of what stands on them, planted one at a time; part of `mutant-list.ts`.
 */
import type { Mutant } from './mutant-list.ts'

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
]

/** See {@link Mutant}. */
export const callMutants: readonly Mutant[] = planted.map((mutant) => ({ ...mutant, workload: 'calls' }))
