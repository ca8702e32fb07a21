/** A queue, as the simulator uses it: with delays, priorities, a few tries and little room, drawn for each queue of a run. */
import type { SharedQueue } from '../../../lib/objects/queue.ts'
import type { TakenItem } from '../../../lib/objects/taken-item.ts'
import type { Random } from '../random.ts'
import { BOUNDS } from '../scenario.ts'
import { type OpenTool, type SimTool, ToolCalls } from './tool.ts'

const PRIORITIES = [0, 0, 0, 1, 5, -2] as const
/** How often an item is delayed, refused if there is no room, or must be back some time; and how it ends. */
const CHANCES = { delay: 0.3, reject: 0.4, timeout: 0.25, retryDelay: 0.3, hopeless: 0.05 }
/** The longest, in ms. */
const MS = { delay: 2_500, timeout: 4_000, retryDelay: 800 }
/** For how long an add waits for room, and a take for an item, in ms: at least, at most. */
const PATIENCE = { least: 100, most: 3_000 }

/** A queue in the hands of one process. */
class OpenJobs implements OpenTool {
  readonly #queue: SharedQueue
  readonly #calls: ToolCalls
  readonly #held: TakenItem<unknown>[] = []
  /** Dead letters that it was told of. */
  readonly #dead: string[] = []

  constructor(queue: SharedQueue, calls: ToolCalls) {
    this.#queue = queue
    this.#calls = calls
    queue.addEventListener('change', ({ changes }) => {
      for (const { type, id } of changes) if (type === 'dead') this.#dead.push(id)
    })
  }

  act(random: Random, value: number): boolean {
    const draw = random.next()
    if (draw < 0.08) this.#settleDead(random)
    else if (draw < 0.4) this.#add(random, value)
    else if (draw < 0.7 || this.#held.length === 0) this.#take(random)
    else this.#end(random)
    return true
  }

  #add(random: Random, value: number): void {
    const priority = random.pick(PRIORITIES) ?? 0
    const delay = random.chance(CHANCES.delay) ? Math.round(random.between(1, MS.delay)) : 0
    const whenFull = random.chance(CHANCES.reject) ? 'reject' : 'wait'
    const options = { priority, delay, whenFull } as const
    const signal = this.#patience(random)
    void this.#calls.run('add', [value, options], () => this.#queue.add(value, { ...options, signal }))
  }

  #take(random: Random): void {
    const timeout = random.chance(CHANCES.timeout) ? { timeout: Math.round(random.between(50, MS.timeout)) } : {}
    const signal = this.#patience(random)
    const take = async (): Promise<unknown> => {
      const taken = await this.#queue.take({ ...timeout, signal })
      this.#held.push(taken)
      return [taken.id, taken.item, taken.token.join()]
    }
    void this.#calls.run('take', [timeout], take)
  }

  /** What it is about to wait for, it does not wait for for ever. */
  #patience(random: Random): AbortSignal {
    const abort = new AbortController()
    this.#calls.after(random.between(PATIENCE.least, PATIENCE.most), () => abort.abort())
    return abort.signal
  }

  /** Even one whose lease has run out: it must be refused, or nobody else has it yet. */
  #end(random: Random): void {
    const at = random.int(this.#held.length)
    const taken = this.#held[at]
    if (taken === undefined) return
    const { id } = taken
    const what = [id, taken.token.join()] as const
    const draw = random.next()
    if (draw < 0.1)
      return void this.#calls.run('extend', what, () => taken.extend(Math.ceil(random.between(1, MS.timeout))))
    this.#held.splice(at, 1)
    if (draw < 0.6) return void this.#calls.run('done', what, () => taken.done(id))
    if (draw < 0.7) return this.#queue.hands.giveBack(taken)
    const delay = random.chance(CHANCES.retryDelay) ? Math.round(random.between(1, MS.retryDelay)) : 0
    const dead = random.chance(CHANCES.hopeless)
    void this.#calls.run('fail', [...what, { delay, dead }], () => taken.fail('again', { delay, dead }))
  }

  #settleDead(random: Random): void {
    const [id] = this.#dead.splice(random.int(this.#dead.length + 1), 1)
    if (id === undefined) return
    const isRestored = random.chance(0.7)
    void this.#calls.run(isRestored ? 'restore' : 'drop', [id], () =>
      isRestored ? this.#queue.restore(id) : this.#queue.drop(id),
    )
  }

  close(): Promise<void> {
    return this.#queue.close()
  }
}

/** A name that says what the queue is opened with: `jobs-model.ts` reads it as well. */
export function drawJobsName(draw: Random, i: number): string {
  const tries = draw.pick([0, 1, 2, 3, 5] as const) ?? 0
  const size = draw.pick([0, 1, 3, 6, 12] as const) ?? 0
  return `jobs-${tries}-${size}-${i}`
}

export const jobs: SimTool = {
  name: 'jobs',
  async load() {
    const { queueKind } = await import('../../../lib/objects/queue.ts')
    return {
      open(place, use) {
        const [, tries = 0, size = 0] = place.name.split('-').map(Number)
        const terms = { ...(tries > 0 ? { maxTries: tries } : {}), ...(size > 0 ? { maxSize: size } : {}) }
        return use(queueKind, { leaseMs: BOUNDS.lease, ...terms }, (queue) => new OpenJobs(queue, new ToolCalls(place)))
      },
    }
  },
}
