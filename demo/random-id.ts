/**
 * Ids of cards and calls. `crypto.randomUUID` is missing where the demo is served over plain http to another device.
 */

const BYTES = 16

/** An id that nobody else draws: 32 hexadecimal digits. */
export function randomId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(BYTES)), (byte) => byte.toString(16).padStart(2, '0')).join(
    '',
  )
}
