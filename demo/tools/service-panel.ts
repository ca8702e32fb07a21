/**
 * A service: calls that one of those who serve carries out, and another one if that one dies; each has one outcome. And a
 * request, to which each member of one view has an entry.
 */
import type { ReplyEntry } from 'tutti'
import { byId, KeyedList, make, setAttribute, setText, soon } from '../dom.ts'
import { randomId } from '../random-id.ts'
import { count, type Panel, type Toolbox, untilAborted, wait } from './panel.ts'

const CALLS = 6
/** How long a call takes: time enough to kill the tab that runs it. */
const RING_MS = 2_500

/** A call as it is sent. */
interface Ring {
  readonly batch: string
  readonly n: number
}

/** A call of this tab. */
interface Row {
  readonly n: number
  /** The process that rang, or why it failed; null: it is under way. */
  outcome: { readonly by: string } | { readonly error: string } | null
}

/** Shows the service from now on; this tab serves. */
export async function openService({ space, people }: Toolbox, panel: Panel): Promise<void> {
  // Each run, by whoever begins it: `batch n process`.
  const [group, runs] = await Promise.all([space.group('bells'), space.map<number>('bell runs')])
  const client = await space.client('bells')
  let ringing = 0
  let rung = 0

  panel
    .switch('service-serve', async (signal) => {
      const service = await group.serve((value, context) => ring(value, context.signal))
      await untilAborted(signal)
      await service.close()
    })
    .turn(true)
  async function ring(value: unknown, signal: AbortSignal): Promise<string> {
    const { batch, n } = readRing(value)
    runs.set(`${batch} ${n} ${space.self}`, Date.now())
    ringing += 1
    draw()
    try {
      await wait(RING_MS, signal)
      rung += 1
      return space.self
    } finally {
      ringing -= 1
      draw()
    }
  }

  let batch = ''
  let rows: Row[] = []
  panel.button('service-call', async () => {
    for (const key of runs.keys()) if (batch !== '' && key.startsWith(`${batch} `)) runs.delete(key)
    batch = randomId().slice(0, 8)
    rows = Array.from({ length: CALLS }, (_, i) => ({ n: i + 1, outcome: null }))
    draw()
    await Promise.all(rows.map((row) => call(batch, row)))
  })
  const call = async (of: string, row: Row): Promise<void> => {
    try {
      row.outcome = { by: await client.call<string>({ batch: of, n: row.n } satisfies Ring) }
    } catch (error) {
      row.outcome = { error: String(error) }
      throw error
    } finally {
      draw()
    }
  }
  const runnersOf = (n: number): string[] => {
    const begun = [...runs].filter(([key]) => key.startsWith(`${batch} ${n} `))
    return begun.sort(([, a], [, b]) => a - b).map(([key]) => key.slice(key.lastIndexOf(' ') + 1))
  }

  const list = new KeyedList<Row>(byId('service-calls', HTMLElement), {
    key: ({ n }) => `${batch} ${n}`,
    make: ({ n }) => make('li', {}, make('span', {}, `Bell ${n}`), make('span', { class: 'work' })),
    update(row, { n, outcome }) {
      const [, state] = row.children
      if (state === undefined) return
      const runners = runnersOf(n)
      const again = runners.length > 1 ? `, begun ${runners.length} times` : ''
      setAttribute(row, 'data-work', outcome === null ? 'busy' : 'ready')
      const last = runners.at(-1)
      if (outcome === null) setText(state, last === undefined ? 'called' : `${people.name(last)} rings${again}`)
      else setText(state, 'error' in outcome ? 'failed' : `rung by ${people.name(outcome.by)}${again}`)
    },
  })
  const draw = (): void => {
    list.show(rows)
    const here = ringing > 0 ? `rings ${ringing} now` : `has rung ${rung}`
    setText(byId('service-here', HTMLElement), `This tab ${here}.`)
    if (rows.length === 0) return
    const begun = rows.reduce((sum, { n }) => sum + runnersOf(n).length, 0)
    const ended = rows.filter(({ outcome }) => outcome !== null).length
    setText(
      byId('service-state', HTMLElement),
      `${rows.length} called, ${ended} with an outcome, one each; begun ${count(begun, 'time')}.`,
    )
  }
  runs.subscribe(soon(draw))
  draw()

  group.respond(() => `${new Date().toLocaleTimeString()}, ${document.visibilityState}`)
  const answers = byId('request-entries', HTMLElement)
  panel.button('request-go', async () => {
    const { view, entries } = await group.request<string>('what time is it?')
    answers.replaceChildren(
      ...[...entries].map(([id, entry]) =>
        make('li', {}, people.tag(id), make('span', { class: 'work' }, textOf(entry))),
      ),
    )
    setText(
      byId('request-state', HTMLElement),
      `${entries.size} of ${count(view.members.length, 'member')} of one view:`,
    )
  })
}

function textOf(entry: ReplyEntry<string>): string {
  if (entry.status === 'reply') return String(entry.value)
  return entry.status === 'failed' ? String(entry.error) : entry.status
}

/** A peer may have sent anything. What is thrown is the outcome, at the caller. */
function readRing(value: unknown): Ring {
  const { batch, n } = (typeof value === 'object' && value !== null ? value : {}) as Partial<Record<string, unknown>>
  if (typeof batch !== 'string' || typeof n !== 'number') throw new TypeError('this is no bell')
  return { batch, n }
}
