/**
 * The dependency rule: which part of the house may import which. A function over a file map, so that tests can plant
 * imports that it must refuse.
 *
 * - `lib/kernel` imports nothing outside itself.
 * - `lib/objects` and `lib/tools` import each other, the group interface (whose types stand in `lib/ports/group.ts`,
 *   since adapters share them), values, errors, what signals are made of where a browser lacks it, and how what was thrown
 *   is described.
 * - `lib/ports` are interfaces: they import each other and the kernel's types.
 * - `lib` never imports `adapters`, `worker`, `demo`, and no package but its dependencies.
 * - A port adapter imports its own folder, `lib/ports`, the kernel's types and one outside package; never another adapter.
 * - A binding adapter (`adapters/react`, `adapters/yjs`: what others' libraries are bound to) imports its own folder, the
 *   public entries `tutti` and `tutti/…`, and what it binds to.
 * - `worker` imports `lib` and `adapters`.
 * - `demo` and `test/browser` import `tutti` and `tutti/…`, never a file of the library.
 * - Nobody inside imports an entry's `index.ts`; there are no circular imports at run time.
 */
import { posix } from 'node:path'
import { type Import, importsOf } from './imports-of.ts'
import type { FileMap } from './tree.ts'

/** One import against the rule. */
export interface Offence {
  readonly file: string
  readonly specifier: string
  /** What the rule says. */
  readonly reason: string
}

/** What the rule needs to know of `package.json`. */
export interface PackageNames {
  readonly dependencies: readonly string[]
  readonly devDependencies: readonly string[]
}

/** An import whose target is known. */
interface Edge extends Import {
  readonly file: string
  /** A path of the file map, or a package's name, or `node:…`. */
  readonly target: string
  readonly isFile: boolean
}

/** Checks every file of the map. Empty: the rule holds. */
export function findOffences(files: FileMap, packages: PackageNames): Offence[] {
  const offences: Offence[] = []
  const edges: Edge[] = []
  for (const [file, text] of files) {
    for (const each of importsOf(file, text)) {
      const edge = resolve(file, each)
      edges.push(edge)
      const reason = edge.isFile && !files.has(edge.target) ? missing(edge) : check(edge, packages)
      if (reason !== null) offences.push({ file, specifier: each.specifier, reason })
    }
  }
  return [...offences, ...oneOutsidePackage(edges), ...findCycles(edges)]
}

function resolve(file: string, each: Import): Edge {
  const { specifier } = each
  if (specifier.startsWith('.')) {
    return { ...each, file, target: posix.join(posix.dirname(file), specifier), isFile: true }
  }
  const parts = specifier.split('/')
  const name = parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/')
  return { ...each, file, target: name, isFile: false }
}

/** Files outside the map (`scripts/`, JSON) are not the rule's business, unless they ought to be in it. */
function missing(edge: Edge): string | null {
  return /^(lib|adapters|worker)\//.test(edge.target) || edge.target.startsWith('..')
    ? 'there is no such file'
    : check(edge, null)
}

function check(edge: Edge, packages: PackageNames | null): string | null {
  const area = areaOf(edge.file)
  if (area === null) return null
  if (edge.isFile) {
    if (/^lib\/.*\/index\.ts$|^lib\/index\.ts$/.test(edge.target) && edge.file.startsWith('lib/')) {
      return 'inside, files are imported by name, not through an entry'
    }
    return area.files(edge) ? null : area.rule
  }
  return area.packages(edge, packages) ? null : area.rule
}

interface Area {
  readonly rule: string
  files(edge: Edge): boolean
  packages(edge: Edge, packages: PackageNames | null): boolean
}

const kernelTypes = 'lib/kernel/api.ts'
const groupInterface = [
  'lib/objects/replica.ts',
  'lib/values.ts',
  'lib/errors.ts',
  'lib/tool-errors.ts',
  'lib/either-signal.ts',
  'lib/thrown.ts',
]
const groupTypes = 'lib/ports/group.ts'
/** Adapters that stand where an application stands, and what each may import. */
const bindings = new Map<string, readonly string[]>([
  ['adapters/react', ['react']],
  ['adapters/yjs', ['yjs', 'y-protocols', 'lib0']],
])
const isIn = (path: string, ...folders: string[]): boolean => folders.some((folder) => path.startsWith(`${folder}/`))
const never = (): boolean => false

const areas: readonly (readonly [prefix: string, area: Area])[] = [
  [
    'lib/kernel/',
    {
      rule: 'lib/kernel imports nothing outside itself',
      files: ({ target }) => isIn(target, 'lib/kernel'),
      packages: never,
    },
  ],
  ['lib/objects/', objectsOrTools()],
  ['lib/tools/', objectsOrTools()],
  [
    'lib/ports/',
    {
      rule: 'lib/ports holds interfaces: it imports only ports and the types of lib/kernel/api.ts',
      files: ({ target, kind }) => isIn(target, 'lib/ports') || (target === kernelTypes && kind === 'type'),
      packages: never,
    },
  ],
  [
    'lib/',
    {
      rule: 'lib imports only lib and the dependencies of package.json',
      files: ({ target }) => isIn(target, 'lib'),
      packages: ({ target }, packages) => packages?.dependencies.includes(target) ?? false,
    },
  ],
  ...[...bindings].map(([folder, bound]) => [`${folder}/`, binding(folder, bound)] as const),
  [
    'adapters/',
    {
      rule: 'an adapter imports its own folder, lib/ports, the types of lib/kernel/api.ts and one outside package',
      files: ({ file, target, kind }) =>
        isIn(target, file.split('/').slice(0, 2).join('/'), 'lib/ports') || (target === kernelTypes && kind === 'type'),
      packages: ({ target }) => target !== 'tutti' && !target.startsWith('node:'),
    },
  ],
  [
    'worker/',
    {
      rule: 'worker imports only lib, adapters and itself',
      files: ({ target }) => isIn(target, 'lib', 'adapters', 'worker'),
      packages: never,
    },
  ],
  ['demo/', publicOnly('demo', 'scripts')],
  ['test/browser/', publicOnly('test/browser', 'demo', 'scripts')],
]

function objectsOrTools(): Area {
  return {
    rule: `lib/objects and lib/tools import only each other and ${groupInterface.join(', ')}`,
    files: ({ target, kind }) =>
      isIn(target, 'lib/objects', 'lib/tools') ||
      groupInterface.includes(target) ||
      (target === groupTypes && kind === 'type'),
    packages: never,
  }
}

function binding(folder: string, bound: readonly string[]): Area {
  return {
    rule: `${folder} imports its own folder, tutti's public entries, and ${bound.join(', ')}`,
    files: ({ target }) => isIn(target, folder),
    packages: ({ target }) => target === 'tutti' || bound.includes(target),
  }
}

function publicOnly(...folders: string[]): Area {
  return {
    rule: `${folders[0]} imports the library only through its public entries`,
    files: ({ target }) => isIn(target, ...folders),
    packages: ({ target }, packages) =>
      target === 'tutti' || target.startsWith('node:') || (packages?.devDependencies.includes(target) ?? true),
  }
}

function areaOf(file: string): Area | null {
  return areas.find(([prefix]) => file.startsWith(prefix))?.[1] ?? null
}

function oneOutsidePackage(edges: readonly Edge[]): Offence[] {
  const byAdapter = new Map<string, Set<string>>()
  const offences: Offence[] = []
  for (const edge of edges) {
    if (edge.isFile || !edge.file.startsWith('adapters/')) continue
    const adapter = edge.file.split('/').slice(0, 2).join('/')
    if (bindings.has(adapter)) continue
    const packages = byAdapter.get(adapter) ?? new Set()
    byAdapter.set(adapter, packages.add(edge.target))
    if (packages.size > 1) {
      offences.push({
        ...edge,
        reason: `${adapter} imports more than one outside package: ${[...packages].join(', ')}`,
      })
    }
  }
  return offences
}

/** Circular static imports: one offence for each import that closes a circle. */
function findCycles(edges: readonly Edge[]): Offence[] {
  const outgoing = new Map<string, Edge[]>()
  for (const edge of edges) {
    if (edge.isFile && edge.kind === 'static') outgoing.set(edge.file, [...(outgoing.get(edge.file) ?? []), edge])
  }
  const offences: Offence[] = []
  const done = new Set<string>()
  const path: string[] = []
  const visit = (file: string): void => {
    if (done.has(file)) return
    path.push(file)
    for (const edge of outgoing.get(file) ?? []) {
      const at = path.indexOf(edge.target)
      if (at < 0) visit(edge.target)
      else offences.push({ ...edge, reason: `circular: ${[...path.slice(at), edge.target].join(' → ')}` })
    }
    path.pop()
    done.add(file)
  }
  for (const file of outgoing.keys()) visit(file)
  return offences
}
