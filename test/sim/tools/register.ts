/** The shared register, as the simulator uses it. */
import type { SharedRegister } from '../../../lib/objects/register.ts'
import type { Random } from '../random.ts'
import { type OpenTool, type SimTool, ToolCalls } from './tool.ts'

/** How often a call is taken back a moment later. */
const ABORT_CHANCE = 0.1

/** The register in the hands of one process. */
class OpenRegister implements OpenTool {
  readonly #register: SharedRegister
  readonly #calls: ToolCalls

  constructor(register: SharedRegister, calls: ToolCalls) {
    this.#register = register
    this.#calls = calls
  }

  act(random: Random, value: number): boolean {
    const register = this.#register
    const draw = random.next()
    const abort = new AbortController()
    if (random.chance(ABORT_CHANCE)) this.#calls.after(random.between(0, 300), () => abort.abort())
    const options = { signal: abort.signal }
    if (draw < 0.3) void this.#calls.run('read', [], () => register.read(options))
    else if (draw < 0.6) void this.#calls.run('set', [value], () => register.set(value, options))
    else {
      const { version } = register
      void this.#calls.run('compareAndSet', [version, value], () => register.compareAndSet(version, value, options))
    }
    return true
  }

  close(): Promise<void> {
    return this.#register.close()
  }
}

export const register: SimTool = {
  name: 'register',
  async load() {
    const { registerKind } = await import('../../../lib/objects/register.ts')
    return {
      open(place, use) {
        const whenNotPrimary = place.world.scenario.random.fork('register').chance(0.3) ? 'reject' : 'wait'
        return use(registerKind, { whenNotPrimary }, (handle) => new OpenRegister(handle, new ToolCalls(place)))
      },
    }
  },
}
