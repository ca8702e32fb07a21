/**
 * Two devices and a witness: one device falls silent, the other goes on.
 *
 *   node --conditions=tutti-source --import tsx demo/witness.ts
 *
 * All three run in this one Node process and meet through its memory, since no transport of Node reaches other machines
 * yet. Between machines the witness is a page: the same call with `webrtc(…)`, in a browser that is always on.
 */
import { openSpace, type Space } from 'tutti'
import { memory } from 'tutti/adapters/memory'

const meeting = { worker: false, transports: [memory()], foundAfterMs: 100 } as const
const desk = await openSpace('score-42', { ...meeting, name: 'desk' })
const phone = await openSpace('score-42', { ...meeting, name: 'phone' })
const witness = await openSpace('score-42', { ...meeting, name: 'witness', witness: true })

await untilPrimary(witness, 3)
tell('together', phone)

const jobs = await phone.queue<string>('jobs')
// Nothing is said, and nothing proves that it is dead: the phone sees no more than silence.
desk.kill()
await untilPrimary(phone, 2)
tell('without the desk', phone)
await jobs.add('copy the parts')
console.log('agreed on:', jobs.items.map(({ value }) => value).join())

await witness.close()
await phone.close()

/** Resolves when the space is in a primary view of so many. */
function untilPrimary(space: Space, count: number): Promise<void> {
  const isThere = (): boolean => space.view.primary && space.view.members.length === count
  return new Promise((resolve) => {
    const look = (): void => {
      if (!isThere()) return
      space.removeEventListener('view', look)
      resolve()
    }
    space.addEventListener('view', look)
    look()
  })
}

function tell(when: string, { view }: Space): void {
  const members = view.members.map(
    ({ name, weight, witness: isWitness }) => `${name}${isWitness ? ` (votes: ${weight})` : ''}`,
  )
  console.log(`${when}: ${view.primary ? 'primary' : 'not primary'}, ${members.join(', ')}`)
}
