/**
 * What a method of a replicated object has instead of a clock and chance of its own: both come with the call, and are the
 * same wherever it is run.
 *
 * It is asked for by a function, not given as an argument: a class keeps its signatures, and a method with optional
 * arguments cannot mistake it for one of them.
 */
import { UsageError } from '../errors.ts'

/** The circumstances of one call. */
export interface CallContext {
  /** Milliseconds since 1970 when it was asked for, by its caller's clock; never less than at the call before it. */
  readonly now: number
  /** The process that asked for it. */
  readonly caller: string
  /** Uniform in [0, 1). Another number each time. */
  random(): number
  /** A fresh id: a UUID of version 4. */
  id(): string
}

/** What a caller gives along. */
export interface CallStamp {
  /** Milliseconds since 1970, a whole number. */
  readonly now: number
  /** A fresh random text: what is drawn in the call is drawn from it. */
  readonly seed: string
}

let current: CallContext | null = null

/** The circumstances of the call that is being run. Throws a UsageError anywhere but in a method of a replicated object. */
export function callContext(): CallContext {
  if (current === null) throw new UsageError('callContext: no method of a replicated object is being run')
  return current
}

/** @internal Runs `fn` in these circumstances. */
export function runInContext<Result>(context: CallContext, fn: () => Result): Result {
  const before = current
  current = context
  try {
    return fn()
  } finally {
    current = before
  }
}

/** @internal The circumstances of a call, the same from the same stamp. */
export function makeContext(caller: string, { now, seed }: CallStamp): CallContext {
  const draw = generator(seed)
  return {
    now,
    caller,
    // 53 bits, as `Math.random` has them.
    random: () => ((draw() >>> 5) * 2 ** 26 + (draw() >>> 6)) / 2 ** 53,
    id: () => uuid([draw(), draw(), draw(), draw()]),
  }
}

/** 32 bits a time: sfc32, from a text's 128-bit hash (cyrb128). */
function generator(seed: string): () => number {
  let [a, b, c, d] = [1_779_033_703, 3_144_134_277, 1_013_904_242, 2_773_480_762]
  for (let i = 0; i < seed.length; i += 1) {
    const unit = seed.charCodeAt(i)
    a = b ^ Math.imul(a ^ unit, 597_399_067)
    b = c ^ Math.imul(b ^ unit, 2_869_860_233)
    c = d ^ Math.imul(c ^ unit, 951_274_213)
    d = a ^ Math.imul(d ^ unit, 2_716_044_179)
  }
  const next = (): number => {
    const t = (((a + b) | 0) + d) | 0
    d = (d + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (c << 21) | (c >>> 11)
    c = (c + t) | 0
    return t >>> 0
  }
  for (let i = 0; i < 15; i += 1) next()
  return next
}

function uuid(words: readonly number[]): string {
  const hex = words.map((word) => word.toString(16).padStart(8, '0')).join('')
  const variant = '89ab'[Number.parseInt(hex[16] ?? '0', 16) & 3]
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`
}
