/**
 * The spaces that a page's components have open: one for each name, however many components ask for it, closed a while
 * after the last of them has gone, so that a component that is mounted anew finds it as it was.
 */
import { openSpace, type Space, type SpaceOptions } from 'tutti'
import type { Lease } from './lease.ts'

interface Shared {
  readonly opening: Promise<Space>
  space: Space | null
  users: number
  timer: ReturnType<typeof setTimeout> | undefined
}

const spaces = new Map<string, Shared>()

/**
 * A share of the space of that name. It is opened with the options of whoever asks first; later askers get what is open.
 * One that is closed is opened anew, as a new incarnation.
 */
export function leaseSpace(name: string, options: SpaceOptions, lingerMs: number): Lease<Space> {
  const known = spaces.get(name)
  const shared = known === undefined || known.space?.status === 'closed' ? open(name, options) : known
  shared.users += 1
  clearTimeout(shared.timer)
  let isReleased = false
  return {
    ready: shared.opening,
    release() {
      if (isReleased) return
      isReleased = true
      shared.users -= 1
      if (shared.users === 0) shared.timer = setTimeout(() => close(name, shared), lingerMs)
    },
  }
}

function open(name: string, options: SpaceOptions): Shared {
  const shared: Shared = { opening: openSpace(name, options), space: null, users: 0, timer: undefined }
  spaces.set(name, shared)
  shared.opening.then(
    (space) => {
      shared.space = space
    },
    () => forget(name, shared),
  )
  return shared
}

function close(name: string, shared: Shared): void {
  forget(name, shared)
  shared.opening.then(
    (space) => space.close(),
    () => undefined,
  )
}

function forget(name: string, shared: Shared): void {
  if (spaces.get(name) === shared) spaces.delete(name)
}
