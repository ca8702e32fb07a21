/**
 * How the demo's text area tells what was typed, and where the caret goes when others write.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type Edit, editOf, moved } from '../../demo/tools/text-edit.ts'

const apply = (text: string, { at, removed, added }: Edit): string =>
  text.slice(0, at) + added + text.slice(at + removed)
/** Few characters, so that two have much in common; the last three share halves. */
const scores = fc.string({ unit: fc.constantFrom('a', 'b', '\u{1f3bb}', '\u{1f3ba}', '\u{1f7bb}'), maxLength: 12 })

describe('the edit between two texts', () => {
  it('makes one of the other, and cuts no character in two', () => {
    fc.assert(
      fc.property(scores, scores, (before, after) => {
        const edit = editOf(before, after)
        assert.equal(apply(before, edit), after)
        for (const part of [before.slice(0, edit.at), before.slice(0, edit.at + edit.removed), edit.added]) {
          // Throws for half a character.
          assert.doesNotThrow(() => encodeURIComponent(part), JSON.stringify(edit))
        }
      }),
    )
  })

  it('moves a caret with the text around it, and to the place of what was taken out under it', () => {
    const at = (before: string, after: string, place: number): number => moved(place, editOf(before, after))
    assert.equal(at('tune up', 'do tune up', 4), 7)
    assert.equal(at('tune up', 'tune up now', 4), 4)
    assert.equal(at('tune up now', 'tune now', 11), 8)
    assert.equal(at('tune up now', 'tune now', 6), 5)
  })
})
