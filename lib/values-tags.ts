/**
 * How the values that CBOR has no type for are tagged. Shared by both halves of the codec.
 *
 * Standard tags where there is one (bignums of RFC 8949, typed arrays of RFC 8746, the registered set and map
 * tags), five consecutive ones of the first-come-first-served range otherwise. A `Uint8Array` is a bare byte string.
 */

/** Values nest at most this deep: a primitive is depth 0, `[[]]` is depth 2. */
export const VALUE_DEPTH_MAX = 64

/** A value has at most this many parts: every primitive, key, container and byte string counts as one. */
export const VALUE_NODES_MAX = 4_194_304

/** Content: byte string, big-endian magnitude without leading zeros. */
export const TAG_BIGINT = 2
/** Content: byte string of -1 - n. */
export const TAG_NEGATIVE_BIGINT = 3
/** Content: array of the set's values in insertion order. */
export const TAG_SET = 258
/** Content: array of key, value, key, value … in insertion order. */
export const TAG_MAP = 259
/** Content: number, milliseconds since the epoch or NaN. */
export const TAG_DATE = 29_810
/** Content: byte string. */
export const TAG_ARRAY_BUFFER = 29_811
/** Content: byte string, UTF-16LE, of a string that is not well-formed. */
export const TAG_ILL_FORMED = 29_812
/** Content: array [name, message] or [name, message, cause]. */
export const TAG_ERROR = 29_813
/** Content: array [source, flags]. */
export const TAG_REGEXP = 29_814

/** The typed arrays of the value set other than `Uint8Array`. */
export type TaggedArrayName =
  | 'Uint8ClampedArray'
  | 'Uint16Array'
  | 'Uint32Array'
  | 'BigUint64Array'
  | 'Int8Array'
  | 'Int16Array'
  | 'Int32Array'
  | 'BigInt64Array'
  | 'Float32Array'
  | 'Float64Array'

/** One kind of typed array: its name, its RFC 8746 tag, how to make one. Elements travel little-endian, as every engine holds them. */
export interface TypedArrayKind {
  readonly name: TaggedArrayName
  readonly tag: number
  readonly bytesPerElement: number
  /** Makes one over a whole buffer, whose length fits. */
  readonly make: (buffer: ArrayBuffer) => ArrayBufferView
}

/** All kinds of typed arrays but `Uint8Array`. `Float16Array` is not among them until every engine has it. */
export const TYPED_ARRAYS: readonly TypedArrayKind[] = [
  { name: 'Uint8ClampedArray', tag: 68, bytesPerElement: 1, make: (buffer) => new Uint8ClampedArray(buffer) },
  { name: 'Uint16Array', tag: 69, bytesPerElement: 2, make: (buffer) => new Uint16Array(buffer) },
  { name: 'Uint32Array', tag: 70, bytesPerElement: 4, make: (buffer) => new Uint32Array(buffer) },
  { name: 'BigUint64Array', tag: 71, bytesPerElement: 8, make: (buffer) => new BigUint64Array(buffer) },
  { name: 'Int8Array', tag: 72, bytesPerElement: 1, make: (buffer) => new Int8Array(buffer) },
  { name: 'Int16Array', tag: 77, bytesPerElement: 2, make: (buffer) => new Int16Array(buffer) },
  { name: 'Int32Array', tag: 78, bytesPerElement: 4, make: (buffer) => new Int32Array(buffer) },
  { name: 'BigInt64Array', tag: 79, bytesPerElement: 8, make: (buffer) => new BigInt64Array(buffer) },
  { name: 'Float32Array', tag: 85, bytesPerElement: 4, make: (buffer) => new Float32Array(buffer) },
  { name: 'Float64Array', tag: 86, bytesPerElement: 8, make: (buffer) => new Float64Array(buffer) },
]

/** The error classes whose kind is kept; every other error becomes an `Error` that keeps its `name`. */
export const NATIVE_ERRORS: Readonly<Record<string, new (message: string) => Error>> = {
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
}

/** A name of an error is at most this many UTF-16 units long. */
export const ERROR_NAME_MAX = 256

/**
 * What stands for a pattern that this engine cannot compile: an expression that matches nothing and is encoded
 * again as what it stands for, so that members with different engines keep equal states.
 */
export const regexpStandIns: WeakMap<RegExp, { readonly source: string; readonly flags: string }> = new WeakMap()

/** Could this be the flags of an expression? Letters ascending, each once. */
export function isRegExpFlags(flags: string): boolean {
  return /^d?g?i?m?s?u?v?y?$/.test(flags)
}

/** True if the string holds no lone surrogate. */
export function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text)
}
