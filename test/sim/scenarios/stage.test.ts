/** The language of the scenarios: what it expects can fail, and so can every checker and every moment that never comes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { channel } from './channel.ts'
import { perform } from './script.ts'
import type { Stage } from './stage.ts'
import type { Op } from './words.ts'

const groups = { log: channel('total'), jobs: 'queue' } as const

interface Played {
  readonly add: Op
  readonly one: ReturnType<Stage['take']>
  readonly two: ReturnType<Stage['take']>
}

async function play(s: Stage): Promise<Played> {
  await s.together('a b c')
  s.cast('a', 'log', 'x')
  await s.run(50)
  s.cast('b', 'log', 'y')
  const add = s.add('a', 'jobs', 'j1')
  s.add('a', 'jobs', 'j2')
  const one = s.take('a', 'jobs')
  const two = s.take('b', 'jobs')
  await s.settle()
  return { add, one, two }
}

/** Plays it, then this. */
function tryOut(check: (stage: Stage, played: Played) => void | Promise<void>): Promise<string[]> {
  return perform({
    name: 'vsync: order: a try',
    cites: [],
    on: { groups },
    async play(s) {
      await check(s, await play(s))
    },
  })
}

const TRUE: Readonly<Record<string, (s: Stage, played: Played) => void>> = {
  inView: (s) => s.inView('a b c', 'a b c', { primary: true }),
  inGroup: (s) => s.inGroup('a b c', 'log', 'a b c'),
  delivered: (s) => s.delivered('a b c', 'log', 'x y'),
  holds: (s) => s.holds('a b c', 'log', 'x y'),
  'holds of a queue': (s) => s.holds('a b c', 'jobs', 'j1 j2'),
  fate: (s) => s.fate('x y', 'stable'),
  got: (s, { add }) => s.got(add, 'ok'),
  'got an item': (s, { one }) => s.got(one, 'ok', 'j1'),
  later: (s, { one, two }) => s.later(two, one),
  precedes: (s) => s.precedes('c', 'x', 'y'),
  happened: (s) => s.happened({ e: 'deliver', g: 'log' }, 6),
  never: (s) => s.never({ e: 'view' }, ({ members }) => String(members).includes('d')),
  within: (s) => s.within(s.now - 10, 5, 15),
  atMost: (s) => s.atMost(3, 3, 'things'),
  told: (s) => s.told('a b c', {}),
}

const FALSE: Readonly<Record<string, (s: Stage, played: Played) => void>> = {
  'inView: another member': (s) => s.inView('a b c', 'a b'),
  'inView: another order': (s) => s.inView('a b c', 'b a c'),
  'inView: primary': (s) => s.inView('a b c', 'a b c', { primary: false }),
  inGroup: (s) => s.inGroup('a b c', 'log', 'a b'),
  'delivered: another order': (s) => s.delivered('a', 'log', 'y x'),
  'delivered: less': (s) => s.delivered('a', 'log', 'x'),
  'delivered: more': (s) => s.delivered('a', 'log', 'x y z'),
  holds: (s) => s.holds('a b c', 'log', 'x'),
  'holds of a queue': (s) => s.holds('a b c', 'jobs', 'j2 j1'),
  fate: (s) => s.fate('x y', 'delivered'),
  'fate of what was not cast': (s) => s.fate('z', 'stable'),
  got: (s, { add }) => s.got(add, 'pending'),
  'got an item': (s, { one }) => s.got(one, 'ok', 'j2'),
  later: (s, { one, two }) => s.later(one, two),
  precedes: (s) => s.precedes('c', 'y', 'x'),
  'precedes what was not delivered': (s) => s.precedes('c', 'x', 'z'),
  happened: (s) => s.happened({ e: 'deliver', g: 'log' }, 5),
  never: (s) => s.never({ e: 'view' }, ({ members }) => String(members).includes('c')),
  within: (s) => s.within(s.now - 10, 11, 15),
  'within, and later': (s) => s.within(s.now - 10, 5, 9),
  atMost: (s) => s.atMost(4, 3, 'things'),
  told: (s) => s.told('a b c', { left: 'd' }),
  'a moment that never comes': (s) => s.on({ e: 'propose' }, () => undefined),
  'a frame that is never sent': (s) => s.onSend({ from: 'b', kind: 'propose' }, () => undefined),
  'a crash that never comes': (s) => s.crashSending('b', 'install', { after: 0 }),
}

test('stage › what holds is found to hold', async () => {
  assert.deepEqual(
    await tryOut((s, played) => {
      for (const check of Object.values(TRUE)) check(s, played)
    }),
    [],
  )
})

for (const [name, check] of Object.entries(FALSE)) {
  test(`stage › what does not hold is found: ${name}`, async () => {
    assert.notDeepEqual(await tryOut(check), [])
  })
}

test('stage › what is waited for in vain is found', async () => {
  const [problem] = await tryOut((s) => s.until(() => s.isIn('a', 'a'), 'a is alone', 1_000))
  assert.match(problem ?? '', /waited 1000 ms in vain until a is alone/)
})

test('stage › the checkers judge the trace', async () => {
  const [problem] = await tryOut((s) => {
    const [line] = s.lines({ e: 'deliver', p: 'a', g: 'log' })
    const { t: _, p: __, ...again } = line ?? { t: 0, e: 'deliver' }
    s.world.trace.app(s.now, 'a', again)
  })
  assert.match(problem ?? '', /^M2: /)
})

test('stage › a held direction lets nothing through, and everything in order once it is released', async () => {
  assert.deepEqual(
    await tryOut(async (s) => {
      s.hold('a>c')
      s.cast('a', 'log', '1')
      await s.run(15)
      s.cast('a', 'log', '2')
      await s.run(50)
      s.delivered('b', 'log', 'x y 1 2')
      s.delivered('c', 'log', 'x y')
      s.release('a>c')
      await s.run(9)
      s.delivered('c', 'log', 'x y')
      await s.run(2)
      s.delivered('c', 'log', 'x y 1 2')
    }),
    [],
  )
})

test('stage › a crash among frames of a kind lets through as many as it says', async () => {
  let installs = 0
  const problems = await tryOut(async (s) => {
    s.crashSending('a', 'install', { after: 1 })
    s.wire.taps.push(({ from, kinds }) => {
      if (from === 'a' && kinds.includes('install')) installs += 1
      return false
    })
    s.start('d')
    await s.settle()
    s.inView('b c d', 'b c d', { primary: true })
  })
  assert.deepEqual(problems, [])
  assert.equal(installs, 1)
})
