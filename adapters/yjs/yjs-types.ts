/**
 * What this adapter needs of Yjs, by shape: `yjs` 13 and `@y/y` 14 both have it. Nothing here asks for a class, so a
 * document of either package, or of a second copy of one, is as good as another.
 */

/** A document. */
export interface DocLike {
  clientID: number
  readonly store: {
    /** Structs that wait for others; null: none. */
    readonly pendingStructs: { readonly update: Uint8Array } | null
  }
  // Methods, so that the documents of either version fit.
  on(event: string, fn: (...args: never[]) => void): unknown
  off(event: string, fn: (...args: never[]) => void): void
  destroy(): void
}

/** The functions of the package that a document is of. */
export interface YjsModule {
  applyUpdate(doc: DocLike, update: Uint8Array, origin?: unknown): void
  encodeStateAsUpdate(doc: DocLike, vector?: Uint8Array): Uint8Array
  encodeStateVector(doc: DocLike | Map<number, number>): Uint8Array
  diffUpdate(update: Uint8Array, vector: Uint8Array): Uint8Array
  decodeUpdate(update: Uint8Array): { readonly structs: readonly Struct[] }
  readonly Doc: new (options?: { gc?: boolean }) => DocLike
}

/** An operation, as far as it matters whose it is. */
export interface Struct {
  readonly id: { readonly client: number; readonly clock: number }
}

/** What one says of oneself, as JSON. */
export type AwarenessState = Record<string, unknown>

/** The lists of an awareness event. */
export interface AwarenessChanges {
  readonly added: readonly number[]
  readonly updated: readonly number[]
  readonly removed: readonly number[]
}

/** An `Awareness` of `y-protocols` or `@y/protocols`. */
export interface AwarenessLike {
  readonly clientID: number
  readonly states: Map<number, AwarenessState>
  readonly meta: Map<number, { clock: number; lastUpdated: number }>
  getLocalState(): AwarenessState | null
  setLocalState(state: AwarenessState | null): void
  on(event: string, fn: (...args: never[]) => void): unknown
  off(event: string, fn: (...args: never[]) => void): void
  emit(event: string, args: unknown[]): void
  destroy(): void
}
