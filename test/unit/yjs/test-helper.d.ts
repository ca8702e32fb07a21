/** What Yjs exports for those who test their network with its own random workload. */
declare module 'yjs/testHelper' {
  import type * as Y from 'yjs'

  /** A document that a connector connects. */
  export class TestYInstance extends Y.Doc {
    constructor(connector: object, id: number)
    /** All updates, local and not, which merged must give the same document. */
    updates: Uint8Array[]
    connect(): void
    disconnect(): void
  }

  /** Throws unless all documents are equal: types, structs, deletions, snapshots, and what their merged updates give; nothing may be pending. Destroys them. */
  export function compare(users: TestYInstance[]): void
}
