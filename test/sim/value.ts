/** The values of a run: numbers, and long texts that begin with one. */

export type Value = number | string

/** A text of that many characters, or a little more, that is named by a number. */
export function bigValue(name: number, size: number): string {
  return `${name}~${'x'.repeat(size)}`
}

/** A text of about that many characters that is like no other. */
export function longValue(name: number, size: number): string {
  let text = `${name}~`
  for (let state = name; text.length < size; ) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
    text += (state >>> 0).toString(36)
  }
  return text
}

/** What a value is named by in the trace. */
export function nameOfValue(value: unknown): string {
  return String(value).split('~', 1)[0] ?? ''
}
