/**
 * T8 Whole replies: what a request comes to has one entry for each member of one view of the group, by rank, and for nobody
 * else. A reply is what that member's handler gave to this request; who left is missing from a later view of the asker, or has
 * not come along with it from one view of the space to the next; and there are as many replies as were asked for.
 * `client-replies.ts` judges those of clients.
 */
import { type Checker, type Result, Verdict } from './checker.ts'
import { checkClientReplies, type Entry, enoughOf, type Wanted } from './client-replies.ts'
import type { Install, Process } from './model.ts'
import type { Run } from './run.ts'

export const checker: Checker = {
  property: 'T8',
  check(run: Run): Result {
    const verdict = new Verdict('T8')
    const asked = new Map(run.of('invoke').map(({ data }) => [`${data.p} ${data.id}`, data]))
    for (const { data, line, process } of run.of('return')) {
      const call = asked.get(`${data.p} ${data.id}`)
      if (call?.f !== 'askAll' || !data.ok || process === null) continue
      const [value, wanted] = call.args as [number, Wanted]
      const [view, entries] = data.value as [string, readonly Entry[]]
      const breach = breachOf(run, process, { group: call.obj, value, wanted, view, entries, line })
      verdict.expect(breach === null, () => `${data.p}'s request ${value} in ${view} of "${call.obj}" ${breach}`, line)
    }
    checkClientReplies(run, verdict)
    return verdict
  },
}

interface Came {
  readonly group: string
  readonly value: number
  readonly wanted: Wanted
  readonly view: string
  readonly entries: readonly Entry[]
  readonly line: number
}

function breachOf(run: Run, process: Process, came: Came): string | null {
  const { group, value, wanted, view, entries, line } = came
  const installs = process.installs.get(groupOf(run, group)) ?? []
  const install = installs.find(({ data, at }) => data.id === view && at.line <= line)
  if (install === undefined) return 'is complete in a view that its asker never had'
  const { members } = install.data
  if (JSON.stringify(members) !== JSON.stringify(entries.map(([member]) => member)))
    return `has entries of ${entries.map(([member]) => member).join()}, and the members are ${members.join()}`
  for (const [member, status, reply] of entries) {
    if (status === 'reply' && JSON.stringify(reply) !== JSON.stringify([member, value]))
      return `has a reply of ${member} that is not its own: ${JSON.stringify(reply)}`
    if (status === 'left' && !hasLeft(run, process, { member, install, line })) return `says that ${member} left`
    if (status === 'pending' && wanted === 'all') return `does not wait for ${member}`
  }
  return enoughOf(entries, wanted)
}

function groupOf(run: Run, name: string): Run['space'] {
  return run.groups.find((group) => group.name === name) ?? run.space
}

/** Since it had that view: a view of the group without it, or one of the space in which they do not come together. */
function hasLeft(
  run: Run,
  process: Process,
  { member, install, line }: { readonly member: string; readonly install: Install; readonly line: number },
): boolean {
  const isLater = ({ at }: Install): boolean => at.line > install.at.line && at.line <= line
  const ofGroup = process.installs.get(install.view.group) ?? []
  if (ofGroup.some((each) => isLater(each) && !each.data.members.includes(member))) return true
  const ofSpace = process.installs.get(run.space) ?? []
  return ofSpace.some((each) => isLater(each) && !each.data.trans.includes(member))
}
