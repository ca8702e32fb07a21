/** What a latch does: it opens for all who wait when it was counted down often enough, and stays open. */
import type { MachineModel, ModelAnswer, ModelCaller } from './machine-model.ts'

/** As in `latch.ts`. */
const COUNT = 20

interface Latch {
  downs: number
  waiting: ModelCaller[]
}

export const latchModel: MachineModel<Latch> = {
  start: () => ({ downs: 0, waiting: [] }),
  apply(latch, body, caller, context): ModelAnswer | 'waits' {
    const [f] = body as [string]
    if (f === 'wait' && latch.downs < COUNT) {
      latch.waiting.push(caller)
      return 'waits'
    }
    if (f === 'down' && latch.downs < COUNT) latch.downs += 1
    if (latch.downs === COUNT) {
      for (const each of latch.waiting) context.answer(each, [true, 0])
      latch.waiting = []
    }
    return [true, COUNT - latch.downs]
  },
  cancel(latch, { by, n }) {
    latch.waiting = latch.waiting.filter((each) => each.by !== by || each.n !== n)
  },
  waiting: (latch) => latch.waiting,
}
