/**
 * The ports: what Tutti asks of the outside, as types. Public entry `tutti/ports`.
 */
export type { Channel, PrimaryRecord, ProcessId, ViewId, VoteRecord } from '../kernel/api.ts'
export type { Logger } from './log.ts'
export type { StatePort } from './state.ts'
export type { Storage, StorageFailure, StorageHost, StorageReason, StorageSpec, StorageWrite } from './storage.ts'
export type {
  Link,
  OriginServices,
  PageHalfContext,
  Transport,
  TransportHost,
  TransportProblem,
  TransportSpec,
} from './transport.ts'
