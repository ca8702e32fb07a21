/**
 * Copies of kernels: the explorer goes on from one state in several ways.
 *
 * A kernel's layers refer to each other and to hooks that are closures over the kernel. So a copy begins as a new
 * kernel, which makes its own layers and hooks, and gets all other fields of the old one, copied in depth. What is
 * shared within a kernel is shared within the copy. Casts, frames, views and what travels in frames are values: they are
 * frozen, so that a kernel that writes to one throws, and shared between copies.
 */
import type { Effect, KernelEnv, KernelOptions } from '../../../lib/kernel/api.ts'
import { Kernel } from '../../../lib/kernel/kernel.ts'
import { Fingerprint } from './fingerprint.ts'

/** Made by the constructor. */
const LAYERS = [
  'detector',
  'away',
  'contacts',
  'departures',
  'delivery',
  'rounds',
  'transfer',
  'groups',
  'joins',
  'casting',
  'membership',
  'leading',
  'receiving',
  'goodbye',
] as const
/** Made by the constructors of layers. */
const INNER = [
  ['casting', 'strictness'],
  ['delivery', 'domains'],
] as const
/** Given at the beginning, or closures over the kernel, or without a state of their own. */
const BOUND: ReadonlySet<string> = new Set(['env', 'hooks', 'limits', 'engines'])

/** Fields that hold values, or lists of values. */
const VALUES: ReadonlySet<string> = new Set([
  'bulk',
  'cast',
  'control',
  'data',
  'decision',
  'frame',
  'install',
  'options',
  'parts',
  'rows',
  'status',
  'view',
  'votes',
])

/** Fields by name; kernels are classes with private ones. */
type Fields = Record<string, unknown>

function partsOf(kernel: Kernel): readonly object[] {
  const inner = INNER.map(([layer, name]) => (kernel[layer] as unknown as Fields)[name] as object)
  return [kernel, ...LAYERS.map((name) => kernel[name]), ...inner]
}

/** A kernel that goes on from where `source` is. */
export function copyKernel(source: Kernel, env: KernelEnv, options: KernelOptions): Kernel {
  const copy = new Kernel(env, options)
  const copies = new Map<object, unknown>()
  const parts = partsOf(source)
  const ours = partsOf(copy)
  parts.forEach((part, index) => {
    copies.set(part, ours[index])
  })
  parts.forEach((part, index) => {
    const to = ours[index] as Fields
    copyFields(part, to, copies)
  })
  return copy
}

function copyFields(from: object, to: Fields, copies: Map<object, unknown>): void {
  for (const name of Object.keys(from)) {
    if (BOUND.has(name)) continue
    const value = (from as Fields)[name]
    to[name] = VALUES.has(name) ? shareValue(value, copies) : copyValue(value, copies)
  }
}

/** A value as it is, or a list or map of values as a list or map of its own. */
function shareValue(value: unknown, copies: Map<object, unknown>): unknown {
  if (Array.isArray(value)) return value.map((each: unknown) => shareValue(each, copies))
  if (value instanceof Map) return copyValue(value, copies)
  freeze(value)
  return value
}

function freeze(value: unknown): void {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array || Object.isFrozen(value)) return
  Object.freeze(value)
  for (const each of Object.values(value)) freeze(each)
}

function copyValue(value: unknown, copies: Map<object, unknown>): unknown {
  if (typeof value === 'function') throw new TypeError('a closure in a kernel')
  if (typeof value !== 'object' || value === null) return value
  const known = copies.get(value)
  if (known !== undefined) return known
  // Payloads and states are never written to.
  if (value instanceof Uint8Array || Object.isFrozen(value)) return value
  if (Array.isArray(value)) {
    const copy: unknown[] = []
    copies.set(value, copy)
    for (const each of value) copy.push(copyValue(each, copies))
    return copy
  }
  if (value instanceof Map) {
    const copy = new Map<unknown, unknown>()
    copies.set(value, copy)
    for (const [key, each] of value) copy.set(copyValue(key, copies), copyValue(each, copies))
    return copy
  }
  if (value instanceof Set) {
    const copy = new Set<unknown>()
    copies.set(value, copy)
    for (const each of value) copy.add(copyValue(each, copies))
    return copy
  }
  const copy = Object.create(Object.getPrototypeOf(value)) as Fields
  copies.set(value, copy)
  copyFields(value, copy, copies)
  return copy
}

const NO_EFFECTS: Effect[] = []

/** The fingerprint of all that a kernel holds. Call it between steps. */
export function fingerprintKernel(kernel: Kernel): number {
  // Carried out, and no part of the state.
  kernel.effects = NO_EFFECTS
  const parts = new Set(partsOf(kernel))
  const fingerprint = new Fingerprint((value) => parts.has(value))
  for (const part of parts) {
    fingerprint.fields(part, BOUND)
  }
  return fingerprint.value
}
