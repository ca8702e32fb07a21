/** The layers of the library that planted bugs are in, from the bottom up, by the files that each is made of. */

/** Paths that end in `/` are folders. */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  link: ['lib/kernel/link.ts', 'lib/kernel/receiving.ts'],
  messages: ['lib/kernel/messages.ts'],
  detector: ['lib/kernel/detector.ts', 'lib/kernel/away.ts', 'lib/kernel/contacts.ts'],
  membership: ['lib/kernel/cut.ts', 'lib/kernel/install.ts', 'lib/kernel/gone.ts', 'lib/kernel/leading.ts'],
  primary: ['lib/kernel/quorum.ts', 'lib/kernel/primary.ts', 'lib/kernel/attempts.ts', 'lib/kernel/founding.ts'],
  groups: ['lib/kernel/groups.ts', 'lib/kernel/start-groups.ts'],
  casting: ['lib/kernel/casting.ts'],
  delivery: ['lib/kernel/delivery.ts', 'lib/kept-events.ts'],
  total: [
    'lib/kernel/sequencer.ts',
    'lib/kernel/moving-sequencer.ts',
    'lib/kernel/round-robin.ts',
    'lib/kernel/domain.ts',
  ],
  transfer: [
    'lib/kernel/transfer.ts',
    'lib/kernel/outgoing.ts',
    'lib/kernel/state-plan.ts',
    'lib/app-group.ts',
    'lib/group-state.ts',
  ],
  objects: ['lib/objects/'],
  tools: ['lib/tools/', 'lib/group.ts'],
  storage: ['lib/storage/', 'lib/restoration.ts'],
}

/** All layers. A bar counts them, so that none is left without a bug. */
export const layers: readonly string[] = Object.keys(LAYERS)

/** The layer of a source file. Throws for one that is in none: then a layer is missing here. */
export function layerOf(file: string): string {
  const found = layers.find((layer) =>
    LAYERS[layer]?.some((path) => (path.endsWith('/') ? file.startsWith(path) : file === path)),
  )
  if (found === undefined) throw new Error(`${file} is in no layer of test/sim/mutants/layers.ts`)
  return found
}
