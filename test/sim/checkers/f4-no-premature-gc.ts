/**
 * F4 No premature forgetting: a cast that a process has got and can no longer give to others is one that whoever it was
 * sent to has got, if it closes the view later.
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
import type { Message } from './model.ts'
import type { Run } from './run.ts'

export const checker: Checker = {
  property: 'F4',
  check(run: Run): Result {
    const verdict = new Verdict('F4')
    for (const closing of closingsOf(run).views) {
      for (const account of closing.accounts) checkForgotten(run, verdict, closing, account)
    }
    return verdict
  },
}

function checkForgotten(run: Run, verdict: Verdict, closing: Closing, account: Account): void {
  const { process, got } = account
  for (const later of laterAccounts(closing, account)) {
    got.forEach((upTo, rank) => {
      if (upTo === 0) return
      const isForgotten = (cast: Message): boolean => account.holds[rank]?.has(seqOf(cast)) !== true
      const missed = castsBetween(closing.casts[rank] ?? [], later.got[rank] ?? 0, upTo).find((cast) => {
        if (!isForgotten(cast) || hasGot(later, rank, seqOf(cast))) return false
        const addressees = addresseesOf(run, cast, closing)
        return addressees.includes(process) && addressees.includes(later.process)
      })
      verdict.expect(
        missed === undefined,
        () =>
          `${process.id} has forgotten ${missed?.m} of space view ${closing.id}, and ${later.process.id} closes the view without having got it`,
        account.line,
      )
    })
  }
}
