/**
 * What a property checker is: a pure function from an indexed run to a verdict.
 */

import type { Run } from './run.ts'

/** One breach of a property. */
export interface Violation {
  /** The property's short name, such as `M6`. */
  readonly property: string
  /** A sentence that names processes, views and casts. */
  readonly message: string
  /** The trace line (from 1) at which it shows. */
  readonly line?: number
}

/** What a checker found. */
export interface Result {
  /** Instances whose antecedent was true: a property that was never put to the test has 0. */
  readonly checked: number
  readonly violations: readonly Violation[]
  /** Figures that are not judged, such as false exclusions. */
  readonly metrics?: Readonly<Record<string, number>>
}

/** One property. */
export interface Checker {
  readonly property: string
  /** Judges a run. Reads the index only; leaves nothing behind. */
  check(run: Run): Result
}

/** So many violations of one property are kept; the rest are as good as these. */
const VIOLATIONS_MAX = 50

/** Collects a result. */
export class Verdict implements Result {
  readonly property: string
  readonly violations: Violation[] = []
  checked = 0

  constructor(property: string) {
    this.property = property
  }

  /** One instance, which must hold; the message is made only if it does not. */
  expect(holds: boolean, message: () => string, line?: number): void {
    this.checked++
    if (!holds) this.fail(message(), line)
  }

  /** A breach. */
  fail(message: string, line?: number): void {
    if (this.violations.length >= VIOLATIONS_MAX) return
    this.violations.push({ property: this.property, message, ...(line === undefined ? {} : { line }) })
  }
}
