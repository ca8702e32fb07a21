/**
 * The deterministic half of a counter that folds what departed members leave behind, and its overlay.
 *
 * As in `counter.ts`, an operation carries its author's totals. While the state is in a lineage (`lineage.ts`), a
 * process counts under a key that bears it, which may be folded; elsewhere under a key that never is. It begins a new one
 * whenever it may have been missed meanwhile.
 */
import { UsageError } from '../errors.ts'
import { isCount, isTotal } from './checks.ts'
import type { CounterChange } from './counter.ts'
import { CounterState, readTotals, type Totals } from './counter-state.ts'
import { Coalescer } from './events.ts'
import { FORGET_OP, ForgetWatch, readForget } from './forget-watch.ts'
import { authorOf, type Home, isViewId, keyOf } from './lineage.ts'
import type { CastFate, GroupPort, GroupView, OpInfo, Receipt, Replica, Succession } from './replica.ts'

/** An own operation that was cast and not yet delivered. */
interface Pending {
  /** The number of its cast. */
  n: number
  readonly key: string
  readonly op: readonly unknown[]
  readonly totals: Totals
}

/** See above. */
export class FoldingReplica implements Replica {
  readonly port: GroupPort
  /** Where change events go. */
  emit: (changes: readonly CounterChange[]) => void = () => undefined

  readonly #changes = new Coalescer(() => this.#emitChanges())
  readonly #watch: ForgetWatch
  #state = new CounterState()
  /** States that came and are not united yet. */
  #coming: CounterState[] = []
  /** This process's own totals under the keys of what is pending. */
  readonly #own = new Map<string, Totals>()
  /** In the order in which they were made. */
  readonly #pending: Pending[] = []
  /** Where this process counts while the state is in that lineage; null: nowhere in it yet. */
  #home: Home | null = null
  /** The number of this process's last operation; never used again, even if it was taken back. */
  #k = 0
  /** What was seen under each key when the last event was emitted; under the empty one what no key stands for. */
  #before: Map<string, number> | null = null
  #value: number | null = 0

  constructor(port: GroupPort, forgetAfterMs: number) {
    this.port = port
    this.#watch = new ForgetWatch(port, forgetAfterMs, () => this.#state.marks())
  }

  add(n: number): void {
    if (!Number.isSafeInteger(n)) throw new UsageError('a counter counts in safe integers')
    if (n === 0) return
    const { self, opening } = this.port
    // Where nothing is counted yet, what was marked since tells nothing of what will be: it begins as late as it can.
    if (!this.#state.holds(keyOf(self, opening, this.#home)) || this.#isElsewhere()) this.#home = this.#state.home
    const at = this.#home
    const key = keyOf(self, opening, at)
    const { up, down } = this.#visible(key)
    const totals = { k: this.#k + 1, up: n > 0 ? up + n : up, down: n < 0 ? down - n : down }
    if (!isTotal(totals.up) || !isTotal(totals.down)) throw new UsageError('this process has counted beyond 2 ** 53')
    const op = [this.port.opening, totals.k, totals.up, totals.down, ...(at === null ? [] : [at.epoch, at.lineage])]
    this.#touch()
    const { n: cast } = this.#cast(op)
    this.#pending.push({ n: cast, key, op, totals })
    this.#k = totals.k
    this.#own.set(key, totals)
  }

  /** Is the lineage in force another one than that of its key? */
  #isElsewhere(): boolean {
    return this.#state.home?.lineage !== this.#home?.lineage
  }

  #cast(op: readonly unknown[]): Receipt {
    return this.port.cast(op)
  }

  lost(n: number, fate: CastFate): void {
    const at = this.#pending.findIndex((each) => each.n === n)
    const pending = this.#pending[at]
    if (pending === undefined) return
    // Later totals of the key include these.
    const isLast = !this.#pending.some(({ key }, i) => i > at && key === pending.key)
    try {
      // What was refused would be again; else the same totals, which others may have had, count once.
      if (isLast && fate !== 'refused') {
        pending.n = this.#cast(pending.op).n
        return
      }
    } catch {
      // It cannot be sent: it is taken back.
    }
    this.#touch()
    this.#pending.splice(at, 1)
    this.#catchUp()
  }

  value(): number {
    if (this.#value === null) {
      let sum = this.#state.sum()
      for (const key of this.#keys()) sum += net(this.#visible(key))
      this.#value = sum
    }
    return this.#value
  }

  #keys(): Set<string> {
    return new Set([...this.#state.keys(), ...this.#own.keys()])
  }

  apply(op: unknown, { author }: OpInfo): boolean {
    if (!Array.isArray(op)) return false
    if (op[0] === FORGET_OP) {
      const mark = readForget(op)
      if (mark === null) return false
      this.#state.forget(...mark)
      this.#watch.watch()
      return true
    }
    const [opening, , , , epoch, lineage] = op as unknown[]
    const totals = readTotals(op.slice(1, 4))
    if (!isTotal(opening) || totals === null) return false
    const isHomed = op.length === 6 && isCount(epoch) && isViewId(lineage)
    if (op.length !== 4 && !isHomed) return false
    const key = keyOf(author, opening, isHomed ? { epoch, lineage } : null)
    this.#touch()
    if (!this.#state.take(key, totals)) this.#report([key])
    this.#catchUp()
    return true
  }

  view(view: GroupView, succession?: Succession): void {
    if (succession !== undefined) {
      this.#touch()
      this.#state.install(view, succession)
      // Only who was out of its lineage may have been missed.
      if (this.#isElsewhere()) this.#home = null
      this.#catchUp()
    }
    this.#watch.watch()
  }

  settle(): void {
    this.#changes.flush()
  }

  save(): unknown {
    return this.#state.save()
  }

  load(saved: unknown): void {
    const loaded = CounterState.load(saved)
    this.#touch()
    this.#state = loaded
    this.#home = null
    this.#catchUp()
    this.#watch.watch()
  }

  merge(saved: unknown): void {
    this.#coming.push(CounterState.load(saved))
  }

  united(): void {
    const coming = this.#coming
    this.#coming = []
    this.#touch()
    const { lost, torn } = this.#state.unite(coming)
    this.#report(lost)
    for (const lineage of torn) this.port.fault('counter-torn', { lineage })
    this.#catchUp()
    this.#watch.watch()
  }

  /** Of these, more may have been counted than what is here. */
  #report(lost: readonly string[]): void {
    for (const key of lost) this.port.fault('counter-fold', { key })
  }

  /** Nothing is delivered any more. */
  end(): void {
    this.#watch.stop()
  }

  /** Of this process's own totals, more may have been delivered, or be counted where they cannot be told apart. */
  #catchUp(): void {
    const own = new Map<string, Totals>()
    for (const pending of [...this.#pending]) {
      const { key, totals } = pending
      const isDone = totals.k <= this.#state.get(key).k
      if (isDone) this.#pending.splice(this.#pending.indexOf(pending), 1)
      else if (!this.#state.isPast(key)) own.set(key, totals)
    }
    this.#own.clear()
    for (const [key, totals] of own) this.#own.set(key, totals)
  }

  /** What counts under a key: the delivered totals, or this process's own, which are ahead of them. */
  #visible(key: string): Totals {
    return this.#own.get(key) ?? this.#state.get(key)
  }

  #touch(): void {
    this.#value = null
    this.#before ??= this.#picture()
    this.#changes.mark()
  }

  #picture(): Map<string, number> {
    const picture = new Map([['', this.#state.sum()]])
    for (const key of this.#keys()) picture.set(key, net(this.#visible(key)))
    return picture
  }

  #emitChanges(): void {
    const before = this.#before ?? new Map<string, number>()
    const after = this.#picture()
    this.#before = null
    const changes: CounterChange[] = []
    const value = this.value()
    // What is summed up now is not changed by that: what is left over came as a sum.
    let rest = (after.get('') ?? 0) - (before.get('') ?? 0)
    for (const key of new Set([...before.keys(), ...after.keys()])) {
      if (key === '') continue
      const delta = (after.get(key) ?? 0) - (before.get(key) ?? 0)
      const author = authorOf(key)
      if (!after.has(key) || key.endsWith('more')) rest += delta
      else if (delta !== 0) changes.push({ author, delta, value, local: author === this.port.self })
    }
    if (rest !== 0) changes.push({ author: null, delta: rest, value, local: false })
    if (changes.length > 0) this.emit(changes)
  }
}

function net({ up, down }: Totals): number {
  return up - down
}
