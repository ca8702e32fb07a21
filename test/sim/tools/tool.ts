/**
 * What the simulator must know of a tool: how it is opened, what is done with it, and what it ought to do.
 *
 * What of the library a tool needs is loaded by `load`, when the workload `tools` runs: the ledger counts what is loaded
 * with the simulator itself.
 */
import type { AppGroup } from '../../../lib/app-group.ts'
import type { ObjectKind } from '../../../lib/objects/replica.ts'
import type { Token } from '../../../lib/objects/token.ts'
import { PageTask, type SimProcess } from '../process.ts'
import type { Random } from '../random.ts'
import type { RawLine } from '../trace.ts'
import type { World } from '../world.ts'
import { plainValue } from './plain-value.ts'

/** A tool in the hands of one process. */
export interface OpenTool {
  /** Does what chance says; false if there is nothing to do now. `value` is like no other of the run. */
  act(random: Random, value: number): boolean
  close(): Promise<void>
}

/** Where it is opened, and how it writes to the trace there. */
export interface ToolPlace {
  readonly world: World
  readonly process: SimProcess
  /** Of the group. */
  readonly name: string
  readonly write: (line: RawLine) => void
}

/** Opens a group of a kind; what `wrap` makes of the handle is the tool. */
export type OpenKind = <Handle, Options>(
  kind: ObjectKind<Handle, Options>,
  options: Options,
  wrap: (handle: Handle) => OpenTool,
) => AppGroup

/** Something that one process, or some that share it, may have. */
export interface Hold {
  /** What, within the tool. */
  readonly lock: string
  readonly token: Token
  /** `exclusive` or `shared`. */
  readonly mode?: string
}

/** What requests to a machine mean to those who hold something of it. */
export interface Holds {
  /** What a request is given by that answer; null: nothing to be held. */
  granted(body: unknown, value: unknown): Hold | null
  /** What a request gives up; null: nothing. */
  released(body: unknown): Hold | null
}

/** A tool whose part of the library is loaded. */
export interface LoadedTool {
  /** It stands on no machine of `state-machine.ts`, or is not to be watched. */
  readonly isPlain?: true
  readonly holds?: Holds
  /** Newcomers to its group get no state. */
  readonly isStateless?: true
  /** May it be opened there now? It is tried again a little later. */
  readonly isReady?: (process: SimProcess) => boolean
  open(place: ToolPlace, use: OpenKind): AppGroup
}

/** One tool. */
export interface SimTool {
  /** That of its group. */
  readonly name: string
  load(): Promise<LoadedTool>
}

const callsMade = new WeakMap<SimProcess, number>()

/** The operations of one process on one tool. */
export class ToolCalls {
  readonly place: ToolPlace

  constructor(place: ToolPlace) {
    this.place = place
  }

  /**
   * Does one, from its `invoke` line to its `return` line. Resolves with what it gives; undefined if it fails, with a
   * typed error or as it was taken back: anything else is a bug.
   */
  async run<Value>(f: string, args: unknown, call: () => Promise<Value>): Promise<Value | undefined> {
    const { process, name, write } = this.place
    const count = (callsMade.get(process) ?? 0) + 1
    callsMade.set(process, count)
    const id = `${process.id}:${count}`
    write({ e: 'invoke', id, obj: name, f, args: plainValue(args) })
    try {
      const value = await call()
      write({ e: 'return', id, ok: true, value: plainValue(value) })
      return value
    } catch (error) {
      const code = codeOf(error)
      if (code === null) throw error
      write({ e: 'return', id, ok: false, value: code })
      return undefined
    }
  }

  /** Later, when its page can. */
  after(ms: number, fn: () => void): void {
    const { world, process } = this.place
    world.at(world.now + ms, new PageTask(process, fn))
  }

  /** Resolves later, when its page can. */
  pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve))
  }
}

/** Of a typed error, or of one of the platform's: `aborted`, or that it is closed; null for anything else. */
function codeOf(error: unknown): string | null {
  if (!(error instanceof Error)) return null
  if (error.name === 'AbortError') return 'aborted'
  if (error.name === 'InvalidStateError') return 'unknown-outcome'
  const { code } = error as Error & { readonly code?: unknown }
  return typeof code === 'string' ? code : null
}
