/** Leaders, as the simulator uses them: a leadership is a lock that one process has at a time. */
import type { AppGroup } from '../../../lib/app-group.ts'
import { compareTokens, type Token } from '../../../lib/objects/token.ts'
import type { LeaderContext, Leaders } from '../../../lib/tools/leader.ts'
import type { Random } from '../random.ts'
import { BOUNDS } from '../scenario.ts'
import type { World } from '../world.ts'
import { type OpenTool, type SimTool, ToolCalls } from './tool.ts'

const NAMES = 2
/** How often a candidate stands no longer a moment later, or stops while it leads. */
const ABORT_CHANCE = 0.2
/** For how long it leads, in ms, at most; now and then for longer than a lease. */
const LEAD = { most: 100, long: 5_000, longChance: 0.03 }
/** What one process stands for at a time, at most. */
const WANTED_MAX = 2

/** By line and name: what the resource that is guarded by it has seen. */
const seen = new WeakMap<World, Map<string, Token>>()

function seenBy(world: World): Map<string, Token> {
  const known = seen.get(world) ?? new Map<string, Token>()
  seen.set(world, known)
  return known
}

/** The leaders in the hands of one process. */
class OpenLeaders implements OpenTool {
  readonly #leaders: Leaders
  readonly #calls: ToolCalls
  readonly #leave: () => Promise<void>
  #wanted = 0

  constructor(leaders: Leaders, calls: ToolCalls, leave: () => Promise<void>) {
    this.#leaders = leaders
    this.#calls = calls
    this.#leave = leave
    for (let i = 0; i < NAMES; i += 1) this.#watch(`n${i}`)
  }

  /** Whom it is shown as the leader. */
  #watch(name: string): void {
    const { name: g, write } = this.#calls.place
    const watched = this.#leaders.leaderOf(name)
    watched.subscribe(() => write({ e: 'leads', g, name, ...watched.snapshot }))
  }

  act(random: Random): boolean {
    if (this.#wanted >= WANTED_MAX) return true
    const name = `n${random.int(NAMES)}`
    const abort = new AbortController()
    if (random.chance(ABORT_CHANCE)) this.#calls.after(random.between(0, 600), () => abort.abort())
    const ms = random.between(0, random.chance(LEAD.longChance) ? LEAD.long : LEAD.most)
    const lead = (context: LeaderContext): Promise<unknown> => this.#lead(name, context, ms)
    this.#wanted += 1
    void this.#calls
      .run('whenLeader', [name], () => this.#leaders.whenLeader(name, lead, { signal: abort.signal }))
      .finally(() => {
        this.#wanted -= 1
      })
    return true
  }

  /** It acts until it is done, or told that another may lead. */
  async #lead(name: string, { signal, token }: LeaderContext, ms: number): Promise<unknown> {
    const { name: group, write } = this.#calls.place
    let isActing = !signal.aborted
    const tell = (on: boolean): void => {
      if (isActing) write({ e: 'act', lock: `${group}/${name}`, token, on, mode: 'exclusive' })
    }
    const end = (): void => {
      tell(false)
      isActing = false
    }
    tell(true)
    signal.addEventListener('abort', end)
    this.#output(name, token)
    await this.#calls.pause(ms)
    end()
    // Also where another may lead by now: what it writes to must refuse that, by its token.
    this.#output(name, token)
    return [...token]
  }

  /** Writes to what only the leader of that name may write to, which knows the highest token that it has seen. */
  #output(name: string, token: Token): void {
    const { world, name: group, write } = this.#calls.place
    const lock = `${group}/${name}`
    const seen = seenBy(world)
    const last = seen.get(`${token[0]} ${lock}`)
    const ok = last === undefined || compareTokens(token, last) >= 0
    if (ok) seen.set(`${token[0]} ${lock}`, token)
    write({ e: 'write', lock, token: [...token], ok })
  }

  close(): Promise<void> {
    this.#leaders.handleEnd()
    return this.#leave()
  }
}

export const leader: SimTool = {
  name: 'leader',
  async load() {
    const { leadersKind } = await import('../../../lib/tools/leader.ts')
    return {
      holds: {
        granted(body, value) {
          const [kind, lock] = body as [number, string]
          return kind === 0 ? { lock, token: value as Token, mode: 'exclusive' } : null
        },
        released(body) {
          const [kind, lock, token] = body as [number, string, Token]
          return kind === 1 ? { lock, token } : null
        },
      },
      open(place, use) {
        const group: AppGroup = use(leadersKind, { leaseMs: BOUNDS.lease }, (handle) => {
          return new OpenLeaders(handle, new ToolCalls(place), () => group.close())
        })
        return group
      },
    }
  },
}
