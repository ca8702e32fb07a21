/** Fencing tokens. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareTokens, isToken, sameToken, type Token } from '../../../lib/objects/token.ts'

test('tokens › are ordered by the epoch of their view, then the number of the view in it, then their own', () => {
  const ascending: Token[] = [
    ['L', '2.b.0', 7],
    ['L', '9.a.0', 1],
    ['L', '9.a.0', 2],
    ['L', '9.a.2', 1],
    ['L', '9.a.10', 1],
    ['L', '10.a.0', 1],
  ]
  for (const [i, a] of ascending.entries()) {
    for (const [j, b] of ascending.entries()) {
      assert.equal(Math.sign(compareTokens(a, b)), Math.sign(i - j), `${a} against ${b}`)
      assert.equal(sameToken(a, b), i === j)
    }
  }
})

test('tokens › what could not be one is none', () => {
  assert.equal(isToken(['L', '2.b.0', 1]), true)
  for (const bad of [null, 'L', ['L', '2.b.0'], ['L', '2.b.0', 0], ['L', 2, 1], ['L', '2.b.0', 1, 1]])
    assert.equal(isToken(bad), false)
})
