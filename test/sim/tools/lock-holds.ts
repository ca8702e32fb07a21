/** What requests to the machine of the locks mean to those who hold one: for locks, and for semaphores, which are some. */
import type { Token } from '../../../lib/objects/token.ts'
import type { Holds } from './tool.ts'

/** `mode`: that of all grants, if it is not that of the request. */
export function holdsOfLocks(mode?: string): Holds {
  return {
    granted(body, value) {
      const [kind, lock, wanted] = body as [string, string, string]
      return kind === 'lock' && value !== null ? { lock, token: value as Token, mode: mode ?? wanted } : null
    },
    released(body) {
      const [kind, lock, token] = body as [string, string, Token]
      return kind === 'unlock' ? { lock, token } : null
    },
  }
}
