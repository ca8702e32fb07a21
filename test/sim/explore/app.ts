/**
 * The application of an explored process: the real application side of the port with one object, kept as the log of
 * what happened to it and made again from that log when it is needed. It answers the kernel at once.
 */
import { AppSide } from '../../../lib/app-port.ts'
import type { AppEvent, Command, GroupOptions } from '../../../lib/kernel/api.ts'
import type { RawLine } from '../trace.ts'
import { GROUP, type Variant } from './variant.ts'

/** Something that happens to an application: events of its kernel, or what it decides to do. */
export type AppInput = readonly AppEvent[] | 'open' | 'cast'

/** What is written while it happens. */
export interface AppOutput {
  readonly commands: readonly Command[]
  readonly lines: readonly RawLine[]
  /** A fault of the object, or a closed space. */
  readonly failure: string | null
  /** Its object may be used. */
  readonly isWhole: boolean
}

/** An application, brought to a point of its history. */
export class App {
  readonly #variant: Variant
  readonly #side: AppSide
  /** Opens the group as soon as it is not alone. */
  readonly #opensLate: boolean
  #tasks: (() => void)[] = []
  #commands: Command[] = []
  #lines: RawLine[] = []
  #failure: string | null = null
  #handle: unknown = null
  #isWhole = false
  #casts = 0

  constructor(self: string, variant: Variant, opensLate: boolean) {
    this.#variant = variant
    this.#opensLate = opensLate
    this.#side = new AppSide({
      self,
      now: () => 0,
      send: (commands) => this.#commands.push(...commands),
      schedule: (fn) => this.#tasks.push(fn),
      trace: (line) => this.#lines.push(line),
      fault: (peer, code, detail) => {
        const reason = detail instanceof Error ? ` (${detail.message})` : ''
        this.#failure = `the application of ${self} meets ${code} of ${peer || 'its own'}${reason}`
      },
    })
  }

  /** Lets it happen. */
  take(input: AppInput): AppOutput {
    if (input === 'open') this.#open()
    else if (input === 'cast') {
      this.#casts += 1
      this.#variant.object.cast(this.#handle, this.#casts)
    } else {
      this.#side.receive(input)
      if (this.#opensLate && this.#handle === null && (this.#side.view?.members.length ?? 0) > 1) this.#open()
    }
    while (this.#tasks.length > 0) for (const task of this.#tasks.splice(0)) task()
    return this.#output()
  }

  /** The state of its object, as a line of the trace. */
  digest(): readonly RawLine[] {
    this.#side.digestAll()
    return this.#output().lines
  }

  #open(): void {
    const { kind } = this.#variant.object
    const { order, uniform, strong = false, consistency } = kind
    const options: GroupOptions = { order, uniform, strong, consistency, state: true, kind: kind.kind }
    const whole = (): void => {
      this.#isWhole = true
    }
    this.#side.openGroup(
      GROUP,
      options,
      (port) => {
        const { replica, handle } = kind.create(port, {})
        this.#handle = handle
        return replica
      },
      { whole },
    )
  }

  #output(): AppOutput {
    const output = {
      commands: this.#commands,
      lines: this.#lines,
      failure: this.#failure,
      isWhole: this.#isWhole && this.#side.group(GROUP)?.isWhole === true,
    }
    this.#commands = []
    this.#lines = []
    return output
  }
}
