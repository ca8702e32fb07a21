/**
 * What the page's address says: `?space=`, `?transport=tabs|webrtc|both` and `?name=`.
 */

/** The ways to others that the page may use. */
export type TransportChoice = 'tabs' | 'webrtc' | 'both'

/** The address, read. */
export interface Address {
  readonly space: string
  readonly transport: TransportChoice
  /** This member's name. */
  readonly name: string
}

const INSTRUMENTS = [
  'Violin',
  'Viola',
  'Cello',
  'Bass',
  'Harp',
  'Flute',
  'Oboe',
  'Clarinet',
  'Bassoon',
  'Horn',
  'Trumpet',
  'Trombone',
  'Tuba',
  'Timpani',
  'Celesta',
]
const DESKS = 9
const NAME_LENGTH_MAX = 64

/** Reads an address; what is missing or makes no sense gets its default. */
export function readAddress(url: URL): Address {
  const { searchParams } = url
  const transport = searchParams.get('transport')
  return {
    space: searchParams.get('space') || 'demo',
    transport: transport === 'tabs' || transport === 'webrtc' ? transport : 'both',
    name: searchParams.get('name')?.slice(0, NAME_LENGTH_MAX) || drawName(),
  }
}

/** The address for another tab of the same space. */
export function addressOfAnother(url: URL): string {
  const another = new URL(url)
  another.searchParams.delete('name')
  return another.href
}

/** The address of the demo's other page, for this tab: the same space, the same name if one was chosen. */
export function addressOfPage(url: URL, page: string): string {
  const other = new URL(page, url)
  other.search = url.search
  return other.href
}

/** The signaling server of the demo, on the host that served the page. */
export function signalingAddress(url: URL): string {
  return `${url.protocol === 'https:' ? 'wss:' : 'ws:'}//${url.host}/signaling`
}

/** A player of an orchestra, such as "Violin 3". */
function drawName(): string {
  const instrument = INSTRUMENTS[Math.floor(Math.random() * INSTRUMENTS.length)] ?? 'Violin'
  return `${instrument} ${1 + Math.floor(Math.random() * DESKS)}`
}
