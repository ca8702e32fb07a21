/**
 * T2 Exactly-once replay: whole states of a group at the same cut of the same view are equal, whoever holds them. Where
 * only those who move together agree on the order (total; of an available group's uniform casts, those after the
 * transitional signal: see O5), only their states are compared, once the view has brought such casts: those who move to
 * the group's next view, and those who move from one space view to the next.
 */

import { type Checker, type Result, Verdict } from './checker.ts'
import { getOrMake } from './collections.ts'
import type { Located, Process } from './model.ts'
import { cutKey, type Run } from './run.ts'
import { type Class, classesOf } from './together.ts'

export const checker: Checker = {
  property: 'T2',
  check(run: Run): Result {
    const verdict = new Verdict('T2')
    const classes = classNumbers(run)
    const known = new Map<string, Located<'digest'>['data']>()
    for (const digest of run.of('digest')) {
      const { data, line } = digest
      const others = new Set<Located<'digest'>['data']>()
      for (const scope of scopesOf(run, classes, digest)) {
        const key = `${data.view}|${cutKey(data.cut)}|${data.g}|${scope}`
        const other = known.get(key)
        if (other === undefined) known.set(key, data)
        else if (other.p !== data.p || other.h !== data.h) others.add(other)
      }
      for (const other of others) {
        verdict.expect(
          other.h === data.h,
          () => `${data.p} and ${other.p} hold different states of "${data.g}" at one cut of view ${data.view}`,
          line,
        )
      }
    }
    return verdict
  },
}

/** Among whom the state is compared: all, if the empty text is one of the names. */
function scopesOf(run: Run, classes: Classes, { data, process, space, line }: Located<'digest'>): readonly string[] {
  const group = run.groups.find(({ name }) => name === data.g)
  const { options } = group ?? {}
  if (group === undefined || process === null || options?.order !== 'total') return ['']
  // What a consistent group delivers at all, all deliver in one order.
  if (options.uniform && options.consistency === 'consistent') return ['']
  const install = process.installs.get(group)?.findLast(({ view }) => view.id === data.view)
  const first = install?.deliveries.find(({ transitional }) => transitional || !options.uniform)
  // Until then, all have what the view began with.
  if (first === undefined || first.at.line > line) return ['']
  const scopes = [data.p]
  for (const view of [install?.view, space?.view]) {
    const number = view === undefined ? undefined : classes.get(process)?.get(view)
    if (number !== undefined) scopes.push(`of ${number}`)
  }
  return scopes
}

type Classes = ReadonlyMap<Process, ReadonlyMap<Class['view'], number>>

/** By process and view: a number that those who move together share. */
function classNumbers(run: Run): Classes {
  const numbers = new Map<Process, Map<Class['view'], number>>()
  classesOf(run).forEach(({ view, installs }, number) => {
    for (const { process } of installs)
      getOrMake(numbers, process, () => new Map<Class['view'], number>()).set(view, number)
  })
  return numbers
}
