import { openSpace } from 'tutti'
import { tabs } from 'tutti/adapters/broadcast-channel'
import { webrtc } from 'tutti/adapters/simple-peer'

const signaling = new URLSearchParams(location.search).get('signaling')
const output = document.body.appendChild(document.createElement('output'))
output.id = 'state'

const space = await openSpace('app', { transports: [tabs(), webrtc({ signaling: [signaling], iceServers: [] })] })
const plays = await space.counter('plays')
const show = () => {
  output.textContent = JSON.stringify({ members: space.view.members.length, plays: plays.value })
}
space.addEventListener('view', show)
plays.subscribe(show)
plays.add(1)
show()
