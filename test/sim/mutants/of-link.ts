/**
 * Bugs of links and of what receives from them, planted one at a time.
 */
import type { Mutant } from './mutant.ts'

/** See {@link Mutant}. */
export const linkMutants: readonly Mutant[] = [
  {
    name: 'old-view-frames',
    about: 'casts of an earlier view or incarnation of a member are taken for casts of this one',
    file: 'lib/kernel/receiving.ts',
    find: 'if (frame.view !== era.id) {\n      this.keepEarly',
    replace: 'if (frame.view === null) {\n      this.keepEarly',
    properties: ['M1', 'M2', 'M5', 'M6', 'O1', 'O2', 'O3', 'S3'],
  },
  {
    name: 'ack-before-holding',
    about: 'a member acknowledges the frame after the last one it holds',
    file: 'lib/kernel/link.ts',
    find: 'ack: { session: this.peerSession, no: this.heldData() },',
    replace: 'ack: { session: this.peerSession, no: this.gotData + 1 },',
    properties: ['M6', 'O2', 'O4', 'O5', 'L2', 'L3'],
  },
  {
    name: 'no-resend',
    about: 'data that a lost path took with it is not sent again on the next one',
    file: 'lib/kernel/link.ts',
    find: 'if (sent.frame.no > received) this.send',
    replace: 'if (sent.frame.no > received + 1) this.send',
    properties: ['L2', 'L3'],
  },
  {
    name: 'stability-with-casts-only',
    about: 'what is stable is told along with casts, and not when there are none',
    file: 'lib/kernel/link.ts',
    find: 'const stable = this.news(era.stable, this.stableTold)',
    replace: 'const stable = no === 0 ? [] : this.news(era.stable, this.stableTold)',
    properties: ['L4'],
  },
]
