/**
 * T16 Consistent snapshots: a snapshot is closed under happens-before, over all groups of the space. Nothing that happened
 * before a cast that is in it comes later to where a state of it was recorded. And it is of one moment of each process: all
 * that a process had cast before its mark is in it, wherever that went, and nothing that it cast after. So what a process
 * moves from one object to another in one batch is in exactly one of them.
 */
import { type Checker, type Result, Verdict } from './checker.ts'
import { clocksOf } from './clocks.ts'
import type { Located, Message, Process } from './model.ts'
import type { Run } from './run.ts'

export const checker: Checker = {
  property: 'T16',
  check(run: Run): Result {
    const verdict = new Verdict('T16')
    const records = new Map<string, Located<'record'>>()
    for (const each of run.of('record')) records.set(`${each.data.snapshot} ${each.data.g} ${each.data.p}`, each)
    for (const taken of run.of('snapshot')) {
      const { snapshot, parts, balance = [] } = taken.data
      const found = parts.map(([g, from]) => records.get(`${snapshot} ${g} ${from}`) ?? null)
      for (const [i, part] of found.entries())
        if (part === null)
          verdict.fail(`${snapshot} has a state of "${parts[i]?.[0]}" that nobody recorded`, taken.line)
      checkSnapshot(
        run,
        verdict,
        found.filter((part) => part !== null),
      )
      for (const [id, sum] of balance)
        verdict.expect(sum === 0, () => `in ${snapshot} there are ${sum} of ${id}, who has nothing`, taken.line)
    }
    return verdict
  },
}

function checkSnapshot(run: Run, verdict: Verdict, parts: readonly Located<'record'>[]): void {
  const past = pastOf(run, parts)
  for (const { data, line, process } of parts) {
    if (process === null) continue
    const { snapshot, g, cut, marks } = data
    for (const [sender, n] of Object.entries(cut)) {
      const mark = marks[sender] ?? n
      verdict.expect(n <= mark, () => `${snapshot} has ${sender}#${n} of "${g}", cast after the mark ${mark}`, line)
    }
    for (const { message, at, first } of process.deliveries) {
      if (at.line < line || !first || message.group?.name !== g || message.rank === 0) continue
      verdict.checked += 1
      if (message.rank <= (past[message.sender.index] ?? 0))
        verdict.fail(`${snapshot} has what ${message.m} of "${g}" happened before, and not that`, line)
      else if (message.rank <= rankOf(run, message.sender, marks))
        verdict.fail(`${snapshot} is without ${message.m} of "${g}", cast before the mark`, line)
    }
  }
}

/** Per process, the highest rank of a cast that is in the snapshot or happened before one that is. */
function pastOf(run: Run, parts: readonly Located<'record'>[]): Int32Array {
  const clocks = clocksOf(run)
  const past = new Int32Array(run.processes.length)
  for (const { data, line, process } of parts) {
    for (const { message, at } of process?.deliveries ?? []) {
      if (at.line >= line) break
      if (message.group?.name !== data.g) continue
      for (let i = 0; i < past.length; i += 1) past[i] = Math.max(past[i] ?? 0, clocks.before(message.index, i))
      past[message.sender.index] = Math.max(past[message.sender.index] ?? 0, message.rank)
    }
  }
  return past
}

/** The place of the process's mark among its casts; 0 if it has none. */
function rankOf(run: Run, process: Process, marks: Readonly<Record<string, number>>): number {
  const n = marks[process.id]
  if (n === undefined) return 0
  const mark: Message | undefined = run.messages.find(({ m }) => m === `${process.id}#${n}`)
  return mark?.rank ?? 0
}
