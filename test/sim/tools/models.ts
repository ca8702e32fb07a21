/** The models of all tools, by name. */
import { cellsModel } from './cells-model.ts'
import { leaderModel } from './leader-model.ts'
import { loansModel } from './loans-model.ts'
import { locksModel } from './locks-model.ts'
import { anyModel, type MachineModel } from './machine-model.ts'
import { registerModel } from './register-model.ts'
import { stockModel } from './stock-model.ts'
import { tallyModel } from './tally-model.ts'

export const MODELS: Readonly<Record<string, MachineModel>> = {
  cells: anyModel(cellsModel),
  leader: anyModel(leaderModel),
  loans: anyModel(loansModel),
  locks: anyModel(locksModel),
  register: anyModel(registerModel),
  stock: anyModel(stockModel),
  tally: anyModel(tallyModel),
}
