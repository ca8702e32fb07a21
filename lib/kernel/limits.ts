/** Every limit and time-out of the kernel, in one table. */

/** Sizes in bytes, times in milliseconds, counts otherwise. */
export interface Limits {
  /** Payload of one cast. */
  readonly castBytesMax: number
  /** Payload of one item: what is longer is sent ahead in pieces of this size. */
  readonly pieceBytes: number
  /** Sent ahead by all peers and not yet complete: above it one of them at a time is granted more. */
  readonly aheadBytesMax: number
  /** One encoded frame; larger ones are refused before anything is allocated. */
  readonly frameBytesMax: number
  /** Payload put into one frame before another is begun. */
  readonly frameFillBytes: number
  /** Members of a view, in full mesh. */
  readonly membersMax: number
  /** Earlier processes of its site that one tells the others of. */
  readonly formersMax: number
  /** Groups of a space. */
  readonly groupsMax: number
  /** Elements of any list in a control frame. */
  readonly listMax: number
  /** Dependencies of one cast. */
  readonly depsMax: number
  /** Bytes a sender may have outstanding towards one receiver. */
  readonly windowBytes: number
  /** Delivered bytes that the application has not consumed before grants stop. */
  readonly backlogBytesMax: number
  /** For how long an application may consume nothing while that holds up somebody: then its process is put out of the way. */
  readonly lagMs: number
  /** Casts waiting here unsent before `writable` turns false. */
  readonly queueMax: number
  /** Payload of one direct message. */
  readonly messageBytesMax: number
  /** A moving sequencer looks after so many casts who made most of them. */
  readonly moveAfter: number
  /** Chunk of a state on the bulk channel. */
  readonly chunkBytes: number
  /** Chunks of one link in flight. */
  readonly chunksInFlight: number
  /** A whole transferred state. */
  readonly transferBytesMax: number
  /** Interval of heartbeats on every link. */
  readonly heartbeatMs: number
  /** Silence after which a peer is suspected. */
  readonly suspectAfterMs: number
  /** How often late makes a process wait for silent members for twice `suspectAfterMs`; fewer times, for less. */
  readonly lateMax: number
  /** How much longer a silence lasts before one is left out whom only the coordinator finds silent, while others do not. */
  readonly secondOpinionMs: number
  /** How long a closed link may stay closed before its peer is suspected. */
  readonly linkDownGraceMs: number
  /** Delay of an acknowledgement that finds no frame to ride on. */
  readonly ackDelayMs: number
  /** Frames after which an acknowledgement does not wait. */
  readonly ackFrames: number
  /** How long failures and leaves are gathered before a flush begins. */
  readonly failureHoldMs: number
  /** How long joins and merges are gathered before a flush begins. */
  readonly mergeHoldMs: number
  /** The same while strangers are about that cannot come along yet, because paths to them are still missing. */
  readonly gatherMs: number
  /** A flush that takes longer is begun again. */
  readonly flushTimeoutMs: number
  /** How long after READY another leader's proposal is refused: the install is on its way. */
  readonly readyHoldMs: number
  /** Pause before another attempt after a refused proposal; doubled by randomness. */
  readonly retryMs: number
  /** A transfer without progress for so long gets another donor. */
  readonly transferTimeoutMs: number
  /** A larger state is announced by a list of its segments, and only those go that its receiver lacks. */
  readonly announceBytes: number
  /** Bytes of a state that are cut, looked through or verified in one step, or a segment more. */
  readonly cutBytes: number
  /** How long a leaving process waits for its casts to be stable. */
  readonly leaveWaitMs: number
  /** How long a goodbye may take to be acknowledged. */
  readonly goodbyeMs: number
  /** How long a suspended member stays in the view if it holds nothing up. */
  readonly suspendedMs: number
  /** How long whoever said that it is about to be frozen is silent: if it still runs then, it was not. */
  readonly suspendingMs: number
  /** Away members that a view names. */
  readonly awayMax: number
  /** How long a view names somebody who is away. */
  readonly awayForMs: number
}

/** The defaults. */
export const defaultLimits: Limits = {
  castBytesMax: 33_554_432,
  pieceBytes: 16_384,
  aheadBytesMax: 67_108_864,
  frameBytesMax: 131_072,
  frameFillBytes: 16_384,
  membersMax: 64,
  formersMax: 4,
  groupsMax: 131_072,
  listMax: 4_096,
  depsMax: 1_024,
  windowBytes: 524_288,
  backlogBytesMax: 4_194_304,
  lagMs: 5_000,
  queueMax: 4_096,
  messageBytesMax: 1_048_576,
  moveAfter: 64,
  chunkBytes: 16_384,
  chunksInFlight: 16,
  transferBytesMax: 1_073_741_824,
  heartbeatMs: 500,
  suspectAfterMs: 3_000,
  lateMax: 4,
  secondOpinionMs: 1_500,
  linkDownGraceMs: 1_000,
  ackDelayMs: 25,
  ackFrames: 64,
  failureHoldMs: 50,
  mergeHoldMs: 40,
  gatherMs: 500,
  flushTimeoutMs: 4_000,
  readyHoldMs: 1_000,
  retryMs: 80,
  transferTimeoutMs: 1_500,
  announceBytes: 262_144,
  cutBytes: 262_144,
  leaveWaitMs: 1_500,
  goodbyeMs: 500,
  suspendedMs: 6_000,
  suspendingMs: 2_000,
  awayMax: 64,
  awayForMs: 3_600_000,
}
