/** Locks, as the simulator uses them: asked for, held for a while, and given up, by the API that applications use. */
import type { Lock } from '../../../lib/tools/lock.ts'
import type { LockManager, LockOptions } from '../../../lib/tools/locks.ts'
import type { Random } from '../random.ts'
import { BOUNDS } from '../scenario.ts'
import { holdsOfLocks } from './lock-holds.ts'
import { type OpenTool, type SimTool, ToolCalls } from './tool.ts'

const NAMES = 2
/** How a lock is asked for: shared, only if it is to be had at once, taken from who has it, taken back a moment later if it waits. */
const CHANCES = { shared: 0.35, ifAvailable: 0.15, steal: 0.1, abort: 0.2 }
/** For how long it is held, in ms, at most; now and then for longer than a lease. */
const HOLD = { most: 80, long: 5_000, longChance: 0.03 }
/** What one process asks for at a time, at most: more would wait until the run is over. */
const WANTED_MAX = 3

/** The locks in the hands of one process. */
class OpenLocks implements OpenTool {
  readonly #locks: LockManager
  readonly #calls: ToolCalls
  readonly #leave: () => Promise<void>
  #wanted = 0

  constructor(locks: LockManager, calls: ToolCalls, leave: () => Promise<void>) {
    this.#locks = locks
    this.#calls = calls
    this.#leave = leave
  }

  act(random: Random): boolean {
    if (this.#wanted >= WANTED_MAX) return true
    const name = `l${random.int(NAMES)}`
    const mode = random.chance(CHANCES.shared) ? 'shared' : 'exclusive'
    const isAbortable = random.chance(CHANCES.abort)
    const ifAvailable = !isAbortable && random.chance(CHANCES.ifAvailable)
    const steal = !isAbortable && !ifAvailable && mode === 'exclusive' && random.chance(CHANCES.steal)
    const abort = new AbortController()
    if (isAbortable) this.#calls.after(random.between(0, 600), () => abort.abort())
    const ms = random.between(0, random.chance(HOLD.longChance) ? HOLD.long : HOLD.most)
    const options: LockOptions = { mode, ifAvailable, steal, ...(isAbortable ? { signal: abort.signal } : {}) }
    const run = (): Promise<unknown> => this.#locks.request(name, options, (lock) => this.#hold(lock, ms))
    this.#wanted += 1
    void this.#calls.run('request', [name, { mode, ifAvailable, steal }], run).finally(() => {
      this.#wanted -= 1
    })
    return true
  }

  /** It acts on the lock until it is done, or told that it may have lost it. */
  async #hold(lock: Lock | null, ms: number): Promise<unknown> {
    if (lock === null) return null
    const { name, write } = this.#calls.place
    const { token, signal, mode } = lock
    let isActing = !signal.aborted
    const tell = (on: boolean): void => {
      if (isActing) write({ e: 'act', lock: `${name}/${lock.name}`, token, on, mode })
    }
    tell(true)
    signal.addEventListener('abort', () => {
      tell(false)
      isActing = false
    })
    await this.#calls.pause(ms)
    tell(false)
    isActing = false
    return [...token]
  }

  close(): Promise<void> {
    this.#locks.close()
    return this.#leave()
  }
}

export const locks: SimTool = {
  name: 'locks',
  async load() {
    const [{ locksKind }, { LockManager }] = await Promise.all([
      import('../../../lib/tools/lock-replica.ts'),
      import('../../../lib/tools/locks.ts'),
    ])
    return {
      holds: holdsOfLocks(),
      open: (place, use) =>
        use(locksKind, { leaseMs: BOUNDS.lease }, (handle) => {
          const manager = new LockManager(() => Promise.resolve(handle))
          return new OpenLocks(manager, new ToolCalls(place), () => {
            handle.stop()
            return handle.replica.port.close()
          })
        }),
    }
  },
}
