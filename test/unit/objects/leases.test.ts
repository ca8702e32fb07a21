/** The lease on what a process holds of an object. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Leases } from '../../../lib/objects/leases.ts'
import type { GroupPort } from '../../../lib/objects/replica.ts'
import { TakenItem } from '../../../lib/objects/taken-item.ts'

const LEASE_MS = 10_000

/** One process with a clock, and what it last heard. */
class Holder {
  now = 20_000
  leaseStart: number | null = null
  view: { line: string; primary: boolean } = { line: 'L', primary: true }
  readonly held: Leases<number, TakenItem<unknown>>
  #timers: { readonly at: number; readonly fn: () => void }[] = []
  #last = 0

  constructor() {
    const port = {
      now: () => this.now,
      leaseStart: () => this.leaseStart,
      view: this.view,
      after: (ms: number, fn: () => void) => {
        const timer = { at: this.now + ms, fn }
        this.#timers.push(timer)
        return () => {
          this.#timers = this.#timers.filter((each) => each !== timer)
        }
      },
    }
    this.held = new Leases(port as unknown as GroupPort, LEASE_MS, 'the item')
  }

  /** It is given an item that it asked for then. */
  get(since: number): TakenItem<unknown> {
    this.#last += 1
    const token = ['L', '1.a.1', this.#last] as const
    const about = { id: String(this.#last), item: this.#last, token, attempts: 1, priority: 0 }
    const end = (): Promise<void> => Promise.resolve()
    const actions = { done: end, fail: end, extend: end }
    const taken = new TakenItem<unknown>(about, actions)
    this.held.hold(this.#last, { thing: taken, token, since })
    return taken
  }

  /** Time passes, up to then. */
  until(end: number): void {
    for (;;) {
      const due = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0]
      if (due === undefined) break
      this.#timers = this.#timers.filter((each) => each !== due)
      this.now = Math.max(this.now, due.at)
      due.fn()
    }
    this.now = end
  }
}

test('leases › what was granted while its taker slept is lost at once, if it was asked for too long ago', () => {
  const holder = new Holder()
  assert.equal(holder.get(9_000).isLost, true)
  holder.leaseStart = 9_500
  assert.equal(holder.get(9_000).isLost, true)
})

test('leases › a lease counts from the last answer, or from when the item was asked for, as all were there then', () => {
  const holder = new Holder()
  const [first, second] = [holder.get(19_000), holder.get(20_000)]
  holder.until(28_999)
  assert.deepEqual([first.isLost, second.isLost], [false, false])
  holder.until(29_000)
  assert.deepEqual([first.isLost, second.isLost], [true, false])
  holder.leaseStart = 25_000
  holder.until(34_999)
  assert.equal(second.isLost, false)
  holder.until(35_000)
  assert.equal(second.isLost, true)
})

test('leases › an item that comes later may be lost before those that are held', () => {
  const holder = new Holder()
  const first = holder.get(20_000)
  holder.until(21_000)
  const second = holder.get(12_000)
  holder.until(22_000)
  assert.deepEqual([first.isLost, second.isLost], [false, true])
})

test('leases › what was heard in a line that is lost is no lease in the next one; what is heard there is', () => {
  const holder = new Holder()
  const taken = holder.get(20_000)
  holder.held.watchLine()
  holder.until(21_000)
  holder.leaseStart = 20_900
  holder.view.primary = false
  holder.held.watchLine()
  assert.equal(taken.isLost, false)
  holder.view.line = 'M'
  holder.held.watchLine()
  assert.equal(taken.isLost, true)
  assert.equal(holder.held.isFresh(21_000), false)
  holder.leaseStart = 21_001
  assert.equal(holder.held.isFresh(21_000), true)
})

test('leases › a line that is founded anew goes on with what is held', () => {
  const holder = new Holder()
  holder.held.watchLine()
  const taken = holder.get(20_000)
  holder.view.line = 'M'
  holder.held.watchLine()
  assert.equal(taken.isLost, false)
})
