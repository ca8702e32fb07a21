/**
 * A shared text: applied here at once, causally ordered everywhere, goes on in every part of a split and merges. By Yjs.
 */
import type { Space } from 'tutti'
import type * as Y from 'yjs'
import { checkIndex, checkValue, openType, SharedType, type SharedTypeOptions } from './shared-type.ts'
import type { TuttiProvider } from './tutti-provider.ts'

/** Formatting, by name: JSON. */
export type TextAttributes = Readonly<Record<string, unknown>>

/** A text, in UTF-16 code units, with formatting if it is wanted. */
export class SharedText extends SharedType<Y.Text, string> {
  /** Made by {@link text}. */
  constructor(provider: TuttiProvider) {
    super(provider, provider.doc.getText('text'))
  }

  get length(): number {
    return this.type.length
  }

  /**
   * Puts text before the character at `index`, with the formatting of what is before it or with `attributes`.
   * @throws UsageError (the index), ValueError (an attribute), ClosedError.
   */
  insert(index: number, text: string, attributes?: TextAttributes): void {
    this.checkOpen()
    checkIndex('insert', index, this.length)
    if (attributes !== undefined) checkValue(attributes)
    if (text !== '') this.type.insert(index, text, attributes)
  }

  /** Puts text at the end. */
  append(text: string): void {
    this.insert(this.length, text)
  }

  /**
   * Takes out `count` characters from `index` on.
   * @throws UsageError (they are not there), ClosedError.
   */
  delete(index: number, count: number): void {
    this.#checkRange('delete', index, count)
    if (count > 0) this.type.delete(index, count)
  }

  /** Formats `count` characters from `index` on; an attribute that is null is taken away. Throws as {@link insert} does. */
  format(index: number, count: number, attributes: TextAttributes): void {
    this.#checkRange('format', index, count)
    checkValue(attributes)
    if (count > 0) this.type.format(index, count, attributes)
  }

  override toString(): string {
    return this.snapshot
  }

  protected read(): string {
    return this.type.toString()
  }

  #checkRange(what: string, index: number, count: number): void {
    this.checkOpen()
    checkIndex(what, index, this.length)
    checkIndex(`${what}: count`, count, this.length - index)
  }
}

/**
 * Opens a shared text. Resolves when it is whole; each call gives a handle of its own, to be closed.
 * Rejects with UsageError (the name), KindMismatchError, ClosedError, or the signal's reason.
 */
export async function text(space: Space, name: string, options: SharedTypeOptions = {}): Promise<SharedText> {
  return new SharedText(await openType(space, name, options))
}
