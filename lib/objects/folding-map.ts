/**
 * What the replica of a map does besides, if it folds what departed members leave behind.
 *
 * Its operations bear, as a last part, what makes a key of their author's id (`lineage.ts`): while the state is in a
 * lineage one that may be folded, elsewhere one that never is. A new one begins whenever this process may have been missed
 * meanwhile. States that come are united all at once.
 */
import { FORGET_OP, ForgetWatch, readForget } from './forget-watch.ts'
import { type Home, isKey, type Key, keyOf } from './lineage.ts'
import { MapState } from './map-state.ts'
import { unite } from './map-union.ts'
import type { GroupPort, GroupView, Succession } from './replica.ts'

/** An operation, and under which key its author made it. */
export interface KeyedOp {
  readonly author: Key
  readonly op: readonly unknown[]
}

/** Of one replica. */
export class MapForgetting {
  readonly #port: GroupPort
  readonly #watch: ForgetWatch
  readonly #state: () => MapState
  /** States that came and are not united yet. */
  #coming: MapState[] = []
  /** Where this process writes while the state is in that lineage; null: nowhere in it yet. */
  #home: Home | null = null

  constructor(port: GroupPort, afterMs: number, state: () => MapState) {
    this.#port = port
    this.#state = state
    this.#watch = new ForgetWatch(port, afterMs, () => state().folded?.lineages.marks() ?? [])
  }

  /** Under which key this process writes now. */
  key(): Key {
    const { self, opening } = this.#port
    const { folded } = this.#state()
    // Where nothing is written yet, what was marked since tells nothing of what will be: it begins as late as it can.
    if (!folded?.names(keyOf(self, opening, this.#home)) || this.#isElsewhere()) {
      this.#home = folded?.lineages.home ?? null
    }
    return keyOf(self, opening, this.#home)
  }

  /** Is the lineage in force another one than that of its key? */
  #isElsewhere(): boolean {
    return this.#state().folded?.lineages.home?.lineage !== this.#home?.lineage
  }

  /** The operation as it is cast. */
  seal(op: readonly unknown[], key: Key): readonly unknown[] {
    return [...op, key.slice(this.#port.self.length + 1)]
  }

  /** An operation of the map, or whether one of the watch was well formed. */
  read(op: unknown, author: string): KeyedOp | boolean {
    if (!Array.isArray(op)) return false
    if (op[0] === FORGET_OP) {
      const mark = readForget(op)
      if (mark === null) return false
      this.#state().folded?.lineages.forget(...mark)
      this.#watch.watch()
      return true
    }
    const key = `${author}/${op.at(-1)}`
    return isKey(key) && { author: key, op: op.slice(0, -1) }
  }

  /** A view. True if something may be folded now. */
  view(view: GroupView, succession: Succession | undefined): boolean {
    const { folded } = this.#state()
    if (succession !== undefined) {
      folded?.lineages.install(view, succession)
      // Only who was out of its lineage may have been missed.
      if (this.#isElsewhere()) this.#home = null
    }
    this.#watch.watch()
    return succession !== undefined
  }

  /** A state came that is to be united with this one. */
  add(saved: unknown): void {
    this.#coming.push(MapState.load(saved, true))
  }

  /** All have come. Returns the keys of the map whose entries have changed. */
  unite(): string[] {
    const { touched, torn } = unite([this.#state(), ...this.#coming])
    this.#coming = []
    for (const lineage of torn) this.#port.fault('map-torn', { lineage })
    this.report()
    this.#watch.watch()
    return touched
  }

  /** The state is another one. */
  begin(): void {
    this.#home = null
    this.#watch.watch()
  }

  /** Says what may be lost. */
  report(): void {
    const lost = this.#state().folded?.lost
    for (const key of lost ?? []) this.#port.fault('map-fold', { key })
    lost?.clear()
  }

  /** Nothing is delivered any more. */
  end(): void {
    this.#watch.stop()
  }
}
