/** Snapshots of the space, as the simulator takes them. */
import type { SnapshotHost } from '../../../lib/tools/snapshot-host.ts'
import type { SnapshotTool } from '../../../lib/tools/snapshots.ts'
import type { SimProcess } from '../process.ts'
import type { Random } from '../random.ts'
import { balanceOf } from './purses.ts'
import { type OpenTool, type SimTool, ToolCalls, type ToolPlace } from './tool.ts'

const GROUP = 'tutti:snapshots'
/** How often one is taken when it could be. */
const CHANCE = 0.3
/** How long casts are held back, at most, in ms: now and then so short that not all have marked the cut. */
const HASTY = { chance: 0.25, min: 20, max: 250, else: 1_500 }
/** How often it is taken back a moment later. */
const ABORT_CHANCE = 0.1

/** What snapshots need of a process. */
export function hostOf({ app }: SimProcess): SnapshotHost {
  return {
    part() {
      const { view } = app
      if (view === null) return null
      const { id, primary, line } = view
      const members = view.members.flatMap((member) => (member.witness ? [] : [member.id]))
      return { view: id, members, away: view.away.map((each) => each.id), primary, line }
    },
    groups: () => app.records(),
    hold: (group, op) => app.hold(group, op),
  }
}

/** The same, hasty at times, and written down. */
function tracedHostOf({ process, write, world }: ToolPlace): SnapshotHost {
  const draw = world.scenario.random.fork(`snapshots/${process.id}/${process.now}`)
  return {
    ...hostOf(process),
    get holdMs() {
      return draw.chance(HASTY.chance) ? draw.between(HASTY.min, HASTY.max) : HASTY.else
    },
    recorded: ({ id, group, cut, marks }) =>
      write({ e: 'record', snapshot: id, g: group, cut: Object.fromEntries(cut), marks: Object.fromEntries(marks) }),
  }
}

class OpenSnapshots implements OpenTool {
  readonly #tool: SnapshotTool
  readonly #calls: ToolCalls
  #isTaking = false

  constructor(tool: SnapshotTool, calls: ToolCalls) {
    this.#tool = tool
    this.#calls = calls
  }

  act(random: Random): boolean {
    if (this.#isTaking || !random.chance(CHANCE)) return false
    const abort = new AbortController()
    if (random.chance(ABORT_CHANCE)) this.#calls.after(random.between(0, 300), () => abort.abort())
    this.#isTaking = true
    void this.#calls
      .run('snapshot', [], () => this.#take(abort.signal))
      .finally(() => {
        this.#isTaking = false
      })
    return true
  }

  async #take(signal: AbortSignal): Promise<unknown> {
    const { id, part, groups } = await this.#tool.take(signal)
    const balance = balanceOf(new Map(groups.map(({ name, state }) => [name, state])), part.members)
    const parts = groups.map(({ name, from }) => [name, from])
    this.#calls.place.write({
      e: 'snapshot',
      snapshot: id,
      view: part.view,
      parts,
      ...(balance === null ? {} : { balance }),
    })
    return parts.length
  }

  close(): Promise<void> {
    return this.#tool.close()
  }
}

export const snapshots: SimTool = {
  name: GROUP,
  async load() {
    const { snapshotsKind } = await import('../../../lib/tools/snapshots.ts')
    return {
      isPlain: true,
      isStateless: true,
      open: (place, use) =>
        use(snapshotsKind, { host: tracedHostOf(place) }, (tool) => new OpenSnapshots(tool, new ToolCalls(place))),
    }
  },
}
