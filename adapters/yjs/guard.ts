/**
 * What stands between what members send and a document: nothing gets into it that cannot be read, or that was written in
 * the name of a member who is here by another one.
 */
import { writeStateVector } from './state-vector.ts'
import type { DocLike, YjsModule } from './yjs-types.ts'

/** Bytes of one member that may wait in a document for what comes before them. */
export const PENDING_BYTES_MAX: number = 16 * 1024 * 1024

/** Beyond any clock. */
const EVERYTHING = Number.MAX_SAFE_INTEGER

/** The clients that wrote what is in an update, each with the clock of the first of it. Null: it is none. */
export function clientsOf(yjs: YjsModule, update: Uint8Array): Map<number, number> | null {
  try {
    const clients = new Map<number, number>()
    for (const { id } of yjs.decodeUpdate(update).structs) {
      if (id.clock < (clients.get(id.client) ?? EVERYTHING)) clients.set(id.client, id.clock)
    }
    return clients
  } catch {
    return null
  }
}

/** The update without what these clients wrote; deletions stay. */
export function without(yjs: YjsModule, update: Uint8Array, clients: Iterable<number>): Uint8Array {
  const vector = new Map<number, number>()
  for (const client of clients) vector.set(client, EVERYTHING)
  return vector.size === 0 ? update : yjs.diffUpdate(update, writeStateVector(vector))
}

/** What is deleted in a document: an update without structs, not even those that wait. */
export function deletionsOf(yjs: YjsModule, doc: DocLike): Uint8Array {
  const update = yjs.encodeStateAsUpdate(doc, yjs.encodeStateVector(doc))
  if (update[0] === 0) return update
  return without(yjs, update, clientsOf(yjs, update)?.keys() ?? [])
}

/** How an update went into a document. `threw`: it is in, and somebody who observes the document threw. */
export type Outcome = 'applied' | 'malformed' | { readonly threw: unknown }

/** Applies an update that can be read. */
export function apply(yjs: YjsModule, doc: DocLike, update: Uint8Array, origin: unknown): Outcome {
  // What is thrown after this point is not the update's fault, for it is in the document.
  let isIn = false
  const mark = (): void => {
    isIn = true
  }
  doc.on('beforeObserverCalls', mark)
  try {
    yjs.applyUpdate(doc, update, origin)
    return 'applied'
  } catch (error) {
    return isIn ? { threw: error } : 'malformed'
  } finally {
    doc.off('beforeObserverCalls', mark)
  }
}

/** How much waits in a document for what comes before it, in bytes. */
export function pendingBytes(doc: DocLike): number {
  return doc.store.pendingStructs?.update.length ?? 0
}
