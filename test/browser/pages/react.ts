/**
 * A React app, in StrictMode, whose components hold a space and what is shared in it. Query: `space`.
 *
 * What it renders a test reads from the document, by id; what a user would do is in `window.app`.
 */
import { createElement as h, type ReactElement, StrictMode, useEffect } from 'react'
import { createRoot } from 'react-dom/client'
import type { SharedMap, Space } from 'tutti'
import { tabs } from 'tutti/adapters/broadcast-channel'
import { useLeader, useLock, useObject, usePresence, useSpace, useView } from 'tutti/adapters/react'
import { list, type SharedList, type SharedText, text } from 'tutti/adapters/yjs'

/** What a test does with the app. */
export interface ReactApp {
  /** Shows the app, or takes it away. */
  show(isShown: boolean): void
  /** What the app has now. */
  space: Space | null
  notes: SharedMap<string> | null
  order: SharedList<string> | null
  lyrics: SharedText | null
  say: (value: string | undefined) => void
  /** Which spaces there were. */
  readonly selves: string[]
}

declare global {
  interface Window {
    readonly app: ReactApp
  }
}

const name = new URLSearchParams(location.search).get('space') ?? ''
const options = {
  transports: [tabs()],
  worker: () => new Worker('/worker/worker.js', { type: 'module' }),
  lingerMs: 300,
}

function App(): ReactElement {
  const { space, status, error } = useSpace(name, options)
  const view = useView(space)
  const notes = useObject(space, 'notes', (from, called) => from.map<string>(called))
  const order = useObject(space, 'order', list<string>)
  const lyrics = useObject(space, 'lyrics', text)
  const { entries, say, error: unsaid } = usePresence<string>(space, 'people')
  const { isLeader, leader, token } = useLeader(space, 'chief')
  const lock = useLock(space, 'baton')
  useEffect(() => {
    app.space = space
    app.notes = notes.object
    app.order = order.object
    app.lyrics = lyrics.object
    app.say = say
    if (space !== null && app.selves.at(-1) !== space.self) app.selves.push(space.self)
  }, [space, notes.object, order.object, lyrics.object, say])
  useEffect(() => say('here'), [say])
  const shown = {
    status,
    error: String(error ?? notes.error ?? order.error ?? lyrics.error ?? unsaid ?? lock.error),
    members: String(view?.members.length ?? 0),
    notes: JSON.stringify([...(notes.snapshot ?? [])].sort()),
    order: JSON.stringify(order.snapshot ?? []),
    lyrics: lyrics.snapshot ?? '',
    people: JSON.stringify([...entries.values()]),
    leads: String(isLeader && token !== null),
    leader: String(leader),
    lock: lock.status,
  }
  return h(
    'dl',
    null,
    Object.entries(shown).map(([id, text]) => h('dd', { key: id, id }, text)),
  )
}

const main = document.body.appendChild(document.createElement('main'))
const root = createRoot(main)
const app: ReactApp = {
  show: (isShown) => root.render(h(StrictMode, null, isShown ? h(App) : null)),
  space: null,
  notes: null,
  order: null,
  lyrics: null,
  say: () => undefined,
  selves: [],
}
Object.assign(window, { app })
app.show(true)
