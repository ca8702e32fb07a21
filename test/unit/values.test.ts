/** The value codec, both ways, against `structuredClone` and against hostile bytes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import vm from 'node:vm'
import { encode as cborgEncode, Token, Tokenizer, Type } from 'cborg'
import fc from 'fast-check'
import { TooLargeError, ValueError } from '../../lib/errors.ts'
import { decodeValue, encodeValue, hashBytes, hashValue } from '../../lib/values.ts'

const RUNS = 400

/** Any UTF-16, lone surrogates and byte-order marks among it. */
const anyString = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) }),
  fc.string({ minLength: 20, maxLength: 300 }).map((text) => `\uFEFF${text}`),
  fc.constantFrom('__proto__', 'constructor', 'toString', '', '\uFFFD', '0', '10'),
)

const leaf = fc.oneof(
  fc.constantFrom(undefined, null, true, false, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double(),
  fc.bigInt(),
  anyString,
  fc.date({ noInvalidDate: false }),
  fc.uint8Array(),
  fc.uint8Array().map((bytes) => new Uint8Array(bytes).buffer),
  fc.oneof(
    fc.int8Array(),
    fc.uint8ClampedArray(),
    fc.int16Array(),
    fc.uint16Array(),
    fc.int32Array(),
    fc.uint32Array(),
    fc.float32Array(),
    fc.float64Array(),
    fc.bigInt64Array(),
    fc.bigUint64Array(),
  ),
  anyString.map((message) => new RangeError(message)),
  anyString.map((message) => new Error(message, { cause: message })),
  fc.constantFrom(/a\/b[\u{1F600}]/gu, /(?:)/, /\n/dy, /[\p{L}--[a-z]]/v),
)

const value = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    leaf,
    fc.array(tie('value'), { maxLength: 6 }),
    fc.dictionary(anyString, tie('value'), { maxKeys: 6 }),
    fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 4 }).map((entries) => new Map(entries)),
    fc.array(tie('value'), { maxLength: 6 }).map((values) => new Set(values)),
  ),
})).value

/** deepEqual of Node compares stacks of errors by no means, but prototypes: `structuredClone` drops null ones, as we do. */
function same(actual: unknown, expected: unknown): void {
  assert.deepStrictEqual(stackless(actual), stackless(expected))
}

function stackless(value: unknown): unknown {
  if (value instanceof Error)
    return { name: value.name, message: value.message, cause: stackless(value.cause), kind: value.constructor.name }
  if (Array.isArray(value)) return value.map(stackless)
  // In their order, which is part of the value; Node looks for an equal key, and an invalid date has none.
  if (value instanceof Map) return { kind: 'Map', entries: [...value].map((entry) => entry.map(stackless)) }
  if (value instanceof Set) return { kind: 'Set', values: [...value].map(stackless) }
  if (value instanceof Date) return { kind: 'Date', time: value.getTime() }
  if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    return Object.entries(value).map(([key, inner]) => [key, stackless(inner)])
  }
  return value
}

test('values › a decoded value is what structuredClone makes of it', () => {
  fc.assert(
    fc.property(value, (original) => same(decodeValue(encodeValue(original)), structuredClone(original))),
    { numRuns: RUNS },
  )
})

test('values › the encoding of a decoded value is the same bytes', () => {
  fc.assert(
    fc.property(value, (original) => {
      const bytes = encodeValue(original)
      assert.deepEqual(encodeValue(decodeValue(bytes)), bytes)
      assert.equal(bytes.buffer.byteLength, bytes.length)
      assert.equal(bytes.constructor, Uint8Array)
    }),
    { numRuns: RUNS },
  )
})

/** The text of a string item. */
function textAt(item: Uint8Array): string {
  const more = (item[0] ?? 0) & 31
  const head = more < 24 ? 1 : 1 + 2 ** (more - 24)
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(item.subarray(head))
}

test('values › the bytes are those that cborg writes for the same items', () => {
  const rewrite = (bytes: Uint8Array): Uint8Array => {
    const tokenizer = new Tokenizer(bytes, { strict: true, allowIndefinite: false })
    const tokens: Token[] = []
    while (!tokenizer.done()) {
      const start = tokenizer.pos()
      const { type, value: read } = tokenizer.next()
      // Without the bytes it was read from, which cborg would copy; text is read again, for cborg drops a byte-order mark.
      tokens.push(new Token(type, type === Type.string ? textAt(bytes.subarray(start, tokenizer.pos())) : read))
    }
    return new Uint8Array(cborgEncode({}, { typeEncoders: { Object: () => tokens } }))
  }
  const bigTypes = [23, 24, 255, 256, 65_535, 65_536, 4_294_967_295, 4_294_967_296, Number.MAX_SAFE_INTEGER]
  const edges = bigTypes.flatMap((n) => [n, -n, -n - 1]).filter(Number.isSafeInteger)
  const lengths = [0, 23, 24, 127, 128, 129, 255, 256, 65_535, 65_536, 70_000]
  const long = lengths.flatMap((length) => ['x'.repeat(length), 'é'.repeat(length), new Uint8Array(length).fill(7)])
  const same = (original: unknown): void => {
    const bytes = encodeValue(original)
    assert.deepEqual(bytes, rewrite(bytes))
    assert.deepEqual(decodeValue(bytes), structuredClone(original))
  }
  for (const original of [...edges, ...long, edges, long, [0.5, 1.1, 65_504, 65_505.5, 2 ** 60, 1e300, 5e-324]])
    same(original)
  fc.assert(
    fc.property(value, (original) => {
      const bytes = encodeValue(original)
      assert.deepEqual(bytes, rewrite(bytes))
    }),
    { numRuns: RUNS },
  )
})

test('values › truncated bytes and bytes with something behind them are refused', () => {
  fc.assert(
    fc.property(value, fc.nat(), (original, at) => {
      const bytes = encodeValue(original)
      assert.throws(() => decodeValue(bytes.subarray(0, at % bytes.length)), ValueError)
      assert.throws(() => decodeValue(new Uint8Array([...bytes, 0])), ValueError)
    }),
    { numRuns: 200 },
  )
})

test('values › arbitrary and damaged bytes give a value or a ValueError, and the value encodes again', () => {
  const damaged = fc.tuple(value, fc.nat(), fc.nat(255)).map(([original, at, byte]) => {
    const bytes = encodeValue(original)
    bytes[at % bytes.length] = byte
    return bytes
  })
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 64 }), damaged), (bytes) => {
      let decoded: unknown
      try {
        decoded = decodeValue(bytes)
      } catch (error) {
        assert.ok(error instanceof ValueError, String(error))
        return
      }
      const again = encodeValue(decoded)
      assert.deepEqual(encodeValue(decodeValue(again)), again)
    }),
    { numRuns: 3000 },
  )
})

test('values › what does not belong is refused with its path', () => {
  class Point {
    x = 1
  }
  class Sub extends Map {}
  class Liar {
    get [Symbol.toStringTag](): string {
      return 'RegExp'
    }
  }
  const circle: Record<string, unknown> = { a: [1] }
  circle['a'] = [circle]
  const named = Object.assign([1], { extra: 1 })
  const cases: [unknown, string][] = [
    [() => 1, ''],
    [Symbol('s'), ''],
    [{ a: [0, 1, 2, { b: () => 1 }] }, '.a[3].b'],
    [{ 'not a name': new Point() }, '["not a name"]'],
    [{ '[0]': new Point() }, '["[0]"]'],
    [[new Sub()], '[0]'],
    [new Map([['k', { deep: Symbol('s') }]]), '.get("k").deep'],
    [new Map([[{}, new Point()]]), '[value 0]'],
    [new Set([1, new WeakMap()]), '[element 1]'],
    [{ e: new Error('x', { cause: new Point() }) }, '.e.cause'],
    [Object.assign(new Array(2), { 0: 1 }), '[1]'],
    [{ a: named }, '.a.extra'],
    [[new Liar()], '[0]'],
    [{ d: new DataView(new ArrayBuffer(1)) }, '.d'],
    [[new Number(1)], '[0]'],
    [{ p: Promise.resolve() }, '.p'],
    [[globalThis], '[0]'],
  ]
  for (const [bad, path] of cases) {
    assert.throws(
      () => encodeValue(bad),
      (error) => error instanceof ValueError && error.path === path,
      path,
    )
  }
  assert.throws(() => encodeValue(circle), /circle/)
})

test('values › a getter that throws is a ValueError with the path, and the next encoding is whole', () => {
  const trap = {
    a: {
      get b(): never {
        throw new Error('mine')
      },
    },
  }
  assert.throws(
    () => encodeValue(trap),
    (error) => error instanceof ValueError && error.path === '.a.b' && (error.cause as Error).message === 'mine',
  )
  assert.equal(decodeValue(encodeValue('after')), 'after')
})

test('values › a getter that encodes another value disturbs nothing', () => {
  const nested = {
    get a(): number {
      encodeValue({ other: [1, 2, 3] })
      return 7
    },
    b: 8,
  }
  assert.deepEqual(decodeValue(encodeValue(nested)), { a: 7, b: 8 })
})

test('values › values of another realm are values', () => {
  const foreign: unknown = vm.runInNewContext(
    '({ d: new Date(5), m: new Map([[1, { a: 1 }]]), r: /x/g, e: new TypeError("t"), u: new Uint16Array([7]), l: [1] })',
  )
  const decoded = decodeValue(encodeValue(foreign)) as Record<string, unknown>
  assert.deepEqual(decoded['d'], new Date(5))
  assert.deepEqual(decoded['m'], new Map([[1, { a: 1 }]]))
  assert.deepEqual(decoded['u'], new Uint16Array([7]))
  assert.ok(decoded['e'] instanceof TypeError)
})

test('values › 64 levels pass and 65 do not, both ways', () => {
  const nest = (levels: number): unknown => {
    let inner: unknown = 0
    for (let i = 0; i < levels; i++) inner = [inner]
    return inner
  }
  assert.deepEqual(decodeValue(encodeValue(nest(64))), nest(64))
  assert.throws(() => encodeValue(nest(65)), /deeper than 64/)
  const bytes = new Uint8Array(66).fill(0x81)
  bytes[65] = 0
  assert.throws(() => decodeValue(bytes), /deeper than 64/)
  assert.doesNotThrow(() => decodeValue(bytes.subarray(1)))
})

test('values › a value that refers to one thing very often is refused in time', () => {
  let inner: unknown = [0]
  for (let i = 0; i < 40; i++) inner = [inner, inner]
  assert.throws(() => encodeValue(inner), TooLargeError)
})

test('values › a container that claims more than the bytes could hold is refused before it is built', () => {
  for (const head of [
    [0x9a, 0xff, 0xff, 0xff, 0xff],
    [0xba, 0xff, 0xff, 0xff, 0xff],
    [0x9b, 0, 0, 0x10, 0, 0, 0, 0, 0],
    [0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  ]) {
    assert.throws(() => decodeValue(new Uint8Array(head)), ValueError)
  }
})

test('values › other ways to write a value are refused', () => {
  const bad: Record<string, number[]> = {
    'a longer integer': [0x18, 1],
    'an integer as float': [0xf9, 0x3c, 0x00],
    'an integer beyond the safe ones': [0x1b, 0, 0x20, 0, 0, 0, 0, 0, 0],
    'indefinite array': [0x9f, 0xff],
    'indefinite map': [0xbf, 0xff],
    break: [0xff],
    'unknown tag': [0xd8, 100, 0],
    'invalid UTF-8': [0x62, 0xc3, 0x28],
    'a surrogate in UTF-8': [0x63, 0xed, 0xa0, 0x80],
    'a key twice': [0xa2, 0x61, 0x61, 1, 0x61, 0x61, 2],
    'a number as key': [0xa1, 1, 1],
    'a bigint with leading zeros': [0xc2, 0x42, 0, 1],
    'no bytes at all': [],
  }
  for (const [name, bytes] of Object.entries(bad)) {
    assert.throws(() => decodeValue(new Uint8Array(bytes)), ValueError, name)
  }
})

test('values › __proto__ is a plain own key and pollutes nothing', () => {
  const hostile = JSON.parse('{"__proto__":{"polluted":true},"constructor":1}') as object
  const decoded = decodeValue(encodeValue(hostile)) as Record<string, unknown>
  assert.ok(Object.hasOwn(decoded, '__proto__'))
  assert.equal(Object.getPrototypeOf(decoded), Object.prototype)
  assert.equal(decoded['polluted'], undefined)
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined)
})

test('values › an expression unknown to this engine is accepted, matches nothing and keeps its bytes', () => {
  const tokens = [
    new Token(Type.tag, 29_814),
    new Token(Type.array, 2),
    new Token(Type.string, '(?<new syntax'),
    new Token(Type.string, 'g'),
  ]
  const bytes = new Uint8Array(cborgEncode({}, { typeEncoders: { Object: () => tokens } }))
  const decoded = decodeValue(bytes) as RegExp
  assert.equal(decoded.test('(?<new syntax'), false)
  assert.deepEqual(encodeValue(decoded), bytes)
})

test('values › a Buffer is its bytes, and what is decoded shares no memory with the frame', () => {
  const frame = encodeValue({ bytes: Buffer.from([1, 2, 3]) })
  const { bytes } = decodeValue(Buffer.from(frame.buffer)) as { bytes: Uint8Array }
  frame.fill(0)
  assert.deepEqual([...bytes], [1, 2, 3])
  assert.equal(bytes.constructor, Uint8Array)
})

test('values › the digest tells bytes apart and is always 16 hex digits', () => {
  const seen = new Set<string>()
  for (let i = 0; i < 20_000; i++) {
    const digest = hashValue([i, 'x'])
    assert.match(digest, /^[0-9a-f]{16}$/)
    seen.add(digest)
  }
  assert.equal(seen.size, 20_000)
  assert.notEqual(hashBytes(new Uint8Array(1)), hashBytes(new Uint8Array(2)))
})
