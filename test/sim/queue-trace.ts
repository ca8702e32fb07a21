/**
 * Writes what a queue's state machine does as `grant` and `release` lines, at the operation or view that does it, and as
 * `act` lines when an application has an item in hand: from when it gets it until it says how that ended, or is told that
 * the item may be somebody else's.
 *
 * Items are named by their value, which no other item of a run has, whatever became of the queue in between.
 * A taker writes its own grants; every process writes the completions and returns that it sees.
 */
import type { SharedQueue } from '../../lib/objects/queue.ts'
import type { QueueHands } from '../../lib/objects/queue-hands.ts'
import type { Grant, QueueItem } from '../../lib/objects/queue-items.ts'
import type { Happening } from '../../lib/objects/queue-machine.ts'
import type { TakenItem } from '../../lib/objects/taken-item.ts'
import type { RawLine } from './trace.ts'
import { nameOfValue } from './value.ts'

/**
 * Makes a queue write lines. `written`: the own grants that have been, by item and token, also those that an earlier handle
 * of the process wrote, before it left the group.
 */
export function traceQueue(
  { hands }: SharedQueue,
  self: string,
  write: (line: RawLine) => void,
  written: Set<string> = new Set(),
): void {
  const { machine, port } = hands
  /** Those of them that a state taken over since may come back to: that grants nothing new. */
  let passed = new Set<string>()
  const grant = (item: QueueItem, { taker, token }: Grant): void => {
    if (taker !== self) return
    const lock = nameOf(port.name, item)
    const key = `${lock} ${token.join()}`
    if (passed.delete(key)) return
    written.add(key)
    write({ e: 'grant', lock, token, mode: 'item' })
  }
  const take = (each: Happening): void => {
    if (each.type === 'taken') grant(each.item, each.grant)
    else if (each.type === 'done')
      write({ e: 'release', lock: nameOf(port.name, each.item), token: each.grant.token, ok: true })
    else if (each.type === 'returned' || each.type === 'dead') {
      const why = each.by === null ? 'gone' : 'given'
      write({ e: 'release', lock: nameOf(port.name, each.item), token: each.grant.token, why })
    }
  }
  watchHands(hands, write)
  const told = machine.watch
  machine.watch = (happening) => {
    take(happening)
    told(happening)
  }
  const { load } = machine
  machine.load = (saved) => {
    const known = new Set(machine.held().map((item) => item.grant.token.join()))
    load.call(machine, saved)
    passed = new Set(written)
    // A state that comes outside the primary component tells of grants of long ago; nobody acts on them.
    if (port.view?.primary !== true) return
    for (const item of machine.held()) if (!known.has(item.grant.token.join())) grant(item, item.grant)
  }
}

/** Of each item, the application gets it once, and lets go of it once. */
function watchHands(hands: QueueHands, write: (line: RawLine) => void): void {
  const { take, done, fail, giveBack, port } = hands
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
  hands.take = (terms) => {
    const taking = take.call(hands, terms)
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
  hands.done = (taken, result, isPatient) => {
    letGo(taken)
    return done.call(hands, taken, result, isPatient)
  }
  hands.fail = (taken, reason, options, isPatient) => {
    letGo(taken)
    return fail.call(hands, taken, reason, options, isPatient)
  }
  hands.giveBack = (taken) => {
    letGo(taken)
    giveBack.call(hands, taken)
  }
}

function nameOf(group: string, item: QueueItem): string {
  return `${group}/${nameOfValue(item.value)}`
}
