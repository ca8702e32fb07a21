/**
 * One order: a race of all tabs for one write of a register, which one wins; a class that runs at every tab alike; and slow
 * handlers, whose last step is in the order of the casts.
 */
import { callContext } from 'tutti'
import { byId, make, setText, soon } from '../dom.ts'
import { count, type Panel, type Toolbox, wait } from './panel.ts'

const FACES = ['⚀', '⚁', '⚂', '⚃', '⚄', '⚅']
const ROLLS_KEPT = 12
/** Notes that a tab casts at once, and how long a handler takes over one at most. */
const NOTES = 5
const NOTE_MS = 600
const NOTES_KEPT = 15

/** Dice that fall the same at all processes: time and chance come with the call. */
class Dice {
  rolls: { face: number; by: string; at: number }[] = []
  thrown = 0
  roll(): number {
    const { random, caller, now } = callContext()
    const face = 1 + Math.floor(random() * FACES.length)
    this.thrown += 1
    this.rolls = [...this.rolls, { face, by: caller, at: now }].slice(-ROLLS_KEPT)
    return face
  }
}

/** Shows the three from now on. */
export async function openOrder(toolbox: Toolbox, panel: Panel): Promise<void> {
  await Promise.all([openRace(toolbox, panel), openDice(toolbox, panel), openRegion(toolbox, panel)])
}

async function openRace({ space, people, bench }: Toolbox, panel: Panel): Promise<void> {
  const seat = await space.register<string>('first chair')
  bench.on('race', (version) => {
    void panel.run(async () => {
      const { ok } = await seat.compareAndSet(Number(version), space.self)
      bench.tell({ race: version, raceWon: ok ? 1 : 0 })
    })
  })
  panel.button('race-go', () => bench.all('race', seat.version))
  const state = byId('race-state', HTMLElement)
  const draw = (): void => {
    const { value, version } = seat
    if (value === undefined) return setText(state, 'Nobody has it yet.')
    const tried = bench.reports().filter(([, { race }]) => race === version - 1)
    const won = tried.filter(([, { raceWon }]) => raceWon === 1).length
    const race =
      tried.length === 0
        ? ''
        : ` Of ${count(tried.length, 'tab')} that wrote over version ${version - 1}, ${won} got it.`
    state.replaceChildren(people.tag(value), ` has it, version ${version}.${race}`)
  }
  const drawSoon = soon(draw)
  seat.subscribe(drawSoon)
  bench.subscribe(drawSoon)
  draw()
}

async function openDice({ space, people, bench }: Toolbox, panel: Panel): Promise<void> {
  const dice = await space.replicate('dice', new Dice())
  const roll = async (): Promise<void> => {
    await dice.object.roll()
  }
  panel.button('dice-roll', roll)
  panel.button('dice-all', () => bench.all('roll'))
  bench.on('roll', () => void panel.run(roll))
  dice.addEventListener('divergence', ({ error }) => panel.show(error))

  const faces = byId('dice-faces', HTMLElement)
  const state = byId('dice-state', HTMLElement)
  /** What this tab sees, as a text to compare. */
  const seen = (): string => dice.snapshot.rolls.map(({ face }) => FACES[face - 1]).join('')
  const draw = (): void => {
    const { rolls, thrown } = dice.snapshot
    faces.replaceChildren(
      ...rolls.map(({ face, by }) => {
        const die = make('span', { class: 'die', title: people.name(by) }, FACES[face - 1] ?? '')
        die.style.setProperty('--hue', people.hue(by))
        return die
      }),
    )
    if (thrown === 0) return setText(state, 'Nobody has rolled yet.')
    const others = bench.reports().filter(([, { diceThrown }]) => diceThrown === thrown)
    const same = others.filter(([, { diceSeen }]) => diceSeen === seen()).length
    setText(state, `${count(thrown, 'roll')}. ${same} of ${count(others.length, 'tab')} that had as many saw the same.`)
  }
  const drawSoon = soon(draw)
  dice.subscribe(() => {
    bench.tell({ diceThrown: dice.snapshot.thrown, diceSeen: seen() })
    drawSoon()
  })
  bench.tell({ diceThrown: dice.snapshot.thrown, diceSeen: seen() })
  bench.subscribe(drawSoon)
  draw()
}

async function openRegion({ space, bench }: Toolbox, panel: Panel): Promise<void> {
  const notes = await space.group('notes at sight', { order: 'total' })
  // As the handlers came to their ends, and as the region let them in.
  let ended: readonly Note[] = []
  let entered: readonly Note[] = []
  const region = space.region()
  region.follow(notes, async (event) => {
    if (event.type !== 'cast') return
    await wait(Math.random() * NOTE_MS)
    ended = [...ended, event].slice(-NOTES_KEPT)
    await region.run(event, () => {
      entered = [...entered, event].slice(-NOTES_KEPT)
    })
    bench.tell({ note: lastOf(entered), notes: numbersOf(entered) })
    drawSoon()
  })
  bench.on('notes', () => {
    void panel.run(() => {
      for (let i = 0; i < NOTES; i += 1) notes.cast('a note')
    })
  })
  panel.button('region-go', () => bench.all('notes'))

  const state = byId('region-state', HTMLElement)
  const order = byId('region-order', HTMLElement)
  const draw = (): void => {
    if (entered.length === 0) return setText(state, 'Nobody has played yet.')
    const own = numbersOf(entered)
    const told = bench.reports().filter(([, { note }]) => note === lastOf(entered))
    const same = told.filter(([, report]) => report['notes'] === own).length
    setText(order, `Here handlers ended as ${numbersOf(ended)}, and what they ran came as ${own}.`)
    setText(state, `${same} of ${count(told.length, 'tab')} that came as far had one order.`)
  }
  const drawSoon = soon(draw)
  bench.subscribe(drawSoon)
  draw()
}

/** A note that was cast: all members agree on its number in its view. */
interface Note {
  readonly view: string
  readonly index: number
}

function lastOf(notes: readonly Note[]): string {
  const last = notes.at(-1)
  return last === undefined ? '' : `${last.view} ${last.index}`
}

/** The numbers of those in the view of the last. */
function numbersOf(notes: readonly Note[]): string {
  const view = notes.at(-1)?.view
  return notes.flatMap((note) => (note.view === view ? note.index : [])).join(' ')
}
