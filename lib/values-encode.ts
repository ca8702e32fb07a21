/**
 * From a value to bytes: one walk that checks and flattens the value into CBOR tokens, then one write.
 *
 * User code (getters, proxies) can run only during the walk, so a half-written buffer is never seen.
 */
import { encode, Token, Type } from 'cborg'
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

/**
 * Encodes a value of the value set. The buffer is the caller's own, exactly as long as the bytes.
 * Equal values give equal bytes; objects, maps and sets keep their insertion order, which is part of the value.
 * Throws a `ValueError` that names the path of what does not belong, a `TooLargeError` above {@link VALUE_NODES_MAX} parts.
 */
export function encodeValue(value: unknown): Uint8Array<ArrayBuffer> {
  const walk = new Walk()
  try {
    walk.value(value, 0)
  } catch (thrown) {
    if (thrown instanceof TuttiError) throw thrown
    // A getter or a proxy of the application threw, or a built-in's brand check did.
    throw new ValueError('value cannot be read', walk.pathAt(walk.depth), { cause: thrown })
  }
  const bytes = encode(CARRIER, { typeEncoders: { Object: () => walk.tokens } })
  // cborg may answer with a slice of a shared pool (Node) or of a larger chunk: never hand those out.
  return new Uint8Array(bytes)
}

/** cborg is asked to encode this; its type encoder answers with the tokens of the walk. */
const CARRIER: object = Object.freeze({})

const TYPED_ARRAY_TAGS: ReadonlyMap<string, number> = new Map(TYPED_ARRAYS.map(({ name, tag }) => [name, tag]))

const NULL = new Token(Type.null, null)
const UNDEFINED = new Token(Type.undefined, undefined)
const TRUE = new Token(Type.true, true)
const FALSE = new Token(Type.false, false)

class Walk {
  readonly tokens: Token[] = []
  /** The step taken at each depth, rendered only when something is wrong. */
  private readonly steps: string[] = []
  /** How deep the walk is. */
  depth = 0

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
        this.push(value ? TRUE : FALSE)
        return
      case 'undefined':
        this.push(UNDEFINED)
        return
      case 'bigint':
        this.bigint(value)
        return
      case 'object':
        if (value === null) this.push(NULL)
        else this.object(value, depth)
        return
      default:
        throw new ValueError(`a ${typeof value} is not a value`, this.pathAt(depth))
    }
  }

  private push(token: Token): void {
    if (this.tokens.length >= VALUE_NODES_MAX) {
      throw new TooLargeError('value has too many parts', this.tokens.length + 1, VALUE_NODES_MAX)
    }
    this.tokens.push(token)
  }

  private string(text: string): void {
    if (isWellFormed(text)) {
      this.push(new Token(Type.string, text))
      return
    }
    const bytes = new Uint8Array(text.length * 2)
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i)
      bytes[2 * i] = unit & 0xff
      bytes[2 * i + 1] = unit >> 8
    }
    this.push(new Token(Type.tag, TAG_ILL_FORMED))
    this.push(new Token(Type.bytes, bytes))
  }

  private number(number: number): void {
    // -0 must go as a float: CBOR integers have no sign for zero.
    if (!Number.isSafeInteger(number) || Object.is(number, -0)) this.push(new Token(Type.float, number))
    else this.push(new Token(number < 0 ? Type.negint : Type.uint, number))
  }

  private bigint(bigint: bigint): void {
    const magnitude = bigint < 0n ? -1n - bigint : bigint
    let hex = magnitude === 0n ? '' : magnitude.toString(16)
    if (hex.length % 2 === 1) hex = `0${hex}`
    const bytes = new Uint8Array(hex.length / 2)
    for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16)
    this.push(new Token(Type.tag, bigint < 0n ? TAG_NEGATIVE_BIGINT : TAG_BIGINT))
    this.push(new Token(Type.bytes, bytes))
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
    this.push(new Token(Type.array, array.length))
    for (let i = 0; i < array.length; i++) {
      const element = array[i]
      this.steps[inner] = `[${i}]`
      this.depth = inner
      if (element === undefined && !Object.hasOwn(array, i)) {
        throw new ValueError('an array with holes is not a value', this.pathAt(inner))
      }
      this.value(element, inner)
    }
    // Indices come first among the keys of an array: a further one is last.
    const last = Object.keys(array).at(-1)
    if (last !== undefined && last !== String(array.length - 1)) {
      throw new ValueError('an array with named properties is not a value', this.pathAt(inner - 1) + step(last))
    }
  }

  private plain(object: Readonly<Record<string, unknown>>, inner: number): void {
    const keys = Object.keys(object)
    this.push(new Token(Type.map, keys.length))
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
      this.push(new Token(Type.tag, TAG_ARRAY_BUFFER))
      this.bytes(new Uint8Array(object as ArrayBuffer, 0, length))
    } else throw this.alien(object, inner)
  }

  private alien(object: object, inner: number): ValueError {
    const maker: unknown = Reflect.get(object, 'constructor')
    const name = typeof maker === 'function' && maker.name !== '' ? maker.name : 'unknown class'
    return new ValueError(`an instance of ${name} is not a value`, this.pathAt(inner - 1))
  }

  private view(view: ArrayBufferView, inner: number): void {
    const name = Reflect.get(TYPED_ARRAY_PROTOTYPE, Symbol.toStringTag, view) as string | undefined
    if (name === undefined) throw this.alien(view, inner)
    if (name !== 'Uint8Array') {
      const tag = TYPED_ARRAY_TAGS.get(name)
      if (tag === undefined) throw this.alien(view, inner)
      this.push(new Token(Type.tag, tag))
    }
    this.bytes(new Uint8Array(view.buffer, view.byteOffset, view.byteLength))
  }

  /** Tokens hold the bytes until they are written, which is before any other code can run. */
  private bytes(bytes: Uint8Array): void {
    this.push(new Token(Type.bytes, bytes))
  }

  private date(date: object): void {
    this.push(new Token(Type.tag, TAG_DATE))
    this.number(Date.prototype.getTime.call(date))
  }

  private map(map: ReadonlyMap<unknown, unknown>, inner: number): void {
    const entries = [...Map.prototype.entries.call(map)] as [unknown, unknown][]
    this.push(new Token(Type.tag, TAG_MAP))
    this.push(new Token(Type.array, entries.length * 2))
    for (const [i, [key, value]] of entries.entries()) {
      this.steps[inner] = `[key ${i}]`
      this.value(key, inner)
      this.steps[inner] = typeof key === 'string' ? `.get(${JSON.stringify(key)})` : `[value ${i}]`
      this.value(value, inner)
    }
  }

  private set(set: ReadonlySet<unknown>, inner: number): void {
    const values = [...Set.prototype.values.call(set)]
    this.push(new Token(Type.tag, TAG_SET))
    this.push(new Token(Type.array, values.length))
    for (const [i, value] of values.entries()) {
      this.steps[inner] = `[element ${i}]`
      this.value(value, inner)
    }
  }

  private regexp(regexp: RegExp): void {
    const standsFor = regexpStandIns.get(regexp)
    // The getter of the prototype throws for what only claims to be an expression.
    const source = standsFor?.source ?? (Reflect.get(RegExp.prototype, 'source', regexp) as string)
    const flags = standsFor?.flags ?? regexp.flags
    this.push(new Token(Type.tag, TAG_REGEXP))
    this.push(new Token(Type.array, 2))
    this.string(source)
    this.string(flags)
  }

  /** Name, message and cause travel; the stack does not: it names files of this machine. */
  private error(error: Error, inner: number): void {
    const hasCause = Object.hasOwn(error, 'cause')
    this.push(new Token(Type.tag, TAG_ERROR))
    this.push(new Token(Type.array, hasCause ? 3 : 2))
    this.string(String(error.name).slice(0, ERROR_NAME_MAX))
    this.string(String(error.message))
    if (hasCause) {
      this.steps[inner] = 'cause'
      this.value(error.cause, inner)
    }
  }

  /** The path of the value at that depth. */
  pathAt(depth: number): string {
    return this.steps
      .slice(1, depth + 1)
      .map(step)
      .join('')
  }
}

const TYPED_ARRAY_PROTOTYPE: object = Object.getPrototypeOf(Uint8Array.prototype) as object

function step(key: string): string {
  if (key.startsWith('[') || key.startsWith('.get(')) return key
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
