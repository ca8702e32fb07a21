/**
 * T2 Exactly-once replay: whole states of a group at the same cut of the same view are equal, whoever holds them. Where
 * only those who move together agree on the order (total, not uniform), only their states are compared.
 */

import { type Checker, type Result, Verdict } from './checker.ts'
import type { Located } from './model.ts'
import { cutKey, type Run } from './run.ts'
import { classesOf } from './together.ts'

export const checker: Checker = {
  property: 'T2',
  check(run: Run): Result {
    const verdict = new Verdict('T2')
    const classOf = classNumbers(run)
    const known = new Map<string, Located<'digest'>['data']>()
    for (const { data, line } of run.of('digest')) {
      const options = run.groups.find((group) => group.name === data.g)?.options
      const isWeak = options?.order === 'total' && !options.uniform
      // Alone in its class it is compared with itself only.
      const among = isWeak ? (classOf.get(`${data.p}|${data.view}|${data.g}`) ?? data.p) : ''
      const key = `${data.view}|${cutKey(data.cut)}|${data.g}|${among}`
      const other = known.get(key)
      if (other === undefined) known.set(key, data)
      else if (other.p !== data.p || other.h !== data.h) {
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

/** By process, view and group: a number that those who move together share. */
function classNumbers(run: Run): ReadonlyMap<string, number> {
  const numbers = new Map<string, number>()
  classesOf(run).forEach(({ view, installs }, number) => {
    for (const { process } of installs) numbers.set(`${process.id}|${view.id}|${view.group.name}`, number)
  })
  return numbers
}
