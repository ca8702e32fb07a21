/**
 * Counts the situations that a run got into: a simulator that never gets into a corner says nothing about it.
 *
 * Derived from the lines of the trace, the kernels' own among them (`propose`, `row`, `cutAgreed`, `ready`, `install`,
 * `transfer` …).
 */
import type { BuggifySite } from '../../lib/kernel/api.ts'
import type { WorkloadName } from './scenario.ts'
import type { AnyLine } from './trace.ts'

/** Every situation that any workload gets into, by name. */
const SITUATIONS = [
  'coordinator died between propose and install',
  'coordinator died after the cut',
  'member died between row and install',
  'member died between ready and install',
  'flush restarted',
  'proposal refused',
  'sequencer died with unordered casts',
  'uniform cast pending at the row',
  'casts of a removed sender forwarded',
  'donor died in a transfer',
  'joiner died in its join',
  'leave during a flush',
  'group view change under way at the row',
  'group install adopted at the cut',
  'open attempt adopted',
  'merge of two views of several members',
  'states of two parts united',
  'two lines met',
  'excluded process returned',
  'proof of death taken',
  'primary lost',
  'primary regained',
  'path reset with unacked frames',
  'frozen process thawed',
  'cut-off cast ended unknown',
  'state taken from a donor',
  'member left a group and joined it again',
  'item returned because its taker was gone',
  'casts of a consistent group kept with its state',
  'consistent group waited for its state',
  'frame came twice',
  'frame could not be read',
  'unusual choice: donor',
  'unusual choice: resend',
  'unusual choice: whole',
  'unusual choice: refuse',
  'unusual choice: restart',
] as const

/** Those of large casts, which only the workload `big` makes. */
const LARGE_SITUATIONS = [
  'large payload begun again in another view',
  'sender died with a payload sent ahead',
  'large cast of a removed sender forwarded',
] as const

/** Those of gbcasts, which only the workload of that name makes. */
const GBCAST_SITUATIONS = [
  'several gbcasts before one cut',
  'group cut for gbcasts alone',
  'gbcast in the round of a view',
  'gbcast under way at the row',
  'sender died with a gbcast under way',
] as const

/** Those of large states, which only the workload `transfer` makes. */
const TRANSFER_SITUATIONS = [
  'state announced',
  'donor died with a state half sent',
  'part of a state was held',
  'all of a state was held',
] as const

/** Those of roles that move, which only the workload `engines` has. */
const ENGINES_SITUATIONS = ['unusual choice: hand-over'] as const

/** What only one workload makes. */
const MORE_SITUATIONS = {
  engines: ENGINES_SITUATIONS,
  big: LARGE_SITUATIONS,
  gbcast: GBCAST_SITUATIONS,
  transfer: TRANSFER_SITUATIONS,
} as const

export type Situation = (typeof SITUATIONS)[number] | (typeof MORE_SITUATIONS)[keyof typeof MORE_SITUATIONS][number]

/** What the counter knows of one process. */
interface Known {
  isProposing: boolean
  isCutAgreed: boolean
  phase: 'idle' | 'row' | 'ready'
  hasMet: boolean
  isPrimary: boolean
  wasPrimary: boolean
  readonly joining: Set<string>
  readonly left: Set<string>
  /** Total casts sent, not yet delivered to their sender: group by cast. */
  readonly unordered: Map<string, string>
  readonly uniform: Set<string>
  /** Transfers under way from it: receiver and group. */
  readonly donating: Set<string>
  readonly heads: Map<string, string>
  /** Those of announced states. */
  readonly sending: Set<string>
  /** The large cast whose payload is under way. */
  ahead: string | null
  /** Gbcasts sent, not yet delivered to their sender: group by cast. */
  readonly gbcasts: Map<string, string>
}

/** Counts situations. */
export class Reached {
  readonly counts: Record<string, number>
  readonly #known = new Map<string, Known>()
  readonly #excluded = new Set<string>()
  readonly #groupChanges = new Set<string>()

  constructor(workload: WorkloadName) {
    const more = (MORE_SITUATIONS as Partial<Record<WorkloadName, readonly Situation[]>>)[workload] ?? []
    this.counts = Object.fromEntries([...SITUATIONS, ...more].map((name) => [name, 0]))
  }

  /** One more. */
  count(situation: Situation): void {
    this.counts[situation] = (this.counts[situation] ?? 0) + 1
  }

  /** Takes a line into account. */
  notice(line: AnyLine): void {
    const { p } = line
    if (p === undefined) {
      if (line.e === 'crash') this.#crash(String(line['q']))
      else if (line.e === 'thaw') this.count('frozen process thawed')
      else if (line.e === 'buggify') this.count(`unusual choice: ${line['site'] as BuggifySite}`)
      return
    }
    const known = this.#of(p)
    switch (line.e) {
      case 'deliver':
        return this.#deliver(known, p, line)
      case 'send':
        if (line['order'] === 'total') known.unordered.set(String(line['m']), String(line['g']))
        if (line['order'] === 'gbcast') known.gbcasts.set(String(line['m']), String(line['g']))
        if (line['uniform'] === true) known.uniform.add(String(line['m']))
        if (known.ahead === line['m']) known.ahead = null
        return
      case 'settle':
        return this.#settle(known, line)
      case 'view':
        return line['g'] === '' ? this.#spaceView(known, p, line) : this.#groupView(known, line)
      case 'join':
        if (line['g'] !== '') {
          known.joining.add(String(line['g']))
          if (known.left.has(String(line['g']))) this.count('member left a group and joined it again')
        }
        return
      case 'leave':
        if (line['g'] === '' && known.phase !== 'idle') this.count('leave during a flush')
        known.left.add(String(line['g']))
        return
      case 'stateIn':
      case 'merge':
        return this.#state(p, line)
      case 'release':
        if (line['why'] === 'gone') this.count('item returned because its taker was gone')
        return
      case 'lineLost':
        this.count('two lines met')
        return
      default:
        this.#protocol(known, p, line)
    }
  }

  /** An announced state is awaited from now on. */
  #want(p: string, line: AnyLine): void {
    const [bytes, wanted] = [Number(line['bytes']), Number(line['wanted'])]
    this.count('state announced')
    if (wanted === 0) this.count('all of a state was held')
    else if (wanted < bytes) this.count('part of a state was held')
    this.#of(String(line['from'])).sending.add(`${p} ${line['g']}`)
  }

  #protocol(known: Known, p: string, line: AnyLine): void {
    switch (line.e) {
      case 'propose':
        known.isProposing = true
        return
      case 'restart':
        this.count('flush restarted')
        return
      case 'refused':
        this.count('proposal refused')
        return
      case 'row':
        known.phase = 'row'
        if (known.uniform.size > 0) this.count('uniform cast pending at the row')
        if (this.#groupChanges.size > 0) this.count('group view change under way at the row')
        if (known.gbcasts.size > 0) this.count('gbcast under way at the row')
        return
      case 'cutAgreed':
        if (known.isProposing) known.isCutAgreed = true
        if (Number(line['forwards']) > 0) this.count('casts of a removed sender forwarded')
        return
      case 'ready':
        known.phase = 'ready'
        return
      case 'install':
        known.phase = 'idle'
        known.isProposing = false
        known.isCutAgreed = false
        // What was under way began in the view before.
        known.donating.clear()
        known.sending.clear()
        return
      case 'ahead':
        if (known.ahead === line['m']) this.count('large payload begun again in another view')
        known.ahead = String(line['m'])
        return
      case 'forwardAhead':
        this.count('large cast of a removed sender forwarded')
        return
      case 'want':
        this.#want(p, line)
        return
      case 'adopt':
        this.count('open attempt adopted')
        return
      case 'kept':
        this.count('casts of a consistent group kept with its state')
        return
      case 'groupWaits':
        this.count('consistent group waited for its state')
        return
      case 'groupAdopt':
        this.count('group install adopted at the cut')
        return
      case 'groupPrepare':
        this.#groupChanges.add(String(line['g']))
        return
      case 'groupInstall':
        this.#groupChanges.delete(String(line['g']))
        this.#gbcastsIn(String(line['g']), line['isCut'] === true)
        for (const key of known.donating) if (key.endsWith(` ${line['g']}`)) known.donating.delete(key)
        return
      case 'departed':
        if (line['dead'] === true) this.count('proof of death taken')
        return
      case 'transfer':
        known.donating.add(`${line['to']} ${line['g']}`)
        return
      default:
        return
    }
  }

  #gbcastsIn(group: string, isCut: boolean): void {
    let count = 0
    for (const { gbcasts } of this.#known.values()) for (const g of gbcasts.values()) if (g === group) count += 1
    if (count > 1) this.count('several gbcasts before one cut')
    if (isCut) this.count('group cut for gbcasts alone')
    else if (count > 0) this.count('gbcast in the round of a view')
  }

  #deliver(known: Known, p: string, line: AnyLine): void {
    const m = String(line['m'])
    if (!m.startsWith(`${p}#`)) return
    known.unordered.delete(m)
    known.uniform.delete(m)
    known.gbcasts.delete(m)
  }

  #settle(known: Known, line: AnyLine): void {
    const of = String(line['of'])
    if (of.startsWith('join:')) known.joining.delete(of.slice(5))
    else if (line['outcome'] === 'unknown') {
      known.unordered.delete(of)
      known.uniform.delete(of)
      known.gbcasts.delete(of)
      this.count('cut-off cast ended unknown')
    }
  }

  #spaceView(known: Known, p: string, line: AnyLine): void {
    const members = line['members'] as readonly string[]
    if (members.length > 1) known.hasMet = true
    known.heads.set('', members[0] ?? '')
    const isPrimary = line['primary'] === true
    if (known.isPrimary && !isPrimary) this.count('primary lost')
    if (!known.isPrimary && isPrimary && known.wasPrimary) this.count('primary regained')
    known.isPrimary = isPrimary
    known.wasPrimary ||= isPrimary
    for (const q of line['expelled'] as readonly string[]) this.#excluded.add(q)
    for (const q of members) {
      if (q !== p && this.#excluded.delete(q)) this.count('excluded process returned')
    }
    const parts = (line['subviews'] ?? []) as readonly { readonly members: readonly string[] }[]
    if (parts.filter((part) => part.members.length > 1).length > 1) this.count('merge of two views of several members')
  }

  #groupView(known: Known, line: AnyLine): void {
    known.heads.set(String(line['g']), String((line['members'] as readonly string[])[0]))
  }

  #state(p: string, line: AnyLine): void {
    this.count(line.e === 'merge' ? 'states of two parts united' : 'state taken from a donor')
    for (const known of this.#known.values()) {
      known.donating.delete(`${p} ${line['g']}`)
      known.sending.delete(`${p} ${line['g']}`)
    }
  }

  #crash(q: string): void {
    const known = this.#of(q)
    if (known.isProposing) this.count('coordinator died between propose and install')
    if (known.isCutAgreed) this.count('coordinator died after the cut')
    if (known.phase !== 'idle') this.count('member died between row and install')
    if (known.phase === 'ready') this.count('member died between ready and install')
    if (known.donating.size > 0) this.count('donor died in a transfer')
    if (known.sending.size > 0) this.count('donor died with a state half sent')
    if (known.ahead !== null) this.count('sender died with a payload sent ahead')
    if (known.gbcasts.size > 0) this.count('sender died with a gbcast under way')
    if (!known.hasMet || known.joining.size > 0) this.count('joiner died in its join')
    const headOf = [...known.heads].filter(([g, head]) => g !== '' && head === q).map(([g]) => g)
    const waiting = [...this.#known.values()].some((each) =>
      [...each.unordered.values()].some((g) => headOf.includes(g)),
    )
    if (waiting) this.count('sequencer died with unordered casts')
    for (const other of this.#known.values()) {
      for (const key of other.donating) if (key.startsWith(`${q} `)) other.donating.delete(key)
    }
    this.#known.delete(q)
  }

  #of(p: string): Known {
    let known = this.#known.get(p)
    if (known === undefined) {
      known = {
        isProposing: false,
        isCutAgreed: false,
        phase: 'idle',
        hasMet: false,
        isPrimary: false,
        wasPrimary: false,
        joining: new Set(),
        left: new Set(),
        unordered: new Map(),
        uniform: new Set(),
        donating: new Set(),
        sending: new Set(),
        heads: new Map(),
        ahead: null,
        gbcasts: new Map(),
      }
      this.#known.set(p, known)
    }
    return known
  }
}
