/**
 * What is cast in a group that takes clients: known also where the members' half for them (`sponsor.ts`) is not loaded.
 */

/** What is cast beside the application's own casts, by the first element. */
export const CLIENT_OP = { request: 0, cast: 1, leave: 2, ask: 3 } as const

/** Entries that are kept for clients, at least, unless they have too many bytes. */
export const LOG_ENTRIES = 1_024
