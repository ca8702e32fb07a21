/**
 * One process as the explorer holds it: an immutable point of its history. A step makes another point, and the same
 * step from an equal point makes an equal one: so steps are remembered, and few of those that a path takes are computed.
 */
import type { AppEvent, Channel, Effect, Input, KernelEnv, KernelOptions } from '../../../lib/kernel/api.ts'
import type { Frame } from '../../../lib/kernel/frame.ts'
import { Kernel } from '../../../lib/kernel/kernel.ts'
import { kernelLine } from '../../../lib/trace.ts'
import type { RawLine } from '../trace.ts'
import { App, type AppInput } from './app.ts'
import { copyKernel, fingerprintKernel } from './copy.ts'
import { combine, Fingerprint, fingerprintOf } from './fingerprint.ts'
import { LIMITS, type Variant } from './variant.ts'

/** A frame under way. */
export interface Sent {
  readonly to: string
  readonly channel: Channel
  readonly frame: Frame
  readonly fingerprint: number
}

/** A process between two steps. Never changed. */
export interface Local {
  readonly id: string
  readonly kernel: Kernel
  /** What has happened to its application. */
  readonly log: readonly AppInput[]
  /** Its object may be used. */
  readonly isWhole: boolean
  /** When its kernel wants to be woken. */
  readonly nextWake: number
  /** Of all that its application saw and its kernel said to the checkers. */
  readonly history: number
  /** Of everything. */
  readonly fingerprint: number
}

/** What a step does. */
export interface Outcome {
  readonly local: Local
  readonly sent: readonly Sent[]
  readonly lines: readonly RawLine[]
  /** A broken invariant or a fault: as bad as a violation. */
  readonly failure: string | null
}

/** What may be done to a process. */
export type Act = Input | { readonly type: 'open' } | { readonly type: 'castOne' }

/** So many steps are remembered at most; then the oldest half is forgotten. */
const REMEMBERED_MAX = 40_000
/** Rounds between kernel and application within one step. */
const ROUNDS_MAX = 100
/**
 * Kernel lines that checkers read: two histories that differ in them are not taken for one. But of those that differ only
 * in what `row` lines say, which F2 to F4 read, one is judged.
 */
const TOLD: ReadonlySet<string> = new Set(['send', 'found', 'kept'])

/** Makes processes and their steps. */
export class Locals {
  readonly #variant: Variant
  readonly #envs = new Map<string, KernelEnv>()
  readonly #options = new Map<string, KernelOptions>()
  #lines: RawLine[] = []
  #recent = new Map<number, Outcome>()
  #older = new Map<number, Outcome>()
  readonly #digests = new Map<number, readonly RawLine[]>()
  /** Steps that were computed. */
  steps = 0

  constructor(variant: Variant) {
    this.#variant = variant
  }

  /** A new process. `founds`: it founds a line if it finds none. */
  start(id: string, now: number, founds: boolean): Outcome {
    this.#envs.set(id, {
      random: () => 0.5,
      trace: (line) => {
        const kept = kernelLine(line)
        if (kept !== null) this.#lines.push(kept)
      },
    })
    this.#options.set(id, { self: id, name: id, origin: '', foundAfterMs: founds ? 0 : null, limits: LIMITS })
    const { env, options } = this.#made(id)
    const kernel = new Kernel(env, options)
    const local = { id, kernel, log: [], isWhole: false, nextWake: now, history: 0, fingerprint: 0 }
    return this.#compute(local, now, { type: 'wake' })
  }

  /** What becomes of `local` if `act` happens to it; `of` is the act's fingerprint. */
  step(local: Local, now: number, { act, of }: { readonly act: Act; readonly of: number }): Outcome {
    const key = combine(local.fingerprint, of, now)
    const known = this.#recent.get(key) ?? this.#older.get(key)
    if (known !== undefined) return known
    const outcome = this.#compute(local, now, act)
    this.#recent.set(key, outcome)
    if (this.#recent.size > REMEMBERED_MAX / 2) {
      this.#older = this.#recent
      this.#recent = new Map()
    }
    return outcome
  }

  /** The trace's lines of its object's state. */
  digest(local: Local): readonly RawLine[] {
    let lines = this.#digests.get(local.history)
    if (lines === undefined) {
      lines = this.#appOf(local).digest()
      this.#digests.set(local.history, lines)
    }
    return lines
  }

  #made(id: string): { readonly env: KernelEnv; readonly options: KernelOptions } {
    const env = this.#envs.get(id)
    const options = this.#options.get(id)
    if (env === undefined || options === undefined) throw new Error(`${id} was never started`)
    return { env, options }
  }

  #appOf({ id, log }: Local): App {
    const app = new App(id, this.#variant, !this.#variant.isEarly && id === 'c')
    for (const input of log) app.take(input)
    return app
  }

  #compute(local: Local, now: number, act: Act): Outcome {
    this.steps += 1
    const { env, options } = this.#made(local.id)
    const step = new Step(local, copyKernel(local.kernel, env, options), () => this.#appOf(local))
    this.#lines = step.lines
    try {
      step.run(now, act)
    } catch (error) {
      step.failure = `the kernel of ${local.id} throws: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`
    }
    return step.outcome()
  }
}

/** One step while it is computed. */
class Step {
  readonly lines: RawLine[] = []
  failure: string | null = null
  readonly #local: Local
  readonly #kernel: Kernel
  readonly #makeApp: () => App
  #app: App | null = null
  readonly #log: AppInput[] = []
  readonly #sent: Sent[] = []
  #isWhole: boolean
  #inputs: Input[] = []

  constructor(local: Local, kernel: Kernel, makeApp: () => App) {
    this.#local = local
    this.#kernel = kernel
    this.#makeApp = makeApp
    this.#isWhole = local.isWhole
  }

  run(now: number, act: Act): void {
    if (act.type === 'open') this.#tell('open')
    else if (act.type === 'castOne') this.#tell('cast')
    else this.#inputs.push(act)
    for (let rounds = 0; this.#inputs.length > 0; rounds += 1) {
      if (rounds > ROUNDS_MAX) throw new Error('kernel and application never come to rest')
      const effects = this.#kernel.step(now, this.#inputs)
      this.#inputs = []
      const events: AppEvent[] = []
      for (const effect of effects) {
        if (effect.type === 'app') events.push(effect.event)
        else this.#carryOut(effect)
      }
      if (events.length > 0) this.#tell(events)
    }
  }

  outcome(): Outcome {
    const { id } = this.#local
    const log = this.#log.length === 0 ? this.#local.log : [...this.#local.log, ...this.#log]
    const told = new Fingerprint()
    told.whole(this.#local.history)
    const kernelLines = this.lines.filter(({ e }) => TOLD.has(e))
    for (const line of kernelLines) told.take(line)
    for (const input of this.#log) told.take(input)
    const isSilent = kernelLines.length === 0 && this.#log.length === 0
    const history = isSilent ? this.#local.history : told.value
    // Asked for first: a kernel remembers what it works out for the answer.
    const { nextWake } = this.#kernel
    const fingerprint = combine(fingerprintKernel(this.#kernel), history)
    const local = { id, kernel: this.#kernel, log, isWhole: this.#isWhole, nextWake, history, fingerprint }
    return { local, sent: this.#sent, lines: this.lines, failure: this.failure }
  }

  #tell(input: AppInput): void {
    this.#app ??= this.#makeApp()
    const { commands, lines, failure, isWhole } = this.#app.take(input)
    this.#log.push(input)
    this.lines.push(...lines)
    this.failure ??= failure
    this.#isWhole = isWhole
    if (commands.length > 0) this.#inputs.push({ type: 'commands', commands })
  }

  #carryOut(effect: Exclude<Effect, { type: 'app' }>): void {
    switch (effect.type) {
      case 'send': {
        const { peer, channel, frame } = effect
        this.#sent.push({ to: peer, channel, frame, fingerprint: fingerprintOf(frame) })
        return
      }
      case 'persist':
        this.#inputs.push({ type: 'persisted', ticket: effect.ticket })
        return
      case 'requestFound':
        this.#inputs.push({ type: 'foundAnswer', granted: true })
        return
      case 'fault':
        this.failure ??= `${this.#local.id} finds ${effect.peer} at fault: ${effect.code}`
        return
      default:
        // Of an origin, and there is none here; or the end, which nobody asks for.
        return
    }
  }
}
