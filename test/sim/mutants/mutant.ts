/** A protocol bug that is planted to prove that a checker bites: a small change of one source file, or of two. */
import type { WorkloadName } from '../scenario.ts'

/** A change of one file. */
export interface Edit {
  readonly file: string
  /** Occurs exactly once in the file. */
  readonly find: string
  readonly replace: string
}

/** One planted bug. */
export interface Mutant extends Edit {
  readonly name: string
  /** What the change does to the protocol. */
  readonly about: string
  /** What else must change for it to show: it is prevented twice. */
  readonly also?: Edit
  /** The properties it breaks: a violation of one of them finds it. */
  readonly properties: readonly string[]
  /** The workload that meets it, if not `mixed`. */
  readonly workload?: WorkloadName
  /** What `--faults` must name for it to show; absent: all. */
  readonly faults?: string
}
