/** An audit log, as the simulator uses it: everybody appends, and everybody watches two triggers. */
import type { AuditLog } from '../../../lib/tools/audit.ts'
import type { Leaders } from '../../../lib/tools/leader.ts'
import type { SimProcess } from '../process.ts'
import type { Random } from '../random.ts'
import { BOUNDS } from '../scenario.ts'
import { KEEP } from './audit-model.ts'
import { type OpenTool, type SimTool, ToolCalls } from './tool.ts'

/** A trigger fires at what can be divided by that. */
const TRIGGERS = { every: 1, third: 3 } as const
/** How long what it does then takes, in ms, and how often it throws. */
const ACT = { most: 200, throwChance: 0.05 }
/** Before it is watched again. */
const AGAIN_MS = 100
/** How often a call is taken back a moment later. */
const ABORT_CHANCE = 0.1

const leadersOf = new WeakMap<SimProcess, Leaders>()

/** Who judges: the leaders of the space. */
export const judges: SimTool = {
  name: 'judges',
  async load() {
    const { leadersKind } = await import('../../../lib/tools/leader.ts')
    return {
      isPlain: true,
      open(place, use) {
        const group = use(leadersKind, { leaseMs: BOUNDS.lease }, (leaders) => {
          leadersOf.set(place.process, leaders)
          const close = (): Promise<void> => {
            leaders.handleEnd()
            return group.close()
          }
          return { act: () => false, close }
        })
        return group
      },
    }
  },
}

class OpenAudit implements OpenTool {
  readonly #log: AuditLog<number>
  readonly #calls: ToolCalls
  readonly #random: Random

  constructor(log: AuditLog<number>, calls: ToolCalls) {
    const { world, process, name } = calls.place
    this.#log = log
    this.#calls = calls
    this.#random = world.scenario.random.fork(`audit/${process.id}/${process.now}`)
    for (const [trigger, divisor] of Object.entries(TRIGGERS)) this.#watch(name, trigger, divisor)
  }

  #watch(name: string, trigger: string, divisor: number): void {
    const { process, write } = this.#calls.place
    const { app } = process
    if (app.isClosed || process.isLeaving || app.group(name)?.phase === 'ended') return
    const when = ({ value }: { readonly value: number }): boolean => value % divisor === 0
    this.#log
      .watch(trigger, {
        from: 1,
        when,
        run: async ({ position, value }, { token }) => {
          write({ e: 'fire', obj: name, trigger, position, token: [...token] })
          await this.#calls.pause(this.#random.between(0, ACT.most))
          if (this.#random.chance(ACT.throwChance)) throw new RangeError('no')
          return [process.id, value]
        },
      })
      // Its action has thrown, or it is the end.
      .catch(() => this.#calls.after(AGAIN_MS, () => this.#watch(name, trigger, divisor)))
  }

  act(random: Random, value: number): boolean {
    const abort = new AbortController()
    if (random.chance(ABORT_CHANCE)) this.#calls.after(random.between(0, 300), () => abort.abort())
    void this.#calls.run('append', [value], () => this.#log.append(value, { signal: abort.signal }))
    return true
  }

  close(): Promise<void> {
    return this.#log.close()
  }
}

export const audit: SimTool = {
  name: 'audit',
  async load() {
    const { auditKind } = await import('../../../lib/tools/audit.ts')
    return {
      open(place, use) {
        const kind = auditKind((name, fn, options) => {
          const leaders = leadersOf.get(place.process)
          // They are opened by then, or about to be.
          if (leaders === undefined) return Promise.reject(new RangeError('no leaders yet'))
          return leaders.whenLeader(name, fn, options)
        })
        return use(
          kind,
          { keep: KEEP },
          (log) => new OpenAudit(log as unknown as AuditLog<number>, new ToolCalls(place)),
        )
      },
    }
  },
}
