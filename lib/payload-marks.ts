/**
 * What the bytes of a cast begin with that is no operation: no value's encoding begins so.
 */

/** A part of a state, to be united with the one there. */
export const UNION_MARK = 0xfe
export const REQUEST_MARK = 0xff
/** Something that is said of what was stored. */
export const RESTORATION_MARK = 0xfd

/** Is it about what was stored? Then it changes nothing by itself. */
export function isRestoration(payload: Uint8Array): boolean {
  return payload[0] === RESTORATION_MARK
}
