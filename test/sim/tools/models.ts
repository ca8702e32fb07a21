/** The models of all tools, by name. */
import { auditModel } from './audit-model.ts'
import { ballotModel } from './ballot-model.ts'
import { bankModel } from './bank-model.ts'
import { cellsModel } from './cells-model.ts'
import { PERMITS as GATES } from './circles.ts'
import { circlesModel } from './circles-model.ts'
import { dealModels } from './deals-models.ts'
import { jobsModel } from './jobs-model.ts'
import { latchModel } from './latch-model.ts'
import { leaderModel } from './leader-model.ts'
import { loansModel } from './loans-model.ts'
import { locksModelFor } from './locks-model.ts'
import { anyModel, type MachineModel } from './machine-model.ts'
import { meetingModel } from './meeting-model.ts'
import { onceModel } from './once-model.ts'
import { registerModel } from './register-model.ts'
import { stockModel } from './stock-model.ts'
import { tallyModel } from './tally-model.ts'

/** As in `permits.ts`. */
const PERMITS = 2

export const MODELS: Readonly<Record<string, MachineModel>> = {
  audit: anyModel(auditModel),
  ballot: anyModel(ballotModel),
  bank: anyModel(bankModel),
  cells: anyModel(cellsModel),
  ...dealModels,
  circles: anyModel(circlesModel('circles', 1)),
  ...Object.fromEntries(Object.entries(GATES).map(([name, permits]) => [name, anyModel(circlesModel(name, permits))])),
  latch: anyModel(latchModel),
  jobs: anyModel(jobsModel),
  leader: anyModel(leaderModel),
  loans: anyModel(loansModel),
  locks: anyModel(locksModelFor(1)),
  meeting: anyModel(meetingModel),
  once: anyModel(onceModel),
  permits: anyModel(locksModelFor(PERMITS)),
  register: anyModel(registerModel),
  stock: anyModel(stockModel),
  tally: anyModel(tallyModel),
}
