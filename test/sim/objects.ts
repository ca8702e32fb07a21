/**
 * The groups that a simulated application opens, and what it holds of each.
 */
import type { AppGroup } from '../../lib/app-group.ts'
import type { GroupOptions } from '../../lib/kernel/api.ts'
import { counterKind, type SharedCounter } from '../../lib/objects/counter.ts'
import { mapKind, type SharedMap } from '../../lib/objects/map.ts'
import { queueKind, SharedQueue } from '../../lib/objects/queue.ts'
import type { GroupPort, ObjectKind, Replica } from '../../lib/objects/replica.ts'
import type { TakenItem } from '../../lib/objects/taken-item.ts'
import { scratchPort } from '../../lib/storage/restoring.ts'
import { logKind, type SharedLog, strongLogKind } from './log-replica.ts'
import { type TwinStates, watchFolding } from './never-folds.ts'
import type { SimProcess } from './process.ts'
import { traceQueue } from './queue-trace.ts'
import { BOUNDS, isAllUniform, type Scenario } from './scenario.ts'
import { watchMachine } from './tool-trace.ts'
import { callTools, dealTools, drawTools, keptTools, snapshotTools, toolOf } from './tools/all.ts'
import { drawJobsName } from './tools/jobs.ts'
import type { OpenTool, ToolPlace } from './tools/tool.ts'
import type { World } from './world.ts'

/** A handle, told apart by its kind. */
export type Handle =
  | { readonly kind: 'counter'; readonly object: SharedCounter }
  | { readonly kind: 'map'; readonly object: SharedMap }
  | { readonly kind: 'log'; readonly object: SharedLog }
  | { readonly kind: 'queue'; readonly object: SharedQueue; readonly held: TakenItem<unknown>[] }
  | { readonly kind: 'tool'; readonly object: OpenTool }

/** A group as one process holds it. */
export interface OpenGroup {
  readonly name: string
  readonly handle: Handle
  readonly group: AppGroup
  /** The application was told that it may use it. */
  isWhole: boolean
  isClosing: boolean
}

/** What a group of the workload is. */
export interface GroupTemplate {
  readonly name: string
  readonly kind: Handle['kind']
  /** Every process opens it soon; else some do, some time, and leave it again. */
  readonly isCore: boolean
  /** Nobody is in a hurry to open it: everybody does, some time. */
  readonly isLate?: boolean
  /** So many of the processes open it soon, and the others never. Absent: all. */
  readonly share?: number
  /** Its casts are those of the view in which they are made. */
  readonly isStrong?: boolean
}

/** How many of the casts are gbcasts, in the workload of that name. */
const GBCAST_CHANCE = 0.15

const CORE: readonly GroupTemplate[] = [
  { name: 'f', kind: 'counter', isCore: true },
  { name: 'c', kind: 'map', isCore: true },
  { name: 'u', kind: 'queue', isCore: true },
  { name: 't', kind: 'log', isCore: true },
]

const EXTRA_KINDS = ['map', 'counter', 'log', 'queue'] as const
const CHURN_KINDS = ['queue', 'log', 'queue', 'map'] as const
const FOLD_KINDS = ['counter', 'map'] as const
const DOMAIN_KINDS = ['log', 'map', 'log', 'counter', 'log', 'log'] as const
/** Of the processes, so many are in each of the groups of the workload `snapshots`. */
const SNAPSHOT_SHARE = 0.6
/** So many more groups than otherwise. */
const DOMAIN_MORE = 2

/** The groups of a run: one of each order first, then as many as there are. */
export function makeTemplates(scenario: Scenario): GroupTemplate[] {
  if (scenario.options.workload === 'domains') return overlapping(scenario)
  if (scenario.options.workload === 'tools')
    return (scenario.tools ?? drawTools(scenario)).map(({ name, isCore }) => ({ name, kind: 'tool', isCore }))
  const { workload: name } = scenario.options
  if (name === 'deals')
    return dealTools(scenario).map((each) => ({ name: each.name, kind: 'tool', isCore: each.isCore }))
  if (name === 'kept') return keptTools().map((each) => ({ name: each, kind: 'tool', isCore: true }))
  if (name === 'calls' || name === 'clients')
    return callTools(name).map(({ name, isCore }) => ({ name, kind: 'tool', isCore }))
  const templates = CORE.slice(0, Math.max(3, scenario.groups))
  const { workload } = scenario.options
  const kinds = workload === 'churn' ? CHURN_KINDS : workload === 'fold' ? FOLD_KINDS : EXTRA_KINDS
  for (let i = templates.length; i < scenario.groups; i += 1) {
    templates.push({ name: `x${i}`, kind: kinds[i % kinds.length] ?? 'map', isCore: false })
  }
  // Who is in it changes all the time, or only with the space.
  const { strong, domain = null } = scenario
  if (strong !== null) templates.push({ name: 's', kind: 'log', isCore: strong.isCore, isStrong: true })
  // Not everybody is in both groups of its domain.
  if (domain !== null) templates.push({ name: 'd', kind: 'log', isCore: false })
  if (workload === 'snapshots') return withSnapshots(templates)
  return workload === 'queue' ? withJobs(templates, scenario) : templates
}

/** Nobody need be in all of them, so that the states of a snapshot come from several processes. */
function withSnapshots(templates: readonly GroupTemplate[]): GroupTemplate[] {
  const tools = snapshotTools().map(({ name, isLate }) => ({ name, kind: 'tool', isCore: true, isLate }) as const)
  return [...templates, ...tools].map((each) =>
    each.isCore && each.name !== 'f' && each.name !== 'judges' && !('isLate' in each && each.isLate)
      ? { ...each, share: SNAPSHOT_SHARE }
      : each,
  )
}

/** The queues are opened with limits of their own, and their steps are replayed. */
function withJobs(templates: readonly GroupTemplate[], { random }: Scenario): GroupTemplate[] {
  const draw = random.fork('jobs')
  return templates.map((each, i) =>
    each.kind === 'queue' ? { ...each, name: drawJobsName(draw, i), kind: 'tool' } : each,
  )
}

/** Groups of which nobody need be in all. */
function overlapping({ groups }: Scenario): GroupTemplate[] {
  const templates = CORE.filter(({ kind }) => kind === 'queue')
  for (let i = 0; i < groups + DOMAIN_MORE; i += 1) {
    templates.push({ name: `x${i}`, kind: DOMAIN_KINDS[i % DOMAIN_KINDS.length] ?? 'log', isCore: false })
  }
  return templates
}

/** Opens a group at a process. `ended` is called when it is no longer a member. */
export function openGroup(world: World, process: SimProcess, template: GroupTemplate, ended: () => void): OpenGroup {
  const { name } = template
  const write = (line: Parameters<typeof world.trace.app>[2]): void => world.trace.app(world.now, process.id, line)
  let handle: Handle | null = null
  let open: OpenGroup | null = null
  const use = <Object, Options>(
    kind: ObjectKind<Object, Options>,
    options: Options,
    wrap: (object: Object) => Handle,
  ): AppGroup => {
    const attach = (port: GroupPort) => {
      const isMixed = world.scenario.options.workload === 'gbcast'
      const chance = world.scenario.random.fork(`gbcast/${process.id}/${name}`)
      const isWatched = template.kind === 'tool' && toolOf(name).isPlain !== true
      const watching = isWatched ? watchMachine(port, write, toolOf(name).holds) : null
      const mixed = isMixed ? withGbcasts(port, () => chance.chance(GBCAST_CHANCE)) : port
      const made = kind.create(watching?.port ?? mixed, options)
      if (watching !== null) watching.attach(made.replica)
      if (made.handle instanceof SharedQueue) traceQueue(made.handle, process.id, write, process.written)
      if ((options as { readonly forgetAfterMs?: number }).forgetAfterMs !== undefined) {
        watchFolding(kind, { replica: made.replica, port, options }, twinsOf(world), (what) => {
          if (!world.isExcused) world.fail('fold', `at ${world.now} ms ${process.id} holds in "${name}" ${what}`)
        })
      }
      handle = wrap(made.handle)
      return made.replica
    }
    const { order, strong = false, consistency } = kind
    const { isUniform, ...by } = variantOf(world.scenario, name, order)
    const uniform = kind.uniform || isUniform
    const groupOptions = {
      order,
      uniform,
      strong,
      consistency,
      state: !(template.kind === 'tool' && toolOf(name).isStateless === true),
      kind: kind.kind + (kind.variant?.(options) ?? ''),
      ...by,
    }
    const whole = (): void => {
      if (open !== null) open.isWhole = true
    }
    const scratch = (): Replica => kind.create(scratchPort(process.app, name), options).replica
    const hooks = { whole, ended, ...(process.isKeeping ? { scratch } : {}) }
    return process.app.openGroup(name, groupOptions, attach, hooks)
  }
  const group = openKind(template, { world, process, name, write }, use)
  if (handle === null) throw new TypeError('a group without a handle')
  open = { name, handle, group, isWhole: false, isClosing: false }
  return open
}

/** What the workload makes of a group, the same at all processes. */
function variantOf(
  scenario: Scenario,
  name: string,
  order: GroupOptions['order'],
): Pick<GroupOptions, 'engine' | 'strict' | 'domain'> & { readonly isUniform: boolean } {
  if (scenario.options.workload === 'domains') return variantInDomains(scenario, name, order)
  const { domain = null } = scenario
  if (domain !== null && (name === 'd' || name === domain.with))
    return { isUniform: name === 'd' && domain.uniform, domain: 'one' }
  if (scenario.options.workload !== 'engines' || order !== 'total') return { isUniform: isAllUniform(scenario) }
  const draw = scenario.random.fork(`engine/${name}`)
  const engine = draw.pick(['moving', 'moving', 'round-robin', 'round-robin', undefined] as const)
  const isUniform = draw.chance(0.4)
  return engine === undefined ? { isUniform } : { engine, isUniform }
}

function variantInDomains(
  scenario: Scenario,
  name: string,
  order: GroupOptions['order'],
): ReturnType<typeof variantOf> {
  const draw = scenario.random.fork(`domains/${name}`)
  const isUniform = draw.chance(0.3)
  const strict = draw.chance(0.35) ? ({ strict: true } as const) : {}
  const domain = draw.pick(['one', 'one', 'one', 'other', undefined] as const)
  return { isUniform, ...strict, ...(order === 'total' && domain !== undefined ? { domain } : {}) }
}

/** The port of a group, of whose casts some are gbcasts. */
function withGbcasts(port: GroupPort, isNext: () => boolean): GroupPort {
  const cast: GroupPort['cast'] = (op, options) => port.cast(op, isNext() ? { ...options, service: 'gbcast' } : options)
  return new Proxy(port, {
    get(target, name): unknown {
      if (name === 'cast') return cast
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

const twins = new WeakMap<World, TwinStates>()

function twinsOf(world: World): TwinStates {
  const states = twins.get(world) ?? new Map()
  twins.set(world, states)
  return states
}

/** In `fold`, maps and counters fold; in half of its seeds, vanished members are soon forgotten. */
function forgetting({ options, seed }: Scenario): { readonly forgetAfterMs?: number } {
  return options.workload === 'fold' ? { forgetAfterMs: seed % 2 === 0 ? 800 : 3_600_000 } : {}
}

type Use = <Object, Options>(
  kind: ObjectKind<Object, Options>,
  options: Options,
  wrap: (object: Object) => Handle,
) => AppGroup

function openKind({ kind, isStrong = false }: GroupTemplate, place: ToolPlace, use: Use): AppGroup {
  const { scenario } = place.world
  switch (kind) {
    case 'counter':
      return use(counterKind, forgetting(scenario), (object) => ({ kind, object }))
    case 'map':
      return use(mapKind, scenario.foldsMaps ? forgetting(scenario) : {}, (object) => ({ kind, object }))
    case 'log':
      return use(
        isStrong && scenario.strong !== null ? strongLogKind(scenario.strong) : logKind(scenario.isTotalConsistent),
        {},
        (object) => ({ kind, object }),
      )
    case 'queue':
      return use(queueKind, { leaseMs: BOUNDS.lease }, (object) => ({ kind, object, held: [] }))
    case 'tool':
      return toolOf(place.name).open(place, (kind, options, wrap) =>
        use(kind, options, (object) => ({ kind: 'tool', object: wrap(object) })),
      )
  }
}
