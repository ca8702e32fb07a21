/**
 * Snapshots: all objects of the space at one cut, to look at, to download, and to restore.
 */
import { decodeSnapshot, encodeSnapshot, type SnapshotObject, type SpaceSnapshot } from 'tutti'
import { byId, make, setText } from '../dom.ts'
import { BANK } from './bank-panel.ts'
import { count, type Panel, type Toolbox } from './panel.ts'

const BANK_NAMES: readonly string[] = [...BANK.maps, BANK.vault]
/** What is restored: the board, the counter and the bank. The rest is about who is here now. */
const RESTORED = ['cards', 'plays', ...BANK_NAMES]

/** Lets this tab take snapshots, and restore them. */
export async function openSnapshot({ space }: Toolbox, panel: Panel): Promise<void> {
  let held: SpaceSnapshot | null = null
  const state = byId('snapshot-state', HTMLElement)
  const list = byId('snapshot-objects', HTMLElement)
  // It scrolls, so the keyboard must reach it, also in browsers that do not see to that themselves.
  list.tabIndex = 0
  const download = make('a', { class: 'button' }, 'Download')

  const hold = (snapshot: SpaceSnapshot): void => {
    held = snapshot
    const bytes = encodeSnapshot(snapshot)
    if (download.href !== '') URL.revokeObjectURL(download.href)
    download.href = URL.createObjectURL(new Blob([bytes]))
    download.download = `${snapshot.space}.tutti-snapshot`
    byId('snapshot-take', HTMLElement).after(download)
    restore.disabled = false
    const own = snapshot.objects.filter(({ name }) => !name.startsWith('tutti:'))
    const when = new Date(snapshot.taken).toLocaleTimeString()
    const from = `${count(snapshot.members.length, 'process', 'processes')} at ${when}`
    setText(state, `${count(own.length, 'object')} of ${from}, ${count(bytes.length, 'byte')}. ${bankOf(snapshot)}`)
    list.replaceChildren(
      ...own.map((object) =>
        make('li', {}, make('span', {}, object.name), make('span', { class: 'work' }, textOf(object))),
      ),
    )
  }
  panel.button('snapshot-take', async () => hold(await space.snapshot()))
  const restore = panel.button('snapshot-restore', async () => {
    if (held === null) return
    const { restored } = await space.restore(held, { only: RESTORED, replace: true })
    setText(state, `Restored: ${restored.join(', ') || 'nothing'}.`)
  })
  const file = byId('snapshot-file', HTMLInputElement)
  file.addEventListener('change', () => {
    void panel.run(async () => {
      const [chosen] = file.files ?? []
      if (chosen !== undefined) hold(decodeSnapshot(new Uint8Array(await chosen.arrayBuffer())))
    })
  })
}

/** The bank's sum at the cut, over objects that were changed all the while. */
function bankOf({ objects }: SpaceSnapshot): string {
  const values = objects.filter(({ name }) => BANK_NAMES.includes(name)).map(({ value }) => value)
  if (values.length < BANK_NAMES.length) return ''
  const sum = values.reduce<number>((all, value) => {
    if (value instanceof Map) return [...value.values()].reduce((some, each) => some + Number(each), all)
    return all + Number((value as { readonly value?: unknown } | undefined)?.value)
  }, 0)
  return `${sum === BANK.sum ? '✓' : '✗'} The bank's sum in it: ${sum}.`
}

function textOf({ kind, members, value }: SnapshotObject): string {
  const size = value instanceof Map || value instanceof Set ? `, ${count(value.size, 'entry', 'entries')}` : ''
  return `${kind.split(/[ (+]/, 1)[0]}${size}, held by ${members.length}`
}
