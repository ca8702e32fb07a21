/**
 * The public face of `tutti`.
 */
export {
  BusyError,
  ClosedError,
  type ClosedReason,
  type ErrorCode,
  GroupMismatchError,
  InvariantError,
  KindMismatchError,
  LaggedError,
  NotPrimaryError,
  SchemaError,
  type SchemaIssue,
  StaleTokenError,
  StorageError,
  TooLargeError,
  type ToolErrorCode,
  TransportError,
  TuttiError,
  UnknownOutcomeError,
  UsageError,
  ValueError,
  ViewChangedError,
  WorkerError,
} from './errors.ts'
export type { NumberedEvent, NumberedSource } from './event-numbers.ts'
export {
  ConnectionEvent,
  FaultEvent,
  LineLostEvent,
  ProblemEvent,
  type SpaceEventMap,
  StatusEvent,
  StorageFaultEvent,
  ViewEvent,
} from './events.ts'
export type { Group, GroupEntryEvent, GroupEvent, GroupEventMap, GroupOpenOptions, GroupShare } from './group.ts'
export type { AttachOptions, ClientEntryEvent, ClientEvent, GroupClient, GroupClientEvents } from './group-client.ts'
export type { AwayMember } from './kernel/api.ts'
export type { AgreedOptions } from './objects/agreed.ts'
export type { AtomicOptions } from './objects/atomic.ts'
export type { BoundedCounter, BoundedCounterOptions, IdBlock } from './objects/bounded-counter.ts'
export type { CounterChange, CounterEvents, CounterOptions, SharedCounter } from './objects/counter.ts'
export type { ChangeEvent, ChangeOrigin, DeepReadonly } from './objects/events.ts'
export type { MapChange, MapEvents, MapOptions, SharedMap } from './objects/map.ts'
export type { CounterPart, PartAddOptions, QueuePart, RegisterPart } from './objects/parts.ts'
export type { Presence, PresenceChange, PresenceEvents, PresenceOptions } from './objects/presence.ts'
export type {
  AddOptions,
  CallOptions,
  DeadLetter,
  JobContext,
  ProcessOptions,
  QueueChange,
  QueueEntry,
  QueueEvents,
  QueueOptions,
  SettledEvent,
  SharedQueue,
  TakeOptions,
} from './objects/queue.ts'
export type {
  CompareAndSetResult,
  RegisterChange,
  RegisterEvents,
  RegisterOptions,
  RegisterSnapshot,
  SharedRegister,
} from './objects/register.ts'
export type {
  CastFate,
  CastOptions,
  GroupPhase,
  GroupPort,
  GroupView,
  Mail,
  MailListener,
  MailView,
  ObjectKind,
  OpInfo,
  Receipt,
  Replica,
} from './objects/replica.ts'
export type { StandardSchemaV1 } from './objects/schema.ts'
export type { SetChange, SetEvents, SetOptions, SharedSet } from './objects/set.ts'
export type { FailOptions, TakenItem } from './objects/taken-item.ts'
export { compareTokens, type Token } from './objects/token.ts'
export type { TotalMap, TotalMapOptions } from './objects/total-map.ts'
export type { Transact, TransactOptions } from './objects/transact.ts'
export type { Transaction } from './objects/transaction.ts'
export { openSpace, type SpaceOptions } from './open-space.ts'
export type { Region, RegionRunOptions } from './region.ts'
export type { Space } from './space.ts'
export type { OpenOptions } from './space-objects.ts'
export type { ConnectedMember, Connection, Member, SpaceStatus, SpaceView } from './space-view.ts'
export type { StorageFaultReason } from './storage/messages.ts'
export type { TraceLine } from './testing/trace.ts'
export {
  ConflictError,
  type DeadlockEdge,
  DeadlockError,
  DivergenceError,
  NoHandlerError,
  NoRepliesError,
  NotAtomicError,
  OutOfBoundsError,
  RemoteError,
  SnapshotError,
  type SnapshotFault,
  VoteError,
} from './tool-errors.ts'
export type {
  AuditEntry,
  AuditEvents,
  AuditFiring,
  AuditLog,
  AuditOptions,
  FiringContext,
  Trigger,
  TriggerProgress,
} from './tools/audit.ts'
export type {
  Ballot,
  BallotEvents,
  BallotOptions,
  BallotSnapshot,
  BallotTerms,
  Decision,
} from './tools/ballot.ts'
export type { BallotRule } from './tools/ballot-machine.ts'
export type { BarrierOptions, BarrierSnapshot, SharedBarrier } from './tools/barrier.ts'
export { type CallContext, callContext } from './tools/call-context.ts'
export type { SpaceChannel } from './tools/channel.ts'
export type { LatchOptions, LatchSnapshot, SharedLatch } from './tools/latch.ts'
export type {
  LeaderChange,
  LeaderContext,
  LeaderOptions,
  LeaderState,
  Leadership,
  LeadershipEvents,
} from './tools/leader.ts'
export type { Lock } from './tools/lock.ts'
export type { LockMode } from './tools/lock-machine.ts'
export type { LockInfo, LockManagerSnapshot } from './tools/lock-replica.ts'
export type { LockGrantedCallback, LockManager, LockOptions } from './tools/locks.ts'
export type { OnceContext, OnceOptions } from './tools/once.ts'
export type {
  DivergenceEvent,
  Remote,
  Replicated,
  ReplicatedCallOptions,
  ReplicatedEvents,
  ReplicateOptions,
} from './tools/replicated.ts'
export type { Replies, ReplyEntry, RequestOptions } from './tools/replies.ts'
export type { RequestContext, RequestHandler } from './tools/requests.ts'
export type { AcquireOptions, Permit, SemaphoreOptions, SemaphoreSnapshot, SharedSemaphore } from './tools/semaphore.ts'
export type { Service, ServiceContext, ServiceHandler } from './tools/service.ts'
export type { ServiceCallOptions, ServiceClient } from './tools/service-client.ts'
export type { Restored, RestoreOptions } from './tools/snapshot-restore.ts'
export {
  decodeSnapshot,
  encodeSnapshot,
  type MissingObject,
  type SnapshotObject,
  type SpaceSnapshot,
} from './tools/snapshot-value.ts'
export type { Subscription, SubscriptionEvents, TopicEvent, TopicMessage } from './tools/subscription.ts'
export type { ToolEvents } from './tools/tool-handle.ts'
export type { TopicOrder } from './tools/topic-names.ts'
export type { PublishOptions, SubscribeOptions, Topic, TopicListener, Topics } from './tools/topics.ts'
