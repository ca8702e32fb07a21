import { StrictMode, useEffect, useRef } from 'react'
import { createRoot } from 'react-dom/client'
import { tabs } from 'tutti/adapters/broadcast-channel'
import { useObject, useSpace, useView } from 'tutti/adapters/react'
import { webrtc } from 'tutti/adapters/simple-peer'

const signaling = new URLSearchParams(location.search).get('signaling')
const options = { transports: [tabs(), webrtc({ signaling: [signaling], iceServers: [] })] }

function App() {
  const { space } = useSpace('app', options)
  const view = useView(space)
  const { object: plays, snapshot } = useObject(space, 'plays', (from, name) => from.counter(name))
  const isCounted = useRef(false)
  useEffect(() => {
    // StrictMode runs effects twice.
    if (plays === null || isCounted.current) return
    isCounted.current = true
    plays.add(1)
  }, [plays])
  return <output id="state">{JSON.stringify({ members: view?.members.length, plays: snapshot })}</output>
}

createRoot(document.getElementById('app')).render(
  <StrictMode>
    <App />
  </StrictMode>,
)
