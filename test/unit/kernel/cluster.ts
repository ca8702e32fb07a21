/** A few kernels in one space, in virtual time: every frame takes 10 ms and passes through bytes. */
import assert from 'node:assert/strict'
import type { AppEvent, Channel, Command, Effect, GroupOptions, Input } from '../../../lib/kernel/api.ts'
import { decodeFrame, encodeFrame } from '../../../lib/kernel/codec.ts'
import type { Frame } from '../../../lib/kernel/frame.ts'
import { Kernel } from '../../../lib/kernel/kernel.ts'
import { defaultLimits, type Limits } from '../../../lib/kernel/limits.ts'

const DELAY_MS = 10
const TICK_MS = 1

interface Flying {
  readonly at: number
  readonly from: string
  readonly to: string
  readonly frame: Frame | { readonly fault: string }
}

/** What happened to one application. */
export interface Seen {
  /** `sender#n` of each cast delivered, in order. */
  readonly delivered: string[]
  readonly payloads: Uint8Array[]
  readonly ends: string[]
  readonly faults: string[]
  members: readonly string[]
  /** The last view of `g` that it was told of. */
  view: string | null
  /** What became of its joins. */
  readonly joins: string[]
  /** `sender>n address length` of each direct message, in order. */
  readonly messages: string[]
  /** `receiver n outcome` of each own one that may not be handed over. */
  readonly messageEnds: string[]
}

/** The kernels, the frames between them, and what their applications saw. All are in one group, `g`. */
export class Cluster {
  now = 0
  readonly kernels: Map<string, Kernel> = new Map()
  /** May change or lose (null) a frame when it is sent. */
  tamper: (frame: Frame, from: string, to: string, channel: Channel) => Frame | null = (frame) => frame
  /** Sees what happens to an application, before it is noted. */
  watch: (id: string, event: AppEvent) => void = () => undefined
  /** What the kernels traced, in order. */
  readonly lines: (Readonly<Record<string, unknown>> & { readonly p: string })[] = []
  /** Applications that do not say what they have consumed. */
  readonly stalled: Set<string> = new Set()
  /** Processes whose storage does not answer. */
  readonly unstored: Set<string> = new Set()
  readonly #seen = new Map<string, Seen>()
  readonly #consumed = new Map<string, number>()
  readonly #casts = new Map<string, number>()
  readonly #sends = new Map<string, number>()
  readonly #isStrong: boolean
  readonly #limits: Limits
  #flying: Flying[] = []

  /** @param votes what the votes of some are like. */
  constructor(
    ids: readonly string[],
    options: Partial<GroupOptions>,
    limits: Partial<Limits> = {},
    votes: Readonly<Record<string, { readonly weight?: number; readonly isWitness?: boolean }>> = {},
  ) {
    this.#isStrong = options.strong ?? false
    this.#limits = { ...defaultLimits, ...limits }
    for (const id of ids) {
      const mail = { messages: [], messageEnds: [] }
      const casts = { delivered: [], payloads: [], ends: [] }
      this.#seen.set(id, { ...casts, ...mail, faults: [], members: [], view: null, joins: [] })
      this.kernels.set(
        id,
        new Kernel(
          { random: () => 0.5, trace: (line) => void this.lines.push({ p: id, ...line }) },
          { self: id, name: id, origin: '', foundAfterMs: 0, limits, ...votes[id] },
        ),
      )
    }
    for (const id of ids) this.#step(id, [{ type: 'wake' }, { type: 'searched' }])
    for (const id of ids) for (const peer of ids) if (peer !== id) this.#step(id, [{ type: 'linkUp', peer }])
    this.until(() => ids.every((id) => this.seen(id).members.length === ids.length))
    for (const id of ids) this.join(id, options)
    this.run(500)
  }

  seen(id: string): Seen {
    const seen = this.#seen.get(id)
    assert.ok(seen)
    return seen
  }

  join(id: string, options: Partial<GroupOptions> = {}, group = 'g'): void {
    const whole = {
      order: 'causal',
      uniform: false,
      strong: false,
      consistency: 'available',
      state: false,
      kind: 'k',
      ...options,
    } as const
    this.command(id, { type: 'join', group, options: whole })
  }

  cast(id: string, size: number, service?: 'gbcast'): void {
    const n = (this.#casts.get(id) ?? 0) + 1
    this.#casts.set(id, n)
    const { view } = this.seen(id)
    const payload = new Uint8Array(size).fill(n)
    const more = { ...(this.#isStrong ? { view } : {}), ...(service === undefined ? {} : { service }) }
    this.command(id, { type: 'cast', group: 'g', n, payload, ...more })
  }

  send(id: string, to: string, size: number, group = 'x'): void {
    const n = (this.#sends.get(id) ?? 0) + 1
    this.#sends.set(id, n)
    this.command(id, { type: 'send', to, group, n, payload: new Uint8Array(size).fill(n) })
  }

  command(id: string, ...commands: readonly Command[]): void {
    this.#step(id, [{ type: 'commands', commands }])
  }

  /** A stalled application goes on, and has consumed all it was given but the last so many bytes. */
  catchUp(id: string, butFor = 0): void {
    this.stalled.delete(id)
    this.command(id, { type: 'consumed', bytes: (this.#consumed.get(id) ?? 0) - butFor })
  }

  /** Its path to the other ends, with what was under way on it, and there is another one. */
  reset(id: string, other: string): void {
    const ends = [id, other]
    this.#flying = this.#flying.filter(({ from, to }) => !ends.includes(from) || !ends.includes(to))
    for (const type of ['linkDown', 'linkUp'] as const) {
      this.#step(id, [{ type, peer: other }])
      this.#step(other, [{ type, peer: id }])
    }
  }

  /** It is gone, with what has not arrived; the others find the link closed. */
  crash(id: string): void {
    this.kernels.delete(id)
    this.#flying = this.#flying.filter(({ from, to }) => from !== id && to !== id)
    for (const other of this.kernels.keys()) this.#step(other, [{ type: 'linkDown', peer: id }])
  }

  /** As `crash`, and the others have the proof of it, and what it had voted. */
  die(id: string): void {
    const record = this.kernels.get(id)?.votes ?? null
    this.crash(id)
    for (const other of this.kernels.keys()) this.#step(other, [{ type: 'dead', peer: id, record }])
  }

  run(ms: number): void {
    const end = this.now + ms
    this.until(() => this.now >= end)
  }

  /** Goes on until it is so; fails after a virtual minute. */
  until(isSo: () => boolean): void {
    const end = this.now + 60_000
    while (!isSo()) {
      assert.ok(this.now < end, 'it never is')
      this.now += TICK_MS
      const due = this.#flying.filter(({ at }) => at <= this.now)
      this.#flying = this.#flying.filter(({ at }) => at > this.now)
      for (const { from, to, frame } of due) {
        if ('fault' in frame) this.#step(to, [{ type: 'badFrame', peer: from, code: frame.fault }])
        else this.#step(to, [{ type: 'frame', peer: from, frame }])
      }
      for (const [id, kernel] of this.kernels) if (kernel.nextWake <= this.now) this.#step(id, [{ type: 'wake' }])
    }
  }

  #step(id: string, inputs: readonly Input[]): void {
    for (const effect of this.kernels.get(id)?.step(this.now, inputs) ?? []) this.#carryOut(id, effect)
  }

  #carryOut(id: string, effect: Effect): void {
    if (effect.type === 'send') {
      const frame = this.tamper(effect.frame, id, effect.peer, effect.channel)
      if (frame === null || !this.kernels.has(effect.peer)) return
      const flying = {
        at: this.now + DELAY_MS,
        from: id,
        to: effect.peer,
        frame: decodeFrame(encodeFrame(frame), this.#limits),
      }
      this.#flying.push(flying)
    } else if (effect.type === 'persist') {
      if (!this.unstored.has(id)) this.#step(id, [{ type: 'persisted', ticket: effect.ticket }])
    } else if (effect.type === 'requestFound') this.#step(id, [{ type: 'foundAnswer', granted: id === 'a' }])
    else if (effect.type === 'app') this.#take(id, effect.event)
  }

  #take(id: string, event: AppEvent): void {
    const seen = this.seen(id)
    this.watch(id, event)
    if (event.type === 'view' && event.group === '') seen.members = event.view.members.map((member) => member.id)
    else if (event.type === 'view' && event.group === 'g') seen.view = event.view.id
    else if (event.type === 'joined') seen.joins.push(`${event.group} ${event.outcome}`)
    else if (event.type === 'castEnd') seen.ends.push(`${event.n} ${event.outcome}`)
    else if (event.type === 'fault') seen.faults.push(`${event.peer} ${event.code}`)
    if (event.type === 'message') seen.messages.push(`${event.from}>${event.n} ${event.group} ${event.payload.length}`)
    else if (event.type === 'messageEnd') seen.messageEnds.push(`${event.to} ${event.n} ${event.outcome}`)
    if (event.type !== 'deliver' && event.type !== 'message') return
    if (event.type === 'deliver') {
      seen.delivered.push(`${event.from}#${event.n}`)
      seen.payloads.push(event.payload)
    }
    const bytes = (this.#consumed.get(id) ?? 0) + event.payload.length
    this.#consumed.set(id, bytes)
    if (!this.stalled.has(id)) this.command(id, { type: 'consumed', bytes })
  }
}
