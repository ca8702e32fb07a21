/**
 * Bugs planted in the tools, which the workload `tools` is to find.
 */
import type { Mutant } from './mutant-list.ts'

/** See {@link Mutant}. */
export const toolMutants: readonly Mutant[] = [
  {
    name: 'alone-among-shared',
    about: 'an exclusive lock is granted while others share it',
    file: 'lib/tools/lock-state.ts',
    find: "if (mode === 'exclusive') return false",
    replace: "if (mode === 'exclusive') return [...held].every((id) => this.#entries.get(id)?.mode === 'shared')",
    properties: ['T5'],
    workload: 'tools',
  },
  {
    name: 'vanished-lose-at-once',
    about:
      'a lock whose holder vanished is granted to the next one without waiting for its lease, though it may be back',
    file: 'lib/tools/lock-state.ts',
    find: 'const isGone = grant.isGone || gone.has(by)',
    replace: 'const isGone = grant.isGone || gone.has(by) || (view.primary && !this.#members.has(by))',
    properties: ['P3', 'T5'],
    workload: 'tools',
  },
  {
    name: 'tokens-begin-again',
    about: 'a newcomer counts grants from the beginning',
    file: 'lib/tools/lock-state.ts',
    find: '    this.#n = n\n',
    replace: '    this.#n = entries.length\n',
    properties: ['T5', 'O7', 'T1', 'T2'],
    workload: 'tools',
  },
  {
    name: 'robbed-but-one',
    about: 'a thief leaves the last of those who share a lock its share',
    file: 'lib/tools/lock-state.ts',
    find: 'for (const id of [...queue.held]) happened.push(',
    replace: 'for (const id of [...queue.held].slice(0, 1)) happened.push(',
    properties: ['T5'],
    workload: 'tools',
  },
  {
    name: 'stale-release',
    about: 'a release counts whatever became of the lock since, so that it ends another grant',
    file: 'lib/tools/lock-state.ts',
    find: "if (entry === undefined || !isHolder) return [{ type: 'refused', by, call }]\n    return this.#endAndServe([entry.id]",
    replace:
      "if (entry === undefined && this.#queues.size === 0) return [{ type: 'refused', by, call }]\n    return this.#endAndServe([isHolder && entry !== undefined ? entry.id : (this.held()[0]?.id ?? 0)]",
    properties: ['T5'],
    workload: 'tools',
  },
]
