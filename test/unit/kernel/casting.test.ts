/** Own casts that wait for a primary component, among others that do not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AppEvent, Effect, GroupOptions, Input } from '../../../lib/kernel/api.ts'
import { kernelParts } from '../../../lib/kernel-parts.ts'

const available: GroupOptions = {
  order: 'causal',
  uniform: false,
  strong: false,
  consistency: 'available',
  state: false,
  kind: 'm',
}
const consistent: GroupOptions = {
  order: 'total',
  uniform: true,
  strong: false,
  consistency: 'consistent',
  state: false,
  kind: 'q',
}
const payload = Uint8Array.of(1)

test('casting › what waits for a primary component holds up no receipt of what was cast after it', () => {
  const kernel = kernelParts.makeKernel({ random: () => 0 }, { self: 'a', name: '', origin: '', foundAfterMs: 0 })
  let now = 0
  const step = (...inputs: Input[]): AppEvent[] => {
    const events: AppEvent[] = []
    const take = (effects: readonly Effect[]): Input[] =>
      effects.flatMap((effect): Input[] => {
        if (effect.type === 'app') events.push(effect.event)
        if (effect.type === 'persist') return [{ type: 'persisted', ticket: effect.ticket }]
        return effect.type === 'requestFound' ? [{ type: 'foundAnswer', granted: true }] : []
      })
    for (let next = inputs; next.length > 0; ) {
      next = take(kernel.step(now, next))
      now += 1
    }
    return events
  }
  const stable = (events: readonly AppEvent[]): AppEvent | undefined => events.findLast(({ type }) => type === 'stable')
  step({ type: 'wake' })
  const open = (group: string, options: GroupOptions) => ({ type: 'join', group, options }) as const
  step({ type: 'commands', commands: [open('m', available), open('q', consistent)] })
  const cast = (group: string, n: number) => ({ type: 'cast', group, n, payload }) as const

  const apart = step({ type: 'commands', commands: [cast('q', 1), cast('m', 2), cast('q', 3), cast('m', 4)] })
  assert.deepEqual(stable(apart), { type: 'stable', upTo: 4, except: [1, 3] })

  const cancelled = step({ type: 'commands', commands: [{ type: 'cancel', ns: [3] }] })
  assert.deepEqual(stable(cancelled), { type: 'stable', upTo: 4, except: [1] })

  const found = step({ type: 'searched' })
  for (let i = 0; i < 20; i += 1) {
    now += 100
    found.push(...step({ type: 'wake' }))
  }
  assert.deepEqual(stable(found), { type: 'stable', upTo: 4, except: [] })
})
