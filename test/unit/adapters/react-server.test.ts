/** React's hooks on a server: nothing is opened, and what is rendered is what the browser begins with. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createElement as h, type ReactElement, StrictMode } from 'react'
import { renderToString } from 'react-dom/server'
import { useLeader, useLock, useObject, usePresence, useSpace, useView } from '../../../adapters/react/index.ts'

function App(): ReactElement {
  const { space, status, error } = useSpace('score-42')
  const view = useView(space)
  const { object, snapshot } = useObject(space, 'todos', (from, name) => from.map<string>(name))
  const { entries } = usePresence<string>(space, 'people')
  const { leader, isLeader } = useLeader(space, 'chief')
  const lock = useLock(space, 'baton')
  const shown = [space, status, error, view, object, snapshot, entries.size, leader, isLeader, lock.status]
  return h('p', null, JSON.stringify(shown))
}

test('react › a server renders what there is before anything is open', () => {
  const timers = process.getActiveResourcesInfo()
  const html = renderToString(h(StrictMode, null, h(App)))
  assert.equal(html.replaceAll('&quot;', '"'), '<p>[null,"connecting",null,null,null,null,0,null,false,"idle"]</p>')
  assert.deepEqual(process.getActiveResourcesInfo(), timers)
})
