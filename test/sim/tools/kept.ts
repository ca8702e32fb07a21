/**
 * The objects of the workload `kept` as its pages use them: a counter, a map, a list that is united as a whole, and, of those
 * that act in the primary component only, a book in the agreed order and a total map.
 */
import type { ObjectKind } from '../../../lib/objects/replica.ts'
import type { Random } from '../random.ts'
import { bookKind, type KeptObject, listKind } from './kept-objects.ts'
import { pageOf } from './kept-page.ts'
import type { OpenTool, SimTool, ToolPlace } from './tool.ts'

/** How often a page asks that what it has be stored, instead of putting something into it. */
const SYNC_CHANCE = 0.2

/** One object in the hands of one process. */
class OpenKept implements OpenTool {
  readonly #place: ToolPlace
  readonly #object: KeptObject

  constructor(place: ToolPlace, object: KeptObject) {
    this.#place = place
    this.#object = object
    pageOf(place.world, place.process).add(place.name, object)
  }

  act(random: Random): boolean {
    const page = pageOf(this.#place.world, this.#place.process)
    page.put(this.#place.name)
    if (random.chance(SYNC_CHANCE)) page.sync()
    return true
  }

  close(): Promise<void> {
    return this.#object.close()
  }
}

/** What is read and written of the library's handle. */
type Wrap<Handle> = (handle: Handle, self: string) => KeptObject

function toolOf<Handle, Options>(
  name: string,
  options: Options,
  load: () => Promise<{ readonly kind: ObjectKind<Handle, Options>; readonly wrap: Wrap<Handle> }>,
): SimTool {
  return {
    name,
    async load() {
      const { kind, wrap } = await load()
      return {
        isPlain: true,
        open: (place, use) => use(kind, options, (handle) => new OpenKept(place, wrap(handle, place.process.id))),
      }
    },
  }
}

/** Calls may end badly; that they end in another way than with a typed error is a bug. */
function ignoreRefusal(error: unknown): void {
  if (!(error instanceof Error) || !('code' in error)) throw error
}

const list = toolOf('list', {}, async () => ({ kind: listKind, wrap: (handle) => handle }))
const book = toolOf('book', {}, async () => ({ kind: bookKind, wrap: (handle) => handle }))

/** Each adds one: of every process, as many as it is said to have counted. */
const sum = toolOf('sum', {}, async () => {
  const { counterKind } = await import('../../../lib/objects/counter.ts')
  const kind: ObjectKind<KeptObject, object> = {
    ...counterKind,
    create(port, options) {
      const { replica, handle } = counterKind.create(port, options)
      const elements = (): string[] => {
        const saved = replica.save() as (string | number)[]
        const counts = new Map<string, number>()
        let others = 0
        for (let i = 0; i < saved.length; i += 4) {
          const [author = ''] = String(saved[i]).split('/')
          const net = Number(saved[i + 2]) - Number(saved[i + 3])
          counts.set(author, (counts.get(author) ?? 0) + net)
          if (author !== port.self) others += net
        }
        // Own steps show at once.
        counts.set(port.self, handle.value - others)
        return [...counts].flatMap(([author, n]) => Array.from({ length: n }, (_, i) => `${author}.${i + 1}`))
      }
      return { replica, handle: { put: () => void handle.add(1), elements, close: () => handle.close() } }
    },
  }
  return { kind, wrap: (handle) => handle }
})

const notes = toolOf('notes', {}, async () => {
  const { mapKind } = await import('../../../lib/objects/map.ts')
  return {
    kind: mapKind,
    wrap: (map, self) => ({
      put: (k) => void map.set(`${self}.${k}`, k),
      elements: () => [...map.keys()],
      close: () => map.close(),
    }),
  }
})

const desk = toolOf('desk', { consistency: 'total' } as const, async () => {
  const { totalMapKind } = await import('../../../lib/objects/total-map.ts')
  return {
    kind: totalMapKind,
    wrap: (map, self) => ({
      put: (k) => void map.set(`${self}.${k}`, k).catch(ignoreRefusal),
      elements: () => [...map.keys()],
      close: () => map.close(),
    }),
  }
})

/** All of them, in each run. */
export const KEPT: readonly SimTool[] = [sum, notes, list, book, desk]
