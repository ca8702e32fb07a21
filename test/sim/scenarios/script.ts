/**
 * A hand-written scenario: its name, what motivates it, and what is done and expected. All checkers judge its trace too.
 */
import { checkTrace } from '../checkers/index.ts'
import { Stage } from './stage.ts'
import type { StageOptions } from './words.ts'

/** One scenario. */
export interface Script {
  /** `vsync: flush: coordinator dies after half the installs (n=5)`. */
  readonly name: string
  /** The threads and papers that motivate it: `owner/repository#n`, or authors, title, place and year. */
  readonly cites: readonly string[]
  readonly on?: StageOptions
  play(stage: Stage): Promise<void>
  /** Why it fails today. */
  readonly todo?: string
}

/** Plays a scenario; returns what went wrong. */
export async function perform(script: Script): Promise<string[]> {
  const stage = new Stage(script.on)
  try {
    await script.play(stage)
    await stage.end()
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)]
  }
  const { violations } = checkTrace(stage.world.trace.checked)
  return [...stage.world.failures, ...violations].map(({ property, message }) => `${property}: ${message}`)
}
