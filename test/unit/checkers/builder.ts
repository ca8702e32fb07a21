/**
 * Hand-written traces in few words: fills in what a correct run would write, lets a test overrule any of it.
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GroupLine, TraceLine, TraceToken, ViewLine } from '../../../lib/testing/trace.ts'
import { checkTrace, type TraceReport } from '../../sim/checkers/index.ts'

/** Bounds of every hand-written trace, in ms. */
export const bounds = { tView: 1000, tDetect: 1000, tJoin: 1000, tSettle: 1000, lease: 10_000 }

/** What may be overruled in a view line. */
export type ViewFields = Partial<Omit<ViewLine, 'e' | 'p' | 't' | 'g' | 'id'>> & {
  /** Who installs it; all members by default. */
  readonly by?: readonly string[]
}

/** Writes a trace line by line. Times advance by 1 ms a call; see `wait`. */
export class TraceWriter {
  readonly lines: TraceLine[] = []
  #t = 0
  /** Per group, per process: the view in force. */
  readonly #views = new Map<string, Map<string, ViewLine>>()
  readonly #groups = new Map<string, GroupLine>()

  constructor() {
    this.write({ e: 'run', t: 0, seed: 1, options: {}, bounds })
  }

  /** Any lines, as they are. */
  write(...lines: readonly TraceLine[]): this {
    this.lines.push(...lines)
    return this
  }

  /** The time of the next line. */
  get t(): number {
    return ++this.#t
  }

  /** Lets time pass. */
  wait(ms: number): this {
    this.#t += ms
    return this
  }

  /** Processes start and ask to join the space. */
  start(ids: readonly string[], origin = ''): this {
    for (const p of ids) {
      this.write({ e: 'start', t: this.t, p, site: `site-${p}`, origin }, { e: 'join', t: this.t, p, g: '' })
    }
    return this
  }

  /** Processes open a group and ask to join it. */
  open(g: string, ids: readonly string[], options: Partial<GroupLine> = {}): this {
    for (const p of ids) {
      const line: GroupLine = {
        ...{ e: 'group', t: this.t, p, g, order: 'fifo', uniform: false, consistency: 'available', state: false },
        ...options,
      }
      this.#groups.set(g, line)
      this.write(line, { e: 'join', t: this.t, p, g })
    }
    return this
  }

  /** Members install a view. Its predecessor and transitional set are what they should be unless given. */
  view(g: string, id: string, members: readonly string[], fields: ViewFields = {}): this {
    const { by = members, ...rest } = fields
    const before = this.#viewsOf(g)
    const prevOf = (p: string): string | null => before.get(p)?.id ?? null
    const lines = by.map((p): ViewLine => {
      const space = this.#viewsOf('').get(p)
      const trans = by.filter((q) => prevOf(q) === prevOf(p) && (prevOf(p) !== null || q === p))
      const primary = g === '' ? true : (space?.primary ?? true)
      const sv = g === '' ? id : (space?.id ?? '?')
      return { e: 'view', t: this.t, p, g, id, sv, members, prev: prevOf(p), trans, primary, line: 'L', ...rest }
    })
    for (const line of lines) before.set(line.p, line)
    return this.write(...lines)
  }

  /** A process leaves a group (`''`: the space). */
  leave(g: string, p: string): this {
    this.#viewsOf(g).delete(p)
    return this.write({ e: 'leave', t: this.t, p, g })
  }

  /** A process asks to join a group again. */
  join(g: string, p: string): this {
    return this.write({ e: 'join', t: this.t, p, g })
  }

  /** The application casts, and the kernel sends in the view in force, under a number if that is given. */
  cast(m: string, g: string, view?: string, seq?: number): this {
    const p = sender(m)
    const seen = this.#viewsOf(g).get(p)?.id ?? null
    return this.write({ e: 'cast', t: this.t, p, m, g, seen }).send(m, g, view, seq)
  }

  /** The application makes a gbcast, and the kernel sends it. */
  gbcast(m: string, g: string): this {
    const p = sender(m)
    const { uniform = false } = this.#groups.get(g) ?? {}
    const view = this.#viewsOf(g).get(p)?.id ?? '?'
    return this.write(
      { e: 'cast', t: this.t, p, m, g, seen: view },
      { e: 'send', t: this.t, p, m, g, view, order: 'gbcast', uniform, h: `h-${m}` },
    )
  }

  /** The kernel sends. */
  send(m: string, g: string, view?: string, seq?: number): this {
    const p = sender(m)
    const { order = 'fifo', uniform = false } = this.#groups.get(g) ?? {}
    const id = view ?? this.#viewsOf(g).get(p)?.id ?? '?'
    const numbered = seq === undefined ? {} : { seq }
    return this.write({ e: 'send', t: this.t, p, m, g, view: id, order, uniform, ...numbered, h: `h-${m}` })
  }

  /** Kernels install a view of the space. */
  install(view: string, members: readonly string[], by: readonly string[] = members): this {
    for (const p of by) this.write({ e: 'install', t: this.t, p, view, members })
    return this
  }

  /** Kernels are bound to install a view of the space. */
  ready(view: string, by: readonly string[]): this {
    for (const p of by) this.write({ e: 'ready', t: this.t, p, view })
    return this
  }

  /** Kernels vote for a view that is to be primary, and (`isPromised`) are bound to install it. */
  attempt(view: string, members: readonly string[], by: readonly string[] = members, isPromised = true): this {
    for (const p of by) this.write({ e: 'attempt', t: this.t, p, view, line: 'L', members })
    return isPromised ? this.ready(view, by) : this
  }

  /** A process delivers casts in the view in force. */
  deliver(p: string, g: string, ...ms: readonly string[]): this {
    const view = this.#viewsOf(g).get(p)?.id ?? '?'
    for (const m of ms) this.write({ e: 'deliver', t: this.t, p, m, g, view, h: `h-${m}` })
    return this
  }

  /** All of these deliver the casts, in this order. */
  deliverAll(ps: readonly string[], g: string, ...ms: readonly string[]): this {
    for (const p of ps) this.deliver(p, g, ...ms)
    return this
  }

  /** A promise settles; for a cast, its sender's. */
  settle(of: string, outcome: string, p: string = sender(of)): this {
    return this.write({ e: 'settle', t: this.t, p, of, outcome })
  }

  /** A process hears the transitional signal. */
  trans(g: string, p: string): this {
    return this.write({ e: 'trans', t: this.t, p, g, view: this.#viewsOf(g).get(p)?.id ?? '?' })
  }

  /** Processes close the view in force of a strong group to casts, or go on casting in it. */
  block(e: 'block' | 'unblock', g: string, ...ps: readonly string[]): this {
    for (const p of ps) this.write({ e, t: this.t, p, g, view: this.#viewsOf(g).get(p)?.id ?? '?' })
    return this
  }

  /** A process is granted a lock or an item. */
  grant(p: string, lock: string, token: TraceToken, mode?: string): this {
    return this.write({ e: 'grant', t: this.t, p, lock, token, ...(mode === undefined ? {} : { mode }) })
  }

  /** A process reports a release or a completion. */
  release(p: string, lock: string, token: TraceToken, ok?: boolean): this {
    return this.write({ e: 'release', t: this.t, p, lock, token, ...(ok === undefined ? {} : { ok }) })
  }

  /** An application has in hand what the lock names, or no longer. */
  act(p: string, lock: string, token: TraceToken, on: boolean): this {
    return this.write({ e: 'act', t: this.t, p, lock, token, on })
  }

  /** A process crashes. */
  crash(q: string): this {
    return this.write({ e: 'crash', t: this.t, q })
  }

  /** A process stops for a while. */
  freeze(q: string): this {
    return this.write({ e: 'freeze', t: this.t, q })
  }

  /** It goes on. */
  thaw(q: string): this {
    return this.write({ e: 'thaw', t: this.t, q })
  }

  /** The network is split into parts. */
  split(...parts: readonly (readonly string[])[]): this {
    return this.write({ e: 'cut', t: this.t, parts })
  }

  /** The network is whole again. */
  heal(): this {
    return this.write({ e: 'heal', t: this.t })
  }

  /** Nothing happens to the world from here on. */
  quiet(...parts: readonly (readonly string[])[]): this {
    return this.write({ e: 'quiet', t: this.t, parts })
  }

  /** The end, after long enough for everything to be judged. */
  end(): this {
    return this.wait(2000).write({ e: 'end', t: this.t, seed: 1, events: this.lines.length })
  }

  #viewsOf(g: string): Map<string, ViewLine> {
    let views = this.#views.get(g)
    if (views === undefined) {
      views = new Map()
      this.#views.set(g, views)
    }
    return views
  }
}

/** Three processes in primary space view `1.a`, members of group `g` in view `1.a.1`. */
export function trio(options: Partial<GroupLine> = {}): TraceWriter {
  const all = ['a', 'b', 'c']
  return new TraceWriter().start(all).view('', '1.a', all).open('g', all, options).view('g', '1.a.1', all)
}

/** Fails unless the trace violates nothing and puts the property to the test. */
export function accepts(property: string, what: string, trace: TraceWriter): void {
  test(`${property} accepts ${what}`, () => {
    const report = checkTrace(trace.lines)
    assert.deepEqual(report.violations, [])
    assert.ok(checkedOf(report, property) > 0, 'nothing was checked')
  })
}

/** Fails unless the trace violates the property, at a line of the trace. */
export function rejects(property: string, what: string, trace: TraceWriter): void {
  test(`${property} rejects ${what}`, () => {
    const { violations } = checkTrace(trace.lines)
    const found = violations.filter((violation) => violation.property === property)
    assert.ok(found.length > 0, `only found ${JSON.stringify(violations)}`)
    for (const { line = 1 } of found) assert.ok(line >= 1 && line <= trace.lines.length)
  })
}

/** Fails if the trace violates the property; others may be violated. */
export function tolerates(property: string, what: string, trace: TraceWriter): void {
  test(`${property} tolerates ${what}`, () => {
    const { violations } = checkTrace(trace.lines)
    assert.deepEqual(
      violations.filter((violation) => violation.property === property),
      [],
    )
  })
}

/** Instances of the property that were checked. */
export function checkedOf(report: TraceReport, property: string): number {
  return report.checked[property] ?? 0
}

function sender(m: string): string {
  return m.slice(0, m.lastIndexOf('#'))
}
