/**
 * T17 One firing: of an audit log. In a line, each entry at which a trigger fires is recorded as fired once, by who had acted
 * on it under that token, in the order of the entries, and with what that gave; at no entry that does not match. Who appended
 * an entry is told its position. At the end, nothing that is kept and matches is without its record, as long as one who
 * watches is in the primary component.
 */
import { decodeValue } from '../../../lib/values.ts'
import { type Checker, type Result, Verdict } from './checker.ts'
import type { Located } from './model.ts'
import { endsWaiting, isAtRest, restOf } from './rest.ts'
import type { Run } from './run.ts'

const LOG = 'audit'
/** As in `tools/audit.ts`. */
const DIVISORS: Readonly<Record<string, number>> = { every: 1, third: 3 }
const KEEP = 12
const OP = { append: 0, fire: 2 }

/** A request that took effect, at one member. */
interface Done {
  readonly exec: Located<'exec'>
  /** Which log: the place of its first entry. */
  readonly log: string
  readonly by: string
  readonly body: readonly unknown[]
  readonly value: unknown
}

/** One line's log, as all its replicas together have it. */
interface Log {
  /** By position. */
  readonly entries: Map<number, { readonly value: number; readonly t: number }>
  /** By trigger and position: the place of the record in the agreed order. */
  readonly fired: Map<string, string>
  /** By trigger: the last position, by the place. */
  readonly order: Map<string, { readonly place: string; readonly position: number }>
}

export const checker: Checker = {
  property: 'T17',
  check(run: Run): Result {
    const verdict = new Verdict('T17')
    const acted = new Set(
      run.of('fire').map(({ data }) => `${data.p} ${data.trigger} ${data.position} ${data.token.join()}`),
    )
    const logs = new Map<string, Log>()
    // By process and line, the one in which it has done something last.
    const last = new Map<string, Log>()
    for (const done of doneIn(run)) {
      const key = `${done.exec.space?.data.line} ${done.log}`
      const log = logs.get(key) ?? { entries: new Map(), fired: new Map(), order: new Map() }
      logs.set(key, log)
      last.set(`${done.exec.data.p} ${done.exec.space?.data.line}`, log)
      if (done.body[0] === OP.append) takeEntry(log, done)
      else if (done.body[0] === OP.fire && done.value === true) takeFiring(verdict, log, done, acted)
    }
    checkTold(run, verdict, [...logs.values()])
    checkEnd(run, verdict, last)
    return verdict
  },
}

/** In the order of the trace. A log that all members of the group have left begins anew, with other entries. */
function* doneIn(run: Run): Generator<Done> {
  const logOf = new Map<string, string>()
  const byHash = new Map<string, string>()
  for (const exec of run.of('exec')) {
    const { p, obj, step, h, at, body, deeds, by } = exec.data
    if (obj !== LOG) continue
    if (step === 'begin') logOf.set(p, '')
    if (step === 'load') logOf.set(p, byHash.get(h) ?? '')
    for (const { do: what, answer } of deeds) {
      if (what !== 'apply' || !Array.isArray(answer) || answer[0] !== true || !Array.isArray(body)) continue
      if (body[0] === OP.append && answer[1] === 1) logOf.set(p, at?.join('#') ?? '')
      yield { exec, log: logOf.get(p) ?? '', by: by ?? '', body, value: answer[1] }
    }
    byHash.set(h, logOf.get(p) ?? '')
  }
}

function takeEntry({ entries }: Log, { body, value, exec }: Done): void {
  if (!entries.has(value as number)) entries.set(value as number, { value: decoded(body[1]) as number, t: exec.t })
}

function takeFiring(verdict: Verdict, log: Log, { exec, by, body }: Done, acted: ReadonlySet<string>): void {
  const [, trigger, token, position, bytes] = body as [number, string, readonly unknown[], number, unknown]
  const place = exec.data.at?.join('#') ?? ''
  const key = `${trigger} ${position}`
  const known = log.fired.get(key)
  verdict.expect(known === undefined || known === place, () => `"${trigger}" fires twice at ${position}`, exec.line)
  if (known !== undefined) return
  log.fired.set(key, place)
  const last = log.order.get(trigger)
  verdict.expect(
    last === undefined || last.position < position,
    () => `"${trigger}" fires at ${position} after ${last?.position}`,
    exec.line,
  )
  checkPassed(verdict, log, { trigger, after: last?.position ?? position, position, line: exec.line })
  log.order.set(trigger, { place, position })
  const entry = log.entries.get(position)
  if (entry !== undefined) {
    const isRight = entry.value % (DIVISORS[trigger] ?? 1) === 0
    verdict.expect(isRight, () => `"${trigger}" fires at ${position}, which does not match`, exec.line)
    const result = JSON.stringify(decoded(bytes))
    verdict.expect(
      result === JSON.stringify([by, entry.value]),
      () => `"${trigger}" at ${position} gave ${result}`,
      exec.line,
    )
  }
  verdict.expect(
    acted.has(`${by} ${trigger} ${position} ${token.join()}`),
    () => `"${trigger}" at ${position} is recorded for ${by}, who did not act on it under ${token.join()}`,
    exec.line,
  )
}

/** What is between two firings does not match, or was dropped before anybody judged it. */
function checkPassed(
  verdict: Verdict,
  { entries, fired }: Log,
  {
    trigger,
    after,
    position,
    line,
  }: { readonly trigger: string; readonly after: number; readonly position: number; readonly line: number },
): void {
  const first = Math.max(...entries.keys()) - KEEP + 1
  for (let passed = Math.max(after + 1, first); passed < position; passed += 1) {
    const entry = entries.get(passed)
    if (entry === undefined || entry.value % (DIVISORS[trigger] ?? 1) !== 0) continue
    verdict.expect(
      fired.has(`${trigger} ${passed}`),
      () => `"${trigger}" fires at ${position}, and never at ${passed}`,
      line,
    )
  }
}

/** Bytes as `plain-value.ts` has them. */
function decoded(bytes: unknown): unknown {
  return decodeValue(Uint8Array.from((bytes as { readonly of: number[] }).of))
}

function checkTold(run: Run, verdict: Verdict, logs: readonly Log[]): void {
  const asked = new Map(run.of('invoke').map(({ data }) => [`${data.p} ${data.id}`, data]))
  for (const { data, line } of run.of('return')) {
    const call = asked.get(`${data.p} ${data.id}`)
    if (call?.f !== 'append' || !data.ok) continue
    const [value] = call.args as [number]
    const isThere = logs.some(({ entries }) => entries.get(data.value as number)?.value === value)
    verdict.expect(isThere, () => `${data.p} is told that ${value} is entry ${data.value}, which it is not`, line)
  }
}

/** Whoever is there at the end has judged all that is kept. */
function checkEnd(run: Run, verdict: Verdict, lasts: ReadonlyMap<string, Log>): void {
  const rest = restOf(run)
  if (rest === null) return
  const group = run.groups.find(({ name }) => name === LOG)
  const judged = run.processes.filter(
    (process) =>
      isAtRest(run, process) &&
      group !== undefined &&
      run.last(process, group) !== null &&
      !endsWaiting(run, process, LOG) &&
      !endsWaiting(run, process, 'judges'),
  )
  const line = judged[0] === undefined ? undefined : run.last(judged[0], run.space)?.data.line
  const log = lasts.get(`${judged[0]?.id} ${line}`)
  if (log === undefined || judged.length === 0) return
  const last = Math.max(...log.entries.keys())
  for (const [position, { value, t }] of log.entries) {
    // Others are dropped, or too young, or not known to be kept since another line began.
    if (position <= last - KEEP || Math.max(t, rest.quiet.t) + rest.bounds.tSettle > rest.end.t) continue
    for (const [trigger, divisor] of Object.entries(DIVISORS)) {
      if (value % divisor !== 0) continue
      verdict.expect(log.fired.has(`${trigger} ${position}`), () => `"${trigger}" never fires at ${position}`)
    }
  }
}
