/**
 * Which stored values fit the schema that an object was opened with here; each is asked once.
 */
import type { StoredValue } from './agreed.ts'
import { fits, type StandardSchemaV1 } from './schema.ts'

/** A schema, and what it has said. */
export class Fitting {
  readonly #schema: StandardSchemaV1 | undefined
  readonly #said = new WeakMap<StoredValue, boolean>()

  constructor(schema: StandardSchemaV1 | undefined) {
    this.#schema = schema
  }

  /** Do reads show it? */
  isShown(stored: StoredValue): boolean {
    if (this.#schema === undefined) return true
    let isFitting = this.#said.get(stored)
    if (isFitting === undefined) {
      isFitting = fits(this.#schema, stored.value)
      this.#said.set(stored, isFitting)
    }
    return isFitting
  }
}
