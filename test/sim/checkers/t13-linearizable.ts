/**
 * T13 Linearizable: the operations on an object, as the applications see them, are those of one that does them one after
 * the other, each between its begin and its end, in some order.
 *
 * A search, after Wing and Gong, with Lowe's memory of what has been tried. It knows nothing of the agreed order, nor of the
 * models that the replay of steps goes by. One that has no end, or ends in an error that leaves it open, may have been done
 * at any time from its begin on, or never. There is one search for each key, over all of its operations: wherever nothing is
 * under way, nothing is left to be tried but the states, and open operations, that the stretch before may have led to. One
 * that takes too many steps says nothing, and is counted (`T13.unknown`).
 *
 * Within one line: operations that end in another, or after the group has begun anew, may or may not count; a line that
 * takes the place of another is not judged, since it may have lost some of what that had done. What is read of something that
 * was given in another line, which is lost, is no operation of this one.
 *
 * Source: Wing, Gong 1993; Lowe 2017; Horn, Kroening 2015 (partitioning).
 */
import { type Checker, type Result, Verdict } from './checker.ts'
import { pushTo } from './collections.ts'
import { historiesOf } from './history-models.ts'
import type { Located } from './model.ts'
import type { Run } from './run.ts'
import { type HistoryModel, searchOrder, type TimedOp } from './search.ts'

/** Errors after which it is known that nothing was done. */
const UNDONE: ReadonlySet<unknown> = new Set(['not-primary', 'closed', 'busy'])
/** Errors after which it is not known. */
const OPEN: ReadonlySet<unknown> = new Set(['unknown-outcome', 'aborted'])

export const checker: Checker = {
  property: 'T13',
  check(run: Run): Result {
    const verdict = new Verdict('T13')
    const metrics = { unknown: 0 }
    const invokes = new Map<string, Located<'invoke'>[]>()
    for (const invoke of run.of('invoke')) pushTo(invokes, invoke.data.obj, invoke)
    const returns = new Map(run.of('return').map((each) => [`${each.data.p} ${each.data.id}`, each]))
    for (const [name, list] of invokes) {
      const models = historiesOf(name)
      if (models.length === 0) continue
      const runs = runsOf(run, name)
      const givings = givingsOf(models, list, returns)
      for (const line of linesOf(run, name)) {
        const groups = [name, ...models.flatMap((model) => model.groups ?? [])]
        const anew = Math.min(...groups.map((group) => anewAt(run, group, line)))
        const ops = list.flatMap((invoke) => {
          if (isGivenElsewhere(invoke, givings, line)) return []
          const op = opOf(invoke, returns.get(`${invoke.data.p} ${invoke.data.id}`), { line, anew })
          return op === null ? [] : [op]
        })
        for (const model of models) {
          for (const [key, parted] of partsOf(model, [...ops, ...runs])) {
            const found = searchOrder(model, parted)
            verdict.checked += parted.length
            if (found === 'unknown') metrics.unknown += 1
            else if (found !== null) verdict.fail(messageOf(found, { line, key, name }), found.line)
          }
        }
      }
    }
    return { checked: verdict.checked, violations: verdict.violations, metrics }
  },
}

/** Where the applications were given what they read, by process and key: from which line of the trace on, in which line. */
interface Givings {
  readonly read: string
  readonly by: ReadonlyMap<string, readonly { readonly from: number; readonly line: string | null }[]>
}

function givingsOf(
  models: readonly HistoryModel[],
  invokes: readonly Located<'invoke'>[],
  returns: ReadonlyMap<string, Located<'return'>>,
): Givings | null {
  const given = models.find((model) => model.given !== undefined)?.given
  if (given === undefined) return null
  const by = new Map<string, { from: number; line: string | null }[]>()
  for (const { data } of invokes) {
    const end = data.f === given.by ? returns.get(`${data.p} ${data.id}`) : undefined
    if (end?.data.ok === true) pushTo(by, thingOf(data), { from: end.line, line: end.space?.data.line ?? null })
  }
  for (const list of by.values()) list.sort((a, b) => a.from - b.from)
  return { read: given.read, by }
}

function thingOf({ p, args }: Located<'invoke'>['data']): string {
  return `${p} ${JSON.stringify((args as readonly unknown[])[0])}`
}

/** Is it read of what its process was given last in another line? */
function isGivenElsewhere({ data, line: at }: Located<'invoke'>, givings: Givings | null, line: string): boolean {
  if (givings === null || data.f !== givings.read) return false
  const last = givings.by.get(thingOf(data))?.findLast(({ from }) => from < at)
  return last !== undefined && last.line !== line
}

/** By key, as the model takes them. */
function partsOf(model: HistoryModel, ops: readonly TimedOp[]): Map<string, TimedOp[]> {
  const parts = new Map<string, TimedOp[]>()
  for (const op of model.prepare?.(ops) ?? ops) {
    const key = model.keyOf(op)
    if (key !== null) pushTo(parts, key, op)
  }
  return parts
}

function messageOf(
  { f, args, ok, value }: TimedOp,
  { line, key, name }: Record<'line' | 'key' | 'name', string>,
): string {
  const given = JSON.stringify(ok === true ? value : { code: value })
  return `in line ${line}, no order of the operations on ${key} of "${name}" gives ${given} to ${f} ${JSON.stringify(args)}`
}

/** What handlers of a service did, each at one moment: they are applications, too. */
function runsOf(run: Run, name: string): TimedOp[] {
  return run
    .of('ran')
    .filter(({ data }) => data.obj === name)
    .map(({ data: { call, p }, t, line }) => ({
      line,
      f: 'ran',
      args: [call, p],
      from: t,
      to: t,
      ok: true,
      value: null,
    }))
}

/** The lines that began with nothing, and were in force where the group was. */
function linesOf(run: Run, name: string): Set<string> {
  const lines = new Set<string>()
  const replacing = new Set(run.of('found').flatMap(({ data }) => (data.of === undefined ? [] : [data.line])))
  for (const { data } of run.installs)
    if (data.g === name && data.line !== null && !replacing.has(data.line)) lines.add(data.line)
  return lines
}

interface Where {
  readonly line: string
  /** When the group begins anew in it. */
  readonly anew: number
}

/** The operation as the line's history has it; null if it was not done, or was done elsewhere and could not be done here. */
function opOf(invoke: Located<'invoke'>, end: Located<'return'> | undefined, { line, anew }: Where): TimedOp | null {
  const { data, t } = invoke
  const op = {
    line: invoke.line,
    f: data.f,
    args: data.args,
    from: t,
    to: Number.POSITIVE_INFINITY,
    ok: null,
    value: null,
  }
  if (end === undefined || OPEN.has(end.data.value)) return op
  if (!end.data.ok && UNDONE.has(end.data.value)) return null
  if (end.space?.data.line !== line || end.t >= anew) return op
  return { ...op, to: end.t, ok: end.data.ok, value: end.data.value }
}

/** When the group first began anew after it had been: a state is given up, or all members of a view come from none. */
function anewAt(run: Run, name: string, line: string): number {
  let at = run
    .of('anew')
    .reduce((least, { data, t }) => (data.g === name ? Math.min(least, t) : least), Number.POSITIVE_INFINITY)
  const views = run.views.filter(({ group, first }) => group.name === name && first?.line === line)
  for (const { installs } of views.slice(1)) {
    if (installs.every(({ data }) => data.prev === null)) at = Math.min(at, ...installs.map((install) => install.at.t))
  }
  return at
}
