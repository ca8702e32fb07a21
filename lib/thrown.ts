/** What somebody's code threw, as text: it need not have any. */

/** The text of what is read, cut off at so many characters; says so if it has none, or cannot be read. */
export function textOf(read: () => unknown, lengthMax: number): string {
  try {
    return String(read()).slice(0, lengthMax)
  } catch {
    return 'what was thrown has no string form'
  }
}

/** The name and the message of what was thrown, as they travel: at most 256 and 4,096 characters. */
export function nameAndMessage(thrown: unknown): readonly [name: string, message: string] {
  if (!(thrown instanceof Error)) return ['Error', textOf(() => thrown, 4_096)]
  return [textOf(() => thrown.name, 256), textOf(() => thrown.message, 4_096)]
}
