/** The heap of a domain: the one that may come first, while places rise, casts come and go, and cuts change all. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { comparePlacings, type Placing, Placings } from '../../../lib/kernel/placings.ts'

function makePlacing(seq: number, own: number): Placing {
  const cast = { seq, n: seq, gid: 0, gn: 0, lamport: seq % 3, deps: [], payload: new Uint8Array(0) }
  const held = { cast: { ...cast, order: null, isGbcast: false }, rank: seq % 2, isDelivered: false, isDropped: false }
  return { held, place: 0, own, said: 0, records: [], key: 0 }
}

const isHere = ({ held }: Placing): boolean => held !== null && !held.isDelivered && !held.isDropped

test('placings › the top is what a look at all of them finds', () => {
  const step = fc.record({
    what: fc.constantFrom('add', 'add', 'raise', 'raise', 'deliver', 'drop', 'cut'),
    pick: fc.nat(50),
    place: fc.nat(12),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const placings = new Placings()
      let all: Placing[] = []
      for (const [at, { what, pick, place }] of steps.entries()) {
        const item = all[pick % Math.max(1, all.length)]
        if (what === 'add') {
          const added = makePlacing(at, place)
          all.push(added)
          placings.add(added)
        } else if (what === 'raise' && item !== undefined) item.place = Math.max(item.place, place)
        else if (what === 'drop' && item?.held != null) item.held.isDropped = true
        else if (what === 'cut') {
          for (const each of all) each.own = 0
          all = all.filter(isHere)
          placings.reset(all)
        } else if (what === 'deliver') {
          const held = placings.top()?.held
          if (held != null) held.isDelivered = true
        }
        const [first = null] = all.filter(isHere).sort(comparePlacings)
        assert.equal(placings.top(), first)
      }
    }),
  )
})
