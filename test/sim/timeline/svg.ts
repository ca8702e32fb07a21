/** Strings of SVG. */

type Attributes = Readonly<Record<string, string | number | undefined>>

/** An element; numbers are cut to what a screen shows. */
export function el(name: string, attributes: Attributes, ...children: readonly string[]): string {
  const all = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${typeof value === 'number' ? round(value) : escapeText(value ?? '')}"`)
    .join('')
  return children.length === 0 ? `<${name}${all}/>` : `<${name}${all}>${children.join('')}</${name}>`
}

/** Text at a place. */
export function text(x: number, y: number, content: string, attributes: Attributes = {}): string {
  return el('text', { x, y, ...attributes }, escapeText(content))
}

/** A line's path through points. */
export function line(x1: number, y1: number, x2: number, y2: number, attributes: Attributes): string {
  return el('line', { x1, y1, x2, y2, ...attributes })
}

function escapeText(value: string): string {
  return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
