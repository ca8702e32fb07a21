/**
 * The port through which an object of your own gives and takes its state. Public entry `tutti/adapters/state-transfer`.
 *
 * You write a deterministic state machine: `apply` changes it by one operation, `save` and `load` carry it to newcomers
 * at a cut, `merge` unites it after a split. The space delivers the operations in one agreed order, asks for the state
 * at the right moments, and hands out your `handle` once the state is whole.
 *
 * ```ts
 * import { defineObject } from 'tutti/adapters/state-transfer'
 *
 * // The highest bid wins; ties go to the bidder with the lower id. Merging is taking the better of two.
 * interface Bid { readonly amount: number; readonly by: string }
 * const isBetter = (a: Bid, b: Bid) => a.amount > b.amount || (a.amount === b.amount && a.by < b.by)
 * const isAmount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0
 *
 * export const auctionKind = defineObject({
 *   kind: 'auction',
 *   order: 'fifo',
 *   create(port) {
 *     let best: Bid = { amount: 0, by: '' }
 *     const take = (bid: Bid) => {
 *       if (isBetter(bid, best)) best = bid
 *     }
 *     return {
 *       apply(op, { author }) {
 *         if (!isAmount(op)) return false // malformed: refused at every member, reported as the author's fault
 *         take({ amount: op, by: author })
 *         return true
 *       },
 *       save: () => [best.amount, best.by],
 *       load(state) {
 *         const [amount, by] = state as [number, string]
 *         best = { amount, by }
 *       },
 *       merge(state) {
 *         const [amount, by] = state as [number, string]
 *         take({ amount, by })
 *       },
 *       handle: { bid: (amount: number) => port.cast(amount), best: () => best },
 *     }
 *   },
 * })
 *
 * // const auction = await space.open(auctionKind, 'lot 7', {});  auction.bid(100)
 * ```
 */
import type { CastFate, GroupPort, GroupView, OpInfo } from '../../lib/ports/group.ts'
import type { StatePort } from '../../lib/ports/state.ts'

export type { CastFate, CastOptions, GroupPhase, GroupPort, GroupView, OpInfo, Receipt } from '../../lib/ports/group.ts'

/** Your object: its state, and the handle that the application gets. */
export interface StateMachine<Handle> extends StatePort {
  /**
   * Changes the state by one operation; false if it is malformed, and then nothing may have changed.
   * What it does depends on the state, the operation and `info` alone. With `merge`, it must also suit a state that
   * lacks, or already has, parts of what came before.
   */
  apply(op: unknown, info: OpInfo): boolean
  /** A new view, after the casts of the one before it. */
  view?(view: GroupView): void
  /**
   * An own cast will not be delivered here: it was never sent (`refused`), dropped by all who came along (`lost`), or
   * others may have it (`unknown`). If your handle shows operations before they are delivered, take it back or cast it again.
   */
  lost?(n: number, fate: CastFate): void
  /** A batch of deliveries, views or states is through: the time to tell the application. */
  settle?(): void
  readonly handle: Handle
}

/** What `defineObject` is told. */
export interface ObjectDefinition<Handle, Options> {
  /** Names the kind; members that open a name as different kinds do not form a group. At most 64 characters. */
  readonly kind: string
  /** How operations are ordered. */
  readonly order: 'fifo' | 'causal' | 'total'
  /** An operation is applied only once every member of the view holds it. By default true iff consistent. */
  readonly uniform?: boolean
  /** `available`: goes on in every part of a split, and needs `merge`. `consistent`: acts in the primary component only. By default by order: consistent iff total. */
  readonly consistency?: 'available' | 'consistent'
  /** Makes the state machine of one group. */
  create(port: GroupPort, options: Options): StateMachine<Handle>
}

/** What `space.open` takes. */
export interface DefinedObject<Handle, Options> {
  readonly kind: string
  readonly order: 'fifo' | 'causal' | 'total'
  readonly uniform: boolean
  readonly consistency: 'available' | 'consistent'
  create(port: GroupPort, options: Options): { readonly replica: DefinedReplica; readonly handle: Handle }
}

/** The state machine as the space drives it. */
export interface DefinedReplica extends StatePort {
  apply(op: unknown, info: OpInfo): boolean
  view(view: GroupView): void
  lost(n: number, fate: CastFate): void
  settle(): void
}

/** Makes a kind of object that `space.open(kind, name, options)` opens; `{}` if it has no options. Throws a TypeError for a definition that cannot work. */
export function defineObject<Handle, Options = object>(
  definition: ObjectDefinition<Handle, Options>,
): DefinedObject<Handle, Options> {
  const { kind, order } = definition
  if (kind.length < 1 || kind.length > 64) throw new TypeError('kind must have 1 to 64 characters')
  const consistency = definition.consistency ?? (order === 'total' ? 'consistent' : 'available')
  if (consistency === 'consistent' && order !== 'total') {
    throw new TypeError(`an object that is consistent needs order 'total', not '${order}'`)
  }
  return {
    kind,
    order,
    uniform: definition.uniform ?? consistency === 'consistent',
    consistency,
    create(port, options) {
      const machine = definition.create(port, options)
      if (consistency === 'available' && machine.merge === undefined) {
        throw new TypeError(`object "${kind}" is available, so it needs merge(): parts of a split unite`)
      }
      return { replica: toReplica(machine), handle: machine.handle }
    },
  }
}

function toReplica(machine: StateMachine<unknown>): DefinedReplica {
  return {
    apply: (op, info) => machine.apply(op, info),
    view: (view) => machine.view?.(view),
    lost: (n, fate) => machine.lost?.(n, fate),
    save: () => machine.save(),
    load: (state) => machine.load(state),
    ...(machine.merge === undefined ? {} : { merge: (state: unknown) => machine.merge?.(state) }),
    settle: () => machine.settle?.(),
  }
}
