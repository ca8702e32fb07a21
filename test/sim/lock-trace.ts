/**
 * Writes what the locks' state machine does as `grant` and `release` lines, at the operation or view that does it.
 *
 * A holder writes its own grants; every process writes the releases that it sees. `act` lines tell when an application has
 * a lock: from when it gets it until its callback has ended, or its signal has aborted.
 */
import type { Replica } from '../../lib/objects/replica.ts'
import { LockReplica, type Own } from '../../lib/tools/lock-replica.ts'
import type { HeldEntry, LockHappening } from '../../lib/tools/lock-state.ts'
import type { RawLine } from './trace.ts'

/**
 * Makes a replica of locks write lines. `written`: the own grants that have been, by lock and token, also those that an
 * earlier replica of the process wrote, before it left the group.
 */
export function traceLocks(replica: Replica, self: string, write: (line: RawLine) => void, written: Set<string>): void {
  if (!(replica instanceof LockReplica)) throw new TypeError('not locks')
  const { state, port } = replica
  const grant = ({ name, by, mode, grant: { token } }: HeldEntry): void => {
    const lock = `${port.name}/${name}`
    const key = `${lock} ${token.join()}`
    if (by !== self || written.has(key)) return
    written.add(key)
    write({ e: 'grant', lock, token, mode })
  }
  const take = (happened: readonly LockHappening[]): void => {
    for (const each of happened) {
      if (each.type === 'granted') grant(each.entry)
      else if (each.type === 'ended') {
        const { name, grant } = each.entry
        write({ e: 'release', lock: `${port.name}/${name}`, token: grant.token, why: each.why })
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
  state.load = (saved) => {
    load.call(state, saved)
    // A state that comes outside the primary component tells of grants of long ago; nobody acts on them.
    if (port.view?.primary === true) for (const entry of state.held()) grant(entry)
  }
}

function watchHands(replica: LockReplica, write: (line: RawLine) => void): void {
  const { acquire, release, port } = replica
  const inHand = new Set<Own>()
  const lineOf = ({ lock: { name, token, mode } }: Own, on: boolean): RawLine => ({
    e: 'act',
    lock: `${port.name}/${name}`,
    token,
    on,
    mode,
  })
  const letGo = (own: Own): void => {
    if (inHand.delete(own)) write(lineOf(own, false))
  }
  replica.acquire = (request) => {
    const acquiring = acquire.call(replica, request)
    acquiring.then(
      (own) => {
        if (own === null || own.lock.isLost) return
        inHand.add(own)
        write(lineOf(own, true))
        own.lock.signal.addEventListener('abort', () => letGo(own))
      },
      () => undefined,
    )
    return acquiring
  }
  replica.release = (own) => {
    letGo(own)
    release.call(replica, own)
  }
}
