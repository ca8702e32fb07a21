/**
 * A readable log of a scenario: every message that leaves a process, and everything that its application is told.
 *
 * A message stands where it is sent; it arrives one delay later. Left out are heartbeats, acknowledgements and HELLO,
 * which say nothing about the protocol's steps.
 */
import type { Frame, GroupRow, Item, Message, Row } from '../../../lib/kernel/frame.ts'
import { viewIdOf } from '../../../lib/kernel/ids.ts'
import { isRecord } from '../../../lib/kernel/total.ts'
import type { Stage } from '../scenarios/stage.ts'
import type { AnyLine } from '../trace.ts'

/** Writes down what happens on a stage. */
export class Transcript {
  readonly #stage: Stage
  readonly #lines: string[] = []
  #from = 0
  #isOn = false
  #last = ''

  constructor(stage: Stage) {
    this.#stage = stage
    stage.wire.taps.push(({ from, to, frame }) => {
      for (const text of describeFrame(frame)) this.#write(`${from} → ${to}`, text)
      return false
    })
    stage.watch((line) => this.#notice(line))
  }

  /** From here on, with the time counted from here. */
  begin(): void {
    this.#isOn = true
    this.#from = this.#stage.now
  }

  /** A remark, on a line of its own. */
  say(text: string): void {
    this.#lines.push('', `# ${text}`)
    this.#last = ''
  }

  get text(): string {
    return `${this.#lines.join('\n')}\n`
  }

  #write(who: string, what: string): void {
    if (!this.#isOn) return
    const time = (this.#stage.now - this.#from).toFixed(0).padStart(6)
    // A time is shown once.
    this.#lines.push(`${time === this.#last ? ' '.repeat(6) : time}  ${who.padEnd(7)}${what}`)
    this.#last = time
  }

  #notice(line: AnyLine): void {
    const text = describeLine(line, (m) => this.#stage.castNamed(m))
    if (text !== null) this.#write(line.p ?? '', text)
  }
}

function describeLine(line: AnyLine, nameOf: (m: string) => string): string | null {
  const { e, p: _, t: __, ...rest } = line
  const g = rest['g'] === '' || rest['g'] === undefined ? '' : ` of ${rest['g']}`
  switch (e) {
    case 'view':
      return `VIEW${g} ${rest['id']} [${list(rest['members'])}]${rest['primary'] ? ' primary' : ''}${gone(rest)}, came with [${list(rest['trans'])}]`
    case 'deliver':
      return `DELIVER ${nameOf(String(rest['m']))}${g} in ${rest['view']}`
    case 'cast':
      return `casts ${nameOf(String(rest['m']))} (${rest['m']})${g}`
    case 'settle':
      return `learns: ${String(rest['of']).includes('#') ? nameOf(String(rest['of'])) : rest['of']} ${rest['outcome']}`
    case 'stateOut':
      return `STATE OUT${g} for ${rest['to']}, cut ${cutOf(rest['cut'])}`
    case 'stateIn':
      return `STATE IN${g} from ${rest['from']}, cut ${cutOf(rest['cut'])}`
    case 'merge':
      return `STATES UNITED${g}: ${list(rest['order'])}`
    case 'crash':
      return `${rest['q']} CRASHES`
    case 'cut':
      return `THE NETWORK SPLITS: ${(rest['parts'] as readonly (readonly string[])[]).map(list).join(' | ')}`
    case 'heal':
      return 'THE NETWORK IS WHOLE AGAIN'
    case 'start':
      return 'STARTS'
    case 'join':
      return g === '' ? null : `asks to be a member${g}`
    case 'trans':
      return `SIGNAL${g}: only [${list(rest['trans'])}] are sure to get what follows in ${rest['view']}`
    default:
      return null
  }
}

function gone(rest: Readonly<Record<string, unknown>>): string {
  return ['left', 'dead', 'expelled']
    .filter((why) => list(rest[why]) !== '')
    .map((why) => `, ${why}: ${list(rest[why])}`)
    .join('')
}

function cutOf(cut: unknown): string {
  const text = Object.entries(cut as Readonly<Record<string, number>>)
    .map(([id, n]) => `${id}#${n}`)
    .join(' ')
  return text === '' ? 'of nothing' : text
}

function list(value: unknown): string {
  return Array.isArray(value) ? value.join(' ') : ''
}

function describeFrame(frame: Frame): string[] {
  switch (frame.t) {
    case 'control':
      return frame.messages.map(describeMessage)
    case 'data':
      return frame.items.map((item) => `${describeItem(item)} in ${frame.view}`)
    case 'bulk': {
      const { chunk } = frame
      if (chunk === null) return []
      if (chunk.what === 'refused') return [`chunk of ${chunk.group}: refused`]
      const what = chunk.what === 'list' ? 'of the list of segments ' : ''
      const cut = chunk.cut.map(([id, n]) => `${id}#${n}`).join(' ')
      const end = `${cut === '' ? '' : `, cut ${cut}`}${chunk.isLast ? ', the last' : ''}`
      return [`chunk ${chunk.index} ${what}of ${chunk.group} at ${chunk.view}: ${chunk.bytes.length} bytes${end}`]
    }
    default:
      return []
  }
}

function describeItem(item: Item): string {
  if (item.k === 'eov') return 'end of view'
  if (item.k === 'message') return `message ${item.n} to "${item.group}"`
  if (item.k === 'piece') return `${item.bytes.length} bytes at ${item.at} of a large cast`
  const { cast } = item
  if (cast.order !== null && isRecord(cast)) {
    const [first = 0, ...pairs] = cast.order
    const casts = pairs.flatMap((rank, at) => (at % 2 === 0 ? `${rank}/${pairs[at + 1]}` : []))
    return `order of group ${cast.gid} from position ${first}: casts ${casts.join(' ')}`
  }
  const deps = cast.deps.length === 0 ? '' : `, after [${cast.deps.join(' ')}]`
  const by = item.k === 'forward' ? ` of ${item.sender}` : ''
  return `${item.k}${cast.isGbcast ? ' gbcast' : ''} ${cast.seq}${by} (n ${cast.n}, group ${cast.gid}.${cast.gn}${deps})`
}

function describeMessage(message: Message): string {
  switch (message.k) {
    case 'foreign':
      return `foreign: in ${message.view}, linked to [${message.linked.join(' ')}]`
    case 'suspect':
      return `suspect: ${message.peer} in ${message.view}${message.departed === null ? '' : ', proven'}`
    case 'leave':
      return `leave: ${message.departed.id}`
    case 'propose': {
      const parts = message.parts.map(({ view, members }) => `[${members.join(' ')}] from ${view}`)
      return `PROPOSE ${viewIdOf(message.ballot)}: ${parts.join(' and ')}`
    }
    case 'refuse':
      return `REFUSE ${viewIdOf(message.ballot)}: in ${message.view}, promised ${viewIdOf(message.promised)}`
    case 'row':
      return `ROW ${viewIdOf(message.ballot)}: ${describeRow(message.row)}`
    case 'cut': {
      const { primary, line } = message.decision
      const state = primary ? `primary in line ${line}` : 'not primary'
      return `CUT ${viewIdOf(message.ballot)}: ${state}, rows of [${message.rows.map(({ from }) => from).join(' ')}]`
    }
    case 'ready':
      return `READY ${viewIdOf(message.ballot)}`
    case 'install':
      return `INSTALL ${viewIdOf(message.ballot)}`
    case 'refound':
      return `refound: in ${message.view}`
    case 'groupRequest':
      return `group ${message.name}: ${message.action}, please`
    case 'groupRefuse':
      return `group ${message.name}: refused`
    case 'groupPrepare':
      return `group ${message.gid}: PREPARE view ${message.gn}`
    case 'groupCount':
      return `group ${message.gid}: COUNT for view ${message.gn}: last cast ${message.seq}, positions ${message.orderEnd}`
    case 'want':
      return `WANT ${message.group} at ${message.of}: ${message.ranges.join(' ')}`
    case 'groupInstall': {
      const { name, gn, members, counts, plan } = message.install
      if (plan === null) return `group ${name}: INSTALL cut ${gn}, counts [${counts.join(' ')}]`
      const states = plan.map(
        ({ need, mode, sources }) => `${need} ${mode}s by ${sources.map((s) => s.donor).join(' ')}`,
      )
      const all = states.length === 0 ? '' : `; ${states.join(', ')}`
      return `group ${name}: INSTALL view ${gn} [${members.join(' ')}], counts [${counts.join(' ')}]${all}`
    }
    case 'groupCut':
      return `group ${message.name}: a gbcast after ${message.gn}, cut please`
    case 'suspend':
    case 'resume':
    case 'hasten':
    case 'groupSync':
    case 'groupSynced':
      return message.k
    default:
      return message satisfies never
  }
}

function describeRow({ view, removed, groups, marked, readies }: Row): string {
  const held = removed
    .map(({ sender, stable, held: all }) => {
      const casts = all.map(({ seq, delivered }) => `${seq}${delivered ? '!' : ''}`).join(' ')
      return `${sender} stable to ${stable}${casts === '' ? '' : `, held ${casts}`}`
    })
    .join('; ')
  const end = `${marked.length === 0 ? '' : `; end of view under way to [${marked.join(' ')}]`}${readies.length === 0 ? '' : `; ready for [${readies.join(' ')}]`}`
  return `from ${view}; ${groups.map(describeGroup).join(', ')}; ${held}${end}`
}

function describeGroup({ name, gn, next }: GroupRow): string {
  return `${name} in view ${gn}, next position ${next}`
}
