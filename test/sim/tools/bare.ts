/** A group without anything in it, for tools that need none. */
import type { GroupPort, ObjectKind } from '../../../lib/objects/replica.ts'

export const bareKind: ObjectKind<GroupPort, object> = {
  kind: 'bare',
  order: 'fifo',
  uniform: false,
  consistency: 'available',
  create: (port) => ({
    handle: port,
    replica: {
      apply: () => true,
      view: () => undefined,
      save: () => null,
      load: () => undefined,
      merge: () => undefined,
      settle: () => undefined,
    },
  }),
}
