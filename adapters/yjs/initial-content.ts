/**
 * What a document begins with: written by exactly one member, in a document of its own, and agreed on.
 *
 * The update that comes of it is the result of a `space.once`, so that there is one, whoever dies while writing it; all who
 * have asked apply the same, which has the effect of applying it once. One that is too long for a result is cast by its
 * writer, before it says that it is done; should it die in between, the next finds a document that is not empty.
 */
import type { Space } from 'tutti'
import type { Room } from './room.ts'
import { readStateVector } from './state-vector.ts'
import type { DocLike, YjsModule } from './yjs-types.ts'

/** A result of `space.once` has at most 64 KiB, encoded. */
const RESULT_BYTES_MAX = 60_000

/** Where it is written. */
export interface InitialPlace {
  readonly yjs: YjsModule
  readonly doc: DocLike
  /** The origin of what is applied and not cast. */
  readonly origin: unknown
  /** Under which all agree. */
  readonly key: string
  readonly room: Room
}

/** Resolves when the content is there, or the document had some. Waits for the primary component. */
export async function runInitialContent(
  space: Space,
  { yjs, doc, origin, key, room }: InitialPlace,
  write: (doc: DocLike) => void | PromiseLike<void>,
  signal: AbortSignal,
): Promise<void> {
  const isEmpty = (): boolean => readStateVector(yjs.encodeStateVector(doc)).size === 0
  if (!isEmpty()) return
  let isMine = false
  const update = await space.once(
    key,
    async () => {
      if (!isEmpty()) return null
      const scratch = new yjs.Doc()
      try {
        await write(scratch)
        const written = yjs.encodeStateAsUpdate(scratch)
        isMine = written.length <= RESULT_BYTES_MAX
        if (isMine) return written
        yjs.applyUpdate(doc, written, key)
      } finally {
        scratch.destroy()
      }
      await room.delivered()
      return null
    },
    { signal },
  )
  // Its writer casts it, for those who have not asked.
  if (update instanceof Uint8Array) yjs.applyUpdate(doc, update, isMine ? key : origin)
}
