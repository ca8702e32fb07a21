/** Folding: what members that are gone leave behind in a map is forgotten, but for what they wrote. */
import assert from 'node:assert/strict'
import type { Script } from './script.ts'

const on = { groups: { m: 'map' } } as const

/** The scenarios. */
export const folding: readonly Script[] = [
  {
    name: 'vsync: folding: who is gone is forgotten, what it wrote stays (n=4)',
    cites: ['Almeida, Shoker, Baquero, Delta state replicated data types, JPDC 2018'],
    on,
    async play(s) {
      await s.together('a b c d')
      s.map('d', 'm').set('k', 'd').set('l', 'd')
      await s.settle()
      assert.equal(s.authorsOf('a', 'm'), 'd')
      s.leave('d')
      await s.settle()
      s.map('a', 'm').delete('l')
      await s.settle()
      // What was marked is folded at the next view to which all come from this one.
      s.leave('c')
      await s.settle()
      s.holds('a b', 'm', 'k=d')
      for (const id of ['a', 'b']) assert.equal(s.authorsOf(id, 'm'), 'a', id)
    },
  },
  {
    name: 'vsync: folding: a part that was away meanwhile brings nothing back, and its deletes count (n=5)',
    cites: ['Yeger Lotem, Keidar, Dolev, Dynamic voting for consistent primary components, PODC 1997'],
    on,
    async play(s) {
      await s.together('a b c d e')
      s.map('e', 'm').set('k', 'e').set('l', 'e').set('n', 'e')
      await s.settle()
      s.leave('e')
      await s.settle()
      s.cut('a b c | d')
      await s.settle()
      s.map('a', 'm').delete('k')
      s.map('d', 'm').delete('l')
      await s.settle()
      // Another view, at which what was marked is folded.
      s.start('f')
      await s.settle()
      assert.equal(s.authorsOf('a', 'm'), 'a')
      s.heal()
      await s.settle()
      s.inView('a b c d f', 'a b c f d', { primary: true })
      s.holds('a b c d f', 'm', 'n=e')
      for (const id of ['a', 'b', 'c', 'd', 'f']) assert.equal(s.authorsOf(id, 'm'), 'a d', id)
    },
  },
]
