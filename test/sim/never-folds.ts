/**
 * A twin of a counter that never folds, beside each that does: what both count must be the same, unless it was reported
 * (`World.excuse`), which must not be where nobody is away for longer than is waited for.
 *
 * The twin is given the same operations. States reach it as they reach its original: whoever saves one leaves its twin's
 * beside it, under the hash of what was saved.
 */
import { CounterState } from '../../lib/objects/counter-state.ts'
import type { GroupPort, ObjectKind, Replica } from '../../lib/objects/replica.ts'
import { hashValue } from '../../lib/values.ts'

/** What the twins of one world have saved, by the hash of what their originals have. */
export type TwinStates = Map<string, unknown>

/** Gives a replica a twin. `differ` is called when they no longer look the same. */
export function watchFolding<Handle, Options>(
  kind: ObjectKind<Handle, Options>,
  original: { readonly replica: Replica; readonly port: GroupPort; readonly options: Options },
  states: TwinStates,
  differ: (what: string) => void,
): void {
  const { replica, port, options } = original
  const twin = kind.create(
    {
      ...port,
      name: port.name,
      self: port.self,
      opening: port.opening,
      view: null,
      phase: 'open',
      isWritable: false,
      now: () => 0,
      fault: () => undefined,
    },
    options,
  ).replica
  const keep = (saved: unknown, twins: unknown): unknown => {
    states.set(hashValue(saved), twins)
    const [mine, theirs] = [sumOf(saved), sumOf(twins)]
    if (mine !== theirs) differ(`${mine} instead of ${theirs}`)
    return saved
  }
  const { apply, save, load, merge, united } = replica
  replica.apply = (op, info) => {
    twin.apply(op, { ...info, local: false })
    return apply.call(replica, op, info)
  }
  replica.save = () => keep(save.call(replica), twin.save())
  replica.load = (state) => {
    load.call(replica, state)
    twin.load(states.get(hashValue(state)))
  }
  replica.merge = (state) => {
    merge?.call(replica, state)
    twin.merge?.(states.get(hashValue(state)))
  }
  replica.united = () => {
    united?.call(replica)
    twin.united?.()
  }
}

function sumOf(saved: unknown): string {
  const state = CounterState.load(saved)
  let sum = state.sum()
  for (const key of state.keys()) sum += state.get(key).up - state.get(key).down
  return String(sum)
}
