/**
 * The desk: a group whose members divide 48 parts among them, by its view alone; and which a tab may join, or attach to as a
 * client. Either way it is told each message once, which the numbers of the messages show.
 */
import type { Group, GroupClient } from 'tutti'
import { byId, make, setText, soon } from '../dom.ts'
import { count, type Panel, type Toolbox } from './panel.ts'

const PARTS = 48
const MESSAGES = 20
const LINES = 4

/** A message as it is cast, numbered by its sender from 1. */
interface Message {
  readonly n: number
}

/** This tab at the desk: as a member, as a client, or (for a moment, or if nobody is a member) not at all. */
type Place =
  | { readonly as: 'member'; readonly handle: Group }
  | { readonly as: 'client'; readonly handle: GroupClient }
  | { readonly as: 'nobody' }

/** Shows the desk from now on; this tab becomes a member. */
export async function openDesk({ space, people }: Toolbox, panel: Panel): Promise<void> {
  let place: Place = { as: 'nobody' }
  let cast = 0
  const told = { count: 0, twice: 0, missing: 0, gaps: 0 }
  /** By sender, the number of its last message. */
  let last = new Map<string, number>()
  /** Who had each part in the view before. */
  let owners: readonly (string | null)[] = []
  let moved = 0

  const lines = byId('desk-lines', HTMLElement)
  const take = ({ from, value, via }: { from: string; value: unknown; via?: string }): void => {
    const n = readNumber(value)
    const before = last.get(from)
    told.count += 1
    if (before !== undefined && n <= before) told.twice += 1
    else if (before !== undefined) told.missing += n - before - 1
    last.set(from, n)
    const by = via === undefined ? '' : `, a client, by way of ${people.name(via)}`
    lines.prepend(make('li', {}, make('code', {}, String(n)), make('span', {}, people.tag(from), by)))
    while (lines.childElementCount > LINES) lines.lastElementChild?.remove()
    drawSoon()
  }
  const join = async (): Promise<Place> => {
    const handle = await space.group('desk', { order: 'total', clients: true })
    handle.addEventListener('cast', ({ entry }) => take(entry))
    handle.addEventListener('view', () => drawSoon())
    return { as: 'member', handle }
  }
  const attach = async (): Promise<Place> => {
    const handle = await space.attach('desk')
    handle.addEventListener('cast', ({ entry }) => take(entry))
    handle.addEventListener('gap', () => {
      told.gaps += 1
      last = new Map()
      drawSoon()
    })
    for (const type of ['view', 'sponsor'] as const) handle.addEventListener(type, () => drawSoon())
    return { as: 'client', handle }
  }
  /** One change of place after the other. */
  let moving: Promise<void> = Promise.resolve()
  const become = (next: () => Promise<Place>): Promise<void> => {
    const change = async (): Promise<void> => {
      if (place.as !== 'nobody') await place.handle.close()
      place = { as: 'nobody' }
      last = new Map()
      owners = []
      moved = 0
      draw()
      place = await next()
      draw()
    }
    moving = moving.then(change, change)
    return moving
  }
  const roles = document.querySelectorAll<HTMLInputElement>('input[name="desk-role"]')
  for (const role of roles) {
    role.addEventListener('change', () => void panel.run(() => become(role.value === 'client' ? attach : join)))
  }
  panel.button('desk-cast', async () => {
    const { as } = place
    if (as === 'nobody') throw new Error('This tab is not at the desk')
    const { handle } = place
    const receipts = Array.from({ length: MESSAGES }, () => {
      cast += 1
      return handle.cast({ n: cast } satisfies Message)
    })
    await Promise.all(receipts.map(({ stable }) => stable))
  })

  const parts = byId('desk-parts', HTMLElement)
  const cells = Array.from({ length: PARTS }, () => make('i', {}))
  parts.append(...cells)
  const draw = (): void => {
    const now = cells.map((_, i) => (place.as === 'member' ? place.handle.owner(`part ${i}`) : null))
    const changed = now.filter(
      (owner, i) => owners[i] !== undefined && owners[i] !== null && owner !== owners[i],
    ).length
    if (changed > 0) moved = changed
    owners = now
    // Who is no member cannot tell.
    parts.hidden = place.as !== 'member'
    for (const [i, cell] of cells.entries()) {
      const owner = now[i]
      if (owner === null || owner === undefined) cell.removeAttribute('style')
      else cell.style.setProperty('--hue', people.hue(owner))
      cell.dataset['own'] = String(owner === space.self)
    }
    const each = new Map<string, number>()
    for (const owner of now) if (owner !== null) each.set(owner, (each.get(owner) ?? 0) + 1)
    const shares = [...each].map(([id, n]) => `${people.name(id)} ${n}`).join(', ')
    const text =
      place.as === 'member' ? `${shares || 'Nobody'} of ${PARTS} parts. ${moved} moved last.` : whereOf(place)
    setText(byId('desk-owners', HTMLElement), text)
    const { count: all, twice, missing, gaps } = told
    setText(
      byId('desk-state', HTMLElement),
      `Told ${count(all, 'message')}. Twice: ${twice}. Missing: ${missing}. Gaps that it was told of: ${gaps}.`,
    )
  }
  const whereOf = (there: Place): string => {
    if (there.as !== 'client') return 'Not at the desk: choose again once a tab is a member.'
    const { sponsor } = there.handle
    return sponsor === null ? 'A client that no member serves now.' : `A client, served by ${people.name(sponsor)}.`
  }
  const drawSoon = soon(draw)
  await become(join)
}

/** A peer may have cast anything. */
function readNumber(value: unknown): number {
  return typeof value === 'object' && value !== null && 'n' in value && typeof value.n === 'number' ? value.n : 0
}
