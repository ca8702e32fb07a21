/**
 * Clocks may run fast: what a process does after so many ms by its own is done after this share of them at least. The
 * simulator's are fast by 4 % at most, since two may differ by a tenth (`docs/guarantees.md`, P3).
 */
export const FASTEST = 0.95
