/**
 * Schemas of the wire: a codec for a record, a list or a union is put together from the codecs of its parts, so that
 * writing and reading cannot drift apart, and a field added to `frame.ts` does not compile until it has a codec.
 *
 * The order of fields, arms and choices in a schema is the wire format.
 */
import type { ProcessId, ViewId } from './api.ts'
import type { Reader, Writer } from './wire.ts'

/** Both directions of one type. `read` never throws: after a fault it yields anything of the type. */
export interface Codec<T> {
  write(to: Writer, value: T): void
  read(from: Reader): T
}

/** A whole number from 0 to 2^53 − 1. */
export const int: Codec<number> = { write: (to, value) => to.int(value), read: (from) => from.int() }

/** A rank, or −1 for nobody's. */
export const rankOrNone: Codec<number> = {
  write: (to, value) => to.int(value + 1),
  read: (from) => from.int() - 1,
}

/** A finite number, not negative. */
export const float: Codec<number> = { write: (to, value) => to.float(value), read: (from) => from.float() }

export const flag: Codec<boolean> = { write: (to, value) => to.flag(value), read: (from) => from.flag() }

/** A name, a line, a kind. */
export const text: Codec<string> = { write: (to, value) => to.text(value), read: (from) => from.text() }

export const processId: Codec<ProcessId> = { write: (to, value) => to.id(value), read: (from) => from.id() }

export const viewId: Codec<ViewId> = { write: (to, value) => to.view(value), read: (from) => from.view() }

export const viewIdOrNull: Codec<ViewId | null> = {
  write: (to, value) => to.view(value),
  read: (from) => from.viewOrNull(),
}

/** A view that a part of a state comes from; `''` for one that had no view before. */
export const subviewId: Codec<ViewId> = {
  write: (to, value) => to.view(value === '' ? null : value),
  read: (from) => from.viewOrNull() ?? '',
}

/** At most so many elements as that limit says. */
export function list<T>(element: Codec<T>, limit: 'listMax' | 'membersMax' = 'listMax'): Codec<readonly T[]> {
  return {
    write(to, value) {
      to.int(value.length)
      for (const one of value) element.write(to, one)
    },
    read(from) {
      const count = from.count(from.limits[limit])
      const value: T[] = []
      for (let i = 0; i < count && from.fault === null; i++) value.push(element.read(from))
      return value
    },
  }
}

/** Numbers in groups of `size` one after another, at most `listMax` groups. */
export function flatTuples(size: number): Codec<readonly number[]> {
  return {
    write: (to, value) => writeTuples(to, value, size),
    read: (from) => readTuples(from, size, from.limits.listMax),
  }
}

/** Writes numbers as a count of groups and the groups, from index `start` on. */
export function writeTuples(to: Writer, value: readonly number[], size: number, start = 0): void {
  const count = (value.length - start) / size
  // A length that is no multiple gives a fraction, which `int` refuses.
  to.int(count)
  for (let i = start; i < value.length; i++) to.int(value[i] ?? 0)
}

/** Reads at most `max` groups of `size` numbers, behind those in `into`. */
export function readTuples(from: Reader, size: number, max: number, into: number[] = []): number[] {
  const numbers = from.count(max) * size
  if (numbers > from.left) from.fail('truncated')
  for (let i = 0; i < numbers && from.fault === null; i++) into.push(from.int())
  return into
}

export function nullable<T>(codec: Codec<T>): Codec<T | null> {
  return {
    write(to, value) {
      to.flag(value !== null)
      if (value !== null) codec.write(to, value)
    },
    read: (from) => (from.flag() ? codec.read(from) : null),
  }
}

/** One of a few texts. */
export function choice<T extends string>(first: T, ...others: readonly T[]): Codec<T> {
  const choices = [first, ...others]
  return {
    write: (to, value) => to.int(choices.indexOf(value)),
    read(from) {
      const value = choices[from.byte()]
      if (value === undefined) from.fail('malformed')
      return value ?? first
    },
  }
}

/** A codec for every field of a record. */
export type Fields<T> = { readonly [K in keyof T]-?: Codec<T[K]> }

export function record<T extends object>(fields: Fields<T>): Codec<T> {
  const keys = Object.keys(fields) as (keyof T & string)[]
  return {
    write(to, value) {
      for (const key of keys) fields[key].write(to, value[key])
    },
    read(from) {
      const value: Partial<T> = {}
      for (const key of keys) value[key] = fields[key].read(from)
      return value as T
    },
  }
}

/** The fields of each arm of a union that is told apart by `k`. */
export type Arms<T extends { readonly k: string }> = {
  readonly [K in T['k']]: Fields<Omit<Extract<T, { readonly k: K }>, 'k'>>
}

/** A union of records told apart by `k`. */
export function union<T extends { readonly k: string }>(arms: Arms<T>): Codec<T> {
  const kinds = Object.keys(arms) as T['k'][]
  const codecs = kinds.map((k) => record<{ readonly k: string }>({ k: constant(k), ...arms[k] }))
  return {
    write(to, value) {
      const kind = kinds.indexOf(value.k)
      to.int(kind)
      codecs[kind]?.write(to, value)
    },
    read(from) {
      const kind = from.byte()
      if (kind >= codecs.length) from.fail('unknown-kind')
      const codec = codecs[kind] ?? codecs[0]
      return codec?.read(from) as T
    },
  }
}

/** Takes no bytes. */
function constant<T>(value: T): Codec<T> {
  return { write: () => {}, read: () => value }
}
