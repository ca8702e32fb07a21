/** A few processes of one space, kernel and application's side, in virtual time: every frame takes 10 ms, the port nothing. */
import assert from 'node:assert/strict'
import { AppSide } from '../../../lib/app-port.ts'
import type { GroupOptions, Input } from '../../../lib/kernel/api.ts'
import type { Frame } from '../../../lib/kernel/frame.ts'
import { Kernel } from '../../../lib/kernel/kernel.ts'
import type { ObjectKind } from '../../../lib/objects/replica.ts'

const DELAY_MS = 10
const TICK_MS = 1
/** Chains of promises are shorter than this. */
const MICROTASKS = 60

interface Process {
  readonly kernel: Kernel
  readonly app: AppSide
  timers: { readonly at: number; readonly fn: () => void }[]
}

/** The processes and the frames between them. */
export class AppCluster {
  now = 0
  /** What a frame takes. */
  delayMs: number = DELAY_MS
  readonly faults: string[] = []
  /** Frames are lost for which it says so. */
  isLost: (from: string, to: string, frame: Frame) => boolean = () => false
  readonly #processes = new Map<string, Process>()
  #flying: { readonly at: number; readonly from: string; readonly to: string; readonly frame: Frame }[] = []

  /** Starts processes, and waits until they are together. */
  static async of(ids: readonly string[]): Promise<AppCluster> {
    const cluster = new AppCluster()
    for (const id of ids) cluster.add(id)
    await cluster.until(() => ids.every((id) => cluster.app(id).view?.members.length === ids.length))
    await cluster.until(() => ids.every((id) => cluster.app(id).view?.primary === true))
    return cluster
  }

  get ids(): string[] {
    return [...this.#processes.keys()]
  }

  app(id: string): AppSide {
    const process = this.#processes.get(id)
    assert.ok(process)
    return process.app
  }

  /** One more, with a path to each other. */
  add(id: string): AppSide {
    const kernel = new Kernel({ random: () => 0.5 }, { self: id, name: id, origin: '', foundAfterMs: 200 })
    const timers: Process['timers'] = []
    const app = new AppSide({
      self: id,
      now: () => this.now,
      send: (commands) => this.#step(id, [{ type: 'commands', commands }]),
      after: (ms, fn) => {
        const timer = { at: this.now + ms, fn }
        process.timers.push(timer)
        return () => {
          process.timers = process.timers.filter((each) => each !== timer)
        }
      },
      fault: (peer, code) => this.faults.push(`${id} ${peer} ${code}`),
    })
    const process: Process = { kernel, app, timers }
    const others = this.ids
    this.#processes.set(id, process)
    this.#step(id, [{ type: 'wake' }, { type: 'searched' }])
    for (const other of others) this.connect(id, other)
    return app
  }

  connect(a: string, b: string): void {
    this.#step(a, [{ type: 'linkUp', peer: b }])
    this.#step(b, [{ type: 'linkUp', peer: a }])
  }

  disconnect(a: string, b: string): void {
    this.#flying = this.#flying.filter(({ from, to }) => !([a, b].includes(from) && [a, b].includes(to)))
    this.#step(a, [{ type: 'linkDown', peer: b }])
    this.#step(b, [{ type: 'linkDown', peer: a }])
  }

  /** It is gone, with what has not arrived. */
  crash(id: string): void {
    this.#processes.delete(id)
    this.#flying = this.#flying.filter(({ from, to }) => from !== id && to !== id)
    for (const other of this.ids) this.#step(other, [{ type: 'linkDown', peer: id }])
  }

  /** Opens an object; the handle can be used once the cluster has run. */
  open<Handle, Options>(
    id: string,
    kind: ObjectKind<Handle, Options>,
    {
      name = 'g',
      options,
      state = true,
    }: { readonly name?: string; readonly options: Options; readonly state?: boolean },
  ): Handle {
    let handle: Handle | null = null
    const { order, uniform, strong = false, consistency } = kind
    const group: GroupOptions = { order, uniform, strong, consistency, state, kind: kind.kind }
    this.app(id).openGroup(
      name,
      group,
      (port) => {
        const made = kind.create(port, options)
        handle = made.handle
        return made.replica
      },
      { ended: () => (handle as { handleEnd?(error: null): void } | null)?.handleEnd?.(null) },
    )
    assert.ok(handle !== null)
    return handle
  }

  async run(ms: number): Promise<void> {
    const end = this.now + ms
    await this.until(() => this.now >= end, end)
  }

  /** Goes on until it is so; fails after two virtual minutes. */
  async until(isSo: () => boolean, end: number = this.now + 120_000): Promise<void> {
    for (;;) {
      for (let i = 0; i < MICROTASKS; i += 1) await null
      if (isSo()) return
      assert.ok(this.now < end, 'it never is')
      this.#tick(end)
    }
  }

  /** Goes to when something is due, or to `end`. */
  #tick(end: number): void {
    let next = end
    for (const { at } of this.#flying) next = Math.min(next, at)
    for (const { kernel, timers } of this.#processes.values()) {
      next = Math.min(next, kernel.nextWake)
      for (const { at } of timers) next = Math.min(next, at)
    }
    this.now = Math.max(this.now + TICK_MS, Math.ceil(next))
    const due = this.#flying.filter(({ at }) => at <= this.now)
    if (due.length > 0) this.#flying = this.#flying.filter(({ at }) => at > this.now)
    for (const { from, to, frame } of due) this.#step(to, [{ type: 'frame', peer: from, frame }])
    for (const [id, process] of this.#processes) {
      if (process.kernel.nextWake <= this.now) this.#step(id, [{ type: 'wake' }])
      const timers = process.timers.filter(({ at }) => at <= this.now)
      if (timers.length > 0) process.timers = process.timers.filter(({ at }) => at > this.now)
      for (const { fn } of timers) fn()
    }
  }

  #step(id: string, inputs: readonly Input[]): void {
    const process = this.#processes.get(id)
    if (process === undefined) return
    const events = []
    for (const effect of process.kernel.step(this.now, inputs)) {
      if (effect.type === 'app') events.push(effect.event)
      else if (effect.type === 'send') {
        if (!this.isLost(id, effect.peer, effect.frame))
          this.#flying.push({ at: this.now + this.delayMs, from: id, to: effect.peer, frame: effect.frame })
      } else if (effect.type === 'persist') this.#step(id, [{ type: 'persisted', ticket: effect.ticket }])
      else if (effect.type === 'requestFound') this.#step(id, [{ type: 'foundAnswer', granted: true }])
      else if (effect.type === 'fault') this.faults.push(`${id} ${effect.peer} ${effect.code}`)
    }
    if (events.length > 0) process.app.receive(events)
  }
}
