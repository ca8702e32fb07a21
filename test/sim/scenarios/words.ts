/** The words of the scenarios' language. */
import type { ProcessPlace } from '../process.ts'
import type { AnyLine } from '../trace.ts'
import type { ChannelOptions } from './channel.ts'
import type { Sending } from './wire.ts'

/** What a group of a scenario is. A `map` forgets who is gone after a second. */
export type GroupSpec = ChannelOptions | 'queue' | 'map'

/** What a scenario is played on. */
export interface StageOptions {
  /** Groups by name; every process opens those it is not told otherwise about. */
  readonly groups?: Readonly<Record<string, GroupSpec>>
  /** One-way delay of every frame, in ms; 10 if not said. */
  readonly delayMs?: number
  /** `tabs`: all of one origin, with locks and storage; `none`, if not said: nothing proves a death. */
  readonly origins?: 'tabs' | 'none'
  /** Pages may lag: few casts fill what they may leave unconsumed. */
  readonly lags?: boolean
  /** What calls of queues do outside of the primary component. */
  readonly whenNotPrimary?: 'wait' | 'reject'
  /** The votes of those whose are not of weight 1, and the origins of those that differ. Witnesses open no groups. */
  readonly votes?: Readonly<Record<string, Partial<Pick<ProcessPlace, 'weight' | 'isWitness' | 'origin'>>>>
}

/** An operation, and what became of it. */
export interface Op<Value = unknown> {
  /** `pending`, `ok`, or the code of the error. */
  outcome: string
  value: Value | null
}

/** Which lines of the trace are meant: all fields that are given are equal. */
export interface LineSpec {
  readonly e: string
  readonly p?: string
  readonly g?: string
  readonly q?: string
  readonly [field: string]: unknown
}

/** Which frames are meant. */
export interface FrameSpec {
  readonly from?: string
  readonly to?: string
  readonly kind: string
  /** The first one is 1. */
  readonly nth?: number
}

/** The names in a text. */
export function words(text: string): string[] {
  return text.split(' ').filter((word) => word !== '')
}

/** Is it such a line? */
export function matches(line: AnyLine, spec: LineSpec): boolean {
  return Object.entries(spec).every(([field, value]) => line[field] === value)
}

/** Is it such a frame? */
export function isMeant({ from, to, kinds }: Sending, spec: FrameSpec): boolean {
  return (spec.from ?? from) === from && (spec.to ?? to) === to && kinds.includes(spec.kind)
}

/** The code of a typed error, or its text. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}
