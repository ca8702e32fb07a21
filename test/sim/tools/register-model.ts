/** What a register answers: versions, and 0 to who expected another. */
import type { MachineModel, ModelAnswer } from './machine-model.ts'

interface Register {
  version: number
}

export const registerModel: MachineModel<Register> = {
  start: () => ({ version: 0 }),
  apply(register, body): ModelAnswer {
    const [op, expected] = body as [number, unknown]
    if (op === 0) return [true, register.version]
    if (op === 2 && expected !== register.version) return [true, 0]
    register.version += 1
    return [true, register.version]
  },
}
