/**
 * F3 Monotone stability: what a process knows to be stable in a view of the space never shrinks, and is true: whoever
 * closes the view later has got it, if it was sent to it.
 */

import {
  type Account,
  addresseesOf,
  type Closing,
  castsBetween,
  closingsOf,
  hasGot,
  laterAccounts,
  seqOf,
} from './accounts.ts'
import { type Checker, type Result, Verdict } from './checker.ts'
import type { Run } from './run.ts'

export const checker: Checker = {
  property: 'F3',
  check(run: Run): Result {
    const verdict = new Verdict('F3')
    for (const closing of closingsOf(run).views) {
      for (const accounts of closing.byProcess.values()) checkGrowth(verdict, closing, accounts)
      for (const account of closing.accounts) checkTruth(run, verdict, { closing, account })
    }
    return verdict
  },
}

function checkGrowth(verdict: Verdict, { id, members }: Closing, accounts: readonly Account[]): void {
  for (const [i, { process, stable, line }] of accounts.entries()) {
    const before = accounts[i - 1]
    if (before === undefined) continue
    const rank = stable.findIndex((seq, sender) => seq < (before.stable[sender] ?? 0))
    verdict.expect(
      rank < 0,
      () => `${process.id} knows less of ${members[rank]}'s casts in space view ${id} to be stable than before`,
      line,
    )
  }
}

interface Claim {
  readonly closing: Closing
  readonly account: Account
}

function checkTruth(run: Run, verdict: Verdict, { closing, account }: Claim): void {
  for (const later of laterAccounts(closing, account)) {
    account.stable.forEach((upTo, rank) => {
      if (upTo === 0) return
      const wrong = castsBetween(closing.casts[rank] ?? [], later.got[rank] ?? 0, upTo).find(
        (cast) =>
          !hasGot(later, rank, seqOf(cast)) &&
          addresseesOf(run, cast, closing).some(({ id }) => id === later.process.id),
      )
      verdict.expect(
        wrong === undefined,
        () =>
          `${account.process.id} takes ${wrong?.m} for stable in space view ${closing.id}, and ${later.process.id} closes the view without having got it`,
        account.line,
      )
    })
  }
}
