/**
 * Topics: publish to a name, subscribe to a pattern. What comes is counted: strays, which the pattern does not match, by a
 * matcher of the page's own; and what is missing, by the numbers that each tab gives its messages. And a channel, beside.
 */
import type { Subscription, TopicMessage } from 'tutti'
import { byId, type Child, make, setText, soon } from '../dom.ts'
import { count, type Panel, type Toolbox } from './panel.ts'

const LINES = 6
const TEXT_MAX = 120
/** What a burst is published to, so many times over. */
const TOPICS = ['strings.violin', 'strings.violin.solo', 'strings.cello', 'brass.horn', 'brass.tuba', 'choir.alto']
const ROUNDS = 10

/** A message: numbered by its publisher for each topic, from 1. */
interface Note {
  readonly n: number
  readonly text: string
}

/** Shows what comes from now on. */
export async function openTopics({ space, people }: Toolbox, panel: Panel): Promise<void> {
  const sent = new Map<string, number>()
  const seen = { count: 0, strays: 0, missing: 0, kept: 0 }
  let last = new Map<string, number>()
  let subscription: Subscription<Note> | null = null

  const lines = byId('topic-lines', HTMLElement)
  const addLine = (from: string | null, where: string, text: string): void => {
    // As with the platform's own channels, nobody is told who has posted.
    const who: Child = from === null ? 'another tab:' : people.tag(from)
    lines.prepend(make('li', {}, make('code', {}, where), make('span', {}, who, ' ', text.slice(0, TEXT_MAX))))
    while (lines.childElementCount > LINES) lines.lastElementChild?.remove()
  }
  const take = (pattern: string, { topic, value, from, isKept }: TopicMessage<Note>): void => {
    const { n, text } = readNote(value)
    if (!isMatch(pattern.split('.'), topic.split('.'))) seen.strays += 1
    if (isKept) seen.kept += 1
    else {
      seen.count += 1
      const before = last.get(`${from} ${topic}`)
      if (before !== undefined) seen.missing += n - before - 1
      last.set(`${from} ${topic}`, n)
    }
    addLine(from, topic, isKept ? `${text} (kept from before)` : text)
    drawSoon()
  }
  const subscribe = async (): Promise<void> => {
    const pattern = byId('topic-pattern', HTMLInputElement).value.trim()
    const next = await space.topics.subscribe<Note>(pattern, (message) => take(pattern, message), { last: 1 })
    subscription?.close()
    subscription = next
    // It may have missed some between two subscriptions, which is as it should be.
    last = new Map()
    draw()
  }
  const publish = (topic: string, text: string, keep: number): Promise<void> => {
    const n = (sent.get(topic) ?? 0) + 1
    sent.set(topic, n)
    return space.topics.publish(topic, { n, text } satisfies Note, { keep })
  }
  panel.form('topic-subscribe', subscribe)
  const topic = byId('topic-name', HTMLInputElement)
  panel.form('topic-publish', () => publish(topic.value.trim(), 'plays a note', 1))
  panel.button('topic-burst', async () => {
    const all: Promise<void>[] = []
    for (let i = 1; i <= ROUNDS; i += 1) for (const name of TOPICS) all.push(publish(name, `plays bar ${i}`, 0))
    await Promise.all(all)
  })
  const state = byId('topic-state', HTMLElement)
  const draw = (): void => {
    const kept = seen.kept > 0 ? `, and ${seen.kept} kept from before` : ''
    const text = `Subscribed to ${subscription?.pattern}: ${count(seen.count, 'message')}${kept}.`
    setText(state, `${text} Strays: ${seen.strays}. Missing: ${seen.missing}.`)
  }
  const drawSoon = soon(draw)

  const hall = space.channel('hall')
  hall.addEventListener('message', ({ data }) => addLine(null, 'channel', String(data)))
  const words = byId('channel-text', HTMLInputElement)
  panel.form('channel-say', () => {
    hall.postMessage(words.value.slice(0, TEXT_MAX))
    addLine(space.self, 'channel', `${words.value} (to the others)`)
    words.value = ''
  })
  await subscribe()
}

/** Does a pattern match a topic? Segment by segment, as docs/topics.md says, and not by the library. */
function isMatch([first, ...rest]: readonly string[], topic: readonly string[]): boolean {
  if (first === undefined) return topic.length === 0
  if (first === '**') return isMatch(rest, topic) || (topic.length > 0 && isMatch(['**', ...rest], topic.slice(1)))
  return topic.length > 0 && (first === '*' || first === topic[0]) && isMatch(rest, topic.slice(1))
}

/** A peer may have published anything. */
function readNote(value: unknown): Note {
  const { n, text } = (typeof value === 'object' && value !== null ? value : {}) as Partial<Record<string, unknown>>
  return { n: typeof n === 'number' ? n : 0, text: typeof text === 'string' ? text : '?' }
}
