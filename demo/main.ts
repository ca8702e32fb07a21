/**
 * The demo's first page: a board, a queue, a counter and a lock of one space. Everything it uses is Tutti's public face.
 */
import type { Presence, SharedCounter, SharedMap, SharedQueue, Space } from 'tutti'
import { showBaton } from './baton-panel.ts'
import { showBoard } from './board-panel.ts'
import type { Card } from './card-view.ts'
import { byId, make } from './dom.ts'
import { enter, showReady } from './enter.ts'
import { type Job, showJobs } from './jobs-panel.ts'
import { LogPanel } from './log-panel.ts'
import { showMembers } from './members-panel.ts'
import type { Player } from './people.ts'
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

start().catch(showFailure)

async function start(): Promise<void> {
  const { space, people, players } = await enter()
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

function ready<Value>(panel: string, value: Value): Value {
  showReady(panel)
  return value
}

function showFailure(error: unknown): void {
  byId('log', HTMLElement).prepend(make('li', { 'data-kind': 'problem' }, make('p', {}, String(error))))
}
