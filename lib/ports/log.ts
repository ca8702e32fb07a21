/**
 * The log port: where a space says what nobody asked it about.
 */

/** Takes messages for people. `console` is one. */
export interface Logger {
  /** Something works, but not as it was meant to. */
  warn(message: string, ...details: unknown[]): void
}
