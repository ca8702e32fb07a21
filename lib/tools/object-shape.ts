/**
 * An instance of a class as data: which methods it has, and its fields as a value.
 *
 * Between calls the state is bytes. Each call begins with an instance made of them and ends in new bytes, at every member: so
 * what does not survive being encoded (two fields that hold the same object, a view on a shared buffer) never makes a member
 * that has run all calls differ from one that was given the state.
 */
import { UsageError, ValueError } from '../errors.ts'
import { decodeValue, encodeValue } from '../values.ts'

/** What a class and its first instance come to. */
export interface ObjectShape {
  readonly prototype: object
  readonly className: string
  /** The names of its methods, inherited ones among them. */
  readonly methods: ReadonlySet<string>
  /** The fields of the instance. */
  readonly initial: Uint8Array
}

/** Reads an instance. Throws a UsageError for what is none of a class, and for fields that are not data; a ValueError for what is in them. */
export function shapeOf(thing: unknown): ObjectShape {
  if (typeof thing !== 'object' || thing === null) throw new UsageError('replicate takes an instance of a class')
  const prototype = Object.getPrototypeOf(thing) as object | null
  if (prototype === null || prototype === Object.prototype || Array.isArray(thing)) {
    throw new UsageError('replicate takes an instance of a class: a plain object has no methods to call')
  }
  const methods = methodsOf(prototype)
  if (methods.size === 0) throw new UsageError('the class has no methods')
  if ('then' in thing) throw new UsageError('an object that has a "then" is taken for a promise: name it otherwise')
  const { name } = thing.constructor as { readonly name?: string }
  return { prototype, className: name ?? '', methods, initial: saveFields(thing) }
}

function methodsOf(prototype: object): Set<string> {
  const methods = new Set<string>()
  const seen = new Set<string>()
  for (
    let level: object | null = prototype;
    level !== null && level !== Object.prototype;
    level = Object.getPrototypeOf(level) as object | null
  ) {
    for (const [key, { value }] of Object.entries(Object.getOwnPropertyDescriptors(level))) {
      if (key !== 'constructor' && !seen.has(key) && typeof value === 'function') methods.add(key)
      seen.add(key)
    }
  }
  return methods
}

/** The fields of an instance, encoded. Throws a UsageError or a ValueError. */
export function saveFields(instance: object): Uint8Array {
  const fields: [string, unknown][] = []
  for (const key of Reflect.ownKeys(instance)) {
    const descriptor = Reflect.getOwnPropertyDescriptor(instance, key)
    if (typeof key === 'symbol') throw new UsageError(`${String(key)} is a symbol: fields have names`)
    if (descriptor === undefined || !('value' in descriptor) || descriptor.enumerable !== true) {
      throw new UsageError(`"${key}" is no plain field: make it one, or a getter of the class`)
    }
    if (typeof descriptor.value === 'function') {
      throw new UsageError(`"${key}" holds a function: make it a method of the class`)
    }
    fields.push([key, descriptor.value])
  }
  return encodeValue(new Map(fields.sort(([a], [b]) => (a < b ? -1 : 1))))
}

/** Makes an instance of the fields. */
export function makeInstance(prototype: object, bytes: Uint8Array): object {
  const instance = Object.create(prototype) as object
  for (const [key, value] of readFields(bytes)) {
    // Not by assignment: the class may have a setter of that name.
    Object.defineProperty(instance, key, { value, writable: true, enumerable: true, configurable: true })
  }
  return instance
}

/** Throws a ValueError unless they are fields. */
export function readFields(bytes: Uint8Array): Map<string, unknown> {
  const fields = decodeValue(bytes)
  if (!(fields instanceof Map) || ![...fields.keys()].every((key) => typeof key === 'string')) {
    throw new ValueError('malformed state: fields')
  }
  return fields as Map<string, unknown>
}

/** An instance to look at: nothing in it can be assigned to. */
export function makeView(prototype: object, bytes: Uint8Array): object {
  return freezeDeep(makeInstance(prototype, bytes))
}

/** What the engine cannot freeze (maps, sets, dates, buffers) stays as it is: it is a copy. */
function freezeDeep<T extends object>(value: T): T {
  if (ArrayBuffer.isView(value)) return value
  for (const each of Object.values(value)) if (typeof each === 'object' && each !== null) freezeDeep(each as object)
  return Object.freeze(value)
}
