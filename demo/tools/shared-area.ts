/**
 * A text area that shows a shared text and writes into it: what others write meanwhile moves the caret along.
 */
import type { SharedText } from 'tutti/adapters/yjs'
import { editOf, moved } from './text-edit.ts'

/** Ties the two together; `run` does what a person asked for. */
export function bindArea(area: HTMLTextAreaElement, text: SharedText, run: (work: () => void) => unknown): void {
  let shown = ''
  // What an input method is composing must not be touched: others' writing is shown after it.
  let isComposing = false

  const draw = (): void => {
    const now = text.snapshot
    if (isComposing || now === shown) return
    const edit = editOf(shown, now)
    const { selectionStart, selectionEnd, selectionDirection } = area
    area.value = now
    shown = now
    area.setSelectionRange(moved(selectionStart, edit), moved(selectionEnd, edit), selectionDirection)
  }
  const write = (): void => {
    const own = editOf(shown, area.value)
    // The text may have what is not shown yet.
    const others = editOf(shown, text.snapshot)
    shown = area.value
    const from = moved(own.at, others)
    const to = moved(own.at + own.removed, others)
    text.batch(() => {
      text.delete(from, to - from)
      text.insert(from, own.added)
    })
  }
  area.addEventListener('input', () => run(write))
  area.addEventListener('compositionstart', () => {
    isComposing = true
  })
  area.addEventListener('compositionend', () => {
    isComposing = false
    draw()
  })
  text.subscribe(draw)
  draw()
}
