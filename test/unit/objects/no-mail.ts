/** For groups of tests that send no direct messages. */
import type { GroupPort } from '../../../lib/objects/replica.ts'

function none(): never {
  throw new TypeError('no mail here')
}

/** What a port of such a group has of it. */
export const noMail: Pick<GroupPort, 'castRequest' | 'mail'> = {
  castRequest: none,
  mail: { self: '', view: null, send: none, listen: none, after: none },
}
