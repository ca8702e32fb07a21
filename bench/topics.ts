/**
 * Topics by the thousand: `npm run bench:topics`. Spaces in one process, over the memory transport.
 *
 * Each of four subscribes to a random 1,000 of 10,000 topics; then each topic is published to once, by one of them. Every
 * message must reach all who subscribed to its topic, and no one else: the exit code is 1 if one is missing, comes twice, or
 * reaches an application that did not subscribe. Prints what a subscription and a kept message cost in memory, and how long
 * subscribing and publishing take. `--topics`, `--processes`, `--subscriptions`, `--seed` change the numbers.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { MemoryHub, memory } from '../adapters/memory/index.ts'
import { openSpace } from '../lib/open-space.ts'
import type { Space } from '../lib/space.ts'

const topicCount = option('topics', 10_000)
const processCount = option('processes', 4)
const subscriptionCount = option('subscriptions', 1_000)
const draw = generator(option('seed', 1))

const spaces = await openSpaces()
/** How often each process was told of each topic. */
const told = spaces.map(() => new Map<string, number>())
const wanted = spaces.map(() => new Set<string>())
const topics = Array.from({ length: topicCount }, (_, i) => `t${i}.value`)

const heapBefore = heap()
const begun = performance.now()
await Promise.all(
  spaces.map(async (space, i) => {
    const mine = wanted[i] ?? new Set()
    while (mine.size < subscriptionCount) mine.add(topics[Math.floor(draw() * topicCount)] ?? '')
    const counts = told[i] ?? new Map<string, number>()
    await Promise.all(
      [...mine].map((topic) =>
        space.topics.subscribe(topic, (message) => counts.set(message.topic, (counts.get(message.topic) ?? 0) + 1)),
      ),
    )
  }),
)
const subscribedMs = performance.now() - begun
const subscriptionBytes = (heap() - heapBefore) / (processCount * subscriptionCount)

const publishedFrom = performance.now()
const publishers = topics.map(() => Math.floor(draw() * processCount))
await Promise.all(topics.map((topic, i) => spaces[publishers[i] ?? 0]?.topics.publish(topic, i)))
await until(() => told.every((counts, i) => counts.size >= (wanted[i]?.size ?? 0)))
const publishedMs = performance.now() - publishedFrom
// What would come too much has the time to come.
await sleep(500)

const faults = findFaults()
const keptFrom = heap()
await Promise.all(topics.map((topic, i) => spaces[publishers[i] ?? 0]?.topics.publish(topic, i, { keep: 1 })))
await sleep(500)
const keptBytes = (heap() - keptFrom) / (processCount * topicCount)

const lateFrom = performance.now()
let late = 0
await spaces[0]?.topics.subscribe('**', () => (late += 1), { last: 1 })
// What was still on its way to this process comes as it is delivered.
await until(() => late >= topicCount)
const lateMs = performance.now() - lateFrom

console.log(`${processCount} processes, ${topicCount} topics, ${subscriptionCount} subscriptions each`)
console.log(`subscribing, until nothing is missed any more: ${ms(subscribedMs)} for all of them`)
console.log(`publishing to every topic once, until all have it: ${ms(publishedMs)}`)
console.log(`memory of a subscription: ${Math.round(subscriptionBytes)} B`)
console.log(`memory of a topic that keeps its last value, at each process: ${Math.round(keptBytes)} B`)
console.log(`a subscription to ** with the last value of each: ${late} in ${ms(lateMs)}`)
console.log(
  `messages that reached who had not subscribed: ${faults.strays}; missing: ${faults.missing}; twice: ${faults.twice}`,
)
for (const space of spaces) space.kill()
process.exit(faults.strays + faults.missing + faults.twice > 0 || late !== topicCount ? 1 : 0)

function findFaults(): { strays: number; missing: number; twice: number } {
  const found = { strays: 0, missing: 0, twice: 0 }
  for (const [i, counts] of told.entries()) {
    for (const [topic, count] of counts) {
      if (wanted[i]?.has(topic) !== true) found.strays += count
      else if (count > 1) found.twice += 1
    }
    for (const topic of wanted[i] ?? []) if (!counts.has(topic)) found.missing += 1
  }
  return found
}

async function openSpaces(): Promise<readonly Space[]> {
  const hub = new MemoryHub()
  const open = () => openSpace('bench', { worker: false, foundAfterMs: 20, transports: [memory({ hub })] })
  const opened = await Promise.all(Array.from({ length: processCount }, open))
  await until(() => opened.every((space) => space.members.length === processCount))
  return opened
}

async function until(isTrue: () => boolean): Promise<void> {
  const end = performance.now() + 300_000
  while (!isTrue() && performance.now() < end) await sleep(5)
}

/** Bytes of live objects: run with --expose-gc, or they are a guess. */
function heap(): number {
  const { gc } = globalThis as { gc?: () => void }
  gc?.()
  return process.memoryUsage().heapUsed
}

function ms(time: number): string {
  return `${time.toFixed(0)} ms`
}

function option(name: string, standard: number): number {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? standard : Number(process.argv[at + 1])
}

/** mulberry32 */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}
