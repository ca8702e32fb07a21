/**
 * A trace as text, and back: newline-delimited JSON.
 */
import type { TraceLine } from './trace.ts'

/**
 * Parses newline-delimited JSON. Empty lines are skipped; lines of an event this version does not know are kept.
 * Throws a `SyntaxError` that names the line if one is not an object with a number `t` and a string `e`.
 */
export function parseTrace(text: string): TraceLine[] {
  const lines: TraceLine[] = []
  let number = 0
  for (const raw of text.split('\n')) {
    number++
    if (raw.trim() === '') continue
    lines.push(parseLine(raw, number))
  }
  return lines
}

/** The text of a trace: one line each, with a final newline. The same lines give the same bytes. */
export function formatTrace(lines: readonly TraceLine[]): string {
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('')
}

function parseLine(raw: string, number: number): TraceLine {
  let value: unknown
  try {
    value = JSON.parse(raw)
  } catch (cause) {
    throw new SyntaxError(`trace line ${number} is not JSON`, { cause })
  }
  if (!isLine(value)) throw new SyntaxError(`trace line ${number} is not an event: it needs a number t and a string e`)
  return value
}

function isLine(value: unknown): value is TraceLine {
  if (typeof value !== 'object' || value === null || !('t' in value) || !('e' in value)) return false
  return typeof value.t === 'number' && typeof value.e === 'string'
}
