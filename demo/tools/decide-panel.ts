/**
 * Decisions: a ballot that ends in one outcome at all tabs, a value of which the first proposed stands, and something that
 * is done once, whoever asks for it.
 */
import type { Ballot } from 'tutti'
import { byId, make, setText, soon } from '../dom.ts'
import { count, type Panel, type Toolbox, wait } from './panel.ts'

const CHOICES = ['Bach', 'Monk', 'Ligeti']
const DEADLINE_MS = 60_000
const KEYS = ['A minor', 'B flat', 'C sharp', 'D dorian', 'E flat', 'F lydian', 'G minor']
/** How long what is done once takes: time enough to kill the tab that does it. */
const TUNING_MS = 4_000

/** Shows the three from now on. */
export async function openDecide(toolbox: Toolbox, panel: Panel): Promise<void> {
  await Promise.all([openBallot(toolbox, panel), openProposal(toolbox, panel), openOnce(toolbox, panel)])
}

async function openBallot({ space, people, bench }: Toolbox, panel: Panel): Promise<void> {
  // How many ballots there have been: that many says the name of the last.
  const opened = await space.register<number>('ballots')
  let ballot: Ballot | null = null
  const nameOf = (n: number): string => `encore ${n}`

  const ask = panel.button('ballot-open', async () => {
    const n = opened.version + 1
    // If another tab was faster, this is its ballot.
    await space.ballot(nameOf(n), { choices: CHOICES, deadlineMs: DEADLINE_MS, electorate: bench.tabs })
    await opened.compareAndSet(n - 1, n)
  })
  const follow = async (n: number): Promise<void> => {
    const next = await space.ballot(nameOf(n))
    if (opened.version !== n) return
    ballot = next
    next.subscribe(drawSoon)
    draw()
    const { outcome } = await next.decision
    bench.tell({ ballot: n, outcome: outcome ?? '' })
    draw()
  }
  const choices = CHOICES.map((choice) => {
    const button = make('button', { class: 'button choice', type: 'button' }, make('span', {}, choice))
    const voters = make('span', { class: 'voters' })
    button.append(voters)
    button.addEventListener('click', () => void panel.run(() => ballot?.vote(choice)))
    return { choice, button, voters }
  })
  byId('ballot-choices', HTMLElement).append(...choices.map(({ button }) => button))

  const state = byId('ballot-state', HTMLElement)
  const draw = (): void => {
    const snapshot = ballot?.snapshot
    const decision = snapshot?.decision ?? null
    const votes = Object.entries(decision?.votes ?? snapshot?.votes ?? {})
    ask.disabled = ballot !== null && decision === null
    for (const { choice, button, voters } of choices) {
      const own = votes.filter(([, voted]) => voted === choice)
      button.disabled = ballot === null
      button.dataset['won'] = String(decision?.outcome === choice)
      voters.replaceChildren(...own.map(([id]) => people.tag(id)))
    }
    if (ballot === null) return setText(state, 'No ballot was opened yet.')
    if (decision === null) return setText(state, `Open: ${votes.length} of ${ballot.electorate.length} have voted.`)
    const told = bench.reports().filter(([, { ballot: n }]) => n === opened.version)
    const same = told.filter(([, { outcome }]) => outcome === (decision.outcome ?? ''))
    const what = decision.outcome === null ? 'Decided: none of them' : `Decided: ${decision.outcome}`
    setText(state, `${what}. ${same.length} of ${count(told.length, 'tab')} that heard of it say so.`)
  }
  const drawSoon = soon(draw)
  const look = (): void => {
    if (opened.version > 0) follow(opened.version).catch((error: unknown) => panel.show(error))
  }
  opened.subscribe(look)
  bench.subscribe(drawSoon)
  look()
  draw()
}

async function openProposal({ space, people, bench }: Toolbox, panel: Panel): Promise<void> {
  // Of how many pieces the key was asked for: what is decided of one is so for ever.
  const pieces = await space.register<number>('pieces')
  const state = byId('propose-state', HTMLElement)
  const propose = async (): Promise<void> => {
    const n = pieces.version
    if (n === 0) return
    const own = KEYS[Math.floor(Math.random() * KEYS.length)] ?? ''
    // Who comes late proposes as well, and gets what was decided before.
    const decided = await space.propose(`key ${n}`, `${own}, as ${people.name(people.self)} said`)
    bench.tell({ piece: n, key: decided, keyOwn: own })
  }
  panel.button('propose-go', () => pieces.compareAndSet(pieces.version, pieces.version + 1))
  const draw = (): void => {
    const told = bench.reports().filter(([, { piece }]) => piece === pieces.version)
    const [first] = told
    if (first === undefined) return setText(state, pieces.version === 0 ? 'Nothing was proposed yet.' : '…')
    const { key } = first[1]
    const same = told.filter(([, report]) => report['key'] === key).length
    const values = new Set(told.map(([, { keyOwn }]) => keyOwn)).size
    const of = `${count(values, 'key')} by ${count(told.length, 'tab')}`
    setText(state, `Piece ${pieces.version}: ${key}. Proposed: ${of}, of which ${same} got this one.`)
  }
  const drawSoon = soon(draw)
  pieces.subscribe(() => {
    void panel.run(propose)
    drawSoon()
  })
  bench.subscribe(drawSoon)
  void panel.run(propose)
  draw()
}

async function openOnce({ space, people, bench }: Toolbox, panel: Panel): Promise<void> {
  const state = byId('once-state', HTMLElement)
  const tune = async (): Promise<string> => {
    bench.tell({ tuned: 'runs it' })
    await wait(TUNING_MS)
    return `Tuned by ${people.name(people.self)} at ${new Date().toLocaleTimeString()}`
  }
  const ask = async (): Promise<void> => {
    bench.tell({ tuned: 'asks' })
    const result = await space.once('tuning', tune)
    bench.tell({ tuned: 'has it', tuning: result })
  }
  bench.on('tune', () => void panel.run(ask))
  panel.button('once-ask', () => bench.all('tune'))
  panel.button('once-forget', async () => {
    setText(
      state,
      (await space.forgetOnce('tuning')) ? 'Forgotten: who asks now has it done anew.' : 'Nothing to forget.',
    )
  })
  const draw = (): void => {
    const said = bench.reports().filter(([, { tuned }]) => tuned !== undefined)
    if (said.length === 0) return
    const is = (what: string): number => said.filter(([, { tuned }]) => tuned === what).length
    const results = new Set(said.flatMap(([, { tuned, tuning }]) => (tuned === 'has it' ? [tuning] : [])))
    const [runner] = said.filter(([, { tuned }]) => tuned === 'runs it')
    const running = runner === undefined ? '' : `${people.name(runner[0])} runs it, ${is('asks')} wait. `
    const result = results.size === 0 ? '' : `${count(is('has it'), 'tab')} got it: ${[...results].join(' / ')}.`
    setText(state, `${running}${result}`)
  }
  bench.subscribe(soon(draw))
}
