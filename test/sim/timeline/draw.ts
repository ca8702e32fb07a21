/**
 * Draws a run as the time-space diagram of the textbooks: time to the right, a line for each process, arrows for casts,
 * bars for views.
 */
import type { Arrow, Life, Mark, Model, Span, ViewSpan } from './model.ts'
import { el, line, text } from './svg.ts'

/** What of the run is drawn. */
export interface Look {
  /** From when to when, in ms; by default all. */
  readonly window?: readonly [number, number]
  /** Breaches to mark. */
  readonly marks?: readonly Mark[]
  /** What the title says besides the seed. */
  readonly note?: string
}

const WIDTH = 1_680
const LEFT = 120
const RIGHT = 48
const TOP = 92
const ROW = 52
/** Height of a view's bar. */
const BAR = 16
const LEGEND = 74
/** More arrows than this are drawn fainter, and without heads. */
const CLEAR_ARROWS = 500
/** Casts are named if there are at most so many names. */
const NAMES = 60
/** Width of a small letter. */
const LETTER = 5.6
const INK = '#1f2933'
const ORDERS: Readonly<Record<string, string>> = { fifo: '#64748b', causal: '#1d4ed8', total: '#b45309' }
const STATE = '#047857'
const ALARM = '#c81e1e'

const STYLE = `
text { font: 11px system-ui, "Segoe UI", "DejaVu Sans", sans-serif; fill: ${INK} }
.title { font-size: 15px; font-weight: 600 }
.id { font-size: 13px; font-weight: 600 }
.soft { fill: #52606d }
.small { font-size: 9.5px }
.name { font-size: 9.5px; paint-order: stroke; stroke: #ffffff; stroke-width: 3px }
.alarm { fill: ${ALARM}; font-weight: 600 }
`

/** The diagram as an SVG document. */
export function drawTimeline(model: Model, look: Look = {}): string {
  return new Drawing(model, look).svg()
}

class Drawing {
  readonly #model: Model
  readonly #look: Look
  readonly #from: number
  readonly #to: number
  readonly #lives: readonly Life[]
  readonly #rows: ReadonlyMap<string, number>
  readonly #bottom: number

  constructor(model: Model, look: Look) {
    this.#model = model
    this.#look = look
    const [from, to] = look.window ?? [0, model.end]
    this.#from = from
    this.#to = Math.max(to, from + 1)
    this.#lives = model.lives.filter((life) => this.#shows(life))
    this.#rows = new Map(this.#lives.map(({ id }, index) => [id, TOP + ROW * (index + 0.5)]))
    this.#bottom = TOP + ROW * this.#lives.length
  }

  svg(): string {
    const height = this.#bottom + 40 + LEGEND
    const plot = { x: LEFT, y: TOP - 30, width: WIDTH - LEFT - RIGHT, height: this.#bottom - TOP + 34 }
    const frame = { xmlns: 'http://www.w3.org/2000/svg', width: WIDTH, height, viewBox: `0 0 ${WIDTH} ${height}` }
    return `${el(
      'svg',
      frame,
      el('style', {}, STYLE),
      this.#defs(plot),
      el('rect', { width: WIDTH, height, fill: '#ffffff' }),
      this.#title(),
      this.#axis(),
      el(
        'g',
        { 'clip-path': 'url(#plot)' },
        this.#network(),
        // Behind the bars: what passes a process does not concern it.
        this.#arrows(),
        ...this.#lives.map((life) => this.#life(life)),
        ...this.#names(),
        this.#marks(),
      ),
      ...this.#lives.map((life) => this.#label(life)),
      legend(this.#bottom + 52),
    )}\n`
  }

  #defs(plot: Readonly<Record<string, number>>): string {
    const heads = [...Object.entries(ORDERS), ['state', STATE] as const].map(([name, fill]) =>
      el(
        'marker',
        { id: `head-${name}`, viewBox: '0 0 8 8', refX: 7, refY: 4, markerWidth: 6, markerHeight: 6, orient: 'auto' },
        el('path', { d: 'M0 1L8 4L0 7z', fill }),
      ),
    )
    return el('defs', {}, el('clipPath', { id: 'plot' }, el('rect', plot)), hatch('freeze', '#0369a1'), ...heads)
  }

  #title(): string {
    const { seed } = this.#model
    const span = `${seconds(this.#from)} to ${seconds(this.#to)} s`
    const note = this.#look.note === undefined ? '' : `, ${this.#look.note}`
    return text(16, 26, `Seed ${seed ?? '?'}: ${this.#lives.length} processes, ${span}${note}`, { class: 'title' })
  }

  #axis(): string {
    const step = stepFor(this.#to - this.#from)
    const parts: string[] = []
    for (let t = Math.ceil(this.#from / step) * step; t <= this.#to; t += step) {
      const x = this.#x(t)
      const label = step < 1_000 ? `${Math.round(t)} ms` : `${Math.round(t / 1_000)} s`
      parts.push(line(x, TOP - 30, x, this.#bottom + 4, { stroke: '#e4e7eb' }))
      parts.push(text(x, this.#bottom + 18, label, { 'text-anchor': 'middle', class: 'soft' }))
    }
    return parts.join('')
  }

  /** Partitions shade the time that they last and tell the parts apart by a stripe in each row; resets are zigzags. */
  #network(): string {
    const parts: string[] = []
    for (const partition of this.#model.partitions) {
      if (!this.#shows(partition)) continue
      const [x1, x2] = [this.#x(partition.from), this.#x(partition.to)]
      parts.push(el('rect', { x: x1, y: TOP - 30, width: x2 - x1, height: this.#bottom - TOP + 34, fill: '#fdecea' }))
      const names = partition.parts.map((part) => part.join(' ')).join(' | ')
      parts.push(
        text(Math.max(x1, LEFT) + 4, TOP - 18, fitted(`cut: ${names}`, x2 - Math.max(x1, LEFT)), {
          class: 'alarm small',
        }),
      )
      for (const id of partition.parts[1] ?? []) {
        const y = this.#rows.get(id)
        if (y !== undefined)
          parts.push(el('rect', { x: x1, y: y - ROW / 2, width: x2 - x1, height: ROW, fill: '#f9cfc9' }))
      }
    }
    const { quiet } = this.#model
    if (quiet !== null && quiet >= this.#from) {
      parts.push(
        line(this.#x(quiet), TOP - 30, this.#x(quiet), this.#bottom + 4, { stroke: INK, 'stroke-dasharray': '2 3' }),
      )
      parts.push(text(this.#x(quiet) + 4, TOP - 6, 'no more faults', { class: 'soft small' }))
    }
    return parts.join('')
  }

  #life(life: Life): string {
    const y = this.#y(life.id)
    const [x1, x2] = [this.#x(life.from), this.#x(life.to)]
    const parts = [line(x1, y, x2, y, { stroke: '#7b8794', 'stroke-width': 1.5 })]
    for (const view of life.views) if (this.#shows(view)) parts.push(this.#view(view, y))
    for (const flush of life.flushes) {
      if (this.#shows(flush)) parts.push(this.#rect(flush, y + BAR / 2, 4, INK, 1))
    }
    for (const t of life.proposals) {
      const x = this.#x(t)
      parts.push(el('path', { d: `M${x} ${y + BAR / 2 + 2}l-4.5 9h9z`, fill: INK }))
    }
    for (const frozen of life.frozen) {
      if (!this.#shows(frozen)) continue
      parts.push(this.#rect(frozen, y - BAR / 2 - 4, BAR + 8, 'url(#freeze)', 1, '#0369a1'))
    }
    if (life.end === 'crashed') {
      parts.push(el('path', { d: `M${x2 - 7} ${y - 7}l14 14m0 -14l-14 14`, stroke: ALARM, 'stroke-width': 3.5 }))
    } else if (life.end === 'left') {
      parts.push(el('circle', { cx: x2, cy: y, r: 6, fill: '#ffffff', stroke: INK, 'stroke-width': 2 }))
    }
    return el('g', {}, ...parts)
  }

  #view(view: ViewSpan, y: number): string {
    const hue = hueOf(view.id)
    const [x1, x2] = [Math.max(this.#x(view.from), LEFT), this.#x(view.to)]
    const fill = view.isPrimary ? `hsl(${hue} 65% 72%)` : '#ffffff'
    const stroke = `hsl(${hue} 55% 38%)`
    const dashes = view.isPrimary ? undefined : '4 2'
    const box = el('rect', {
      ...{ x: x1, y: y - BAR / 2, width: Math.max(1, x2 - x1), height: BAR, fill, stroke },
      'stroke-dasharray': dashes,
    })
    const label = fitted(`${view.id} (${view.members.length})`, x2 - x1 - 4)
    return label === '' ? box : box + text(x1 + 4, y + 3.5, label, { class: 'small' })
  }

  #arrows(): string {
    const shown = this.#shown()
    const count = shown.filter(({ from, to }) => from !== to).length
    return shown.map((arrow) => this.#arrow(arrow, count)).join('')
  }

  #shown(): readonly Arrow[] {
    return this.#model.arrows.filter(({ sent, got }) => this.#shows({ from: sent, to: got }))
  }

  #arrow(arrow: Arrow, count: number): string {
    const [y1, y2] = [this.#rows.get(arrow.from), this.#rows.get(arrow.to)]
    if (y1 === undefined || y2 === undefined) return ''
    const [x1, x2] = [this.#x(arrow.sent), this.#x(arrow.got)]
    const isState = arrow.kind === 'state'
    const color = isState ? STATE : (ORDERS[arrow.order] ?? INK)
    const isClear = count <= CLEAR_ARROWS
    if (y1 === y2) {
      // Its own cast comes to the sender: when it was made, and when it was delivered.
      if (!isClear) return ''
      return el('path', {
        d: `M${x1} ${y1 - BAR / 2}Q${(x1 + x2) / 2} ${y1 - BAR / 2 - 12} ${x2} ${y1 - BAR / 2}`,
        fill: 'none',
        stroke: color,
        opacity: 0.5,
      })
    }
    const side = y2 > y1 ? BAR / 2 : -BAR / 2
    return line(x1, y1 + side, x2, y2 - side, {
      stroke: color,
      'stroke-width': isState ? 2 : isClear ? 1 : 0.7,
      'stroke-dasharray': isState ? '6 3' : undefined,
      opacity: isClear ? 0.85 : 0.35,
      'marker-end': isClear
        ? `url(#head-${isState ? 'state' : arrow.order in ORDERS ? arrow.order : 'fifo'})`
        : undefined,
    })
  }

  /** The names of what goes out, once for all that goes out together. */
  #names(): string[] {
    const together = new Map<string, Arrow[]>()
    for (const arrow of this.#shown()) {
      const key = `${arrow.from} ${arrow.sent} ${arrow.kind}`
      together.set(key, [...(together.get(key) ?? []), arrow])
    }
    if (together.size > NAMES) return []
    return [...together.values()].map((list) => {
      const [first] = list
      const y = first === undefined ? undefined : this.#rows.get(first.from)
      if (first === undefined || y === undefined || first.sent < this.#from) return ''
      const names = [...new Set(list.map(({ name }) => name))]
      const rest = names.length > 1 ? ` +${names.length - 1}` : ''
      const isState = first.kind === 'state'
      const label = isState ? `state ${names.join(' ')}` : `${first.name}${rest}`
      const fill = isState ? STATE : (ORDERS[first.order] ?? INK)
      return text(this.#x(first.sent) + 3, isState ? y + BAR / 2 + 16 : y - BAR / 2 - 5, label, {
        class: 'name',
        style: `fill: ${fill}`,
      })
    })
  }

  #marks(): string {
    const parts: string[] = []
    for (const { t, a, b } of this.#model.resets) {
      const [y1, y2] = [this.#rows.get(a), this.#rows.get(b)]
      if (y1 === undefined || y2 === undefined || t < this.#from || t > this.#to) continue
      const x = this.#x(t)
      const [top, down] = [Math.min(y1, y2), Math.abs(y2 - y1)]
      const steps = Math.max(2, Math.round(down / 8))
      const points = Array.from(
        { length: steps + 1 },
        (_, i) => `${x + (i % 2 === 0 ? -3 : 3)},${top + (down * i) / steps}`,
      )
      parts.push(el('polyline', { points: points.join(' '), fill: 'none', stroke: '#7c3aed', 'stroke-width': 1.8 }))
    }
    for (const { t, text: content } of this.#look.marks ?? []) {
      const x = this.#x(t)
      parts.push(
        line(x, TOP - 30, x, this.#bottom + 4, { stroke: ALARM, 'stroke-width': 1.8, 'stroke-dasharray': '6 3' }),
      )
      parts.push(text(x + 4, this.#bottom, content, { class: 'alarm' }))
    }
    return parts.join('')
  }

  #label({ id, place }: Life): string {
    const y = this.#y(id)
    const label = place.replace(/^https?:\/\//, '')
    return text(16, y + 1, id, { class: 'id' }) + text(16, y + 14, label, { class: 'soft small' })
  }

  #rect(span: Span, y: number, height: number, fill: string, widthMin: number, stroke?: string): string {
    const x = this.#x(span.from)
    return el('rect', { x, y, width: Math.max(widthMin, this.#x(span.to) - x), height, fill, stroke })
  }

  #y(id: string): number {
    return this.#rows.get(id) ?? 0
  }

  #x(t: number): number {
    const share = (t - this.#from) / (this.#to - this.#from)
    // What is far outside is cut off: no renderer likes coordinates in the millions.
    return LEFT + Math.min(3, Math.max(-2, share)) * (WIDTH - LEFT - RIGHT)
  }

  #shows({ from, to }: Span): boolean {
    return to >= this.#from && from <= this.#to
  }
}

function legend(y: number): string {
  const parts: string[] = []
  let x = 16
  const entry = (picture: string, label: string, width = 26): void => {
    parts.push(
      el('g', { transform: `translate(${Math.round(x)} ${y})` }, picture, text(width + 6, 4, label, { class: 'soft' })),
    )
    x += width + 24 + label.length * 6.1
  }
  const bar = { y: -7, width: 26, height: 14 }
  entry(el('rect', { ...bar, fill: 'hsl(210 65% 72%)', stroke: 'hsl(210 55% 38%)' }), 'view: id (members), primary')
  entry(
    el('rect', { ...bar, fill: '#fff', stroke: 'hsl(210 55% 38%)', 'stroke-dasharray': '4 2' }),
    'view, not primary',
  )
  entry(el('rect', { y: -2, width: 26, height: 4, fill: INK }), 'flush: from the row to the install')
  entry(el('path', { d: 'M6 -5l-4.5 9h9z', fill: INK }), 'proposal', 12)
  entry(el('path', { d: 'M0 -6l12 12m0 -12l-12 12', stroke: ALARM, 'stroke-width': 3 }), 'crash', 14)
  entry(el('circle', { cx: 6, r: 5, fill: '#fff', stroke: INK, 'stroke-width': 2 }), 'leave', 14)
  entry(el('rect', { ...bar, fill: 'url(#freeze)', stroke: '#0369a1' }), 'frozen')
  entry(
    el('rect', { ...bar, width: 13, fill: '#fdecea' }) + el('rect', { ...bar, x: 13, width: 13, fill: '#f9cfc9' }),
    'partition, its parts',
  )
  x = 16
  y += 26
  for (const [order, stroke] of Object.entries(ORDERS)) {
    entry(line(0, 4, 26, -4, { stroke, 'marker-end': `url(#head-${order})` }), `${order} cast`)
  }
  entry(
    line(0, 4, 26, -4, {
      stroke: STATE,
      'stroke-width': 2,
      'stroke-dasharray': '6 3',
      'marker-end': 'url(#head-state)',
    }),
    'state',
  )
  entry(
    el('polyline', { points: '0,-7 6,-3.5 0,0 6,3.5 0,7', fill: 'none', stroke: '#7c3aed', 'stroke-width': 1.8 }),
    'path reset',
    10,
  )
  entry(line(4, -8, 4, 8, { stroke: ALARM, 'stroke-width': 1.8, 'stroke-dasharray': '6 3' }), 'violation', 10)
  return parts.join('')
}

function hatch(id: string, stroke: string): string {
  const size = { id, width: 6, height: 6, patternUnits: 'userSpaceOnUse', patternTransform: 'rotate(45)' }
  return el(
    'pattern',
    size,
    el('rect', { width: 6, height: 6, fill: '#e0f2fe', opacity: 0.8 }),
    line(0, 0, 0, 6, { stroke, 'stroke-width': 2 }),
  )
}

/** As much of a text as has room; nothing rather than a letter or two. */
function fitted(content: string, width: number): string {
  const letters = Math.floor(width / LETTER)
  return content.length <= letters ? content : letters < 4 ? '' : `${content.slice(0, letters - 1)}…`
}

/** Hues that tell views apart which follow one another: the golden angle for each epoch, a little for each coordinator. */
function hueOf(view: string): number {
  const [epoch = '0', ...rest] = view.split('.')
  let hash = 0
  for (const letter of rest.join('.')) hash = (hash * 31 + letter.charCodeAt(0)) % 997
  return Math.round((Number(epoch) * 137.5 + (hash % 60)) % 360)
}

function stepFor(span: number): number {
  const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 60_000]
  return steps.find((step) => span / step <= 16) ?? 300_000
}

function seconds(t: number): string {
  return String(Math.round(t) / 1_000)
}
