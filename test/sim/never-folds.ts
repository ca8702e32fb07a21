/**
 * A twin that never folds, beside each counter and map that does: what both show must be the same, unless it was reported
 * (`World.excuse`), which must not be where nobody is away for longer than is waited for.
 *
 * The twin is given the same operations. States reach it as they reach its original: whoever saves one leaves its twin's
 * beside it, under the hash of what was saved.
 */
import { CounterState } from '../../lib/objects/counter-state.ts'
import { MapState } from '../../lib/objects/map-state.ts'
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
      isWhole: false,
      isWritable: false,
      now: () => 0,
      fault: () => undefined,
    },
    options,
  ).replica
  const keep = (saved: unknown, twins: unknown): unknown => {
    states.set(hashValue(saved), twins)
    const look = kind.kind === 'map' ? entriesOf : sumOf
    const [mine, theirs] = [look(saved), look(twins)]
    if (mine !== theirs) differ(`${mine} instead of ${theirs}`)
    return saved
  }
  const { apply, save, saveInSteps, load, merge, united } = replica
  replica.apply = (op, info) => {
    twin.apply(op, { ...info, local: false })
    return apply.call(replica, op, info)
  }
  replica.save = () => keep(save.call(replica), twin.save())
  if (saveInSteps !== undefined) {
    replica.saveInSteps = () => {
      const twins = twin.save()
      const steps = saveInSteps.call(replica)
      return {
        next() {
          const step = steps.next()
          if (step.done) keep(step.value, twins)
          return step
        },
      }
    }
  }
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

/** Every entry that is alive, by key: who wrote it, which of its operations that was, and how long the history under it is. */
function entriesOf(saved: unknown): string {
  const state = MapState.load(saved, true)
  const entries = [...state.keys()].flatMap((key) =>
    state.entries(key).map(({ author, k, clock }) => `${key}: ${clock} of ${author}, ${k}`),
  )
  return entries.sort().join('; ')
}
