/**
 * The demo: opens a space, its objects and a lock, and shows them. Everything it uses is Tutti's public face.
 */
import { openSpace, type Presence, type SharedCounter, type SharedMap, type SharedQueue, type Space } from 'tutti'
import { tabs } from 'tutti/adapters/broadcast-channel'
import { webrtc } from 'tutti/adapters/simple-peer'
import { type Address, addressOfAnother, readAddress, signalingAddress } from './address.ts'
import { showBaton } from './baton-panel.ts'
import { showBoard } from './board-panel.ts'
import type { Card } from './card-view.ts'
import { byId, make, setText } from './dom.ts'
import { type Job, showJobs } from './jobs-panel.ts'
import { LogPanel } from './log-panel.ts'
import { showMembers } from './members-panel.ts'
import { People, type Player } from './people.ts'
import { showPlays } from './plays-panel.ts'

/** What tests and the curious find at `window.tuttiDemo`. */
interface TuttiDemo {
  readonly space: Space
  readonly cards: SharedMap<Card>
  readonly plays: SharedCounter
  readonly jobs: SharedQueue<Job>
  readonly players: Presence<Player>
}

declare global {
  interface Window {
    tuttiDemo?: TuttiDemo
  }
}

const url = new URL(location.href)
const address = readAddress(url)
for (const link of document.querySelectorAll<HTMLAnchorElement>('a[data-another]')) link.href = addressOfAnother(url)
start(address).catch(showFailure)

async function start({ space: name, name: memberName, transport }: Address): Promise<void> {
  setText(byId('space-name', HTMLElement), name)
  const transports = {
    tabs: () => [tabs()],
    webrtc: () => [webrtc({ signaling: [signalingAddress(url)], iceServers: [] })],
    both: () => [...transports.tabs(), ...transports.webrtc()],
  }
  const space = await openSpace(name, { name: memberName, transports: transports[transport]() })
  byId('kill', HTMLButtonElement).addEventListener('click', () => {
    space.kill()
    showKilled()
  })
  const players = await space.presence<Player>('players')
  const people = new People(space, players)
  const members = showMembers(space, people)
  const log = new LogPanel(people, (author) => members.sound(author))
  log.watchSpace(space)

  const [cards, plays, jobs] = await Promise.all([
    space.map<Card>('cards').then((map) => {
      showBoard(map, people)
      log.watchCards(map)
      return ready('board', map)
    }),
    space.counter('plays').then((counter) => {
      showPlays(counter)
      log.watchPlays(counter)
      return ready('counter', counter)
    }),
    Promise.all([space.queue<Job>('jobs', { maxTries: 10 }), space.map<boolean>('workers')]).then(
      ([queue, workers]) => {
        showJobs({ space, people, jobs: queue, workers })
        log.watchJobs(queue)
        return ready('queue', queue)
      },
    ),
  ])
  showBaton({ space, people, players })
  ready('baton', players)
  window.tuttiDemo = { space, cards, plays, jobs, players }
}

/** A panel can be used once its object is whole. */
function ready<Value>(panel: string, value: Value): Value {
  byId(panel, HTMLElement).removeAttribute('aria-busy')
  byId(panel, HTMLElement).inert = false
  return value
}

function showKilled(): void {
  document.title = 'Tutti · killed'
  byId('page', HTMLElement).hidden = true
  byId('killed', HTMLElement).hidden = false
  byId('killed-again', HTMLAnchorElement).focus()
}

function showFailure(error: unknown): void {
  setText(
    byId('status', HTMLElement),
    `The space could not be opened: ${error instanceof Error ? error.message : String(error)}`,
  )
  document.documentElement.dataset['status'] = 'closed'
  byId('log', HTMLElement).prepend(make('li', { 'data-kind': 'problem' }, make('p', {}, String(error))))
}
