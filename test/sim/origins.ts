/**
 * Web origins: the founding section, the locks that prove a death, and the storage of votes, also across restarts.
 */
import type { VoteRecord } from '../../lib/kernel/api.ts'
import type { SimProcess } from './process.ts'
import type { Random } from './random.ts'
import type { World } from './world.ts'

/** Records of the dead that a new process tells of at most. */
const FORMERS_MAX = 4

/** What the processes of one origin share. */
export class Origins {
  readonly #world: World
  readonly #processes: readonly SimProcess[]
  readonly #random: Random

  constructor(world: World, processes: readonly SimProcess[]) {
    this.#world = world
    this.#processes = processes
    this.#random = world.scenario.random.fork('storage')
  }

  /**
   * Writes a vote record; answers when it is durable. No write overtakes one before it (`OriginServices.persist`; seed
   * 206854, when they did). A process without an origin has no storage.
   */
  persist(process: SimProcess, ticket: number, record: VoteRecord): void {
    const wait = process.origin === '' ? 0 : this.#random.between(0, 20)
    process.writing = record
    process.writtenAt = Math.max(process.writtenAt, this.#world.now + wait)
    this.#world.call(process.writtenAt, () => {
      if (!process.isRunning) return
      process.record = record
      if (process.writing === record) process.writing = null
      process.input({ type: 'persisted', ticket })
    })
  }

  /** One process at a time: granted if none of its origin that lives is in a line. */
  requestFound(process: SimProcess): void {
    const wait = process.origin === '' ? 0 : this.#random.between(0, 20)
    this.#world.call(this.#world.now + wait, () => {
      if (!process.isRunning) return
      const isGranted = process.origin === '' || !this.#processes.some((other) => isRival(other, process))
      if (isGranted) process.isInLine = true
      process.input({ type: 'foundAnswer', granted: isGranted })
    })
  }

  /**
   * A new process finds, in the storage that it shares, the records of those whose locks are free: of its browser's, or,
   * where a process has no origin, of its own site's.
   */
  lookBack(process: SimProcess): void {
    const draw = this.#world.scenario.random.fork(`look-back/${process.id}`)
    const isKin = (other: SimProcess): boolean =>
      process.origin === '' ? other.site === process.site : other.origin === process.origin
    const wait = draw.chance(0.8) ? draw.between(1, 80) : draw.between(80, 6_000)
    this.#world.call(this.#world.now + wait, () => {
      const gone = this.#processes.filter(
        (other) => other !== process && isKin(other) && !other.isRunning && !process.met.has(other),
      )
      for (const { id, record } of gone.slice(-FORMERS_MAX)) {
        if ((record?.last ?? record?.attempt ?? null) !== null) process.input({ type: 'dead', peer: id, record })
      }
    })
  }

  /** A process is gone, by crash or by leaving: its lock falls free, and those who saw it held learn that. */
  died(process: SimProcess): void {
    // A write under way when it crashed has been done, or not.
    if (process.writing !== null && this.#random.chance(0.5)) process.record = process.writing
    if (process.origin === '') return
    for (const other of this.#processes) {
      if (other === process || other.origin !== process.origin || !other.met.has(process)) continue
      this.#world.call(this.#world.now + this.#random.between(20, 90), () => {
        other.downFrom(process)
        other.input({ type: 'dead', peer: process.id, record: process.record })
      })
    }
  }
}

function isRival(other: SimProcess, process: SimProcess): boolean {
  return other !== process && other.isRunning && other.isInLine && other.origin === process.origin
}
