/**
 * Writes what a queue's state machine does as `grant` and `release` lines, at the operation or view that does it, and as
 * `act` lines when an application has an item in hand: from when it gets it until it says how that ended, or is told that
 * the item may be somebody else's.
 *
 * Items are named by their value, which no other item of a run has, whatever became of the queue in between.
 * A taker writes its own grants; every process writes the completions and returns that it sees.
 */
import { QueueReplica } from '../../lib/objects/queue-replica.ts'
import type { Grant, Happening, QueueItem } from '../../lib/objects/queue-state.ts'
import type { Replica } from '../../lib/objects/replica.ts'
import type { TakenItem } from '../../lib/objects/taken-item.ts'
import type { RawLine } from './trace.ts'
import { nameOfValue } from './value.ts'

/**
 * Makes a queue's replica write lines. `written`: the own grants that have been, by item and token, also those that an
 * earlier replica of the process wrote, before it left the group.
 */
export function traceQueue(
  replica: Replica,
  self: string,
  write: (line: RawLine) => void,
  written: Set<string> = new Set(),
): void {
  if (!(replica instanceof QueueReplica)) throw new TypeError('not a queue')
  const { state, port } = replica
  /** Those of them that a state taken over since may come back to: that grants nothing new. */
  let passed = new Set<string>()
  const grant = (item: QueueItem, { taker, token }: Grant): void => {
    if (taker !== self) return
    const lock = `${port.name}/${nameOfValue(item.value)}`
    const key = `${lock} ${token.join()}`
    if (passed.delete(key)) return
    written.add(key)
    write({ e: 'grant', lock, token, mode: 'item' })
  }
  const take = (happened: readonly Happening[]): void => {
    for (const each of happened) {
      if (each.type === 'taken') grant(each.item, each.grant)
      else if (each.type === 'done')
        write({ e: 'release', lock: nameOf(port.name, each), token: each.grant.token, ok: true })
      else if (each.type === 'returned') {
        write({
          e: 'release',
          lock: nameOf(port.name, each),
          token: each.grant.token,
          why: each.by === null ? 'gone' : 'given',
        })
      }
    }
  }
  watchHands(replica, write)
  const { apply, install, load } = state
  state.apply = (op, author) => {
    const happened = apply.call(state, op, author)
    if (happened !== null) take(happened)
    return happened
  }
  state.install = (view) => {
    const happened = install.call(state, view)
    take(happened)
    return happened
  }
  const known = new Set<string>()
  state.load = (saved) => {
    for (const item of state.held()) if (item.grant !== null) known.add(item.grant.token.join())
    load.call(state, saved)
    passed = new Set(written)
    // A state that comes outside the primary component tells of grants of long ago; nobody acts on them.
    if (port.view?.primary !== true) return known.clear()
    for (const item of state.held()) {
      if (item.grant === null || known.has(item.grant.token.join())) continue
      grant(item, item.grant)
    }
    known.clear()
  }
}

/** Of each item, the application gets it once, and lets go of it once. */
function watchHands(replica: QueueReplica, write: (line: RawLine) => void): void {
  const { take, done, fail, port } = replica
  const inHand = new Set<TakenItem<unknown>>()
  const lineOf = ({ item, token }: TakenItem<unknown>, on: boolean): RawLine => ({
    e: 'act',
    lock: `${port.name}/${nameOfValue(item)}`,
    token,
    on,
  })
  const letGo = (taken: TakenItem<unknown>): void => {
    if (inHand.delete(taken)) write(lineOf(taken, false))
  }
  replica.take = (signal) => {
    const taking = take.call(replica, signal)
    taking.then(
      (taken) => {
        if (taken.isLost) return
        inHand.add(taken)
        write(lineOf(taken, true))
        taken.signal.addEventListener('abort', () => letGo(taken))
      },
      () => undefined,
    )
    return taking
  }
  replica.done = (taken, result, isPatient) => {
    letGo(taken)
    return done.call(replica, taken, result, isPatient)
  }
  replica.fail = (taken, reason, isPatient) => {
    letGo(taken)
    return fail.call(replica, taken, reason, isPatient)
  }
}

function nameOf(group: string, { item }: { readonly item: QueueItem }): string {
  return `${group}/${nameOfValue(item.value)}`
}
