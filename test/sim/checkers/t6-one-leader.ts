/**
 * T6 One leader, as everybody sees it.
 *
 * - Under a name: a token names one leader, the one that it was granted to, whoever is shown it; the tokens that a process is
 *   shown in one line increase; outside the primary component nobody is shown a leader; whose states are equal at the end, in
 *   a primary view, are shown the same.
 * - What a leader writes to what its name guards carries a token of its own, and what was accepted under a successor's is not
 *   followed by anything under an older one: an old leader's outputs carry old tokens.
 * - Of a group: in one view all are shown the same leader, the first of its members; none in a view that is not primary.
 */
import type { TraceToken } from '../../../lib/testing/trace.ts'
import { type Checker, type Result, Verdict } from './checker.ts'
import { pushTo } from './collections.ts'
import type { Install, Located } from './model.ts'
import type { Run } from './run.ts'
import { compareTokens } from './tokens.ts'

type Leads = Located<'leads'>

export const checker: Checker = {
  property: 'T6',
  check(run: Run): Result {
    const verdict = new Verdict('T6')
    const granted = grantsOf(run)
    const byName = new Map<string, Leads[]>()
    for (const shown of run.of('leads')) {
      if (shown.data.name === undefined) checkGroup(run, verdict, shown)
      else pushTo(byName, `${shown.data.g}/${shown.data.name}`, shown)
    }
    for (const [lock, all] of byName) {
      checkShown(run, verdict, all, granted.get(lock) ?? new Map())
      checkEnd(run, verdict, all)
    }
    for (const lock of byName.keys()) checkOutputs(run, verdict, lock, granted.get(lock) ?? new Map())
    return verdict
  },
}

/** By group and name, then by token: to whom the machine has granted it. */
type Grants = ReadonlyMap<string, string>

/** Of all groups of which somebody was shown a leader. A candidate waits, and is answered with its token. */
function grantsOf(run: Run): Map<string, Map<string, string>> {
  const groups = new Set(run.of('leads').map(({ data }) => data.g))
  const names = new Candidacies()
  const grants = new Map<string, Map<string, string>>()
  const known = new Set<string>()
  for (const { data } of run.of('exec')) {
    const { p, obj } = data
    if (!groups.has(obj)) continue
    names.take(data)
    for (const [by, n, answer] of data.deeds.flatMap((deed) => deed.answers ?? [])) {
      const [ok, token] = answer as readonly [boolean, readonly unknown[]]
      if (!ok || known.has(`${obj} ${token.join('|')}`)) continue
      known.add(`${obj} ${token.join('|')}`)
      const lock = `${obj}/${names.find(obj, by, n, p)}`
      const granted = grants.get(lock) ?? new Map<string, string>()
      grants.set(lock, granted.set(token.join('|'), by))
    }
  }
  return grants
}

/**
 * What a process stands for under a number. The numbers of each opening begin anew, and what was cast in the one before may
 * come after it was closed (seed 400392 of `tools`): so by what those have carried out who say what was granted.
 */
class Candidacies {
  readonly #names = new Map<string, string>()
  /** By group, process and number: the newest opening of which a call of that number was carried out anywhere. */
  readonly #openings = new Map<string, number>()

  take({ p, obj, step, op, by, call, body }: Located<'exec'>['data']): void {
    if (step !== 'op' || op !== 'request' || call === undefined || !Array.isArray(body)) return
    const [opening, n] = call
    const key = `${obj} ${by} ${n}`
    this.#names.set(`${key} ${p}`, String(body[1]))
    if (opening < (this.#openings.get(key) ?? 0)) return
    this.#openings.set(key, opening)
    this.#names.set(key, String(body[1]))
  }

  /** As `p` carried it out; whoever has it with a state knows what was carried out elsewhere. */
  find(obj: string, by: string, n: number, p: string): string | undefined {
    return this.#names.get(`${obj} ${by} ${n} ${p}`) ?? this.#names.get(`${obj} ${by} ${n}`)
  }
}

function checkShown(run: Run, verdict: Verdict, all: readonly Leads[], granted: Grants): void {
  const last = new Map<string, TraceToken>()
  for (const { data, line } of all) {
    const { p, g, name, leader, token } = data
    if (leader === null || token === null) continue
    const to = granted.get(token.join('|'))
    verdict.expect(
      to === leader,
      () =>
        `${p} is shown ${leader} as the leader "${name}" under ${token.join('|')}, which was granted to ${to ?? 'nobody'}`,
      line,
    )
    const at = viewAt(run, { g, p, line })
    if (at?.data.primary !== true)
      verdict.fail(`${p} is shown ${leader} as the leader "${name}" where nobody can tell`, line)
    // A line that goes on without this process has the leaders of before, whatever it was shown in its own (seed 22058).
    const key = `${p} ${at?.data.line} ${token[0]}`
    const before = last.get(key)
    if (before !== undefined && compareTokens(token, before) < 0)
      verdict.fail(`${p} is shown the leader "${name}" of ${token.join('|')} after that of ${before.join('|')}`, line)
    last.set(key, token)
  }
}

/** What those are shown in the end whose states are equal, and who are in one primary view. */
function checkEnd(run: Run, verdict: Verdict, all: readonly Leads[]): void {
  const [one] = all
  if (one === undefined) return
  const { g, name } = one.data
  const group = run.groups.find((each) => each.name === g)
  if (group === undefined) return
  const shown = new Map(all.map((each) => [each.data.p, each]))
  const states = new Map(run.of('exec').flatMap(({ data }) => (data.obj === g ? [[data.p, data.h] as const] : [])))
  const firsts = new Map<string, { readonly p: string; readonly leader: string | null }>()
  for (const process of run.processes) {
    const install = run.last(process, group)
    const state = states.get(process.id)
    if (!run.isLive(process) || install === null || !install.data.primary || state === undefined) continue
    const { leader = null } = shown.get(process.id)?.data ?? {}
    const key = `${install.data.id} ${state}`
    const first = firsts.get(key)
    if (first === undefined) firsts.set(key, { p: process.id, leader })
    else
      verdict.expect(
        first.leader === leader,
        () => `in the end ${process.id} is shown ${leader} as the leader "${name}", and ${first.p} ${first.leader}`,
        shown.get(process.id)?.line,
      )
  }
}

function checkOutputs(run: Run, verdict: Verdict, lock: string, granted: Grants): void {
  const highest = new Map<string, TraceToken>()
  for (const { data, line } of run.of('write')) {
    if (data.lock !== lock) continue
    const { p, token, ok } = data
    const to = granted.get(token.join('|'))
    verdict.expect(to === p, () => `${p} writes under ${token.join('|')}, which was granted to ${to ?? 'nobody'}`, line)
    const above = highest.get(`${token[0]}`)
    if (ok && above !== undefined && compareTokens(token, above) < 0)
      verdict.fail(`what ${p} writes under ${token.join('|')} is accepted after ${above.join('|')}`, line)
    if (ok) highest.set(`${token[0]}`, token)
  }
}

/** The leader of a group goes by the view. */
function checkGroup(run: Run, verdict: Verdict, { data: { p, g, leader }, line }: Leads): void {
  const install = viewAt(run, { g, p, line })
  if (install === null) return
  const first = install.data.primary ? (install.data.members[0] ?? null) : null
  verdict.expect(
    leader === first,
    () => `in ${install.data.id} of "${g}" ${p} is shown ${leader} as its leader, and not ${first}`,
    line,
  )
}

function viewAt(
  run: Run,
  { g, p, line }: { readonly g: string; readonly p: string; readonly line: number },
): Install | null {
  const group = run.groups.find(({ name }) => name === g)
  const installs = group === undefined ? undefined : run.process(p)?.installs.get(group)
  return installs?.findLast(({ at }) => at.line < line) ?? null
}
