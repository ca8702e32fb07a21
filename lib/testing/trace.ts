/**
 * The trace: what a run leaves behind, as types.
 *
 * A trace is newline-delimited JSON, one event a line, in the order in which it happened. `docs/trace.md` says what
 * every line means; property checkers read nothing else. Lines of the world have no `p`.
 */

/** Fields of every line. */
interface AnyLine {
  /** Virtual milliseconds; wall clock outside the simulator. */
  readonly t: number
}

/** Fields of every line that a process writes. */
interface ProcessLine extends AnyLine {
  /** The process (incarnation) that the line is about. */
  readonly p: string
}

/** A new incarnation begins at a site of an origin. */
export interface StartLine extends ProcessLine {
  readonly e: 'start'
  /** The storage slot that survives incarnations. */
  readonly site: string
  /** The web origin, or `''`. */
  readonly origin: string
  /** It votes without state. */
  readonly witness?: boolean
  /** Its clock shows `offset` ms plus `rate` times the time of the world. Absent: that time. */
  readonly clock?: { readonly offset: number; readonly rate: number }
  /** Where it stores what is in its objects; processes may share one. Absent: nowhere. */
  readonly store?: string
}

/** The process founds a line. */
export interface FoundLine extends ProcessLine {
  readonly e: 'found'
  /** The line's name. */
  readonly line: string
  /** The line in whose place it is founded, because somebody has given up whoever is missing there. */
  readonly of?: string
}

/** The process's line met a stronger one, and ends. */
export interface LineLostLine extends ProcessLine {
  readonly e: 'lineLost'
  readonly line: string
}

/** The process first uses a group with these options. */
export interface GroupLine extends ProcessLine {
  readonly e: 'group'
  readonly g: string
  readonly order: 'fifo' | 'causal' | 'total'
  readonly uniform: boolean
  readonly strong?: boolean
  readonly consistency: 'available' | 'consistent'
  /** The groups that share one total order: `@` and the name of their domain; the group's own name by default. */
  readonly domain?: string
  /** True if joiners get a state. */
  readonly state: boolean
  /** Who gives the casts of a total group their positions, if not a fixed sequencer. */
  readonly engine?: 'moving' | 'round-robin' | 'sequencer'
  /** True if its casts wait for what comes before them in other groups. */
  readonly strict?: boolean
}

/** The process asks to become (`join`, `attach`) or to cease to be (`leave`, `detach`) a member or a client; `''` is the space. */
export interface AskLine extends ProcessLine {
  readonly e: 'join' | 'attach' | 'leave' | 'detach'
  readonly g: string
}

/** A part that a merge view unites. */
export interface TraceSubview {
  /** The view its members come from. */
  readonly id: string
  readonly members: readonly string[]
}

/** The process installs a view. */
export interface ViewLine extends ProcessLine {
  readonly e: 'view'
  /** The group; `''` is the space. */
  readonly g: string
  /** `epoch.coordinator` or `epoch.coordinator.n`. */
  readonly id: string
  /** The space view it belongs to. */
  readonly sv: string
  /** Ranked. */
  readonly members: readonly string[]
  /** The view that this process had before in this membership, or null. */
  readonly prev: string | null
  /** Those who came together with this process. */
  readonly trans: readonly string[]
  readonly primary: boolean
  readonly line: string | null
  /** The parts, when it was merged. */
  readonly subviews?: readonly TraceSubview[]
  /** Said goodbye. */
  readonly left?: readonly string[]
  /** Proven dead. */
  readonly dead?: readonly string[]
  /** Gone without a word. */
  readonly expelled?: readonly string[]
  /** Asleep: of the space, all who are known to be; of a group, those who went with this view. */
  readonly away?: readonly string[]
  /** The process comes from another view than the others because it was asleep, for so long. */
  readonly wasAwayMs?: number
  /** Of the members' votes, by rank, when not all 1. */
  readonly weights?: readonly number[]
}

/** The transitional signal: what follows, up to the next view, has the transitional set as its audience. */
export interface TransLine extends ProcessLine {
  readonly e: 'trans'
  readonly g: string
  readonly view: string
  /** The transitional set. */
  readonly trans?: readonly string[]
}

/** Casting in a strong group stops or goes on. */
export interface BlockLine extends ProcessLine {
  readonly e: 'block' | 'unblock'
  readonly g: string
  /** The view that is closed, or in which casting goes on; it may be the same. */
  readonly view: string
}

/** The application casts. */
export interface CastLine extends ProcessLine {
  readonly e: 'cast'
  /** `<sender>#<n>`; n counts from 1 over all groups of the sender. */
  readonly m: string
  readonly g: string
  /** The view the application last saw. */
  readonly seen: string | null
}

/** The kernel stamps a cast with its view. */
export interface SendLine extends ProcessLine {
  readonly e: 'send'
  readonly m: string
  readonly g: string
  readonly view: string
  readonly order: 'fifo' | 'causal' | 'total' | 'gbcast'
  readonly uniform: boolean
  readonly strong?: boolean
  /** True if the sender is a client, not a member. */
  readonly client?: boolean
  /** Its number among all that the sender's kernel multicasts in this view of the space, order records included. */
  readonly seq?: number
  /** Hash of the payload. */
  readonly h: string | number
}

/** The application gets a cast. */
export interface DeliverLine extends ProcessLine {
  readonly e: 'deliver'
  readonly m: string
  readonly g: string
  /** The group view it is delivered in. */
  readonly view: string
  readonly h: string | number
}

/** A promise to the application is settled. */
export interface SettleLine extends ProcessLine {
  readonly e: 'settle'
  /** A cast's `m`, or `join:<g>`. */
  readonly of: string
  /** `delivered`, `stable`, `lost`, `refused`, `unknown`, `ok`, or an error code. */
  readonly outcome: string
}

/** What the process noticed. */
export interface NoticeLine extends ProcessLine {
  readonly e: 'suspect' | 'suspend' | 'resume'
  readonly q?: string
  /** Of `suspend`: its application lags behind, and it is not about to be frozen. It lasts until `resume`. */
  readonly lagging?: boolean
}

/** The process may have been asleep: it casts nothing until it has heard that its view stands (`by` answers), or has another. */
export interface FenceLine extends ProcessLine {
  readonly e: 'fence' | 'unfence'
  /** Of the space. */
  readonly view: string
  readonly by?: 'answers' | 'view'
}

/** Per sender, the highest number of it that a state of the group covers. */
export type Cut = Readonly<Record<string, number>>

/** A snapshot leaves its donor. */
export interface StateOutLine extends ProcessLine {
  readonly e: 'stateOut'
  readonly g: string
  readonly to: string
  readonly view: string
  readonly cut: Cut
  readonly h: string | number
}

/** A snapshot is complete at the one who asked. */
export interface StateInLine extends ProcessLine {
  readonly e: 'stateIn'
  readonly g: string
  readonly from: string
  readonly view: string
  readonly cut: Cut
  readonly h: string | number
}

/** The states of a merge view were united. */
export interface MergeLine extends ProcessLine {
  readonly e: 'merge'
  readonly g: string
  readonly view: string
  /** The ids of the subviews, in the order in which their states were united. */
  readonly order: readonly string[]
  readonly h: string | number
}

/** The group has ended, or what was awaited is nobody's: the state is that of the beginning, or the last that was whole. */
export interface AnewLine extends ProcessLine {
  readonly e: 'anew'
  readonly g: string
  readonly view: string
}

/** The hash of the process's whole state. */
export interface DigestLine extends ProcessLine {
  readonly e: 'digest'
  readonly g: string
  readonly view: string
  readonly cut: Cut
  readonly h: string | number
}

/** An operation begins. */
export interface InvokeLine extends ProcessLine {
  readonly e: 'invoke'
  readonly id: string | number
  readonly obj: string
  readonly f: string
  readonly args: unknown
}

/** An operation ends. */
export interface ReturnLine extends ProcessLine {
  readonly e: 'return'
  readonly id: string | number
  readonly ok: boolean
  readonly value?: unknown
  /** Position in the agreed order, when it has one. */
  readonly at?: unknown
}

/** The number of a request to a replicated state machine: the opening of the object at its process, and its place there. */
export type TraceCall = readonly [opening: number, n: number]

/** A call of a replicated state machine is cast, for the first time or again. */
export interface CallLine extends ProcessLine {
  readonly e: 'ask'
  readonly obj: string
  /** Of the call, at its process. It may be cast under several numbers, of which one takes effect. */
  readonly id: number
  readonly call: TraceCall
  readonly body: unknown
  /** The cast that carries it. */
  readonly m?: string
}

/** A call ends for who made it. */
export interface ToldLine extends ProcessLine {
  readonly e: 'told'
  readonly obj: string
  readonly id: number
  /** The number under which it was cast last. */
  readonly call: TraceCall
  readonly ok: boolean
  /** The machine's answer, or the code of the error. */
  readonly value: unknown
}

/** Something that a machine does at a step. */
export interface TraceDeed {
  /** Is given a request; one that waits is dropped; all that a process holds ends; is told of a view. */
  readonly do: 'apply' | 'cancel' | 'release' | 'view'
  readonly by?: string
  /** The number of the request. */
  readonly n?: number
  /** `[true, value]`, `[false, code, message]`, `waits`, or null: it is malformed. */
  readonly answer?: unknown
  /** What requests that waited are answered with: process, number, answer. */
  readonly answers?: readonly (readonly [by: string, n: number, answer: unknown])[]
}

/** A replica of a machine takes a step in the agreed order. */
export interface ExecLine extends ProcessLine {
  readonly e: 'exec'
  readonly obj: string
  /** `begin`: it is empty; `load`: its state is replaced; else a cast, or a view. */
  readonly step: 'begin' | 'load' | 'op' | 'view'
  /** Of a cast: who made it. */
  readonly by?: string
  /** Of a cast: its place in the agreed order. */
  readonly at?: readonly [view: string, index: number]
  /** What it is; absent if it is malformed. */
  readonly op?: 'request' | 'cancel' | 'expire'
  readonly call?: TraceCall
  readonly body?: unknown
  /** Of an `expire`: whose holdings end, and the view in which they were found to be gone. */
  readonly whom?: readonly string[]
  readonly since?: string
  /** Of a view: it, as the replica is told of it. */
  readonly view?: string
  readonly members?: readonly string[]
  readonly primary?: boolean
  readonly line?: string | null
  readonly left?: readonly string[]
  readonly dead?: readonly string[]
  readonly deeds: readonly TraceDeed[]
  /** Hash of the state after it, with the requests that are remembered. */
  readonly h: string
}

/** A fencing token: line, view, number. */
export type TraceToken = readonly [line: string | null, view: string, n: number]

/** A lock is held, or a queue item taken, from here on. */
export interface GrantLine extends ProcessLine {
  readonly e: 'grant'
  /** The lock's name, or the item's id. */
  readonly lock: string
  readonly token: TraceToken
  /** `item` (also when absent), `exclusive`, or `shared`. */
  readonly mode?: string
}

/** A lock is given up, or an item completed. */
export interface ReleaseLine extends ProcessLine {
  readonly e: 'release'
  readonly lock: string
  readonly token: TraceToken
  /** True if a completion was accepted, false if it was refused as stale; absent if the lock is given up or the item put back. */
  readonly ok?: boolean
}

/** The application has in hand (`on`) what the lock names, and acts on it; or no longer. */
export interface ActLine extends ProcessLine {
  readonly e: 'act'
  readonly lock: string
  readonly token: TraceToken
  readonly on: boolean
  /** As of the grant: others may have in hand as well what is `shared`. */
  readonly mode?: string
}

/** The process's lease counts from there, by its own clock; null: it has none. */
export interface LeaseLine extends ProcessLine {
  readonly e: 'lease'
  readonly start: number | null
}

/** A guarded resource is written. */
export interface WriteLine extends ProcessLine {
  readonly e: 'write'
  readonly lock: string
  readonly token: TraceToken
  readonly ok: boolean
}

/** The application is shown who leads: a group, by its view, or, with a token, under a name. */
export interface LeadsLine extends ProcessLine {
  readonly e: 'leads'
  readonly g: string
  /** Within the group of the leaders; absent: it is the leader of the group itself. */
  readonly name?: string
  /** Null: nobody, or nobody can tell. */
  readonly leader: string | null
  readonly token: TraceToken | null
}

/** A role is taken up or laid down. */
export interface RoleLine extends ProcessLine {
  readonly e: 'role'
  readonly g: string
  readonly role: string
  readonly token: TraceToken | null
  readonly on: boolean
}

/** The application sends a direct message. */
export interface PostLine extends ProcessLine {
  readonly e: 'post'
  /** `<sender>><n>`; n counts from 1 over all direct messages of the sender. */
  readonly m: string
  readonly to: string
  /** The address. */
  readonly g: string
  readonly h: string | number
}

/** The kernel has put the last of a direct message on the link to its receiver. */
export interface DispatchLine extends ProcessLine {
  readonly e: 'dispatch'
  readonly m: string
  readonly to: string
  /** The view of the space that it is in. */
  readonly view: string
  readonly h: string | number
}

/** The application gets a direct message. */
export interface GetLine extends ProcessLine {
  readonly e: 'get'
  readonly m: string
  readonly g: string
  /** The view of the space that the application is in. */
  readonly view: string | null
  readonly h: string | number
}

/** The application is told that a direct message of its own will not arrive, or may not have. */
export interface PostEndLine extends ProcessLine {
  readonly e: 'postEnd'
  readonly m: string
  readonly to: string
  readonly g: string
  readonly outcome: 'refused' | 'unknown'
}

/** A member of a service begins to run a call. */
export interface RanLine extends ProcessLine {
  readonly e: 'ran'
  readonly obj: string
  /** What was asked; no two calls ask the same. */
  readonly call: number
  readonly token: TraceToken
}

/** A member of a service has the outcome of a call recorded. */
export interface OutcomeLine extends ProcessLine {
  readonly e: 'outcome'
  readonly obj: string
  readonly call: number
  /** False: an error. */
  readonly ok: boolean
  /** Who ran it. */
  readonly by: string
  readonly client: string
}

/** The process records the state of a group for a snapshot of the space. */
export interface RecordLine extends ProcessLine {
  readonly e: 'record'
  /** Of the snapshot. */
  readonly snapshot: string
  readonly g: string
  readonly cut: Cut
  /** By process, the number of the cast with which it marked the cut. */
  readonly marks: Readonly<Record<string, number>>
}

/** The action of a trigger of an audit log begins, at an entry. */
export interface FireLine extends ProcessLine {
  readonly e: 'fire'
  readonly obj: string
  readonly trigger: string
  /** The entry's. */
  readonly position: number
  readonly token: TraceToken
}

/** A snapshot of the space is complete, at who took it. */
export interface SnapshotLine extends ProcessLine {
  readonly e: 'snapshot'
  readonly snapshot: string
  /** Of the space. */
  readonly view: string
  /** Which state is in it of each group, and who recorded that. */
  readonly parts: readonly (readonly [g: string, from: string])[]
  /** Of accounts between which each process moves what it has: what there is of each of them, which is 0. */
  readonly balance?: readonly (readonly [process: string, sum: number])[]
}

/** A client numbers a cast of its own in a group, or a request. */
export interface MadeLine extends ProcessLine {
  readonly e: 'made'
  readonly obj: string
  readonly n: number
  /** What was cast; no two casts are of the same. */
  readonly value: number
}

/** What a member of a group, or (`fed`) a client of it, is told. */
export interface HeardLine extends ProcessLine {
  readonly e: 'heard' | 'fed'
  readonly obj: string
  /** `ask`: a request of a client is given to the member's handler. */
  readonly k: 'cast' | 'ask' | 'view' | 'state' | 'gap' | 'begin'
  /** Of a cast, or a request: its sender and number, and the member that cast it, if the sender is a client. */
  readonly from?: string
  readonly n?: number
  readonly via?: string | null
  readonly value?: number
  /** Of a cast, the view that it comes in; of a view, its id. */
  readonly view?: string
  /** Of a member's state: it took the place of the one before, instead of being united with it. */
  readonly replaced?: boolean
  /** The member that tells the client. */
  readonly sponsor?: string | null
  /** The client is to be told of views alone. */
  readonly deaf?: boolean
}

/** Of the elements that processes put into an object, numbered from 1: how many it has of each process, from the first on. */
export type TraceElements = Readonly<Record<string, number>>

/** The application puts its next element into an object. */
export interface PutLine extends ProcessLine {
  readonly e: 'put'
  readonly g: string
  /** Its number, of this process in this object. */
  readonly k: number
  /** What the object showed just before. */
  readonly seen: TraceElements
  /** As of `holds`. */
  readonly acts: boolean
}

/** What an object shows at a process, when that is news. */
export interface HoldsLine extends ProcessLine {
  readonly e: 'holds'
  readonly g: string
  readonly has: TraceElements
  /** Elements, as `<process>.<k>`, that are there though one before them is not. */
  readonly more?: readonly string[]
  /** Elements that are there more than once. */
  readonly twice?: readonly string[]
  /** It is whole, and, if it acts in the primary component only, in there and waits for nobody. */
  readonly acts: boolean
  /** It waits to go on from what was stored, and for these, who may have more of it. */
  readonly waits?: readonly string[]
}

/** The application asks that all that its objects show be stored. */
export interface SyncLine extends ProcessLine {
  readonly e: 'sync'
  readonly id: number
  /** By group, what they show. */
  readonly holds: Readonly<Record<string, TraceElements>>
}

/** It is told that this is durable, or (`ok: false`) that nobody can say so. */
export interface DurableLine extends ProcessLine {
  readonly e: 'durable'
  readonly id: number
  readonly ok: boolean
  readonly reason?: string
}

/** It is told that something is not stored, or that what was stored is of no use: of a group, or (`''`) of all. */
export interface StorageLine extends ProcessLine {
  readonly e: 'storage'
  readonly g: string
  readonly reason: string
}

/** The application goes on without those who are missing: by group, those whom it was told. */
export interface RefoundLine extends ProcessLine {
  readonly e: 'refound'
  readonly missing: Readonly<Record<string, readonly string[]>>
}

/** A uniform cast is not delivered where the primary component is lost, but kept with the state. */
export interface KeptLine extends ProcessLine {
  readonly e: 'kept'
  readonly m: string
  readonly g: string
  readonly view: string
}

/** The kernel installs a view of the space. The application's `view` line comes later. */
export interface InstallLine extends ProcessLine {
  readonly e: 'install'
  readonly view: string
  /** Ranked. */
  readonly members: readonly string[]
}

/**
 * The kernel closes the view of the space that it is in, for the one that is proposed, and says what it has of the casts
 * that were sent in it. The lists are by rank in the view that is closed.
 */
export interface RowLine extends ProcessLine {
  readonly e: 'row'
  /** The one that is proposed. */
  readonly view: string
  /** Up to which number of each sender every addressee holds its casts, as far as this process knows. */
  readonly stable?: readonly number[]
  /** Up to which number it has got each sender's casts. */
  readonly got?: readonly number[]
  /** The numbers of each sender's casts that it can still give to others. */
  readonly holds?: readonly (readonly number[])[]
}

/** The kernel holds all that belongs to the view that it closes, and binds itself to install the one that is proposed. */
export interface ReadyLine extends ProcessLine {
  readonly e: 'ready'
  /** The one that is proposed. */
  readonly view: string
}

/**
 * The kernel votes for a view that is to be primary, and writes that down. Unless `ready` follows, the vote is taken back:
 * with the next `row`, where it lives; who crashes has perhaps written it all the same.
 */
export interface AttemptLine extends ProcessLine {
  readonly e: 'attempt'
  /** The one that is proposed. */
  readonly view: string
  readonly line: string
  /** Ranked. */
  readonly members: readonly string[]
}

/** The kernel has got what all agree on as to the view that is proposed: its leader goes on with that one, instead of any other. */
export interface CutAgreedLine extends ProcessLine {
  readonly e: 'cutAgreed'
  readonly view: string
}

/** A view of a group is known to be decided, but ends with the view of the space before the application was told of it. */
export interface GroupPassedOverLine extends ProcessLine {
  readonly e: 'groupPassedOver'
  readonly g: string
  /** Which view of the group in that view of the space. */
  readonly gn: number
}

/** The kernel hears that somebody is gone for good: it said goodbye, or (`dead`) its lock fell free. */
export interface DepartedLine extends ProcessLine {
  readonly e: 'departed'
  readonly q: string
  readonly dead: boolean
}

/** How long things may take, in milliseconds, once links are stable. */
export interface TraceBounds {
  /** From the last fault to the last view. */
  readonly tView: number
  /** From a crash to the view without the crashed. */
  readonly tDetect: number
  /** From a join to its end. */
  readonly tJoin: number
  /** From a cast to its end. */
  readonly tSettle: number
  /** How long a holder may act. */
  readonly lease: number
}

/** The first line. */
export interface RunLine extends AnyLine {
  readonly e: 'run'
  readonly seed: number | string
  readonly options: unknown
  readonly bounds: TraceBounds
}

/** Something is done to a process. */
export interface ProcessFaultLine extends AnyLine {
  readonly e: 'crash' | 'freeze' | 'thaw' | 'lose' | 'skew' | 'gone' | 'full' | 'torn'
  readonly q: string
  /** On `full`: for so many ms. */
  readonly ms?: number
  /** On `thaw`: its clock stood still meanwhile, for so many ms. */
  readonly stood?: number
}

/**
 * A page does nothing for so long, while its kernel goes on; `pause`: for a moment, of which nobody hears. `throttle`: its
 * timers fire rarely; `slowCpu`: whatever it does takes a while.
 */
export interface StallLine extends AnyLine {
  readonly e: 'stall' | 'pause' | 'throttle' | 'slowCpu'
  readonly q: string
  readonly ms: number
}

/** A kernel made an unusual choice at that site (`BuggifySite` in lib/kernel/api.ts), on its simulator's whim. */
export interface BuggifyLine extends AnyLine {
  readonly e: 'buggify'
  readonly q: string
  readonly site: string
}

/** Something is done to the network. */
export interface NetworkFaultLine extends AnyLine {
  readonly e: 'cut' | 'heal' | 'slow'
  /** Pairs of processes. */
  readonly links?: readonly (readonly [string, string])[]
  /** Or: the parts between which it happens. */
  readonly parts?: readonly (readonly string[])[]
  /** On `slow`: for so long from now; absent: the paths end. */
  readonly ms?: number
}

/** A frame is sent that takes longer than 500 ms, though nothing is done to its path. */
export interface LateLine extends AnyLine {
  readonly e: 'late'
  /** One pair: from whom, to whom. */
  readonly links: readonly (readonly [string, string])[]
  /** For so long from now. */
  readonly ms: number
}

/** No fault from here on. */
export interface QuietLine extends AnyLine {
  readonly e: 'quiet'
  /** The connected components of the live, unfrozen processes. */
  readonly parts: readonly (readonly string[])[]
}

/** The last line. */
export interface EndLine extends AnyLine {
  readonly e: 'end'
  readonly seed: number | string
  readonly events: number
  /** Per property, the instances checked. */
  readonly checked?: Readonly<Record<string, number>>
}

/** One line of a trace. */
export type TraceLine =
  | StartLine
  | FoundLine
  | LineLostLine
  | GroupLine
  | AskLine
  | ViewLine
  | TransLine
  | BlockLine
  | CastLine
  | SendLine
  | DeliverLine
  | SettleLine
  | NoticeLine
  | FenceLine
  | StateOutLine
  | StateInLine
  | AnewLine
  | MergeLine
  | DigestLine
  | InvokeLine
  | ReturnLine
  | CallLine
  | ToldLine
  | ExecLine
  | GrantLine
  | ReleaseLine
  | ActLine
  | LeaseLine
  | WriteLine
  | LeadsLine
  | RoleLine
  | PostLine
  | DispatchLine
  | GetLine
  | PostEndLine
  | RanLine
  | OutcomeLine
  | RecordLine
  | SnapshotLine
  | FireLine
  | MadeLine
  | HeardLine
  | PutLine
  | HoldsLine
  | SyncLine
  | DurableLine
  | StorageLine
  | RefoundLine
  | KeptLine
  | InstallLine
  | RowLine
  | ReadyLine
  | AttemptLine
  | CutAgreedLine
  | GroupPassedOverLine
  | DepartedLine
  | RunLine
  | ProcessFaultLine
  | StallLine
  | BuggifyLine
  | NetworkFaultLine
  | LateLine
  | QuietLine
  | EndLine

/** The names of the events. */
export type TraceEventName = TraceLine['e']

/** The line type of one event name. */
export type LineOf<E extends TraceEventName> = TraceLine & { readonly e: E }
