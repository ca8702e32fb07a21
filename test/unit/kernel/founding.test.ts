/** The right to found a line: asked for, aged, given back. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Effect } from '../../../lib/kernel/api.ts'
import type { Core } from '../../../lib/kernel/core.ts'
import { Founding } from '../../../lib/kernel/founding.ts'
import { defaultLimits } from '../../../lib/kernel/limits.ts'

const nobody = new Map()

/** What of the core founding looks at. */
function bench() {
  const core = {
    self: 'a',
    now: 0,
    line: null as string | null,
    effects: [] as Effect[],
    limits: defaultLimits,
    era: { members: ['a'] },
  }
  const founding = new Founding(core as unknown as Core, 1000)
  const asked = (): string[] => core.effects.splice(0).map(({ type }) => type)
  const grant = (): void => {
    founding.searched()
    core.now += 1000
    founding.consider(nobody)
    founding.answer(true)
    asked()
  }
  return { core, founding, asked, grant }
}

test('founding › asks when the time is up, once', () => {
  const { core, founding, asked } = bench()
  founding.consider(nobody)
  founding.searched()
  core.now = 999
  founding.consider(nobody)
  assert.deepEqual(asked(), [])
  core.now = 1000
  assert.equal(founding.nextAsk, 1000)
  founding.consider(nobody)
  founding.consider(nobody)
  assert.deepEqual(asked(), ['requestFound'])
  founding.answer(true)
  assert.equal(founding.line, 'a-1')
  assert.equal(founding.nextAsk, Number.POSITIVE_INFINITY)
})

test('founding › a grant is fresh in its own step only, and asked for again it is the same line', () => {
  const { core, founding, asked, grant } = bench()
  grant()
  assert.equal(founding.isFresh, true)
  core.now += 1
  assert.equal(founding.isFresh, false)
  founding.ask()
  assert.deepEqual(asked(), ['requestFound'])
  founding.answer(true)
  assert.equal(founding.isFresh, true)
  assert.equal(founding.line, 'a-1')
})

test('founding › a grant that is denied when asked for again is given back, and sought later', () => {
  const { core, founding, asked, grant } = bench()
  grant()
  core.now += 1
  founding.ask()
  founding.answer(false)
  assert.deepEqual(asked(), ['requestFound', 'giveUpFound'])
  assert.equal(founding.line, null)
  assert.ok(founding.nextAsk > core.now && founding.nextAsk < Number.POSITIVE_INFINITY)
})

test('founding › a grant that a view without a line overtakes is given back, once', () => {
  const { founding, asked, grant } = bench()
  grant()
  founding.newView()
  founding.newView()
  assert.deepEqual(asked(), ['giveUpFound'])
})

test('founding › a grant that was used is given back only when a view comes without the line', () => {
  const { founding, asked, grant } = bench()
  grant()
  founding.use()
  founding.drop()
  assert.deepEqual(asked(), [])
  founding.newView()
  assert.deepEqual(asked(), ['giveUpFound'])
})

test('founding › nothing is given back while an answer is awaited, nor by one who is in a line', () => {
  const { core, founding, asked, grant } = bench()
  grant()
  founding.ask()
  founding.drop()
  assert.deepEqual(asked(), ['requestFound'])
  founding.answer(true)
  assert.equal(founding.line, 'a-2')
  core.line = 'a-2'
  founding.newView()
  assert.deepEqual(asked(), [])
})

test('founding › a grant that comes after a line was met founds nothing', () => {
  const { core, founding, asked } = bench()
  founding.ask()
  core.line = 'b-1'
  founding.answer(true)
  assert.equal(founding.line, null)
  assert.deepEqual(asked(), ['requestFound'])
})
