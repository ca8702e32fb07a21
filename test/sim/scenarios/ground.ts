/**
 * The ground that scenarios are played on: processes, their groups, the network between them, and what is done to all of
 * them. Processes and groups go by short names, and where several are meant, by a text of names: `'a b c'`.
 */
import { mapKind, type SharedMap } from '../../../lib/objects/map.ts'
import { MapState } from '../../../lib/objects/map-state.ts'
import type { SharedQueue } from '../../../lib/objects/queue.ts'
import { queueKind } from '../../../lib/objects/queue.ts'
import type { CastOptions, GroupPort, ObjectKind, Receipt, Replica } from '../../../lib/objects/replica.ts'
import type { TakenItem } from '../../../lib/objects/taken-item.ts'
import { Origins } from '../origins.ts'
import { SimProcess } from '../process.ts'
import { traceQueue } from '../queue-trace.ts'
import { BOUNDS, DEFAULT_OPTIONS, drawScenario, type Scenario } from '../scenario.ts'
import type { AnyLine } from '../trace.ts'
import { World } from '../world.ts'
import { Channel } from './channel.ts'
import { Wire } from './wire.ts'
import { codeOf, type LineSpec, matches, type Op, type StageOptions, words } from './words.ts'

interface OpenChannel {
  readonly channel: Channel
}

interface OpenQueue {
  readonly queue: SharedQueue
}

interface OpenMap {
  readonly map: SharedMap
  readonly replica: Replica
}

/** Processes and a network, and what is done to them. */
export class Ground {
  readonly world: World
  readonly wire: Wire
  protected readonly options: StageOptions
  readonly #scenario: Scenario
  protected readonly processes: SimProcess[] = []
  readonly #origins: Origins
  readonly #groups = new Map<string, OpenChannel | OpenQueue | OpenMap>()
  /** Casts by what was cast, and their values by their names. */
  protected readonly casts = new Map<string, { fate: string }>()
  readonly #values = new Map<string, string>()
  /** What is being cast. */
  #casting: string | null = null
  #watchers: ((line: AnyLine) => void)[] = []

  constructor(options: StageOptions = {}) {
    this.options = options
    this.#scenario = {
      ...drawScenario(1, options.lags === true ? { ...DEFAULT_OPTIONS, faults: ['lag'] } : DEFAULT_OPTIONS),
      strain: {},
      origins: options.origins ?? 'none',
      portMs: 0,
      batchMs: 0,
      lateMs: 0,
    }
    this.world = new World(this.#scenario)
    this.wire = new Wire(this.world, this.processes, options.delayMs ?? 10)
    this.#origins = new Origins(this.world, this.processes)
    this.world.trace.watch = (line) => {
      if (line.e === 'cast' && this.#casting !== null) this.#values.set(String(line['m']), this.#casting)
      for (const watch of this.#watchers) watch(line)
    }
    this.world.trace.world(0, { e: 'run', seed: 0, options: {}, bounds: BOUNDS })
  }

  // ---- who is here ------------------------------------------------------------------------------------------

  /** Starts a process, which opens these groups. */
  start(id: string, groups: string = Object.keys(this.options.groups ?? {}).join(' '), site: string = `s-${id}`): void {
    const origin = this.#scenario.origins === 'tabs' ? 'https://a.example' : ''
    const process = new SimProcess(
      { id, site, origin, ...this.options.votes?.[id] },
      { world: this.world, network: this.wire, origins: this.#origins },
    )
    this.processes.push(process)
    this.wire.enter(process)
    process.start()
    if (process.isWitness) return
    for (const group of words(groups)) this.open(id, group)
  }

  /** Starts a process at the site of a dead one, whose record it has read after so many ms. */
  startAgain(id: string, former: string, { readMs = 20 }: { readonly readMs?: number } = {}): void {
    const { site, record } = this.process(former)
    this.start(id, undefined, site)
    this.world.call(this.world.now + readMs, () => this.process(id).input({ type: 'dead', peer: former, record }))
  }

  /** Opens a group, or opens it again. */
  open(id: string, name: string): void {
    const spec = this.options.groups?.[name]
    if (spec === undefined) throw new Error(`no group ${name} in this scenario`)
    const process = this.process(id)
    this.world.touchPage()
    const key = `${id}/${name}`
    if (spec === 'queue') {
      const { whenNotPrimary = 'wait' } = this.options
      const write = (line: Parameters<typeof this.world.trace.app>[2]): void =>
        this.world.trace.app(this.world.now, id, line)
      this.#openKind(process, name, queueKind, (port) => {
        const made = queueKind.create(port, { leaseMs: BOUNDS.lease, whenNotPrimary })
        traceQueue(made.handle, id, write)
        this.#groups.set(key, { queue: made.handle })
        return made
      })
      return
    }
    if (spec === 'map') {
      this.#openKind(process, name, { ...mapKind, kind: 'map+folding' }, (port) => {
        const { replica, handle: map } = mapKind.create(port, { forgetAfterMs: 1_000 })
        this.#groups.set(key, { map, replica })
        return { replica }
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
    const { order, uniform, strong = false, consistency, kind, state = true, engine, strict, domain } = about
    const by = {
      ...(engine === undefined ? {} : { engine }),
      ...(strict === true ? { strict } : {}),
      ...(domain === undefined ? {} : { domain }),
    }
    const options = { order, uniform, strong, consistency, state, kind, ...by }
    process.app.openGroup(name, options, (port) => create(port).replica)
  }

  /** Leaves a group. */
  close(id: string, name: string): void {
    this.world.touchPage()
    void this.process(id).app.group(name)?.close()
  }

  /** Leaves the space; quickly: as a page that is being closed. */
  leave(id: string, how: 'quickly' | 'politely' = 'politely'): void {
    this.process(id).leave(how === 'quickly')
  }

  /** It has better things to do than to serve others. */
  busy(id: string): void {
    this.world.touchPage()
    this.process(id).app.setBusy(true)
  }

  crash(ids: string): void {
    for (const id of words(ids)) this.process(id).crash()
  }

  /** Goes on without whoever is missing. */
  refound(id: string): void {
    this.world.touchPage()
    this.process(id).app.refound()
  }

  freeze(ids: string): void {
    for (const id of words(ids)) this.process(id).freeze()
  }

  /** Pages say that they are about to be frozen, and are, a moment later. */
  async suspend(ids: string): Promise<void> {
    for (const id of words(ids)) this.process(id).suspend()
    await this.world.run(this.world.now + 1)
    this.freeze(ids)
  }

  /** Pages go on, and are told so. */
  resume(ids: string): void {
    this.thaw(ids)
    for (const id of words(ids)) this.process(id).resume()
  }

  thaw(ids: string): void {
    for (const id of words(ids)) this.process(id).thaw()
  }

  /** The page does nothing for so long, while its worker goes on. */
  stall(id: string, ms: number): void {
    this.process(id).pause(ms)
  }

  /** The same, for so long that it may be put out of the way, if pages may lag here. */
  lag(id: string, ms: number): void {
    this.process(id).lag(ms)
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
    const others = this.processes.filter((each) => each.id !== id).map((each) => each.id)
    this.wire.split([[id], others], true)
    for (const other of others) this.reset(id, other)
  }

  mendPaths(): void {
    this.wire.heal()
  }

  /** Ends the path of two processes; there is another one soon. */
  reset(a: string, b: string): void {
    this.wire.reset(this.process(a), this.process(b))
  }

  // ---- operations -------------------------------------------------------------------------------------------

  /** Makes gbcasts of these. */
  gbcast(id: string, group: string, values: string): void {
    this.cast(id, group, values, { service: 'gbcast' })
  }

  /** Casts these, in this order; several in one frame. */
  cast(id: string, group: string, values: string, options?: CastOptions): void {
    const open = this.#groups.get(`${id}/${group}`)
    if (open === undefined || !('channel' in open)) throw new Error(`${id} has no channel ${group}`)
    this.world.touchPage()
    for (const value of words(values)) {
      if (this.casts.has(value)) throw new Error(`${value} was cast before`)
      this.#casting = value
      try {
        this.#follow(value, open.channel.cast(value, options))
      } catch (error) {
        this.casts.set(value, { fate: codeOf(error) })
      }
      this.#casting = null
    }
  }

  #follow(value: string, receipt: Receipt): void {
    const cast = { fate: 'sent' }
    this.casts.set(value, cast)
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
    return this.#op(this.taken(taken).done(result))
  }

  /** Gives an item that was taken back. */
  fail(taken: Op<TakenItem<unknown>>): Op {
    return this.#op(this.taken(taken).fail('failed'))
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

  // ---- what is found ---------------------------------------------------------------------------------------

  /** Shows every line of the trace from here on, until it is told to stop. */
  watch(see: (line: AnyLine) => void): () => void {
    this.#watchers = [...this.#watchers, see]
    return () => {
      this.#watchers = this.#watchers.filter((each) => each !== see)
    }
  }

  /** What was cast under that name. */
  castNamed(m: string): string {
    return this.#values.get(m) ?? m
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
    return this.process(id).app.group(group) === undefined
  }

  /** Is it in a view of these? */
  isIn(id: string, members: string): boolean {
    return this.view(id)?.members === members
  }

  /** Those who are away, by its view of the space. */
  awayAt(id: string): string {
    return (this.process(id).app.view?.away ?? []).map((each) => each.id).join(' ')
  }

  /** Those in its view of the space, by rank. */
  membersOf(id: string): string {
    return this.view(id)?.members ?? ''
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

  /** What a process has delivered of a group. */
  deliveredBy(id: string, group: string): string {
    return this.lines({ e: 'deliver', p: id, g: group })
      .map((line) => this.#values.get(String(line['m'])) ?? '?')
      .join(' ')
  }

  /** What a process holds of a group. */
  stateOf(id: string, group: string): string {
    const open = this.#groups.get(`${id}/${group}`)
    if (open === undefined) return ''
    if ('map' in open) return [...open.map.entries()].map((each) => each.join('=')).join(' ')
    return ('channel' in open ? open.channel.values : open.queue.items.map((each) => String(each.value))).join(' ')
  }

  /** A map, to write to. */
  map(id: string, name: string): SharedMap {
    this.world.touchPage()
    return this.#map(id, name).map
  }

  /** Whose dots the state of a map remembers. */
  authorsOf(id: string, name: string): string {
    const { context } = MapState.load(this.#map(id, name).replica.save(), true)
    return [...new Set(context.authors().map((key) => key.split('/')[0]))].join(' ')
  }

  #map(id: string, name: string): OpenMap {
    const open = this.#groups.get(`${id}/${name}`)
    if (open === undefined || !('map' in open)) throw new Error(`${id} has no map ${name}`)
    return open
  }

  protected view(id: string): { readonly id: string; readonly members: string; readonly primary: boolean } | null {
    const view = this.process(id).app.view
    if (view === null) return null
    return { id: view.id, members: view.members.map((each) => each.id).join(' '), primary: view.primary }
  }

  protected process(id: string): SimProcess {
    const process = this.processes.find((each) => each.id === id)
    if (process === undefined) throw new Error(`no process ${id}`)
    return process
  }

  #queue(id: string, name: string): SharedQueue {
    const open = this.#groups.get(`${id}/${name}`)
    if (open === undefined || !('queue' in open)) throw new Error(`${id} has no queue ${name}`)
    this.world.touchPage()
    return open.queue
  }

  protected taken({ value }: Op<TakenItem<unknown>>): TakenItem<unknown> {
    if (value === null) throw new Error('nothing was taken')
    this.world.touchPage()
    return value
  }

  #directions(spec: string): (readonly [string, string])[] {
    const isBoth = spec.includes('|')
    const [left = '', right = ''] = spec.split(isBoth ? '|' : '>')
    const all = (text: string): string[] => (text.trim() === '*' ? this.processes.map(({ id }) => id) : words(text))
    const pairs = all(left).flatMap((from) => all(right).map((to) => [from, to] as const))
    const both = isBoth ? pairs.flatMap(([from, to]) => [[from, to] as const, [to, from] as const]) : pairs
    return both.filter(([from, to]) => from !== to)
  }
}
