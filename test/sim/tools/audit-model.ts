/** What an audit log answers: positions, and which records of a trigger count. */
import type { TraceToken } from '../../../lib/testing/trace.ts'
import { compareTokens } from '../checkers/tokens.ts'
import type { MachineModel, ModelAnswer } from './machine-model.ts'

/** So many entries are kept; `audit.ts` has it as well. */
export const KEEP = 12

interface Audit {
  last: number
  /** By trigger: what it judges next, and the token of the last record. */
  readonly triggers: Record<string, { next: number; token: TraceToken | null }>
}

export const auditModel: MachineModel<Audit> = {
  start: () => ({ last: 0, triggers: {} }),
  apply(audit, body): ModelAnswer {
    const [kind, name, third, position] = body as [number, string, unknown, number]
    if (kind === 0) {
      audit.last += 1
      const first = Math.max(1, audit.last - KEEP + 1)
      for (const trigger of Object.values(audit.triggers)) trigger.next = Math.max(trigger.next, first)
      return [true, audit.last]
    }
    const trigger = audit.triggers[name]
    if (kind === 1) {
      const made = trigger ?? { next: beginning(audit, third as number | null), token: null }
      audit.triggers[name] = made
      return [true, made.next]
    }
    if (kind === 4) {
      delete audit.triggers[name]
      return [true, trigger !== undefined]
    }
    const token = third as TraceToken
    const isOld = trigger?.token?.[0] === token[0] && compareTokens(token, trigger.token) < 0
    if (trigger === undefined || isOld || position < trigger.next || position > audit.last) return [true, false]
    trigger.next = position + 1
    trigger.token = token
    return [true, true]
  },
}

function beginning({ last }: Audit, from: number | null): number {
  return Math.min(Math.max(from ?? last + 1, last - KEEP + 1, 1), last + 1)
}
