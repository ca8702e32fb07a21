/** The tabs transport between pages of one browser profile. */
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { entry, openPage, startWorld, until } from './harness.mjs'

const record = { last: { line: 'l', id: '3.a', members: ['a', 'b'] }, attempt: null }

describe('tabs', { timeout: 90_000 }, () => {
  let world
  let spaces = 0
  const pages = []

  before(async () => {
    world = await startWorld()
  })
  after(() => world.close())
  afterEach(async () => {
    const contexts = new Set()
    for (const page of pages.splice(0)) {
      assert.deepEqual(page.errors, [])
      contexts.add(page.target.browserContext())
    }
    for (const context of contexts) await context.close()
  })

  const openTabs = async (count) => {
    const context = await world.context()
    const opened = await Promise.all(Array.from({ length: count }, () => openPage(world, context)))
    pages.push(...opened)
    return opened
  }
  const connected = (page, self, names) =>
    until(
      () => page.state(self),
      (state) => state.up.join() === names.filter((name) => name !== self).join(),
      `the paths of ${self}`,
    )
  const together = async (names) => {
    const space = `t:${++spaces}/%`
    const opened = await openTabs(names.length)
    await Promise.all(opened.map((page, i) => page.call('startTabs', names[i], space)))
    await Promise.all(opened.map((page, i) => connected(page, names[i], names)))
    return opened
  }
  const dead = (page, self, peer) =>
    until(
      () => page.state(self),
      (state) => entry(state, 'dead', peer),
      `the death of ${peer}`,
      3000,
    )

  it('two tabs connect and exchange frames in order on every channel', async () => {
    const [a, b] = await together(['a', 'b'])
    for (const channel of ['control', 'data', 'bulk']) {
      await a.tell('a', { do: 'send', to: 'b', channel, count: 1000, size: 100 })
      await b.tell('b', { do: 'send', to: 'a', channel, count: 1000, size: 100 })
    }
    for (const [page, self, from] of [
      [a, 'a', 'b'],
      [b, 'b', 'a'],
    ]) {
      const state = await until(
        () => page.state(self),
        (now) => ['control', 'data', 'bulk'].every((channel) => now.frames[`${from} ${channel}`] === 1000),
        'frames',
      )
      assert.deepEqual(Object.keys(state.frames).length, 3)
      assert.deepEqual(state.log.map((line) => line.what).sort(), ['linkUp', 'searched'])
    }
  })

  it('tabs of another space, or of another profile, are not met', async () => {
    const [a, b] = await openTabs(2)
    const [c] = await openTabs(1)
    await a.call('startTabs', 'a', 'one')
    await b.call('startTabs', 'b', 'two')
    await c.call('startTabs', 'c', 'one')
    for (const [page, self] of [
      [a, 'a'],
      [b, 'b'],
      [c, 'c'],
    ]) {
      const state = await until(
        () => page.state(self),
        (now) => entry(now, 'searched'),
        'the search',
      )
      assert.deepEqual(state.up, [])
    }
  })

  it('a backlog waits for its receiver and arrives in order', async () => {
    const [a, b] = await together(['a', 'b'])
    await a.tell('a', { do: 'send', to: 'b', channel: 'bulk', count: 500, size: 65_536 })
    const state = await until(
      () => b.state('b'),
      (now) => now.frames['a bulk'] === 500,
      'the backlog',
    )
    assert.equal(state.frames['a bulk !'], undefined)
    await until(
      () => a.state('a'),
      (now) => now.buffered.b[2] === 0,
      'the end of the backlog',
    )
  })

  it('a crash is proven at once to every survivor, with the record of the dead', async () => {
    const [a, b, c] = await together(['a', 'b', 'c'])
    await b.tell('b', { do: 'persist', record: { last: null, attempt: record.last } })
    await b.tell('b', { do: 'persist', record })
    await b.crash().then(async (at) => {
      for (const [page, self] of [
        [a, 'a'],
        [c, 'c'],
      ]) {
        const state = await dead(page, self, 'b')
        const line = entry(state, 'dead', 'b')
        assert.deepEqual(line.record, record)
        assert.ok(line.at - at < 300, `took ${line.at - at} ms`)
        const whats = state.log.filter((each) => each.peer === 'b').map((each) => each.what)
        assert.deepEqual(whats, ['linkUp', 'linkDown', 'dead'])
      }
    })
  })

  it('a worker that is terminated, and a tab that is closed, are proven dead too, also if they have voted for nothing', async () => {
    const [a, b, c] = await together(['a', 'b', 'c'])
    await b.call('terminate', 'b')
    assert.deepEqual(entry(await dead(a, 'a', 'b'), 'dead', 'b').record, { last: null, attempt: null })
    await c.target.close({ runBeforeUnload: false })
    pages.splice(pages.indexOf(c), 1)
    await dead(a, 'a', 'c')
  })

  it('a tab that starts tells of those who died before it, with their records, and not of the living', async () => {
    const space = `s${++spaces}`
    const [a, b, c, d] = await openTabs(4)
    await a.call('startTabs', 'a', space)
    await b.call('startTabs', 'b', space)
    await connected(a, 'a', ['a', 'b'])
    await a.tell('a', { do: 'persist', record })
    await b.tell('b', { do: 'persist', record })
    await a.crash()
    await dead(b, 'b', 'a')
    const weighed = { ...record, last: { ...record.last, weights: [0, 255] } }
    await b.tell('b', { do: 'persist', record: weighed })
    await c.call('startTabs', 'c', space)
    await connected(c, 'c', ['b', 'c'])
    const state = await c.state('c')
    assert.deepEqual(entry(state, 'dead', 'a').record, record)
    assert.equal(entry(state, 'dead', 'b'), undefined)
    assert.deepEqual(
      state.log.filter((line) => line.what !== 'linkUp').map((line) => line.what),
      ['dead', 'searched'],
    )
    await c.crash()
    await b.crash()
    // Nobody of the space is left: the next one finds the two who had voted.
    await d.call('startTabs', 'd', space)
    const alone = await until(
      () => d.state('d'),
      (now) => entry(now, 'searched'),
      'the search',
    )
    assert.deepEqual(entry(alone, 'dead', 'a').record, record)
    assert.deepEqual(entry(alone, 'dead', 'b').record, weighed)
  })

  it('a tab that says goodbye is gone, not dead', async () => {
    const [a, b, c] = await together(['a', 'b', 'c'])
    await b.tell('b', { do: 'stop' })
    await until(
      () => a.state('a'),
      (now) => entry(now, 'linkDown', 'b'),
      'linkDown',
    )
    await b.call('terminate', 'b')
    // By the time another's death is proven, this one's would have been.
    await c.crash()
    assert.equal(entry(await dead(a, 'a', 'c'), 'dead', 'b'), undefined)
  })

  it('a frozen tab is not dead, and reads on when it is thawed', async () => {
    const [a, b, c] = await together(['a', 'b', 'c'])
    const session = await b.target.createCDPSession()
    await session.send('Page.setWebLifecycleState', { state: 'frozen' })
    await a.tell('a', { do: 'send', to: 'b', channel: 'data', count: 200, size: 60_000 })
    await c.crash()
    const state = await dead(a, 'a', 'c')
    assert.equal(entry(state, 'dead', 'b'), undefined)
    assert.deepEqual(state.up, ['b'])
    await session.send('Page.setWebLifecycleState', { state: 'active' })
    await until(
      () => b.state('b'),
      (now) => now.frames['a data'] === 200 && entry(now, 'dead', 'c'),
      'the frames',
    )
  })

  it('of three tabs that want to found at once exactly one is granted, and nobody after it while it lives', async () => {
    for (let round = 0; round < 10; round++) {
      const names = ['a', 'b', 'c']
      const [one, ...others] = await openTabs(3)
      const space = `f${++spaces}`
      await Promise.all([one, ...others].map((page, i) => page.call('startTabs', names[i], space)))
      const asked = await Promise.all([one, ...others].map((page, i) => page.tell(names[i], { do: 'requestFound' })))
      assert.equal(asked.filter((granted) => granted).length, 1, `round ${round}: ${asked}`)
      const again = await Promise.all([one, ...others].map((page, i) => page.tell(names[i], { do: 'requestFound' })))
      assert.deepEqual(again, asked)
      if (round === 9) {
        const founder = asked.indexOf(true)
        const survivor = (founder + 1) % 3
        const opened = [one, ...others]
        await connected(opened[survivor], names[survivor], names)
        await opened[founder].crash()
        await dead(opened[survivor], names[survivor], names[founder])
        assert.equal(await opened[survivor].tell(names[survivor], { do: 'requestFound' }), true)
      }
      for (const page of [one, ...others]) await page.target.close().catch(() => {})
    }
    pages.length = 0
  })

  it('a grant that is given up is free for another tab', async () => {
    const [a, b] = await together(['a', 'b'])
    assert.equal(await a.tell('a', { do: 'requestFound' }), true)
    assert.equal(await b.tell('b', { do: 'requestFound' }), false)
    await a.tell('a', { do: 'giveUpFound' })
    await until(
      () => b.tell('b', { do: 'requestFound' }),
      (granted) => granted,
      'the grant',
    )
    assert.equal(await a.tell('a', { do: 'requestFound' }), false)
  })

  it('a process in a line keeps others from founding', async () => {
    const [a, b] = await together(['a', 'b'])
    await a.tell('a', { do: 'inLine' })
    await until(
      () => b.target.evaluate(() => navigator.locks.query()),
      ({ held }) => held.some(({ name }) => name.endsWith(':line')),
      'the mark',
    )
    assert.equal(await b.tell('b', { do: 'requestFound' }), false)
  })

  it('a process that loses its lock stops at once', async () => {
    const [a, b] = await together(['a', 'b'])
    const { held } = await a.target.evaluate(() => navigator.locks.query())
    const { name } = held.find((lock) => lock.name.endsWith(':process:a'))
    await b.tell('b', { do: 'stealLock', name })
    const state = await until(
      () => a.state('a'),
      (now) => entry(now, 'superseded'),
      'the end',
    )
    assert.equal(entry(state, 'superseded').code, 'tabs-lock-lost')
    assert.deepEqual(state.up, [])
    await until(
      () => b.state('b'),
      (now) => now.up.length === 0,
      'linkDown',
    )
  })

  it('a path the host gives up is opened again', async () => {
    const [a, b] = await together(['a', 'b'])
    await a.tell('a', { do: 'close', to: 'b' })
    await until(
      () => b.state('b'),
      (now) => now.log.filter((line) => line.what === 'linkUp').length === 2,
      'a second path',
    )
    await connected(a, 'a', ['a', 'b'])
    await a.tell('a', { do: 'send', to: 'b', channel: 'data', count: 10, size: 10 })
    await until(
      () => b.state('b'),
      (now) => now.frames['a data'] === 10,
      'frames',
    )
    await b.crash()
    await dead(a, 'a', 'b')
  })

  it('a tab that can no longer store says so once, and its older record does not count', async () => {
    const [a, b] = await together(['a', 'b'])
    await b.tell('b', { do: 'persist', record })
    await b.tell('b', { do: 'failWrites' })
    await b.tell('b', { do: 'persist', record: { last: null, attempt: null } })
    await b.tell('b', { do: 'persist', record: { last: null, attempt: null } })
    const problems = (await b.state('b')).log.filter((line) => line.what === 'problem').map((line) => line.code)
    assert.deepEqual(problems, ['tabs-storage-denied'])
    await b.crash()
    assert.equal(entry(await dead(a, 'a', 'b'), 'dead', 'b').record, null)
  })

  it('a tab that can neither replace nor remove its record stops: a later tab would take it for the last one', async () => {
    const [a, b] = await together(['a', 'b'])
    await b.tell('b', { do: 'persist', record })
    await b.tell('b', { do: 'failWrites', deletes: true })
    await b.tell('b', { do: 'persist', record: { last: null, attempt: null } })
    assert.equal(entry(await b.state('b'), 'superseded').code, 'tabs-storage-stale')
    await until(
      () => a.state('a'),
      (now) => entry(now, 'linkDown', 'b'),
      'linkDown',
    )
  })

  it('a tab without storage works, and leaves no record when it dies', async () => {
    const space = `s${++spaces}`
    const [a, b] = await openTabs(2)
    await b.call('spawn', 'b')
    await b.tell('b', { do: 'denyStorage' })
    await a.call('startTabs', 'a', space)
    await b.call('startTabs', 'b', space)
    await connected(a, 'a', ['a', 'b'])
    await b.tell('b', { do: 'persist', record })
    assert.equal(entry(await b.state('b'), 'problem').code, 'tabs-storage-denied')
    await b.crash()
    assert.equal(entry(await dead(a, 'a', 'b'), 'dead', 'b').record, null)
  })

  it('messages of other versions and of no sense are ignored', async () => {
    const [a, b] = await together(['a', 'b'])
    await b.target.evaluate(async () => {
      const { held } = await navigator.locks.query()
      const { name } = held.find((lock) => lock.name.endsWith(':process:a'))
      const prefix = name.slice(0, -':process:a'.length)
      const nonsense = [
        null,
        1,
        'x',
        [],
        {},
        { t: 'announce' },
        { t: 'announce', from: '../x' },
        { t: 'frames', from: 'b' },
        { t: 'frames', from: 'b', link: 'x', on: new Uint8Array([9]), parts: [new Uint8Array(1)] },
        { t: 'frames', from: 'b', link: 'x', on: new Uint8Array(1), parts: [new Uint8Array(100_000)] },
        { t: 'frames', from: 'b', link: 'x', on: new Uint8Array(1), parts: ['y'] },
        { t: 'frames', from: 'b', link: 'stale', on: new Uint8Array(1), parts: [new Uint8Array(4)] },
        { t: 'ack', from: 'b', link: 'x', bytes: [1, 2] },
        { t: 'hello', from: 'c', nonce: 'x', echo: null, recorded: true },
        { t: 'hello', from: 'b', nonce: '', echo: null, recorded: true },
        { t: 'future', from: 'b' },
      ]
      for (const suffix of ['', ':a', ':a:b']) {
        const channel = new BroadcastChannel(prefix + suffix)
        for (const message of nonsense) channel.postMessage(message)
        channel.close()
      }
    })
    await b.tell('b', { do: 'send', to: 'a', channel: 'data', count: 10, size: 10 })
    const state = await until(
      () => a.state('a'),
      (now) => now.frames['b data'] === 10,
      'frames',
    )
    assert.deepEqual(state.up, ['b'])
    assert.deepEqual(Object.keys(state.frames), ['b data'])
    assert.equal(entry(state, 'linkDown'), undefined)
  })
})
