/**
 * Who is here: the status in plain words, the view as a list, and the members as notes on a staff.
 */
import type { Space, SpaceStatus } from 'tutti'
import { byId, KeyedList, make, setAttribute, setText, soon } from './dom.ts'
import type { People } from './people.ts'

type Member = Space['members'][number]

/** Notes on the staff, and members in the list; a bigger orchestra is counted. */
const NOTES_MAX = 16
const ROWS_MAX = 64
const SOUND_MS = 600

/** The panel; `sound` lets the note of whoever did something ring. */
export interface MembersPanel {
  sound(author: string): void
}

/** Shows the members of a space from now on. */
export function showMembers(space: Space, people: People): MembersPanel {
  const status = byId('status', HTMLElement)
  const viewId = byId('view-id', HTMLElement)
  const primary = byId('primary', HTMLElement)
  const more = byId('members-more', HTMLElement)
  const cutOff = byId('cut-off', HTMLElement)
  const refound = byId('refound', HTMLButtonElement)
  const list = new KeyedList<Member>(byId('members', HTMLElement), {
    key: ({ id }) => id,
    make: ({ id }) => makeRow(id, people),
    update: updateRow,
  })
  const notes = new Map<string, HTMLElement>()
  const staff = new KeyedList<Member>(byId('staff', HTMLElement), {
    key: ({ id }) => id,
    make({ id }) {
      const note = makeNote(people.hue(id))
      notes.set(id, note)
      return note
    },
    update: (note, { rank }) => note.style.setProperty('--step', String(rank % 8)),
  })

  const draw = (): void => {
    const { view, members } = space
    setText(status, inWords(space.status, members.length - 1))
    setAttribute(document.documentElement, 'data-status', space.status)
    setText(viewId, view.id)
    viewId.title = `View ${view.id}`
    setText(primary, view.primary ? 'Primary' : view.line === null ? 'Not yet primary' : 'Not primary')
    setAttribute(primary, 'data-on', view.primary)
    primary.title = view.primary
      ? 'This part of the space decides: its queue works'
      : 'This part of the space does not decide: its queue waits'
    list.show(members.slice(0, ROWS_MAX))
    staff.show(members.slice(0, NOTES_MAX))
    for (const id of notes.keys()) if (!members.some((member) => member.id === id)) notes.delete(id)
    cutOff.hidden = space.status !== 'degraded'
    setText(more, members.length > ROWS_MAX ? `and ${members.length - ROWS_MAX} more` : '')
    document.title = `Tutti · ${people.name(people.self)} · ${members.length} here`
  }
  const drawSoon = soon(draw)
  for (const type of ['view', 'status', 'connection'] as const) space.addEventListener(type, drawSoon)
  refound.addEventListener('click', () => {
    refound.disabled = true
    const enable = (): void => {
      refound.disabled = false
    }
    // It ends otherwise only with the space, which the status tells.
    space.refound().then(enable, enable)
  })
  draw()

  return {
    sound(author) {
      const note = notes.get(author)
      if (note === undefined || note.classList.contains('sounding')) return
      note.classList.add('sounding')
      setTimeout(() => note.classList.remove('sounding'), SOUND_MS)
    },
  }
}

/** A status as one would say it. */
export function inWords(status: SpaceStatus, others: number): string {
  switch (status) {
    case 'alone':
      return 'Alone, waiting for others'
    case 'connecting':
      return 'Looking for others …'
    case 'together':
      return `Together with ${others} ${others === 1 ? 'other' : 'others'}`
    case 'degraded':
      return 'Cut off from the majority: queue waits'
    case 'closed':
      return 'Left the space'
    default:
      return status satisfies never
  }
}

function makeRow(id: string, people: People): HTMLElement {
  return make(
    'li',
    {},
    make('span', { class: 'rank' }),
    people.tag(id),
    make('span', { class: 'crown', title: 'Coordinator: leads the agreement on views', hidden: true }, 'Coordinator'),
    make('span', { class: 'way' }),
  )
}

function updateRow(row: HTMLElement, member: Member): void {
  const [rank, , crown, way] = row.children
  if (rank === undefined || crown === undefined || way === undefined) return
  setText(rank, String(member.rank))
  setAttribute(rank, 'title', `Rank ${member.rank}`)
  setAttribute(crown, 'hidden', member.rank !== 0)
  const [text, title] = wayInWords(member.connection)
  setText(way, text)
  setAttribute(way, 'title', title)
}

function wayInWords(connection: Member['connection']): readonly [text: string, title: string] {
  switch (connection) {
    case 'self':
      return ['this tab', 'This is you']
    case 'tabs':
      return ['tab', 'Connected as a tab of this browser (BroadcastChannel)']
    case 'webrtc':
      return ['WebRTC', 'Connected directly by a WebRTC data channel']
    case null:
      return ['no path', 'Not connected directly at the moment']
    default:
      return [connection, `Connected by ${connection}`]
  }
}

function makeNote(hue: string): HTMLElement {
  const note = make('i', { class: 'note' })
  note.style.setProperty('--hue', hue)
  return note
}
