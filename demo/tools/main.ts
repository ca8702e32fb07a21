/**
 * The demo's second page, the toolbox: what the processes of a space can agree on, each to be tried from all tabs.
 */
import { enter } from '../enter.ts'
import { showMembers } from '../members-panel.ts'
import { openBank } from './bank-panel.ts'
import { openBench } from './bench.ts'
import { openDecide } from './decide-panel.ts'
import { openDesk } from './desk-panel.ts'
import { openLeader } from './leader-panel.ts'
import { openOrder } from './order-panel.ts'
import { Panel, type Toolbox } from './panel.ts'
import { openService } from './service-panel.ts'
import { openSnapshot } from './snapshot-panel.ts'
import { openTopics } from './topics-panel.ts'
import { openWaiting } from './waiting-panel.ts'
import { openWrite } from './write-panel.ts'

/** By the id of their element; each resolves when it can be used. */
const panels: Readonly<Record<string, (toolbox: Toolbox, panel: Panel) => Promise<void>>> = {
  leader: openLeader,
  decide: openDecide,
  order: openOrder,
  write: openWrite,
  bank: openBank,
  service: openService,
  waiting: openWaiting,
  topics: openTopics,
  desk: openDesk,
  snapshot: openSnapshot,
}

const who = new Panel('who')
who.run(start)

async function start(): Promise<void> {
  const { space, people } = await enter()
  showMembers(space, people)
  space.addEventListener('problem', ({ error }) => who.show(error))
  const bench = await openBench(space)
  for (const [id, open] of Object.entries(panels)) {
    const panel = new Panel(id)
    // One that does not come up says why, and keeps no other from it.
    open({ space, people, bench }, panel).then(
      () => panel.ready(),
      (error: unknown) => panel.show(error),
    )
  }
}
