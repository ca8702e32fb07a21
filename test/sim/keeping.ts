/**
 * The worker's half of what is stored, at one simulated process: the library's keeper beside the kernel, as `lib/host.ts` has
 * it there, on the store of the process's device.
 *
 * The keeper is loaded when a workload stores something: the ledger counts what is loaded with the simulator itself.
 */
import type { AppEvent, Command } from '../../lib/kernel/api.ts'
import type { Storage } from '../../lib/ports/storage.ts'
import type { Keeper, KeeperContext } from '../../lib/storage/keeper.ts'
import type { StoreCommand, StoreNote } from '../../lib/storage/messages.ts'
import type { SimProcess } from './process.ts'
import type { Stores } from './stores.ts'
import type { World } from './world.ts'

/** A process that has stopped goes on writing for so long at most, in ms, and looks so often whether that is done. */
const DRAIN_MS = 250
const DRAIN_POLL_MS = 10

type MakeKeeper = (context: KeeperContext) => Keeper

/** What processes need to keep something. */
export interface KeepingSetting {
  readonly stores: Stores
  readonly makeKeeper: MakeKeeper
}

/** Loads what is needed of the library. */
export async function loadKeeping(): Promise<MakeKeeper> {
  const { Keeper: Loaded } = await import('../../lib/storage/keeper.ts')
  return (context) => new Loaded(context)
}

/** What it is told of, and how it speaks to the page. */
export interface KeepingContext extends KeepingSetting {
  readonly world: World
  readonly process: SimProcess
  /** Carries events, or a note, up to the page, after all that went there before. */
  up(events: readonly AppEvent[]): void
  note(note: StoreNote): void
}

/** See above. */
export class Keeping {
  readonly #context: KeepingContext
  readonly #keeper: Keeper
  #isAsking = false

  constructor(context: KeepingContext) {
    this.#context = context
    const { world, process, stores, makeKeeper } = context
    const storage: Storage = stores.open(process)
    this.#keeper = makeKeeper({
      self: process.id,
      space: 'sim',
      storage,
      setTimer: (ms, fn) => this.#after(ms, fn),
      note: (note) => context.note(note),
      wanting: () => this.#ask(),
    })
    world.touchPage()
  }

  /** What the page asks. */
  handle(command: StoreCommand): void {
    this.#context.world.touchPage()
    if (this.#context.process.isRunning) this.#keeper.handle(command)
  }

  /** Sees commands on their way to the kernel. Gives those that are for it. */
  pass(commands: readonly Command[]): readonly Command[] {
    this.#context.world.touchPage()
    return commands.filter((command) => this.#keeper.pass(command))
  }

  /** Sees what the kernel says. Gives what the page is to be told: that, and what the keeper asks. */
  observe(events: readonly AppEvent[]): readonly AppEvent[] {
    this.#context.world.touchPage()
    for (const event of events) this.#keeper.observe(event)
    return [...events, ...this.#keeper.takeRequests()]
  }

  /** The kernel has stopped: what is under way is written, if there is time. */
  drain(): void {
    const { world } = this.#context
    const until = world.now + DRAIN_MS
    const poll = (): void => {
      if (!this.#keeper.isBusy || world.now >= until) return this.#keeper.stop()
      this.#after(DRAIN_POLL_MS, poll)
    }
    poll()
  }

  /** It is gone between one event and the next. */
  died(): void {
    this.#context.stores.died(this.#context.process)
  }

  /** A snapshot is asked for in the stream of events, once those that are under way are through. */
  #ask(): void {
    if (this.#isAsking) return
    this.#isAsking = true
    const { world, process } = this.#context
    world.call(world.now, () =>
      process.worker(() => {
        this.#isAsking = false
        const requests = process.isRunning ? this.#keeper.takeRequests() : []
        if (requests.length > 0) this.#context.up(requests)
      }),
    )
  }

  #after(ms: number, fn: () => void): () => void {
    const { world, process } = this.#context
    let isOff = false
    world.call(world.now + Math.max(1, Math.ceil(ms)), () => {
      if (isOff) return
      process.worker(() => {
        if (!isOff) fn()
      })
    })
    return () => {
      isOff = true
    }
  }
}
