/**
 * From a value to bytes: one walk that checks the value and writes it as it goes.
 *
 * User code (getters, proxies) can run during the walk and encode values of its own: those have a walk of their own,
 * and what a walk has written is seen by nobody before its end.
 */
import { TooLargeError, TuttiError, ValueError } from './errors.ts'
import {
  ERROR_NAME_MAX,
  isWellFormed,
  regexpStandIns,
  TAG_ARRAY_BUFFER,
  TAG_BIGINT,
  TAG_DATE,
  TAG_ERROR,
  TAG_ILL_FORMED,
  TAG_MAP,
  TAG_NEGATIVE_BIGINT,
  TAG_REGEXP,
  TAG_SET,
  TYPED_ARRAYS,
  VALUE_DEPTH_MAX,
  VALUE_NODES_MAX,
} from './values-tags.ts'
import { CborWriter, MAJOR, SIMPLE } from './values-writer.ts'

/**
 * Encodes a value of the value set. The buffer is the caller's own, exactly as long as the bytes.
 * Equal values give equal bytes; objects, maps and sets keep their insertion order, which is part of the value.
 * Throws a `ValueError` that names the path of what does not belong, a `TooLargeError` above {@link VALUE_NODES_MAX} parts.
 */
export function encodeValue(value: unknown): Uint8Array<ArrayBuffer> {
  const walk = walkOver(value)
  const bytes = walk.writer.copy()
  putAside(walk)
  return bytes
}

/** Calls `use` with the bytes of a value, which are gone afterwards. Throws what {@link encodeValue} throws. */
export function withEncoded<Result>(value: unknown, use: (bytes: Uint8Array) => Result): Result {
  const walk = walkOver(value)
  const result = use(walk.writer.peek())
  putAside(walk)
  return result
}

/** A walk that is over, for the next value: its buffer is made once. */
let spare: Walk | null = null
/** A larger buffer is given back. */
const SPARE_BYTES_MAX = 65_536

function walkOver(value: unknown): Walk {
  const walk = spare ?? new Walk()
  spare = null
  try {
    walk.value(value, 0)
  } catch (thrown) {
    if (thrown instanceof TuttiError) throw thrown
    // A getter or a proxy of the application threw, or a built-in's brand check did.
    throw new ValueError('value cannot be read', walk.pathAt(walk.depth), { cause: thrown })
  }
  return walk
}

function putAside(walk: Walk): void {
  if (walk.writer.capacity > SPARE_BYTES_MAX) return
  walk.reset()
  spare = walk
}

const TYPED_ARRAY_TAGS: ReadonlyMap<string, number> = new Map(TYPED_ARRAYS.map(({ name, tag }) => [name, tag]))

/** How a step of the path is written. */
type StepKind = 'property' | 'index' | 'key' | 'value' | 'element'

class Walk {
  readonly writer: CborWriter = new CborWriter()
  private parts = 0
  /** The step taken at each depth, rendered only when something is wrong. */
  private readonly kinds: StepKind[] = []
  private readonly steps: unknown[] = []
  /** How deep the walk is. */
  depth = 0

  /** Forgets the value. */
  reset(): void {
    this.writer.reset()
    this.parts = 0
    this.steps.length = 0
  }

  value(value: unknown, depth: number): void {
    this.depth = depth
    switch (typeof value) {
      case 'string':
        this.string(value)
        return
      case 'number':
        this.number(value)
        return
      case 'boolean':
        this.part()
        this.writer.simple(value ? SIMPLE.true : SIMPLE.false)
        return
      case 'undefined':
        this.part()
        this.writer.simple(SIMPLE.undefined)
        return
      case 'bigint':
        this.bigint(value)
        return
      case 'object':
        if (value === null) {
          this.part()
          this.writer.simple(SIMPLE.null)
        } else this.object(value, depth)
        return
      default:
        throw new ValueError(`a ${typeof value} is not a value`, this.pathAt(depth))
    }
  }

  /** Counts one more part. */
  private part(): void {
    if (this.parts >= VALUE_NODES_MAX) {
      throw new TooLargeError('value has too many parts', this.parts + 1, VALUE_NODES_MAX)
    }
    this.parts += 1
  }

  private head(major: number, number: number): void {
    this.part()
    this.writer.head(major, number)
  }

  private string(text: string): void {
    this.part()
    if (this.writer.shortText(text)) return
    if (isWellFormed(text)) this.writer.text(text)
    else this.illFormed(text)
  }

  private illFormed(text: string): void {
    const bytes = new Uint8Array(text.length * 2)
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i)
      bytes[2 * i] = unit & 0xff
      bytes[2 * i + 1] = unit >> 8
    }
    this.writer.head(MAJOR.tag, TAG_ILL_FORMED)
    this.bytes(bytes)
  }

  private number(number: number): void {
    // -0 must go as a float: CBOR integers have no sign for zero.
    if (!Number.isSafeInteger(number) || Object.is(number, -0)) {
      this.part()
      this.writer.float(number)
    } else if (number < 0) this.head(MAJOR.negint, -1 - number)
    else this.head(MAJOR.uint, number)
  }

  private bigint(bigint: bigint): void {
    const magnitude = bigint < 0n ? -1n - bigint : bigint
    let hex = magnitude === 0n ? '' : magnitude.toString(16)
    if (hex.length % 2 === 1) hex = `0${hex}`
    const bytes = new Uint8Array(hex.length / 2)
    for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16)
    this.head(MAJOR.tag, bigint < 0n ? TAG_NEGATIVE_BIGINT : TAG_BIGINT)
    this.bytes(bytes)
  }

  private object(object: object, depth: number): void {
    const inner = depth + 1
    if (inner > VALUE_DEPTH_MAX) {
      throw new ValueError(`value is nested deeper than ${VALUE_DEPTH_MAX}, or in a circle`, this.pathAt(depth))
    }
    if (Array.isArray(object)) {
      this.array(object, inner)
      return
    }
    const prototype: unknown = Object.getPrototypeOf(object)
    if (prototype === Object.prototype || prototype === null) this.plain(object as Record<string, unknown>, inner)
    else this.builtIn(object, inner)
  }

  private array(array: readonly unknown[], inner: number): void {
    this.head(MAJOR.array, array.length)
    this.kinds[inner] = 'index'
    for (let i = 0; i < array.length; i++) {
      const element = array[i]
      this.steps[inner] = i
      this.depth = inner
      if (element === undefined && !Object.hasOwn(array, i)) {
        throw new ValueError('an array with holes is not a value', this.pathAt(inner))
      }
      this.value(element, inner)
    }
    // Indices come first among the keys of an array: a further one is last.
    const last = Object.keys(array).at(-1)
    if (last !== undefined && last !== String(array.length - 1)) {
      throw new ValueError('an array with named properties is not a value', this.pathAt(inner - 1) + property(last))
    }
  }

  private plain(object: Readonly<Record<string, unknown>>, inner: number): void {
    const keys = Object.keys(object)
    this.head(MAJOR.map, keys.length)
    this.kinds[inner] = 'property'
    for (const key of keys) {
      this.steps[inner] = key
      this.string(key)
      this.depth = inner
      this.value(object[key], inner)
    }
  }

  /**
   * Everything that is neither array nor plain. Recognised by what the engine says it is, not by `instanceof`, so that
   * values of another realm (a frame) pass; by the length of its prototype chain, so that a subclass does not.
   */
  private builtIn(object: object, inner: number): void {
    if (ArrayBuffer.isView(object)) {
      this.view(object, inner)
      return
    }
    const chain = chainLength(object)
    const kind = Object.prototype.toString.call(object).slice(8, -1)
    if (kind === 'Error' && !(Symbol.toStringTag in object)) this.error(object as Error, inner)
    else if (kind === 'Object' && chain === 1 && isForeignRoot(Object.getPrototypeOf(object))) {
      this.plain(object as Record<string, unknown>, inner)
    } else if (chain !== 2) throw this.alien(object, inner)
    else if (kind === 'Date') this.date(object)
    else if (kind === 'Map') this.map(object as ReadonlyMap<unknown, unknown>, inner)
    else if (kind === 'Set') this.set(object as ReadonlySet<unknown>, inner)
    else if (kind === 'RegExp') this.regexp(object as RegExp)
    else if (kind === 'ArrayBuffer') {
      // The getter throws for what only claims to be a buffer.
      const length = Reflect.get(ArrayBuffer.prototype, 'byteLength', object) as number
      this.head(MAJOR.tag, TAG_ARRAY_BUFFER)
      this.bytes(new Uint8Array(object as ArrayBuffer, 0, length))
    } else throw this.alien(object, inner)
  }

  private alien(object: object, inner: number): ValueError {
    const maker: unknown = Reflect.get(object, 'constructor')
    const name = typeof maker === 'function' && maker.name !== '' ? maker.name : 'unknown class'
    return new ValueError(`an instance of ${name} is not a value`, this.pathAt(inner - 1))
  }

  private view(view: ArrayBufferView, inner: number): void {
    const name = typedArrayName.call(view) as string | undefined
    if (name === undefined) throw this.alien(view, inner)
    if (name === 'Uint8Array') {
      this.bytes(view as Uint8Array)
      return
    }
    const tag = TYPED_ARRAY_TAGS.get(name)
    if (tag === undefined) throw this.alien(view, inner)
    this.head(MAJOR.tag, tag)
    this.bytes(new Uint8Array(view.buffer, view.byteOffset, view.byteLength))
  }

  private bytes(bytes: Uint8Array): void {
    this.part()
    this.writer.bytes(bytes, typedArrayLength.call(bytes) as number)
  }

  private date(date: object): void {
    this.head(MAJOR.tag, TAG_DATE)
    this.number(Date.prototype.getTime.call(date))
  }

  private map(map: ReadonlyMap<unknown, unknown>, inner: number): void {
    const entries = [...Map.prototype.entries.call(map)] as [unknown, unknown][]
    this.head(MAJOR.tag, TAG_MAP)
    this.head(MAJOR.array, entries.length * 2)
    for (const [i, [key, value]] of entries.entries()) {
      this.kinds[inner] = 'key'
      this.steps[inner] = i
      this.value(key, inner)
      this.kinds[inner] = 'value'
      this.steps[inner] = typeof key === 'string' ? key : i
      this.value(value, inner)
    }
  }

  private set(set: ReadonlySet<unknown>, inner: number): void {
    const values = [...Set.prototype.values.call(set)]
    this.head(MAJOR.tag, TAG_SET)
    this.head(MAJOR.array, values.length)
    this.kinds[inner] = 'element'
    for (const [i, value] of values.entries()) {
      this.steps[inner] = i
      this.value(value, inner)
    }
  }

  private regexp(regexp: RegExp): void {
    const standsFor = regexpStandIns.get(regexp)
    // The getter of the prototype throws for what only claims to be an expression.
    const source = standsFor?.source ?? (Reflect.get(RegExp.prototype, 'source', regexp) as string)
    const flags = standsFor?.flags ?? regexp.flags
    this.head(MAJOR.tag, TAG_REGEXP)
    this.head(MAJOR.array, 2)
    this.string(source)
    this.string(flags)
  }

  /** Name, message and cause travel; the stack does not: it names files of this machine. */
  private error(error: Error, inner: number): void {
    const hasCause = Object.hasOwn(error, 'cause')
    this.head(MAJOR.tag, TAG_ERROR)
    this.head(MAJOR.array, hasCause ? 3 : 2)
    this.string(String(error.name).slice(0, ERROR_NAME_MAX))
    this.string(String(error.message))
    if (hasCause) {
      this.kinds[inner] = 'property'
      this.steps[inner] = 'cause'
      this.value(error.cause, inner)
    }
  }

  /** The path of the value at that depth. */
  pathAt(depth: number): string {
    let path = ''
    for (let at = 1; at <= depth; at += 1) path += step(this.kinds[at] ?? 'index', this.steps[at])
    return path
  }
}

// What typed arrays say of themselves: a property of an instance could claim another name or length.
const typedArrayName = typedArrayGetter(Symbol.toStringTag)
const typedArrayLength = typedArrayGetter('length')

function typedArrayGetter(key: string | symbol): (this: object) => unknown {
  const prototype = Object.getPrototypeOf(Uint8Array.prototype) as object
  return Object.getOwnPropertyDescriptor(prototype, key)?.get ?? (() => undefined)
}

function step(kind: StepKind, at: unknown): string {
  if (kind === 'property') return property(String(at))
  if (kind === 'index') return `[${at}]`
  // A value of a Map is named by its key, if that is a string.
  return typeof at === 'string' ? `.get(${JSON.stringify(at)})` : `[${kind} ${at}]`
}

function property(key: string): string {
  return /^[\p{ID_Start}_$][\p{ID_Continue}$]*$/u.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`
}

/** The number of prototypes above an object, counted up to 4. */
function chainLength(object: object): number {
  let length = 0
  let prototype = Object.getPrototypeOf(object) as object | null
  while (prototype !== null && length < 4) {
    length++
    prototype = Object.getPrototypeOf(prototype) as object | null
  }
  return length
}

/** Is this the `Object.prototype` of another realm? */
function isForeignRoot(prototype: unknown): boolean {
  return Object.hasOwn(prototype as object, 'isPrototypeOf')
}
