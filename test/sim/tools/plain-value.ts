/** Values as they stand in traces: what JSON can say, the rest named. */

/** A copy of a value of `values.ts` that JSON can write, in which nothing is lost that a run has. */
export function plainValue(value: unknown): unknown {
  if (value === undefined) return { $: 'undefined' }
  if (typeof value === 'bigint') return { $: 'bigint', of: String(value) }
  if (typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0)))
    return { $: 'number', of: Object.is(value, -0) ? '-0' : String(value) }
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(plainValue)
  if (value instanceof Map) return { $: 'map', of: [...value].map(plainValue) }
  if (value instanceof Set) return { $: 'set', of: [...value].map(plainValue) }
  if (ArrayBuffer.isView(value)) return { $: 'bytes', of: [...new Uint8Array(value.buffer)] }
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plainValue(each)]))
}
