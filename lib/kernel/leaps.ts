/**
 * Epochs, Lamport stamps and generations only grow, and whoever hears of a larger one goes on from there: a peer that names
 * an absurd one would use up what there is of them, for everybody. So what is further ahead of what this process knows than
 * it can get while two do not hear of each other is refused, before anything of it is taken in.
 *
 * A member that raises them step by step can still use them up: it may be excluded, not stopped.
 */
import type { ControlFrame, Frame, Message } from './frame.ts'
import { parseViewId } from './ids.ts'

/** Views and proposals, and primary views of a line. */
const EPOCH_LEAP = 2 ** 32
const EPOCH_MAX = 2 ** 52

/** Casts; the places in a domain are so many times 1,024, and whole numbers too. */
const STAMP_LEAP = 2 ** 38
const STAMP_MAX = 2 ** 41

/** How far a process, or what a frame says, has come. */
export interface Reached {
  readonly epoch: number
  readonly generation: number
  readonly lamport: number
}

/** Does the frame name a number that is absurdly far ahead? */
export function isLeap(frame: Frame, { epoch, generation, lamport }: Reached): boolean {
  const bounds = {
    epoch: Math.min(epoch + EPOCH_LEAP, EPOCH_MAX),
    generation: Math.min(generation + EPOCH_LEAP, EPOCH_MAX),
    lamport: Math.min(lamport + STAMP_LEAP, STAMP_MAX),
  }
  if (frame.t === 'heartbeat') return frame.epoch > bounds.epoch
  if (frame.t === 'data') return frame.items.some((item) => 'cast' in item && item.cast.lamport > bounds.lamport)
  return frame.t === 'control' && isControlLeap(frame, bounds)
}

function isControlLeap({ messages }: ControlFrame, bounds: Reached): boolean {
  return messages.some((message) => {
    const { epoch, generation, lamport } = namedBy(message)
    return epoch > bounds.epoch || generation > bounds.generation || lamport > bounds.lamport
  })
}

/** The largest numbers that a process would go on from. */
function namedBy(message: Message): Reached {
  const named = { epoch: 'ballot' in message ? message.ballot.epoch : 0, generation: 0, lamport: 0 }
  if (message.k === 'refuse') {
    named.epoch = Math.max(named.epoch, message.promised.epoch, parseViewId(message.view).epoch)
  }
  if (message.k !== 'row' && message.k !== 'cut') return named
  for (const { generation, lamport } of message.k === 'row' ? [message.row] : message.rows) {
    named.generation = Math.max(named.generation, generation)
    named.lamport = Math.max(named.lamport, lamport)
  }
  if (message.k === 'cut') named.generation = Math.max(named.generation, message.decision.generation)
  return named
}
