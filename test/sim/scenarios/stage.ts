/**
 * The language of hand-written scenarios: who starts, what is done to whom and when, and what is expected of it.
 *
 * Processes and groups go by short names, and where several are meant, by a text of names: `'a b c'`. Time is virtual;
 * every frame takes `delayMs`. An expectation that does not hold throws, with what was found instead.
 */
import assert from 'node:assert/strict'
import { queueKind, type SharedQueue } from '../../../lib/objects/queue.ts'
import type { GroupPort, ObjectKind, Receipt } from '../../../lib/objects/replica.ts'
import type { TakenItem } from '../../../lib/objects/taken-item.ts'
import { compareViewIds } from '../../../lib/testing/trace.ts'
import { Origins } from '../origins.ts'
import { SimProcess } from '../process.ts'
import { traceQueue } from '../queue-trace.ts'
import { BOUNDS, DEFAULT_OPTIONS, drawScenario, type Scenario } from '../scenario.ts'
import type { AnyLine } from '../trace.ts'
import { World } from '../world.ts'
import { Channel, type ChannelOptions } from './channel.ts'
import { type Sending, Wire } from './wire.ts'

/** What a group of a scenario is. */
export type GroupSpec = ChannelOptions | 'queue'

/** What a scenario is played on. */
export interface StageOptions {
  /** Groups by name; every process opens those it is not told otherwise about. */
  readonly groups?: Readonly<Record<string, GroupSpec>>
  /** One-way delay of every frame, in ms; 10 if not said. */
  readonly delayMs?: number
  /** `tabs`: all of one origin, with locks and storage; `none`, if not said: nothing proves a death. */
  readonly origins?: 'tabs' | 'none'
  /** What calls of queues do outside of the primary component. */
  readonly whenNotPrimary?: 'wait' | 'reject'
}

/** An operation, and what became of it. */
export interface Op<Value = unknown> {
  /** `pending`, `ok`, or the code of the error. */
  outcome: string
  value: Value | null
}

/** Which lines of the trace are meant: all fields that are given are equal. */
export interface LineSpec {
  readonly e: string
  readonly p?: string
  readonly g?: string
  readonly q?: string
  readonly [field: string]: unknown
}

/** Which frames are meant. */
export interface FrameSpec {
  readonly from?: string
  readonly to?: string
  readonly kind: string
  /** The first one is 1. */
  readonly nth?: number
}

interface OpenChannel {
  readonly channel: Channel
}

interface OpenQueue {
  readonly queue: SharedQueue
}

/** Nothing but heartbeats and acknowledgements for so long: quiet. Longer than any time-out of the kernel. */
const QUIET_MS = 4_500
/** Something is wrong if there is no quiet after so long. */
const RESTLESS_MS = 90_000
const STEP_MS = 100
const JUDGED_MS = Math.max(BOUNDS.tDetect, BOUNDS.tJoin, BOUNDS.tSettle, BOUNDS.tView) + 2_000

/** Lines that say nothing about the protocol being at work. */
const STILL: ReadonlySet<string> = new Set(['slow', 'digest'])

/** One scenario as it is played. */
export class Stage {
  readonly world: World
  readonly wire: Wire
  readonly #options: StageOptions
  readonly #scenario: Scenario
  readonly #processes: SimProcess[] = []
  readonly #origins: Origins
  readonly #groups = new Map<string, OpenChannel | OpenQueue>()
  /** Casts by what was cast, and their values by their names. */
  readonly #casts = new Map<string, { readonly m: string; fate: string }>()
  readonly #values = new Map<string, string>()
  /** Triggers that have not fired. */
  readonly #armed = new Set<string>()
  #watchers: ((line: AnyLine) => void)[] = []

  constructor(options: StageOptions = {}) {
    this.#options = options
    this.#scenario = {
      ...drawScenario(1, DEFAULT_OPTIONS),
      origins: options.origins ?? 'none',
      portMs: 0,
      batchMs: 0,
      lateMs: 0,
    }
    this.world = new World(this.#scenario)
    this.wire = new Wire(this.world, this.#processes, options.delayMs ?? 10)
    this.#origins = new Origins(this.world, this.#processes)
    this.world.trace.watch = (line) => {
      for (const watch of this.#watchers) watch(line)
    }
    this.world.trace.world(0, { e: 'run', seed: 0, options: {}, bounds: BOUNDS })
  }

  // ---- who is here ------------------------------------------------------------------------------------------

  /** Starts a process, which opens these groups. */
  start(
    id: string,
    groups: string = Object.keys(this.#options.groups ?? {}).join(' '),
    site: string = `s-${id}`,
  ): void {
    const origin = this.#scenario.origins === 'tabs' ? 'https://a.example' : ''
    const process = new SimProcess(
      { id, site, origin },
      { world: this.world, network: this.wire, origins: this.#origins },
    )
    this.#processes.push(process)
    this.wire.enter(process)
    process.start()
    for (const group of words(groups)) this.open(id, group)
  }

  /** Starts them one after the other, so that they rank in this order, and waits until all is quiet. */
  async together(ids: string, groups?: string): Promise<void> {
    const all = words(ids)
    for (const [index, id] of all.entries()) {
      this.start(id, groups)
      const present = all.slice(0, index + 1)
      await this.until(
        () =>
          present.every(
            (each) => this.#view(each)?.members === present.join(' ') && this.#view(each)?.primary === true,
          ),
        `${present.join(' ')} are together`,
      )
    }
    await this.settle()
  }

  /** Opens a group, or opens it again. */
  open(id: string, name: string): void {
    const spec = this.#options.groups?.[name]
    if (spec === undefined) throw new Error(`no group ${name} in this scenario`)
    const process = this.#process(id)
    this.world.touchPage()
    const key = `${id}/${name}`
    if (spec === 'queue') {
      const { whenNotPrimary = 'wait' } = this.#options
      const write = (line: Parameters<typeof this.world.trace.app>[2]): void =>
        this.world.trace.app(this.world.now, id, line)
      this.#openKind(process, name, queueKind, (port) => {
        const made = queueKind.create(port, { leaseMs: BOUNDS.lease, whenNotPrimary })
        traceQueue(made.replica, id, write)
        this.#groups.set(key, { queue: made.handle })
        return made
      })
      return
    }
    this.#openKind(process, name, { ...spec, kind: 'channel' }, (port) => {
      const made = new Channel(port, spec)
      this.#groups.set(key, { channel: made })
      return { replica: made }
    })
  }

  #openKind(
    process: SimProcess,
    name: string,
    about: Omit<ObjectKind<unknown, unknown>, 'create'> & { readonly state?: boolean },
    create: (port: GroupPort) => Pick<ReturnType<ObjectKind<unknown, unknown>['create']>, 'replica'>,
  ): void {
    const { order, uniform, consistency, kind, state = true } = about
    process.app.openGroup(name, { order, uniform, consistency, state, kind }, (port) => create(port).replica)
  }

  /** Leaves a group. */
  close(id: string, name: string): void {
    this.world.touchPage()
    void this.#process(id).app.group(name)?.close()
  }

  /** Leaves the space; quickly: as a page that is being closed. */
  leave(id: string, how: 'quickly' | 'politely' = 'politely'): void {
    this.#process(id).leave(how === 'quickly')
  }

  crash(ids: string): void {
    for (const id of words(ids)) this.#process(id).crash()
  }

  /** Goes on without whoever is missing. */
  refound(id: string): void {
    this.world.touchPage()
    this.#process(id).app.refound()
  }

  freeze(ids: string): void {
    for (const id of words(ids)) this.#process(id).freeze()
  }

  thaw(ids: string): void {
    for (const id of words(ids)) this.#process(id).thaw()
  }

  /** The page does nothing for so long, while its worker goes on. */
  stall(id: string, ms: number): void {
    this.#process(id).stalledUntil = this.world.now + ms
  }

  // ---- the network ------------------------------------------------------------------------------------------

  /** Holds directions of paths: `'a>b c'`, `'a>*'`, `'*>a'`, or both ways with `'a|b'`. */
  hold(spec: string): void {
    for (const [from, to] of this.#directions(spec)) this.wire.hold(from, to)
  }

  /** Releases what was held; all of it if nothing is named. */
  release(spec?: string): void {
    if (spec === undefined) this.wire.releaseAll()
    else for (const [from, to] of this.#directions(spec)) this.wire.release(from, to)
  }

  /** Gives directions of paths another delay. */
  slow(spec: string, ms: number): void {
    for (const [from, to] of this.#directions(spec)) this.wire.slow(from, to, ms)
  }

  /** Splits the network: `'a b | c d'`. Paths between the parts end after 5 s, unless they are kept. */
  cut(parts: string, paths: 'end' | 'kept' = 'end'): void {
    this.wire.split(parts.split('|').map(words), paths === 'kept')
  }

  heal(): void {
    this.wire.heal()
  }

  /** Ends a process's paths, and there are no others until they are mended: as those to a page that sleeps for long. */
  breakPaths(id: string): void {
    const others = this.#processes.filter((each) => each.id !== id).map((each) => each.id)
    this.wire.split([[id], others], true)
    for (const other of others) this.reset(id, other)
  }

  mendPaths(): void {
    this.wire.heal()
  }

  /** Ends the path of two processes; there is another one soon. */
  reset(a: string, b: string): void {
    this.wire.reset(this.#process(a), this.#process(b))
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
      this.#watchers = this.#watchers.filter((each) => each !== watch)
      this.#armed.delete(label)
      this.world.call(this.world.now, act)
    }
    this.#watchers = [...this.#watchers, watch]
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
    const live = this.#processes
      .filter((each) => each.isRunning && !each.isLeaving && !each.isFrozen)
      .map(({ id }) => id)
    this.world.trace.world(this.world.now, { e: 'quiet', parts: this.wire.partsOf(live) })
    await this.run(JUDGED_MS)
    for (const process of this.#processes) if (process.isRunning) process.app.digestAll()
    this.world.trace.world(this.world.now, { e: 'end', seed: 0, events: this.world.events })
  }

  // ---- operations -------------------------------------------------------------------------------------------

  /** Casts these, in this order; several in one frame. */
  cast(id: string, group: string, values: string): void {
    const process = this.#process(id)
    const open = this.#groups.get(`${id}/${group}`)
    if (open === undefined || !('channel' in open)) throw new Error(`${id} has no channel ${group}`)
    this.world.touchPage()
    for (const value of words(values)) {
      if (this.#casts.has(value)) throw new Error(`${value} was cast before`)
      try {
        const receipt = open.channel.cast(value)
        const m = `${process.id}#${receipt.n}`
        this.#values.set(m, value)
        this.#follow(value, m, receipt)
      } catch (error) {
        this.#casts.set(value, { m: '', fate: codeOf(error) })
      }
    }
  }

  #follow(value: string, m: string, receipt: Receipt): void {
    const cast = { m, fate: 'sent' }
    this.#casts.set(value, cast)
    const fail = (error: unknown): void => {
      cast.fate = codeOf(error)
    }
    receipt.delivered.then(() => {
      if (cast.fate === 'sent') cast.fate = 'delivered'
    }, fail)
    receipt.stable.then(() => {
      cast.fate = 'stable'
    }, fail)
  }

  /** Puts an item at the end of a queue. */
  add(id: string, queue: string, item: string): Op {
    return this.#op(this.#queue(id, queue).add(item))
  }

  /** Takes the first item of a queue, or waits for one. */
  take(id: string, queue: string): Op<TakenItem<unknown>> {
    return this.#op(this.#queue(id, queue).take())
  }

  /** Completes an item that was taken. */
  done(taken: Op<TakenItem<unknown>>, result = 'result'): Op {
    return this.#op(this.#taken(taken).done(result))
  }

  /** Gives an item that was taken back. */
  fail(taken: Op<TakenItem<unknown>>): Op {
    return this.#op(this.#taken(taken).fail('failed'))
  }

  #op<Value>(promise: Promise<Value>): Op<Value> {
    const op: Op<Value> = { outcome: 'pending', value: null }
    promise.then(
      (value) => {
        op.outcome = 'ok'
        op.value = value
      },
      (error: unknown) => {
        op.outcome = codeOf(error)
      },
    )
    return op
  }

  // ---- expectations -----------------------------------------------------------------------------------------

  /** All of these are in one and the same view of the space, of these members in this order. */
  inView(ids: string, members: string, about: { readonly primary?: boolean } = {}): void {
    const [first = ''] = words(ids)
    for (const id of words(ids)) {
      const view = this.#view(id)
      assert.equal(view?.members, members, `members of the view that ${id} is in`)
      assert.equal(view?.id, this.#view(first)?.id, `the view that ${id} is in, and ${first} too`)
      if (about.primary !== undefined) assert.equal(view?.primary, about.primary, `is the view of ${id} primary?`)
    }
  }

  /** All of these are in one and the same view of the group, of these members in this order. */
  inGroup(ids: string, group: string, members: string): void {
    const [first = ''] = words(ids)
    const infoOf = (id: string) => this.#process(id).app.group(group)?.viewInfo
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

  /** What a process has delivered of a group. */
  deliveredBy(id: string, group: string): string {
    return this.lines({ e: 'deliver', p: id, g: group })
      .map((line) => this.#values.get(String(line['m'])) ?? '?')
      .join(' ')
  }

  /** Each of these holds exactly this as the state of the group. */
  holds(ids: string, group: string, values: string): void {
    for (const id of words(ids)) assert.equal(this.stateOf(id, group), values, `what ${id} holds of ${group}`)
  }

  /** What a process holds of a group. */
  stateOf(id: string, group: string): string {
    const open = this.#groups.get(`${id}/${group}`)
    if (open === undefined) return ''
    return ('channel' in open ? open.channel.values : open.queue.items.map((each) => String(each.value))).join(' ')
  }

  /** That is what became of these casts for their sender: `sent` (still open), `delivered`, `stable`, or a code. */
  fate(values: string, fate: string): void {
    for (const value of words(values)) assert.equal(this.#casts.get(value)?.fate, fate, `what became of ${value}`)
  }

  /** That is what became of an operation, and, if it is said, what it took. */
  got(op: Op, outcome: string, item?: string): void {
    assert.equal(op.outcome, outcome, 'what became of the operation')
    if (item !== undefined) assert.equal(String((op.value as TakenItem<unknown> | null)?.item), item, 'what was taken')
  }

  /** The second take has the higher token. */
  later(second: Op<TakenItem<unknown>>, first: Op<TakenItem<unknown>>): void {
    const [a, b] = [this.#taken(first).token, this.#taken(second).token]
    assert.equal(a[0], b[0], 'both tokens are of one line')
    assert.ok(compareViewIds(a[1], b[1]) < 0 || (a[1] === b[1] && a[2] < b[2]), `token ${b} is not above ${a}`)
  }

  /** A process has delivered the one cast before the other. */
  precedes(id: string, first: string, second: string): void {
    const got = this.lines({ e: 'deliver', p: id }).map((line) => this.#values.get(String(line['m'])) ?? '?')
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

  /** Lines of the trace. */
  lines(spec: LineSpec): AnyLine[] {
    return this.world.trace.lines.filter((line) => matches(line, spec))
  }

  /** Who was asked last to give it a state. */
  donorOf(id: string): string {
    const asked = this.world.trace.lines.findLast((line) => line.e === 'transfer' && [line['to']].flat().includes(id))
    return asked?.p ?? ''
  }

  /** Is it no longer a member of the group? */
  hasLeft(id: string, group: string): boolean {
    return this.#process(id).app.group(group) === undefined
  }

  /** Is it in a view of these? */
  isIn(id: string, members: string): boolean {
    return this.#view(id)?.members === members
  }

  /** Those in its view of the space, by rank. */
  membersOf(id: string): string {
    return this.#view(id)?.members ?? ''
  }

  /** The id of the view of the space or of a group that it is in. */
  viewOf(id: string, group = ''): string {
    return String(this.lines({ e: 'view', p: id, g: group }).at(-1)?.['id'])
  }

  /** The id of the view of the space that it was in before. */
  viewBefore(id: string): string {
    return String(this.lines({ e: 'view', p: id, g: '' }).at(-2)?.['id'])
  }

  get now(): number {
    return this.world.now
  }

  #view(id: string): { readonly id: string; readonly members: string; readonly primary: boolean } | null {
    const view = this.#process(id).app.view
    if (view === null) return null
    return { id: view.id, members: view.members.map((each) => each.id).join(' '), primary: view.primary }
  }

  #process(id: string): SimProcess {
    const process = this.#processes.find((each) => each.id === id)
    if (process === undefined) throw new Error(`no process ${id}`)
    return process
  }

  #queue(id: string, name: string): SharedQueue {
    const open = this.#groups.get(`${id}/${name}`)
    if (open === undefined || !('queue' in open)) throw new Error(`${id} has no queue ${name}`)
    this.world.touchPage()
    return open.queue
  }

  #taken({ value }: Op<TakenItem<unknown>>): TakenItem<unknown> {
    assert.ok(value !== null, 'nothing was taken')
    this.world.touchPage()
    return value
  }

  #directions(spec: string): (readonly [string, string])[] {
    const isBoth = spec.includes('|')
    const [left = '', right = ''] = spec.split(isBoth ? '|' : '>')
    const all = (text: string): string[] => (text.trim() === '*' ? this.#processes.map(({ id }) => id) : words(text))
    const pairs = all(left).flatMap((from) => all(right).map((to) => [from, to] as const))
    const both = isBoth ? pairs.flatMap(([from, to]) => [[from, to] as const, [to, from] as const]) : pairs
    return both.filter(([from, to]) => from !== to)
  }

  #tail(): string {
    return this.world.trace.lines
      .filter(({ e }) => !STILL.has(e))
      .slice(-25)
      .map((line) => JSON.stringify(line))
      .join('\n')
  }
}

function words(text: string): string[] {
  return text.split(' ').filter((word) => word !== '')
}

function matches(line: AnyLine, spec: LineSpec): boolean {
  return Object.entries(spec).every(([field, value]) => line[field] === value)
}

function isMeant({ from, to, kinds }: Sending, spec: FrameSpec): boolean {
  return (spec.from ?? from) === from && (spec.to ?? to) === to && kinds.includes(spec.kind)
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}
