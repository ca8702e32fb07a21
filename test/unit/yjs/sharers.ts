/** Spaces of one thread, and documents with providers in them. */
import type { TestContext } from 'node:test'
import type { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { MemoryHub, memory } from '../../../adapters/memory/index.ts'
import type { ProviderOptions } from '../../../adapters/yjs/provider.ts'
import { TuttiProvider } from '../../../adapters/yjs/tutti-provider.ts'
import { openSpace } from '../../../lib/open-space.ts'
import type { Space } from '../../../lib/space.ts'
import { until } from '../until.ts'

type Options = ProviderOptions<Y.Doc, Awareness>

/** One process with a document. */
export interface Sharer {
  readonly space: Space
  readonly doc: Y.Doc
  readonly provider: TuttiProvider
}

/** A network, whose spaces end with the test. */
export class Net {
  readonly hub: MemoryHub = new MemoryHub()
  readonly spaces: Space[] = []
  readonly #t: TestContext

  constructor(t: TestContext) {
    this.#t = t
    t.after(() => {
      for (const space of this.spaces) space.kill()
    })
  }

  async space(): Promise<Space> {
    const space = await openSpace('test', {
      worker: false,
      foundAfterMs: 20,
      transports: [memory({ hub: this.hub })],
    })
    this.spaces.push(space)
    return space
  }

  /** Spaces that are together. */
  async together(count: number): Promise<readonly Space[]> {
    const spaces: Space[] = []
    for (let i = 0; i < count; i += 1) spaces.push(await this.space())
    await Promise.all(
      spaces.map((space) => until(space, 'view', () => space.view.members.length === count && space.view.primary)),
    )
    return spaces
  }

  share(space: Space, name = 'doc', options: Options = {}, doc: Y.Doc = new Y.Doc()): Sharer {
    const provider = new TuttiProvider(space, name, doc, options)
    // Its awareness has a timer.
    this.#t.after(() => {
      provider.destroy()
      doc.destroy()
    })
    return { space, doc, provider }
  }

  /** Processes with a document each, synced. */
  async sharers(count: number, options: Options = {}): Promise<readonly Sharer[]> {
    const sharers = (await this.together(count)).map((space) => this.share(space, 'doc', options))
    await Promise.all(sharers.map(({ provider }) => provider.whenSynced))
    await allIn(sharers)
    return sharers
  }
}

/** Resolves once each has all the others in its room. */
export async function allIn(sharers: readonly Sharer[]): Promise<void> {
  await Promise.all(
    sharers.map(({ provider }) => when(provider, 'peers', () => countPeers(provider) === sharers.length - 1)),
  )
}

export function countPeers(provider: TuttiProvider): number {
  const { room } = provider
  return room === null ? 0 : room.webrtcConns.size + room.bcConns.size
}

/** Resolves once `isTrue`, looked at after every event of the name. */
export function when(
  source: { on(name: string, fn: () => void): unknown; off(name: string, fn: () => void): void },
  name: string,
  isTrue: () => boolean,
): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (!isTrue()) return
      source.off(name, look)
      resolve()
    }
    source.on(name, look)
    look()
  })
}

/** Resolves once all documents have the text. */
export async function allHave(docs: readonly Y.Doc[], text: string): Promise<void> {
  await Promise.all(docs.map((doc) => when(doc as never, 'afterTransaction', () => textOf(doc) === text)))
}

export function textOf(doc: Y.Doc): string {
  return doc.getText('text').toString()
}
