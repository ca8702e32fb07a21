/** The values of a run: numbers, and long texts that begin with one. */

export type Value = number | string

/** A text of that many characters, or a little more, that is named by a number. */
export function bigValue(name: number, size: number): string {
  return `${name}~${'x'.repeat(size)}`
}

/** What a value is named by in the trace. */
export function nameOfValue(value: unknown): string {
  return String(value).split('~', 1)[0] ?? ''
}
