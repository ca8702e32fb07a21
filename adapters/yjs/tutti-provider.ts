/**
 * The provider for documents of `yjs` 13.
 */
import type { Space } from 'tutti'
import { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { Provider, type ProviderModules, type ProviderOptions } from './provider.ts'

const modules: ProviderModules = { yjs: Y, makeAwareness: (doc) => new Awareness(doc as Y.Doc) }

/** Connects a document to all who have one of the same name open in the space. */
export class TuttiProvider extends Provider<Y.Doc, Awareness> {
  /**
   * `space` may be one that is still being opened. Any number of providers may have one name, in one page too.
   * @throws UsageError for a name that is not of 1 to 200 characters.
   */
  constructor(
    space: PromiseLike<Space> | Space,
    roomName: string,
    doc: Y.Doc,
    options: ProviderOptions<Y.Doc, Awareness> = {},
  ) {
    super(space, roomName, doc, options, modules)
  }
}
