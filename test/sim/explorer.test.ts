/** The explorer: it sees everything within its bounds, always the same, and what it is shown to be wrong. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KernelOptions } from '../../lib/kernel/api.ts'
import { Delivery } from '../../lib/kernel/delivery.ts'
import { Kernel } from '../../lib/kernel/kernel.ts'
import { copyKernel, fingerprintKernel } from './explore/copy.ts'
import { Search } from './explore/search.ts'
import { VARIANTS, type Variant } from './explore/variant.ts'

/** Schedules that led to a breach, and the commit's words for what mended it. */
const REGRESSIONS: readonly { readonly variant: string; readonly about: string; readonly schedule: string }[] = [
  {
    variant: 'causal-round',
    about: 'who counts at a group view change and crashes leaves nobody in the next view without its casts (M6)',
    schedule:
      'up c>a, up a>c, up c>b, up b>c, a>c/control, c>a/control, b>c/control, c>b/control, c>a/control, a>c/control, c>b/control, b>c/control, b>a/control, a>b/control, a>c/control, b>a/control, c>a/control, a>b/control, a>c/control, b>a/control, c>a/control, a>b/control, a>c/control, b>a/control, c>a/control, c>a/control, cast b, a>b/control, b>a/control, a>b/control, crash b, down b>a, a>c/control, b>c/bulk, down b>c, a>c/control, c>a/control, a>c/control, c>a/control',
  },
  {
    variant: 'safe-round',
    about: 'what a newcomer has released before a flush is not signalled to the others (M7)',
    schedule:
      'up c>a, up a>c, up c>b, up b>c, a>c/control, c>a/control, b>c/control, c>b/control, c>a/control, a>c/control, c>b/control, b>c/control, b>a/control, a>b/control, a>c/control, b>a/control, c>a/control, a>b/control, a>c/control, b>a/control, c>a/control, a>b/control, a>c/control, b>a/control, c>a/control, c>a/control, a>b/control, b>a/control, cast a, a>c/data, c>a/data, a>b/data, b>a/data, crash a, down a>b, a>c/control, a>c/data, down a>c, b>c/control, c>b/control, c>b/control, b>c/control, c>b/control, b>c/control',
  },
]

function variantOf(name: string): Variant {
  const variant = VARIANTS.find((each) => each.name === name)
  assert.ok(variant !== undefined, name)
  return variant
}

for (const variant of VARIANTS) {
  test(`explorer › ${variant.name}: every order of a join is explored to exhaustion without a breach`, () => {
    const report = new Search(variant, { casts: 0, crashes: 0 }).run(20_000)
    assert.equal(report.finding, null)
    assert.equal(report.isExhausted, true)
    assert.ok(report.states > 300 && report.ends > 0 && report.deviations > 5, JSON.stringify(report))
  })

  test(`explorer › ${variant.name}: a cast and a crash at any moment break nothing, in the first states`, () => {
    const report = new Search(variant, { casts: 1, crashes: 1 }).run(2_000)
    assert.equal(report.finding, null)
    assert.equal(report.states, 2_000)
    assert.ok((report.checked['M6'] ?? 0) > 0 && (report.checked['L7'] ?? 0) > 0, JSON.stringify(report.checked))
  })
}

test('explorer › the same search gives the same report', () => {
  const explore = () => new Search(variantOf('causal-round'), { casts: 1, crashes: 0 }).run(1_500)
  assert.deepEqual(explore(), explore())
})

test('explorer › a flush that loses what is forwarded is found, with a schedule that leads to it', () => {
  const { receiveForwarded } = Delivery.prototype
  Delivery.prototype.receiveForwarded = () => undefined
  try {
    const search = new Search(variantOf('causal-merge'), { casts: 1, crashes: 1 })
    const { finding } = search.run(40_000)
    assert.ok(finding !== null)
    assert.equal(
      new Search(variantOf('causal-merge'), { casts: 1, crashes: 1 }).replay(finding.schedule).breach?.property,
      finding.property,
    )
  } finally {
    Delivery.prototype.receiveForwarded = receiveForwarded
  }
})

for (const { variant, about, schedule } of REGRESSIONS) {
  test(`explorer › ${about}`, () => {
    const { breach, passed } = new Search(variantOf(variant), { casts: 1, crashes: 1 }).replay(schedule.split(', '))
    assert.equal(breach, null)
    // Else the schedule is of another protocol, and shows nothing.
    assert.ok(passed <= 8, `${passed} choices were not on offer`)
  })
}

test('explorer › a copy of a kernel is equal to it, and goes its own way', () => {
  const env = { random: () => 0.5 }
  const options: KernelOptions = { self: 'a', name: 'a', origin: '', foundAfterMs: 0 }
  const kernel = new Kernel(env, options)
  kernel.step(1, [{ type: 'wake' }, { type: 'linkUp', peer: 'b' }])
  const before = fingerprintKernel(kernel)
  const copy = copyKernel(kernel, env, options)
  assert.equal(fingerprintKernel(copy), before)
  copy.step(1, [{ type: 'searched' }, { type: 'linkDown', peer: 'b' }])
  assert.notEqual(fingerprintKernel(copy), before)
  assert.equal(fingerprintKernel(kernel), before)
  kernel.step(1, [{ type: 'searched' }, { type: 'linkDown', peer: 'b' }])
  assert.equal(fingerprintKernel(kernel), fingerprintKernel(copy))
})
