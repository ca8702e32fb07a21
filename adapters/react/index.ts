'use client'
export {
  type LeaderResult,
  type LockResult,
  type UseLeaderOptions,
  type UseLockOptions,
  useLeader,
  useLock,
} from './use-lock.ts'
/**
 * React's hooks for a space and what is shared in it. Public entry `tutti/adapters/react`; React 18 or later.
 *
 * ```tsx
 * const { space } = useSpace('score-42', { transports: [tabs()] })
 * const view = useView(space)
 * const { object: todos, snapshot } = useObject(space, 'todos', (space, name) => space.map<Todo>(name))
 * const { entries, say } = usePresence<Cursor>(space, 'cursors')
 * const { isLeader } = useLeader(space, 'clock')
 * const { status } = useLock(space, 'baton', { enabled: isEditing })
 * ```
 *
 * What is used is opened when a component is mounted, in the browser only, and closed when it goes; a component that is
 * mounted twice at once (StrictMode, hot reloading) opens nothing twice.
 */
export { type ObjectResult, type Observable, type PresenceResult, useObject, usePresence } from './use-object.ts'
export { type SpaceResult, type UseSpaceOptions, useSpace, useView } from './use-space.ts'
