/**
 * What both pages begin with: the address, the space, who is here, and how it ends.
 */
import { openSpace, type Presence, type Space } from 'tutti'
import { tabs } from 'tutti/adapters/broadcast-channel'
import { webrtc } from 'tutti/adapters/simple-peer'
import { type Address, addressOfAnother, addressOfPage, readAddress, signalingAddress } from './address.ts'
import { byId, setText } from './dom.ts'
import { People, type Player } from './people.ts'

/** A space that this page has entered. */
export interface Entered {
  readonly space: Space
  readonly people: People
  readonly players: Presence<Player>
}

/** Opens the space that the address names. Rejects as `openSpace` does; the status says so. */
export async function enter(): Promise<Entered> {
  const url = new URL(location.href)
  const address = readAddress(url)
  for (const link of document.querySelectorAll<HTMLAnchorElement>('a[data-another]')) link.href = addressOfAnother(url)
  for (const link of document.querySelectorAll<HTMLAnchorElement>('a[data-page]')) {
    link.href = addressOfPage(url, link.dataset['page'] ?? './')
  }
  setText(byId('space-name', HTMLElement), address.space)
  try {
    const space = await open(address, url)
    byId('kill', HTMLButtonElement).addEventListener('click', () => {
      space.kill()
      showKilled()
    })
    const players = await space.presence<Player>('players')
    return { space, players, people: new People(space, players) }
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error)
    setText(byId('status', HTMLElement), `The space could not be opened: ${text}`)
    document.documentElement.dataset['status'] = 'closed'
    throw error
  }
}

function open({ space, name, transport }: Address, url: URL): Promise<Space> {
  const transports = {
    tabs: () => [tabs()],
    webrtc: () => [webrtc({ signaling: [signalingAddress(url)], iceServers: [] })],
    both: () => [...transports.tabs(), ...transports.webrtc()],
  }
  return openSpace(space, { name, transports: transports[transport]() })
}

/** A panel can be used once its object is whole. */
export function showReady(panel: string): void {
  const element = byId(panel, HTMLElement)
  element.removeAttribute('aria-busy')
  element.inert = false
}

function showKilled(): void {
  document.title = 'Tutti · killed'
  byId('page', HTMLElement).hidden = true
  byId('killed', HTMLElement).hidden = false
  byId('killed-again', HTMLAnchorElement).focus()
}
