/** Direct messages between the processes of the space, as the simulator sends them: small ones, and now and then a large one. */
import { BusyError } from '../../../lib/errors.ts'
import { isLagging } from '../scenario.ts'
import type { OpenTool, SimTool, ToolPlace } from './tool.ts'

/** Where they are listened for. */
const ADDRESS = 'sim'
/** How often one goes to an address at which nobody listens, and comes back. */
const LOST_CHANCE = 0.05
/** How often one is longer than an item, and how long it is then at most, in bytes. */
const LARGE = { chance: 0.08, min: 20_000, max: 80_000 }
/** The same where pages lag, and windows are so small that nothing else would come through. */
const LAGGING = { chance: 0.02, min: 600, max: 2_000 }
/** How many are sent at once, at most. */
const BURST = 4

function openMail({ process, world }: ToolPlace): OpenTool {
  const { chance, min, max } = isLagging(world.scenario) ? LAGGING : LARGE
  const { mail } = process.app
  mail.listen(ADDRESS, { message: () => undefined })
  return {
    act(random, value) {
      const members = mail.view?.members ?? []
      for (let i = random.int(BURST); i >= 0; i -= 1) {
        const to = random.pick(members)
        if (to === undefined) return false
        const text = random.chance(chance) ? '.'.repeat(Math.round(random.between(min, max))) : ''
        try {
          mail.send(to, random.chance(LOST_CHANCE) ? 'nobody' : ADDRESS, [value, i, text])
        } catch (error) {
          if (!(error instanceof BusyError)) throw error
        }
      }
      return true
    },
    close: () => Promise.resolve(),
  }
}

export const mail: SimTool = {
  name: 'mail',
  async load() {
    const { bareKind } = await import('./bare.ts')
    return {
      isPlain: true,
      open: (place, use) => {
        const tool = openMail(place)
        return use(bareKind, {}, (port) => ({ ...tool, close: () => port.close() }))
      },
    }
  },
}
