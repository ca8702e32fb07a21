/** Spaces in one thread that have met: for tests of what stands in a whole space. */
import type { TestContext } from 'node:test'
import { MemoryHub, memory } from '../../adapters/memory/index.ts'
import { openSpace, type SpaceOptions } from '../../lib/open-space.ts'
import type { Space } from '../../lib/space.ts'
import { until } from './until.ts'

/** Opens one space for each of these options, in one primary view; killed when the test ends. */
export async function openTogether(t: TestContext, each: readonly SpaceOptions[]): Promise<Space[]> {
  const transports = [memory({ hub: new MemoryHub() })]
  const spaces = await Promise.all(
    each.map((more) => openSpace('test', { worker: false, foundAfterMs: 20, transports, ...more })),
  )
  t.after(() => {
    for (const space of spaces) space.kill()
  })
  const areTogether = ({ members, view }: Space): boolean => members.length === each.length && view.primary
  await Promise.all(spaces.map((space) => until(space, 'view', () => areTogether(space))))
  return spaces
}
