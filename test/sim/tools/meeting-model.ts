/** What a barrier does: when two have arrived, whoever waits goes on. */
import type { MachineModel, ModelAnswer, ModelCaller } from './machine-model.ts'

/** As in `meeting.ts`. */
const PARTIES = 2

interface Meeting {
  times: number
  waiting: ModelCaller[]
}

export const meetingModel: MachineModel<Meeting> = {
  start: () => ({ times: 0, waiting: [] }),
  apply(meeting, _, { by, n }, context): ModelAnswer | 'waits' {
    const others = meeting.waiting
    if (new Set([...others.map((each) => each.by), by]).size < PARTIES) {
      others.push({ by, n })
      return 'waits'
    }
    meeting.times += 1
    meeting.waiting = []
    for (const each of others) context.answer({ by: each.by, n: each.n }, [true, meeting.times])
    return [true, meeting.times]
  },
  cancel(meeting, { by, n }) {
    meeting.waiting = meeting.waiting.filter((each) => each.by !== by || each.n !== n)
  },
  waiting: (meeting) => meeting.waiting,
}
