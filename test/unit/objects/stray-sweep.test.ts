/** What a state says is this process's, and nobody here knows of: when it is given back, and when not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GroupPort } from '../../../lib/objects/replica.ts'
import { StraySweep } from '../../../lib/objects/stray-sweep.ts'

/** One process, whose timers are fired by hand. */
class Sweeper {
  isWhole = true
  /** What its state says is its own, and is not in its hands. */
  readonly unknown = new Set<string>()
  readonly givenBack: string[] = []
  readonly sweep: StraySweep
  #timers: (() => void)[] = []

  constructor() {
    const isWhole = (): boolean => this.isWhole
    const port = {
      get isWhole() {
        return isWhole()
      },
      after: (_ms: number, fn: () => void) => {
        this.#timers.push(fn)
        return () => {
          this.#timers = this.#timers.filter((each) => each !== fn)
        }
      },
    }
    const giveBack = (key: string) => () => {
      this.givenBack.push(key)
      this.unknown.delete(key)
    }
    const find = (): Map<string, () => void> => new Map([...this.unknown].map((key) => [key, giveBack(key)]))
    this.sweep = new StraySweep(port as unknown as GroupPort, { find })
  }

  /** The next look. False: there is none to come. */
  look(): boolean {
    const timers = this.#timers.splice(0)
    for (const fn of timers) fn()
    return timers.length > 0
  }
}

test('stray sweep › what two looks find is given back, once, and then nobody looks any more', () => {
  const sweeper = new Sweeper()
  sweeper.unknown.add('x')
  sweeper.sweep.soon()
  sweeper.look()
  assert.deepEqual(sweeper.givenBack, [])
  sweeper.look()
  assert.deepEqual(sweeper.givenBack, ['x'])
  assert.equal(sweeper.look(), false)
})

test('stray sweep › what is heard of between two looks is kept, and what is new then has its own two', () => {
  const sweeper = new Sweeper()
  sweeper.unknown.add('granted just now')
  sweeper.sweep.soon()
  sweeper.look()
  sweeper.unknown.clear()
  sweeper.unknown.add('new')
  sweeper.look()
  assert.deepEqual(sweeper.givenBack, [])
  sweeper.look()
  assert.deepEqual(sweeper.givenBack, ['new'])
})

test('stray sweep › while a state is awaited no look counts, since calls are not settled then', () => {
  const sweeper = new Sweeper()
  sweeper.unknown.add('x')
  sweeper.isWhole = false
  sweeper.sweep.soon()
  for (let i = 0; i < 5; i += 1) assert.ok(sweeper.look())
  sweeper.isWhole = true
  sweeper.look()
  assert.deepEqual(sweeper.givenBack, [])
  sweeper.look()
  assert.deepEqual(sweeper.givenBack, ['x'])
})

test('stray sweep › once the object is closed nothing is given back', () => {
  const sweeper = new Sweeper()
  sweeper.unknown.add('x')
  sweeper.sweep.soon()
  sweeper.sweep.stop()
  sweeper.sweep.soon()
  assert.equal(sweeper.look(), false)
})
