/**
 * A shared list: applied here at once, causally ordered everywhere, goes on in every part of a split and merges. By Yjs.
 */
import type { Space } from 'tutti'
import type * as Y from 'yjs'
import { checkIndex, checkValue, openType, SharedType, type SharedTypeOptions } from './shared-type.ts'
import type { TuttiProvider } from './tutti-provider.ts'

/** A list of values: JSON, or a `Uint8Array`. A value is replaced, never changed. */
export class SharedList<Value = unknown>
  extends SharedType<Y.Array<Value>, readonly Value[]>
  implements Iterable<Value>
{
  /** Made by {@link list}. */
  constructor(provider: TuttiProvider) {
    super(provider, provider.doc.getArray<Value>('list'))
  }

  get length(): number {
    return this.type.length
  }

  /** The value at an index; from the end if it is negative. */
  at(index: number): Value | undefined {
    return this.snapshot.at(index)
  }

  /**
   * Puts values before the one at `index`.
   * @throws UsageError (the index), ValueError (a value that Yjs does not carry), ClosedError; nothing was put in then.
   */
  insert(index: number, ...values: Value[]): void {
    this.checkOpen()
    checkIndex('insert', index, this.length)
    for (const value of values) checkValue(value)
    if (values.length > 0) this.type.insert(index, values)
  }

  /** Puts values at the end. Throws as {@link insert} does. */
  push(...values: Value[]): void {
    this.insert(this.length, ...values)
  }

  /**
   * Takes out `count` values from `index` on.
   * @throws UsageError (they are not there), ClosedError.
   */
  delete(index: number, count = 1): void {
    this.checkOpen()
    checkIndex('delete', index, this.length)
    checkIndex('delete: count', count, this.length - index)
    if (count > 0) this.type.delete(index, count)
  }

  [Symbol.iterator](): ArrayIterator<Value> {
    return this.snapshot[Symbol.iterator]()
  }

  protected read(): readonly Value[] {
    return Object.freeze(this.type.toArray())
  }
}

/**
 * Opens a shared list. Resolves when it is whole; each call gives a handle of its own, to be closed.
 * Rejects with UsageError (the name), KindMismatchError, ClosedError, or the signal's reason.
 */
export async function list<Value = unknown>(
  space: Space,
  name: string,
  options: SharedTypeOptions = {},
): Promise<SharedList<Value>> {
  return new SharedList<Value>(await openType(space, name, options))
}
