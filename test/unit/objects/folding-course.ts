/** Random histories of an object that folds, beside a reference that never does (`sharers.ts`). */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { BusyError } from '../../../lib/errors.ts'
import type { ObjectKind } from '../../../lib/objects/replica.ts'
import { encodeValue } from '../../../lib/values.ts'
import { Alone } from './alone.ts'
import { makeRandom, pick } from './cluster.ts'
import { type Sharer, Sharers } from './sharers.ts'

/** How long who is gone is remembered. */
export const FORGET_AFTER_MS = 50

/** One history. */
export interface Course {
  readonly seed: number
  readonly steps: number
  /** How fast time passes: parts come back before, or long after, what they have is folded. */
  readonly pace: number
  readonly deafness: number
}

export const courses: fc.Arbitrary<Course> = fc.record({
  seed: fc.nat(),
  steps: fc.constant(120),
  pace: fc.constantFrom(0, 2, 4, 8, 30),
  deafness: fc.constantFrom(0, 0.2, 0.5),
})

/** What a history is of. */
export interface Subject<Handle, Options extends { readonly forgetAfterMs?: number }> {
  readonly kind: ObjectKind<Handle, Options>
  readonly options: Options
  /** The `n`th operation. */
  act(handle: Handle, n: number, random: () => number): void
  /** What is shown. */
  look(handle: Handle): unknown
  /** The names that a state has of who acted. */
  names(saved: unknown): readonly unknown[]
  /** What is reported where something may be lost. */
  readonly fault: RegExp
}

/** A random history, in the end united; after every step, what is shown is what the reference shows, or it was reported. */
export function run<Handle, Options extends { readonly forgetAfterMs?: number }>(
  subject: Subject<Handle, Options>,
  course: Course,
): Sharers<Handle, Options> {
  const { seed, steps, pace, deafness } = course
  const random = makeRandom(seed)
  const sharers = new Sharers(subject.kind, subject.options, makeRandom(seed + 1))
  for (let i = 0; i < 3; i += 1) sharers.join(sharers.parts[0] ?? [])
  sharers.drain()
  let n = 0
  const part = (): Sharer<Handle>[] => pick(random, sharers.parts)
  for (let step = 0; step < steps; step += 1) {
    const dice = random()
    if (sharers.all.size === 0) sharers.join([])
    sharers.pass(Math.floor(random() * pace))
    if (dice < 0.35) {
      if (sharers.awake.length === 0) continue
      n += 1
      const number = n
      const sharer = pick(random, sharers.awake)
      const draw = Math.floor(random() * 2 ** 30)
      sharers.act(sharer, (handle) => subject.act(handle, number, makeRandom(draw)))
    } else if (dice < 0.66) sharers.step()
    else if (dice < 0.76) sharers.change([part()], [], deafness)
    else if (dice < 0.8) {
      const whole = part()
      const side = whole.filter(() => random() < 0.3)
      if (side.length > 0 && side.length < whole.length) {
        sharers.change([whole.filter((sharer) => !side.includes(sharer))])
        if (random() < 0.8) sharers.change([side])
      }
    } else if (dice < 0.88) {
      const [a, b] = [part(), part()]
      if (a !== b && a[0]?.view !== b[0]?.view) sharers.change([a, b], [], deafness)
    } else if (dice < 0.94) {
      if (sharers.all.size < 6) {
        const again = random() < 0.4 && sharers.closers.length > 0 ? pick(random, sharers.closers) : null
        sharers.join(random() < 0.1 ? [] : part(), again)
      }
    } else if (sharers.all.size > 1) {
      const gone = pick(random, part())
      sharers.remove(gone, gone.isClosed ? 'dead' : pick(random, ['left', 'dead', 'closed', 'silent'] as const))
    }
    compare(subject, sharers, `seed ${seed}, step ${step}`)
  }
  rest(subject, sharers, `seed ${seed}`)
  return sharers
}

/** Is what is shown what the reference shows, everywhere? Unless something was reported. */
export function compare<Handle, Options extends { readonly forgetAfterMs?: number }>(
  { fault, look }: Subject<Handle, Options>,
  sharers: Sharers<Handle, Options>,
  what: string,
): void {
  for (const reported of sharers.faults) assert.match(reported, fault, what)
  if (sharers.faults.length > 0) return
  for (const { id, copies } of sharers.whole) {
    const [main, reference] = copies
    assert.deepEqual(look(main.handle), look(reference.handle), `${what}: ${id}`)
  }
}

/** Unites all parts, delivers everything, and lets views come and go. */
function rest<Handle, Options extends { readonly forgetAfterMs?: number }>(
  subject: Subject<Handle, Options>,
  sharers: Sharers<Handle, Options>,
  what: string,
): void {
  while (sharers.parts.length > 1) {
    sharers.change(sharers.parts.slice(0, 2))
    sharers.drain()
    compare(subject, sharers, what)
  }
  sharers.drain()
  for (let i = 0; i < 4; i += 1) {
    sharers.pass(FORGET_AFTER_MS * 2)
    sharers.drain()
    sharers.change(sharers.parts)
    sharers.drain()
    compare(subject, sharers, what)
  }
  const states = sharers.whole.map(({ copies: [{ replica }] }) =>
    Buffer.from(encodeValue(replica.save())).toString('hex'),
  )
  assert.equal(new Set(states).size, Math.min(1, sharers.all.size), `${what}: states differ`)
}

/**
 * Three act, the third leaves. Then `during`, in which others may be cut off; who stays forgets, if it is `late`; all meet
 * again.
 */
export function meetAgain<Handle, Options extends { readonly forgetAfterMs?: number }>(
  subject: Subject<Handle, Options>,
  about: {
    act(sharers: Sharers<Handle, Options>, sharer: Sharer<Handle>, i: number): void
    during(sharers: Sharers<Handle, Options>, all: readonly Sharer<Handle>[]): Sharer<Handle>[]
    readonly isLate: boolean
  },
): Sharers<Handle, Options> {
  const { act, during, isLate } = about
  const sharers = new Sharers(subject.kind, subject.options, makeRandom(1))
  const all = [0, 1, 2].map(() => sharers.join(sharers.parts[0] ?? []))
  sharers.drain()
  sharers.change([all])
  for (const [i, sharer] of all.entries()) {
    act(sharers, sharer, i)
    sharers.drain()
  }
  const [, , guest] = all
  assert.ok(guest)
  sharers.remove(guest, 'closed')
  const ours = during(sharers, all.slice(0, 2))
  for (let i = 0; i < 4; i += 1) {
    if (isLate) sharers.pass(FORGET_AFTER_MS * 2)
    sharers.drain()
    sharers.change([ours])
    sharers.drain()
  }
  if (isLate) {
    const names = subject.names(ours[0]?.copies[0].replica.save())
    assert.ok(!names.some((name) => String(name).startsWith(`${guest.id}/`)), 'the guest is folded')
  }
  sharers.change(sharers.parts)
  sharers.drain()
  compare(subject, sharers, 'after all')
  return sharers
}

/**
 * What a process casts first, in a lineage whose horizon has passed it by since it tried to: there was no room then.
 * `theirs` is an operation of another process, of the first view of the lineage, `1.a`.
 */
export function castAfterRefusal<Handle, Options>(
  kind: ObjectKind<Handle, Options>,
  options: Options,
  about: { act(handle: Handle): void; readonly theirs: readonly unknown[] },
): unknown {
  const one = new Alone(kind, options)
  one.view('1.a', null, ['a', 'x'])
  one.isBusy = true
  assert.throws(() => about.act(one.handle), BusyError)
  one.deliver(about.theirs, 'x')
  one.view('2.a', '1.a', ['a'])
  one.deliver(['forget', '1.a', 2])
  one.view('3.a', '2.a', ['a'])
  one.isBusy = false
  about.act(one.handle)
  const [own] = one.casts
  one.deliver(own)
  assert.deepEqual(one.faults, [])
  return own
}
