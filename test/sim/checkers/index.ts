/**
 * All property checkers, and the one call that runs them over a trace.
 */

import type { TraceLine } from '../../../lib/testing/trace.ts'
import type { Checker, Violation } from './checker.ts'
import { checker as d1 } from './d1-message-integrity.ts'
import { checker as d2 } from './d2-message-order.ts'
import { checker as d3 } from './d3-messages-arrive.ts'
import { checker as f1 } from './f1-safe-prefix.ts'
import { checker as f2 } from './f2-safe-delivery.ts'
import { checker as f3 } from './f3-monotone-stability.ts'
import { checker as f4 } from './f4-no-premature-gc.ts'
import { checker as l1 } from './l1-membership-precision.ts'
import { checker as l2 } from './l2-multicast-liveness.ts'
import { checker as l3 } from './l3-delivery-terminates.ts'
import { checker as l4 } from './l4-safe-indication.ts'
import { checker as l5 } from './l5-detector.ts'
import { checker as l6 } from './l6-no-blocked-sender.ts'
import { checker as l7 } from './l7-join-settles.ts'
import { checker as l8 } from './l8-held-up.ts'
import { checker as l9 } from './l9-calls-settle.ts'
import { checker as l10 } from './l10-majority-goes-on.ts'
import { checker as m1 } from './m1-delivery-integrity.ts'
import { checker as m2 } from './m2-no-duplication.ts'
import { checker as m3 } from './m3-self-delivery.ts'
import { checker as m4 } from './m4-sending-view-delivery.ts'
import { checker as m5 } from './m5-same-view-delivery.ts'
import { checker as m6 } from './m6-virtual-synchrony.ts'
import { checker as m7 } from './m7-failure-atomicity.ts'
import { checker as m8 } from './m8-transitional-set.ts'
import { checker as m10 } from './m10-block-discipline.ts'
import { checker as m11 } from './m11-no-outsiders.ts'
import { checker as m12 } from './m12-sender-in-view.ts'
import { checker as o1 } from './o1-fifo.ts'
import { checker as o2 } from './o2-reliable-fifo.ts'
import { checker as o3 } from './o3-causal.ts'
import { checker as o4 } from './o4-reliable-causal.ts'
import { checker as o5 } from './o5-strong-total.ts'
import { checker as o6 } from './o6-weak-total.ts'
import { checker as o7 } from './o7-reliable-total.ts'
import { checker as o8 } from './o8-coherence.ts'
import { checker as o9 } from './o9-cross-group.ts'
import { checker as p1 } from './p1-unique-primary.ts'
import { checker as p2 } from './p2-intersection.ts'
import { checker as p3 } from './p3-exclusion.ts'
import { checker as p4 } from './p4-non-primary-silence.ts'
import { checker as p5 } from './p5-one-line-per-origin.ts'
import { indexTrace } from './run.ts'
import { checker as s1 } from './s1-self-inclusion.ts'
import { checker as s2 } from './s2-local-monotonicity.ts'
import { checker as s3 } from './s3-initial-view.ts'
import { checker as s4 } from './s4-view-agreement.ts'
import { checker as s5 } from './s5-membership-integrity.ts'
import { checker as s6 } from './s6-no-resurrection.ts'
import { checker as s7 } from './s7-single-event.ts'
import { checker as s8 } from './s8-light-heavy.ts'
import { checker as s9 } from './s9-self-fencing.ts'
import { checker as t1 } from './t1-cut.ts'
import { checker as t2 } from './t2-exactly-once-replay.ts'
import { checker as t3 } from './t3-whole-states.ts'
import { checker as t4 } from './t4-merge.ts'
import { checker as t5 } from './t5-fencing.ts'
import { checker as t6 } from './t6-one-leader.ts'
import { checker as t7 } from './t7-one-outcome.ts'
import { checker as t8 } from './t8-whole-replies.ts'
import { checker as t11 } from './t11-durable.ts'
import { checker as t12 } from './t12-witness.ts'
import { checker as t13 } from './t13-linearizable.ts'
import { checker as t14 } from './t14-deadlock.ts'
import { checker as t15 } from './t15-clients.ts'
import { checker as t16 } from './t16-snapshots.ts'
import { checker as t17 } from './t17-audit.ts'
import { checker as t18 } from './t18-atomic.ts'

/** Every checker, by family: membership, primary component, multicast, order, direct messages, uniform, state and tools, liveness. */
export const checkers: readonly Checker[] = [
  s1,
  s2,
  s3,
  s4,
  s5,
  s6,
  s7,
  s8,
  s9,
  p1,
  p2,
  p3,
  p4,
  p5,
  m1,
  m2,
  m3,
  m4,
  m5,
  m6,
  m7,
  m8,
  m10,
  m11,
  m12,
  o1,
  o2,
  o3,
  o4,
  o5,
  o6,
  o7,
  o8,
  o9,
  d1,
  d2,
  d3,
  f1,
  f2,
  f3,
  f4,
  t1,
  t2,
  t3,
  t4,
  t5,
  t6,
  t7,
  t8,
  t11,
  t12,
  t13,
  t14,
  t15,
  t16,
  t17,
  t18,
  l1,
  l2,
  l3,
  l4,
  l5,
  l6,
  l7,
  l8,
  l9,
  l10,
]

/** What all checkers found in a trace. */
export interface TraceReport {
  /** Per property, the instances whose antecedent was true. */
  readonly checked: Record<string, number>
  readonly violations: Violation[]
  /** Per property, figures that are not judged. */
  readonly metrics: Record<string, number>
}

/** Runs every checker over a trace. Linear in its length. */
export function checkTrace(lines: readonly TraceLine[]): TraceReport {
  const run = indexTrace(lines)
  const report: TraceReport = { checked: {}, violations: [], metrics: {} }
  for (const checker of checkers) {
    const result = checker.check(run)
    report.checked[checker.property] = result.checked
    report.violations.push(...result.violations)
    for (const [name, value] of Object.entries(result.metrics ?? {}))
      report.metrics[`${checker.property}.${name}`] = value
  }
  return report
}
