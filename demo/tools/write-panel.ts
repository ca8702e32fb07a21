/**
 * Written together: a text, a list and a set, which all tabs may change at once, also while they are cut off, and which
 * become the same everywhere. Each tab says what it shows, so that they can be compared.
 */
import { list, text } from 'tutti/adapters/yjs'
import { byId, KeyedList, make, setText, soon } from '../dom.ts'
import { randomId } from '../random-id.ts'
import { count, type Panel, type Toolbox } from './panel.ts'
import { bindArea } from './shared-area.ts'

const WORDS_MAX = 60
const DRAWN_MAX = 100

/** A piece of the program. Two may have one title: the id tells them apart. */
interface Piece {
  readonly id: string
  readonly title: string
}

/** Shows the three from now on. */
export async function openWrite({ space, people, bench }: Toolbox, panel: Panel): Promise<void> {
  const [notes, program, tags] = await Promise.all([
    text(space, 'program notes'),
    list<Piece>(space, 'program'),
    space.set<string>('tags'),
  ])
  bindArea(byId('write-text', HTMLTextAreaElement), notes, (work) => panel.run(work))

  const add = (title: string): void => program.push({ id: randomId(), title })
  const rows = byId('write-list', HTMLElement)
  addWith(panel, 'write-add', 'write-title', (title) => {
    add(title)
    draw()
    rows.lastElementChild?.scrollIntoView({ block: 'nearest' })
  })
  const pieces = new KeyedList<Piece>(rows, {
    key: ({ id }) => id,
    make({ id, title }) {
      const remove = removeButton(title, panel, () => {
        const at = program.snapshot.findIndex((piece) => readPiece(piece).id === id)
        if (at >= 0) program.delete(at)
      })
      return make('li', {}, make('span', {}, title), remove)
    },
    update: () => {},
  })
  addWith(panel, 'write-tag', 'write-tag-name', (tag) => tags.add(tag))
  const chips = new KeyedList<string>(byId('write-tags', HTMLElement), {
    key: (tag) => tag,
    make: (tag) =>
      make(
        'li',
        {},
        tag,
        removeButton(tag, panel, () => tags.delete(tag)),
      ),
    update: () => {},
  })

  panel.button('write-all', () => bench.all('write'))
  bench.on('write', () => {
    void panel.run(() => {
      const name = people.name(people.self)
      notes.insert(0, `${name} was here.\n`)
      add(`Encore of ${name}`)
      // All add the same one: it is there once.
      tags.add('bis')
    })
  })

  const state = byId('write-state', HTMLElement)
  const titles = (): string[] => program.snapshot.map((piece) => readPiece(piece).title)
  const names = (): string[] => [...tags].filter((tag) => typeof tag === 'string')
  const seen = (): string => digest([notes.snapshot, titles(), names()])
  const draw = (): void => {
    pieces.show(program.snapshot.slice(0, DRAWN_MAX).map(readPiece))
    chips.show(names().slice(0, DRAWN_MAX))
    const told = bench.reports().filter(([, { written }]) => written !== undefined)
    const own = seen()
    const same = told.filter(([, { written }]) => written === own).length
    const counts = [count(notes.length, 'character'), count(program.length, 'piece'), count(tags.size, 'tag')]
    setText(state, `${counts.join(', ')}: the same in ${same} of ${count(told.length, 'tab')}.`)
  }
  const drawSoon = soon(draw)
  const tellSoon = soon(() => {
    bench.tell({ written: seen() })
    draw()
  })
  for (const object of [notes, program, tags]) object.subscribe(tellSoon)
  bench.subscribe(drawSoon)
  bench.tell({ written: seen() })
  draw()
}

/** Has a form hand over what its input holds, and empty it. */
function addWith(panel: Panel, form: string, input: string, add: (words: string) => void): void {
  const field = byId(input, HTMLInputElement)
  panel.form(form, () => {
    const words = field.value.trim().slice(0, WORDS_MAX)
    if (words !== '') add(words)
    field.value = ''
  })
}

function removeButton(what: string, panel: Panel, remove: () => void): HTMLButtonElement {
  const button = make('button', { class: 'icon', type: 'button', 'aria-label': `Remove ${what}` }, '✕')
  button.addEventListener('click', () => void panel.run(remove))
  return button
}

/** A peer may have put in anything. */
function readPiece(piece: unknown): Piece {
  const { id, title } = (typeof piece === 'object' && piece !== null ? piece : {}) as Partial<Record<string, unknown>>
  return { id: typeof id === 'string' ? id : '?', title: typeof title === 'string' ? title.slice(0, WORDS_MAX) : '?' }
}

/** A short text, by which tabs tell whether they show the same. */
function digest(value: unknown): string {
  let hash = 7
  for (const character of JSON.stringify(value)) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 1_000_000_007
  return String(hash)
}
