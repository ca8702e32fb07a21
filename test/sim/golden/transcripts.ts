/** The runs that are kept as golden transcripts: one flush, one merge, one state transfer, one gbcast. */
import { channel } from '../scenarios/channel.ts'
import { Stage } from '../scenarios/stage.ts'
import type { StageOptions } from '../scenarios/words.ts'
import { Transcript } from './transcript.ts'

interface Golden {
  readonly name: string
  readonly about: string
  readonly on: StageOptions
  play(stage: Stage, transcript: Transcript): Promise<void>
}

/** What is kept, by the name of its file. */
export const goldens: readonly Golden[] = [
  {
    name: 'flush',
    about: 'A flush with four members. The crashed one has reached one survivor with a cast, which that one forwards.',
    on: { groups: { log: channel('total') } },
    async play(s, transcript) {
      await s.together('a b c d')
      transcript.begin()
      s.hold('d>a b')
      s.cast('b', 'log', 'x')
      s.cast('d', 'log', 'y')
      await s.run(15)
      s.crash('d')
      s.release()
      await s.settle()
      s.inView('a b c', 'a b c', { primary: true })
      s.delivered('a b c', 'log', 'x y')
    },
  },
  {
    name: 'merge',
    about: 'A split of three members into two and one, a cast on each side, and their merge.',
    on: { groups: { notes: channel('causal') } },
    async play(s, transcript) {
      await s.together('a b c')
      transcript.begin()
      s.cut('a b | c')
      await s.settle()
      transcript.say('Each side goes on.')
      s.cast('a', 'notes', 'x')
      s.cast('c', 'notes', 'y')
      await s.settle()
      transcript.say('They meet again.')
      s.heal()
      await s.settle()
      s.inView('a b c', 'a b c', { primary: true })
      s.holds('a b c', 'notes', 'x y')
    },
  },
  {
    name: 'transfer',
    about: 'A newcomer becomes a member of a group and gets its state in three chunks, while another member casts.',
    on: { groups: { log: channel('total', { ballast: 40_000 }) } },
    async play(s, transcript) {
      await s.together('a b')
      s.start('c', '')
      s.cast('a', 'log', 'before')
      await s.settle()
      transcript.begin()
      s.onSend({ to: 'c', kind: 'chunk', nth: 2 }, () => s.cast('b', 'log', 'during'))
      s.open('c', 'log')
      await s.settle()
      s.delivered('c', 'log', 'during')
      s.holds('a b c', 'log', 'before during')
    },
  },
  {
    name: 'gbcast',
    about: 'Two gbcasts before one cut, in a group whose order is fifo, and a cast that waits for the cut.',
    on: { groups: { notes: channel('fifo') } },
    async play(s, transcript) {
      await s.together('a b c')
      transcript.begin()
      s.cast('b', 'notes', 'x')
      s.gbcast('b', 'notes', 'second')
      s.cast('b', 'notes', 'y')
      s.gbcast('c', 'notes', 'first')
      await s.settle()
      s.delivered('a b c', 'notes', 'x first second y')
    },
  },
]

/** Plays one; returns its text. */
export async function record({ about, on, play }: Golden): Promise<string> {
  const stage = new Stage(on)
  const transcript = new Transcript(stage)
  await play(stage, transcript)
  const head = `${about}\nms, who, what. A message stands where it is sent, and arrives after ${stage.wire.delayMs} ms.`
  return `${head.replaceAll(/^/gm, '# ')}\n\n${transcript.text}`
}
