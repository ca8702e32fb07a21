/**
 * The language of hand-written scenarios: what is done on their ground and when, and what is expected of it.
 *
 * Time is virtual; every frame takes `delayMs`. An expectation that does not hold throws, with what was found instead.
 */
import assert from 'node:assert/strict'
import type { TakenItem } from '../../../lib/objects/taken-item.ts'
import { compareViewIds } from '../../../lib/testing/trace-names.ts'
import { BOUNDS } from '../scenario.ts'
import type { AnyLine } from '../trace.ts'
import { Ground } from './ground.ts'
import { type FrameSpec, isMeant, type LineSpec, matches, type Op, words } from './words.ts'

/** Nothing but heartbeats and acknowledgements for so long: quiet. Longer than any time-out of the kernel. */
const QUIET_MS = 4_500
/** Something is wrong if there is no quiet after so long. */
const RESTLESS_MS = 90_000
const STEP_MS = 100
const JUDGED_MS = Math.max(BOUNDS.tDetect, BOUNDS.tJoin, BOUNDS.tSettle, BOUNDS.tView) + 2_000

/** Lines that say nothing about the protocol being at work. */
const STILL: ReadonlySet<string> = new Set(['slow', 'digest', 'lease', 'act'])

/** One scenario as it is played. */
export class Stage extends Ground {
  /** Moments that have not come. */
  readonly #armed = new Set<string>()

  /** Starts them one after the other, so that they rank in this order, and waits until all is quiet. */
  async together(ids: string, groups?: string): Promise<void> {
    const all = words(ids)
    for (const [index, id] of all.entries()) {
      this.start(id, groups)
      const present = all.slice(0, index + 1)
      await this.until(
        () =>
          present.every((each) => this.view(each)?.members === present.join(' ') && this.view(each)?.primary === true),
        `${present.join(' ')} are together`,
      )
    }
    await this.settle()
  }

  // ---- when -------------------------------------------------------------------------------------------------

  /** Does something after the step in which the nth line of this kind is written. It must come. */
  on(spec: LineSpec & { readonly nth?: number }, act: () => void): void {
    const { nth = 1, ...rest } = spec
    const label = `on ${JSON.stringify(spec)}`
    let left = nth
    this.#armed.add(label)
    const watch = (line: AnyLine): void => {
      if (!matches(line, rest)) return
      left -= 1
      if (left > 0) return
      unwatch()
      this.#armed.delete(label)
      this.world.call(this.world.now, act)
    }
    const unwatch = this.watch(watch)
  }

  /** Does something just before the nth frame of this kind leaves. It must come. */
  onSend(spec: FrameSpec, act: () => void): void {
    const label = `onSend ${JSON.stringify(spec)}`
    this.#armed.add(label)
    let left = spec.nth ?? 1
    this.wire.taps.push((sending) => {
      if (left <= 0 || !isMeant(sending, spec)) return false
      left -= 1
      if (left > 0) return false
      this.#armed.delete(label)
      act()
      return false
    })
  }

  /** Crashes a process while it sends frames of this kind, after so many of them: no later frame leaves it. */
  crashSending(id: string, kind: string, { after }: { readonly after: number }): void {
    const label = `crashSending ${id} ${kind} after ${after}`
    this.#armed.add(label)
    let sent = 0
    let isDead = false
    this.wire.taps.push((sending) => {
      if (sending.from !== id) return false
      if (!isDead && sending.kinds.includes(kind)) {
        sent += 1
        if (sent > after) {
          isDead = true
          this.#armed.delete(label)
          this.world.call(this.world.now, () => this.crash(id))
        }
      }
      return isDead
    })
  }

  /** Lets time pass. */
  async run(ms: number): Promise<void> {
    // What the page was asked to do between two runs comes first.
    this.world.call(this.world.now, () => this.world.touchPage())
    await this.world.run(this.world.now + ms)
    if (this.world.failures.length > 0) assert.fail(JSON.stringify(this.world.failures[0]))
  }

  /** Runs until it holds. */
  async until(holds: () => boolean, what: string, maxMs = 30_000): Promise<void> {
    const end = this.world.now + maxMs
    while (!holds()) {
      assert.ok(this.world.now < end, `waited ${maxMs} ms in vain until ${what}\n${this.#tail()}`)
      await this.run(5)
    }
  }

  /** Runs until the protocol has nothing left to do. */
  async settle(): Promise<void> {
    const from = this.world.now
    const end = from + RESTLESS_MS
    for (;;) {
      const last = Math.max(from, this.world.trace.lines.findLast(({ e }) => !STILL.has(e))?.t ?? 0)
      if (this.world.now - last > QUIET_MS) return
      assert.ok(this.world.now < end, `no rest within ${RESTLESS_MS} ms\n${this.#tail()}`)
      await this.run(STEP_MS)
    }
  }

  /** The end: from here on nothing is done to anybody, and what was promised must come. */
  async end(): Promise<void> {
    assert.deepEqual([...this.#armed], [], 'these moments never came')
    this.release()
    const live = this.processes
      .filter((each) => each.isRunning && !each.isLeaving && !each.isFrozen)
      .map(({ id }) => id)
    this.world.trace.world(this.world.now, { e: 'quiet', parts: this.wire.partsOf(live) })
    await this.run(JUDGED_MS)
    for (const process of this.processes) if (process.isRunning) process.app.digestAll()
    this.world.trace.world(this.world.now, { e: 'end', seed: 0, events: this.world.events })
  }

  // ---- expectations -----------------------------------------------------------------------------------------

  /** All of these are in one and the same view of the space, of these members in this order. */
  inView(ids: string, members: string, about: { readonly primary?: boolean } = {}): void {
    const [first = ''] = words(ids)
    for (const id of words(ids)) {
      const view = this.view(id)
      assert.equal(view?.members, members, `members of the view that ${id} is in`)
      assert.equal(view?.id, this.view(first)?.id, `the view that ${id} is in, and ${first} too`)
      if (about.primary !== undefined) assert.equal(view?.primary, about.primary, `is the view of ${id} primary?`)
    }
  }

  /** All of these are in one and the same view of the group, of these members in this order. */
  inGroup(ids: string, group: string, members: string): void {
    const [first = ''] = words(ids)
    const infoOf = (id: string) => this.process(id).app.group(group)?.viewInfo
    for (const id of words(ids)) {
      assert.equal(
        infoOf(id)
          ?.members.map((each) => each.id)
          .join(' '),
        members,
        `members of ${group} at ${id}`,
      )
      assert.equal(infoOf(id)?.id, infoOf(first)?.id, `the view of ${group} at ${id}, and at ${first}`)
    }
  }

  /** Each of these has delivered exactly these casts of the group, in this order. */
  delivered(ids: string, group: string, values: string): void {
    for (const id of words(ids))
      assert.equal(this.deliveredBy(id, group), values, `what ${id} has delivered of ${group}`)
  }

  /** Each of these holds exactly this as the state of the group. */
  holds(ids: string, group: string, values: string): void {
    for (const id of words(ids)) assert.equal(this.stateOf(id, group), values, `what ${id} holds of ${group}`)
  }

  /** That is what became of these casts for their sender: `sent` (still open), `delivered`, `stable`, or a code. */
  fate(values: string, fate: string): void {
    for (const value of words(values)) assert.equal(this.casts.get(value)?.fate, fate, `what became of ${value}`)
  }

  /** That is what became of an operation, and, if it is said, what it took. */
  got(op: Op, outcome: string, item?: string): void {
    assert.equal(op.outcome, outcome, 'what became of the operation')
    if (item !== undefined) assert.equal(String((op.value as TakenItem<unknown> | null)?.item), item, 'what was taken')
  }

  /** The second take has the higher token. */
  later(second: Op<TakenItem<unknown>>, first: Op<TakenItem<unknown>>): void {
    const [a, b] = [this.taken(first).token, this.taken(second).token]
    assert.equal(a[0], b[0], 'both tokens are of one line')
    assert.ok(compareViewIds(a[1], b[1]) < 0 || (a[1] === b[1] && a[2] < b[2]), `token ${b} is not above ${a}`)
  }

  /** A process has delivered the one cast before the other. */
  precedes(id: string, first: string, second: string): void {
    const got = this.lines({ e: 'deliver', p: id }).map((line) => this.castNamed(String(line['m'])))
    assert.ok(got.includes(first) && got.includes(second), `${id} has delivered ${got.join(' ')}`)
    assert.ok(got.indexOf(first) < got.indexOf(second), `${id} has delivered ${got.join(' ')}`)
  }

  /** So many lines of this kind were written (since a moment). */
  happened(spec: LineSpec, times: number, since = 0): void {
    const found = this.lines(spec).filter(({ t }) => t >= since)
    assert.equal(found.length, times, `how often ${JSON.stringify(spec)} happened: ${found.map(({ t }) => t).join()}`)
  }

  /** No line of this kind is such. */
  never(spec: LineSpec, isSuch: (line: AnyLine) => boolean): void {
    const found = this.lines(spec).find(isSuch)
    assert.equal(found, undefined, JSON.stringify(found))
  }

  /** Not more of something than that. */
  atMost(found: number, max: number, what: string): void {
    assert.ok(found <= max, `${found} ${what}, at most ${max}`)
  }

  /** So much time has passed since then. */
  within(since: number, min: number, max: number): void {
    const passed = this.world.now - since
    assert.ok(passed >= min && passed <= max, `${passed} ms have passed, not ${min} to ${max}`)
  }

  /** What the last view of the space told a process of who is no longer there. */
  told(ids: string, about: { readonly left?: string; readonly dead?: string; readonly expelled?: string }): void {
    for (const id of words(ids)) {
      const view = this.lines({ e: 'view', p: id, g: '' }).at(-1)
      for (const why of ['left', 'dead', 'expelled'] as const) {
        const gone = (view?.[why] as readonly string[] | undefined) ?? []
        assert.equal([...gone].sort().join(' '), about[why] ?? '', `who is told to have ${why} at ${id}`)
      }
    }
  }

  #tail(): string {
    return this.world.trace.lines
      .filter(({ e }) => !STILL.has(e))
      .slice(-25)
      .map((line) => JSON.stringify(line))
      .join('\n')
  }
}
