/**
 * The kernel's border: what goes in, what comes out. Types only.
 *
 * The kernel is sans-IO: the host calls `kernel.step(now, inputs)` and carries out the returned effects
 * in the order in which they stand. Nothing here knows a socket, a clock, a promise or a DOM.
 */

/** One incarnation of one participant. Drawn at random at every start, never stored, never reused. `[A-Za-z0-9_-]{1,64}`. */
export type ProcessId = string

/**
 * A view's name: `epoch.coordinator` for the space, `epoch.coordinator.n` for a group.
 * Compared by epoch, then by n ({@link file://./ids.ts compareViewIds}).
 */
export type ViewId = string

/** How casts of a group are ordered. */
export type Order = 'fifo' | 'causal' | 'total'

/**
 * Who gives the casts of a total group their positions: its first member; a member that hands this over to whoever casts
 * most, or when it is busy; or nobody, because the members have the positions in turn.
 */
export type TotalEngineName = 'sequencer' | 'moving' | 'round-robin'

/** What a group does where there is no primary component: go on and merge, or wait. */
export type Consistency = 'available' | 'consistent'

/** The fixed properties of a group; every process that opens the group must name the same ones. */
export interface GroupOptions {
  readonly order: Order
  /** A cast is released only when every member of the group view holds it ("safe" in the literature). */
  readonly uniform: boolean
  /** Sending-view delivery: a cast is delivered, if at all, in the view in which the application made it. */
  readonly strong: boolean
  readonly consistency: Consistency
  /** True if newcomers get a state and subviews unite theirs; false for a plain channel. */
  readonly state: boolean
  /** Application-level kind ("map", "queue", …): part of the identity, never interpreted by the kernel. */
  readonly kind: string
  /** Of a total group: see {@link TotalEngineName}. Absent: `sequencer`. */
  readonly engine?: TotalEngineName
  /** Its casts are sent when all that comes before them in other groups is delivered everywhere. Absent: false. */
  readonly strict?: boolean
  /** Total groups of one domain share one total order. They have no other engine than that. Absent: the group alone. */
  readonly domain?: string
}

/** A member as the application sees it. */
export interface MemberInfo {
  readonly id: ProcessId
  /** The display name it chose, at most 64 characters; not unique. */
  readonly name: string
  /** The web origin (or `''`) it declared. */
  readonly origin: string
  /** How much its vote on the primary component counts: a whole number from 0 to 255. */
  readonly weight: number
  /** It votes, and is a member of no group; it ranks behind all who are none. */
  readonly witness: boolean
}

/** Somebody who said that it is about to be frozen, or whose page is blocked, and is not here: it may come back, as the same one. */
export interface AwayMember extends Pick<MemberInfo, 'id' | 'name' | 'origin'> {
  /** Its rank in the last view that it was in. */
  readonly rank: number
  /** The first view without it. */
  readonly since: ViewId
}

/** Where a part of a merged view comes from. */
export interface Subview {
  /** The view its members come from. */
  readonly id: ViewId
  readonly members: readonly ProcessId[]
}

/** An agreed, ranked list of members: the same at every process that installs this id. */
export interface ViewInfo {
  readonly id: ViewId
  /** The space view it belongs to (its own id for the space). */
  readonly spaceView: ViewId
  /** Ranked by seniority; index = rank. */
  readonly members: readonly MemberInfo[]
  readonly primary: boolean
  /** The line of primary views this component belongs to, or null before one is founded or met. */
  readonly line: string | null
  /**
   * Of a consistent group that does not act although its component is primary: who held its state when it last acted; one
   * of them must come back. Else empty.
   */
  readonly missing: readonly ProcessId[]
  /** The view this process had before, or null if it had none in this group. */
  readonly prev: ViewId | null
  /** Those who came together with this process from `prev` (itself included). */
  readonly trans: readonly ProcessId[]
  /** The parts this view was merged from, in rank order; a single entry when nothing was merged. */
  readonly subviews: readonly Subview[]
  /** New here compared with `prev`. */
  readonly joined: readonly ProcessId[]
  /** Said goodbye. */
  readonly left: readonly ProcessId[]
  /** Proven dead (its Web Lock was seen held, then free). */
  readonly dead: readonly ProcessId[]
  /** Gone without a word: crashed or separated, nobody can tell. Empty if it was this process that was gone: see `wasAwayMs`. */
  readonly expelled: readonly ProcessId[]
  /**
   * Of the space: who is away, agreed on, those who went first in front; each until it is back, says goodbye, is proven dead,
   * or `awayForMs` have passed. Of a group: those who were members in `prev` and are away now.
   */
  readonly away: readonly AwayMember[]
  /**
   * For how long this process was frozen, its page blocked, or its computer asleep, if that is why it comes from another view than the
   * others: on the view of those who slept, which the others seem to have left, and on that which brings them back. Else 0.
   */
  readonly wasAwayMs: number
  /**
   * For how long, at least, none of those who come along had heard of any of those who were expelled when they gave up
   * that view: what these heard of them then is as old. Absent: nothing can be said.
   */
  readonly quietMs?: number
}

/**
 * How this process's state of a group relates to a new view.
 * - `whole`: nothing to do (if a state was awaited before: apply the buffered casts, it is whole now).
 * - `merge`: apply any buffered casts to the own state, then buffer casts until the `state` event brings the other subviews' states.
 * - `replace`: buffer casts until the `state` event brings a whole state. Until then the own state, and what was buffered
 *   before, are kept: if the donor dies, a later view may go on from them (in consistent groups none ever does).
 * - `own`: nobody has the awaited state, and nobody who is known of ever had: the own one, as it was before it awaited
 *   others', is the one to go on from; what was buffered is dropped.
 * - `anew`: the group has ended meanwhile: the own state, and what is kept or buffered with it, is that of the beginning.
 */
export type StatePlan = 'whole' | 'merge' | 'replace' | 'own' | 'anew'

/** One source of a united state. */
export interface StateSource {
  /** The donor, or this process for its own part (then `state` is null: use the own state as it was at the view). */
  readonly from: ProcessId
  /** The group view the part comes from. */
  readonly subview: ViewId
  readonly state: Uint8Array | null
}

/** Ends the kind of a group that is told of each view of the space, and of how it follows on those before. */
export const FOLDING = '+folding'

/**
 * Of a folding group, at a view of the space: how this view follows on those before it. The same at all who come from the
 * same view of the group.
 */
export interface Succession {
  /** The view of the space. */
  readonly space: ViewId
  /** The primary view that it is the next one of, in the line; null if it is none's. */
  readonly after: ViewId | null
  /** All members come from one view of the group, in which each had the whole state. */
  readonly isSettled: boolean
}

/** What the application gets, in exactly this order. Written on one ordered stream from kernel to page. */
export type AppEvent =
  /** A view of the space (`group: ''`) or of a group this process is a member of. At a space view the `''` event comes first. */
  | {
      readonly type: 'view'
      readonly group: string
      readonly view: ViewInfo
      readonly state: StatePlan
      /** Of groups whose kind ends in {@link FOLDING}, at views of the space. */
      readonly succession?: Succession
    }
  /** A cast of the group. `n` is the sender's own cast number (from 1, over all its groups). */
  | {
      readonly type: 'deliver'
      readonly group: string
      readonly from: ProcessId
      readonly n: number
      readonly view: ViewId
      readonly payload: Uint8Array
    }
  /**
   * A cast of a consistent group that was held but not released when the primary component was lost: not delivered, but
   * kept with the state, in this order. It takes effect if a primary view goes on from this state, before that view.
   */
  | {
      readonly type: 'keep'
      readonly group: string
      readonly from: ProcessId
      readonly n: number
      readonly view: ViewId
      readonly payload: Uint8Array
    }
  /** A view of the group that was decided, but that nobody here had installed: kept between such casts, not told. */
  | { readonly type: 'keepView'; readonly group: string; readonly view: ViewInfo }
  /** Transitional signal: what is delivered from here to the group's next view has `trans` as its audience; only before such deliveries of a uniform group. */
  | { readonly type: 'trans'; readonly group: string; readonly view: ViewId; readonly trans: readonly ProcessId[] }
  /** While a consistent group is open: when this process sent the last heartbeat that a quorum answered from within its primary view (kernel clock), or null. */
  | { readonly type: 'lease'; readonly start: number | null }
  /** Take a snapshot of the group's state *now* (all events before this one applied, none after; buffered casts excluded), for the processes `to`, and answer with command `snapshot`. */
  | {
      readonly type: 'snapshot'
      readonly group: string
      readonly view: ViewId
      readonly transfer: number
      readonly to: readonly ProcessId[]
    }
  /**
   * Give the group's state as bytes, as it is or was at any moment since the object was whole, if it ever was: what is
   * held of it need not be sent. Answer with command `snapshot`, `state: null` if there is none. Only while one is awaited.
   */
  | { readonly type: 'base'; readonly group: string; readonly transfer: number }
  /**
   * The awaited states are complete. For `merge`: unite `sources` in order (the own part among them);
   * for `replace`: the first source becomes the state, further ones (if any) are merged into it. Then replay the casts of
   * `view` that were buffered; those of earlier views are in the state.
   * `cut`: per sender the highest cast number of the group that the state covers.
   */
  | {
      readonly type: 'state'
      readonly group: string
      readonly view: ViewId
      readonly sources: readonly StateSource[]
      readonly cut: Readonly<Record<ProcessId, number>>
    }
  /**
   * Every own cast with number at most `upTo` is held by every member of the view it was sent in, except those that
   * wait, or have waited, for a primary component: of them a later one of these events tells.
   */
  | { readonly type: 'stable'; readonly upTo: number; readonly except: readonly number[] }
  /** The end of a join or leave of a group. */
  | { readonly type: 'joined'; readonly group: string; readonly outcome: 'ok' | 'mismatch' | 'closed' }
  | { readonly type: 'leftGroup'; readonly group: string }
  /** An own cast that will not be delivered here. `viewChanged`: the view it was made in closed before it was sent; `unknown`: others may have it. */
  | {
      readonly type: 'castEnd'
      readonly group: string
      readonly n: number
      readonly outcome: 'refused' | 'viewChanged' | 'lost' | 'unknown'
    }
  /**
   * A direct message, of a process in the present view of the space. `group`: what it is addressed to here, a name that means
   * nothing to the kernel. `n`: the sender's own number of it.
   */
  | {
      readonly type: 'message'
      readonly from: ProcessId
      readonly group: string
      readonly n: number
      readonly payload: Uint8Array
    }
  /** So many of the own direct messages wait here no longer: they are sent, or have ended. */
  | { readonly type: 'mailed'; readonly count: number }
  /**
   * An own direct message that may not be handed over to its receiver. `refused`: it will not be, because the receiver is not
   * in the view, or it is too large; `unknown`: it may have been, before the receiver and this process parted.
   */
  | {
      readonly type: 'messageEnd'
      readonly group: string
      readonly to: ProcessId
      readonly n: number
      readonly outcome: 'refused' | 'unknown'
    }
  /** May more be cast without growing the queue past its bound? */
  | { readonly type: 'writable'; readonly writable: boolean }
  /** This process's line met a stronger one: what consistent groups held under the old line is about to be replaced. Comes before the view. */
  | { readonly type: 'lineLost'; readonly line: string; readonly winner: string }
  /** A peer broke the protocol; it was dropped and counted. */
  | { readonly type: 'fault'; readonly peer: ProcessId; readonly code: string }
  /** The kernel has stopped. */
  | { readonly type: 'closed'; readonly reason: 'left' | 'superseded' | 'broken' }

/** What the application asks. */
export type Command =
  /** Become a member of a group (created if it does not exist). */
  | { readonly type: 'join'; readonly group: string; readonly options: GroupOptions }
  | { readonly type: 'leaveGroup'; readonly group: string }
  /**
   * Multicast. `n` is assigned by the application side: 1, 2, 3 … over all groups, in call order.
   * Casts of one `commands` input share one frame per link. In a consistent group outside the primary component it waits.
   * `view`, of a strong group and no other: the view it was made in, that is the last one the application was told of, or
   * null. Once that is over, the cast ends with `castEnd` `viewChanged`; where it cannot be sent in it, with `refused`.
   * `service`: `gbcast` orders it against everything that is cast in the group, whatever the group's own order.
   */
  | {
      readonly type: 'cast'
      readonly group: string
      readonly n: number
      readonly payload: Uint8Array
      readonly view?: ViewId | null
      readonly service?: 'gbcast'
    }
  /**
   * Send something to one process in the view of the space: a direct message. `n` is assigned by the application side: 1, 2,
   * 3 … in call order. Those to one receiver arrive in this order; relative to casts, nothing is promised.
   */
  | {
      readonly type: 'send'
      readonly to: ProcessId
      readonly group: string
      readonly n: number
      readonly payload: Uint8Array
    }
  /** Take back own casts that are still waiting here unsent (an abort signal fired); each ends with `castEnd` `refused` if it was in time. */
  | { readonly type: 'cancel'; readonly ns: readonly number[] }
  /** The answer to a `snapshot` or `base` event; `state: null` if the application cannot give one. */
  | { readonly type: 'snapshot'; readonly transfer: number; readonly state: Uint8Array | null }
  /** The application has consumed that many payload bytes of `deliver` events in total (absolute, monotone): grants to senders follow it. */
  | { readonly type: 'consumed'; readonly bytes: number }
  /** Give up whoever is missing: go on from what is here, as a line of its own. Ignored where nothing is missing. */
  | { readonly type: 'refound' }
  /** This process has other things to do than to serve others (its page is hidden): it hands over what can be handed over. */
  | { readonly type: 'busy'; readonly busy: boolean }
  /** This process is about to be frozen, and may be at once: the others are told, and nothing is cast until it has heard that its view still stands. */
  | { readonly type: 'suspend' }
  /** It was, and goes on; or it was not frozen after all. A gap in its clock tells it the same. */
  | { readonly type: 'resume' }
  /** Leave the space for good. `quick`: say goodbye at once (the page is being hidden), do not wait for own casts to be stable. */
  | { readonly type: 'leave'; readonly quick: boolean }

/** The name and ranked members of a primary view or of an attempt at one: what votes are counted against. */
export interface PrimaryRecord {
  readonly line: string
  readonly id: ViewId
  /** Ranked. */
  readonly members: readonly ProcessId[]
  /** The weights of their votes, by rank; absent: 1 each. */
  readonly weights?: readonly number[]
}

/**
 * What a process must remember of its votes (dynamic linear voting). Written to its site before READY; carried by a goodbye,
 * or read by a later process of the site.
 */
export interface VoteRecord {
  /** The last primary view it installed. */
  readonly last: PrimaryRecord | null
  /** A later primary view it said READY for and does not know the fate of. */
  readonly attempt: PrimaryRecord | null
}

/** The three channels of a link: control is never held back behind data, bulk never delays either. */
export type Channel = 'control' | 'data' | 'bulk'

/** What happens to the kernel. */
export type Input =
  /** A path to the peer is open (again): frames may be sent. Give `linkDown` first if another path was in use. */
  | { readonly type: 'linkUp'; readonly peer: ProcessId }
  /** The path is gone; frames not yet received through it are lost. */
  | { readonly type: 'linkDown'; readonly peer: ProcessId }
  /** A decoded frame from a peer (see `frame.ts` for bytes). */
  | { readonly type: 'frame'; readonly peer: ProcessId; readonly frame: import('./frame.ts').Frame }
  /** A peer's bytes could not be decoded. */
  | { readonly type: 'badFrame'; readonly peer: ProcessId; readonly code: string }
  /** A timer is due (late or spurious ones are harmless). */
  | { readonly type: 'wake' }
  | { readonly type: 'commands'; readonly commands: readonly Command[] }
  /**
   * Proof of death: the peer's lock was seen held, or it left a record that it writes only while it holds its lock, and the
   * lock is free now; `record` was read from its site's storage after that. Null: none found, so nobody can tell what it voted
   * for; who has not voted for anything leaves a record that says so.
   */
  | { readonly type: 'dead'; readonly peer: ProcessId; readonly record: VoteRecord | null }
  /** An earlier `persist` effect is durable. */
  | { readonly type: 'persisted'; readonly ticket: number }
  /** The answer to `requestFound`. */
  | { readonly type: 'foundAnswer'; readonly granted: boolean }
  /** Every transport has looked around once (founding may count its waiting time from here). */
  | { readonly type: 'searched' }

/** What the host must do, in order. */
export type Effect =
  | {
      readonly type: 'send'
      readonly peer: ProcessId
      readonly channel: Channel
      readonly frame: import('./frame.ts').Frame
    }
  /** Write the record to the site's storage, then answer `persisted`. The kernel sends nothing that depends on it before. */
  | { readonly type: 'persist'; readonly ticket: number; readonly record: VoteRecord }
  | { readonly type: 'app'; readonly event: AppEvent }
  /**
   * Enter the origin's founding section: answer `foundAnswer {granted: true}` iff no live process of this origin and space is in a line;
   * from then on this process counts as one that is. It may ask again, for a grant ages. Hosts without an origin answer true at once.
   */
  | { readonly type: 'requestFound' }
  /** A grant comes to nothing, and this process is in no line: it does not count as one that is any more. */
  | { readonly type: 'giveUpFound' }
  /** This process is now in a line (founded or met): mark it so for the origin's founding section. */
  | { readonly type: 'inLine'; readonly line: string }
  /** A peer's fault: if `fatal`, close the link. The application is told by the `fault` event that comes with it. */
  | { readonly type: 'fault'; readonly peer: ProcessId; readonly code: string; readonly fatal: boolean }
  /** The kernel has stopped; no further step has an effect. */
  | { readonly type: 'stopped' }

/** What the environment lends the kernel. */
export interface KernelEnv {
  /** Uniform in [0, 1). The kernel's only randomness. */
  random(): number
  /** Kernel-side lines of the trace (docs/trace.md): `send`, `found`, `suspect`, `hold`, `gc` …, without `t` and `p`. Absent: not traced. */
  readonly trace?: (line: Readonly<Record<string, unknown>> & { readonly e: string }) => void
  /** For simulators: shall the kernel choose the unusual at this site, though nothing calls for it? Absent: never. */
  readonly buggify?: (site: BuggifySite) => boolean
}

/**
 * Where the kernel has a choice that chance seldom offers (BUGGIFY, after FoundationDB). `donor`: somebody else gives a state;
 * `resend`: what was received before a path broke is sent again; `whole`: a state is taken as if nothing of it were held;
 * `hand-over`: a moving sequencer hands over though it need not; `refuse`: a proposal is refused that could be accepted;
 * `restart`: a leader begins again before its time is up.
 */
export type BuggifySite = 'donor' | 'resend' | 'whole' | 'hand-over' | 'refuse' | 'restart'

export interface KernelOptions {
  readonly self: ProcessId
  readonly name: string
  readonly origin: string
  /** Milliseconds to look for others before founding a line. 0 when an origin's lock decides; null: never found. */
  readonly foundAfterMs: number | null
  /** The weight of its vote, a whole number from 0 to 255; 1 if not said. */
  readonly weight?: number
  /** It votes without state: it joins no group and founds nothing, and ranks last. */
  readonly isWitness?: boolean
  /** Overrides of `limits.ts`, for tests. */
  readonly limits?: Partial<import('./limits.ts').Limits>
}

/** The kernel as a host drives it. */
export interface KernelHandle {
  /** Feed inputs that happened at `now` (ms, monotone); returns what to do, in order. Never throws for a peer's or the application's fault. */
  step(now: number, inputs: readonly Input[]): Effect[]
  /** When to call `step(now, [{type:'wake'}])` at the latest; `Infinity` if never. */
  readonly nextWake: number
  /** A readable picture of the whole state, for bug reports. */
  dump(): unknown
}
