/**
 * What pages of one space do together, whatever browsers they are in: a map, a queue and a lock.
 */
import assert from 'node:assert/strict'
import { until } from './browsers.mjs'

/** Waits until each page's view has these many members. */
export function untilTogether(pages, size = pages.length) {
  return Promise.all(pages.map((page) => page.until(({ members }) => members.length === size, `a view of ${size}`)))
}

/**
 * Every page writes as many keys at once; all end with one map.
 * @returns {Promise<number>} how long it took, in ms
 */
export async function shareMap(pages, count, round = '') {
  const at = performance.now()
  const before = (await pages[0].call('digest')).size
  await Promise.all(pages.map((page, i) => page.call('set', `${round}${i}`, count)))
  const shared = before === 0 ? count / 2 : 0
  const expected = before + shared + pages.length * (count / 2)
  const digests = () => Promise.all(pages.map((page) => page.call('digest')))
  await until(
    digests,
    (all) => all.every(({ size, digest }) => size === expected && digest === all[0].digest),
    () => `one map of ${expected} keys`,
  )
  return performance.now() - at
}

/**
 * Every page adds as many items at once, and those that have begun to work do them.
 * @returns {Promise<{ ms: number, by: number[] }>} how many each page did
 */
export async function shareQueue(pages, selves, count, first = 0) {
  const at = performance.now()
  await Promise.all(pages.map((page, i) => page.call('add', first + i * count, count)))
  const log = await untilSettled(pages, pages.length * count, first)
  return { ms: performance.now() - at, by: selves.map((self) => log.filter(({ by }) => by === self).length) }
}

/** Waits until so many items from `first` on are done: each is accepted once, and all pages log the same. */
export async function untilSettled(pages, count, first) {
  const isOurs = ({ value }) => value >= first && value < first + count
  const read = async () =>
    (await Promise.all(pages.map((page) => page.call('settled')))).map((log) => log.filter(isOurs))
  const [log, ...others] = await until(
    read,
    (all) => all.every(({ length }) => length >= count),
    () => `${count} items done`,
  )
  for (const other of others) assert.deepEqual(other, log, 'all log the same completions')
  const values = log.map(({ value }) => value).sort((a, b) => a - b)
  const expected = Array.from({ length: count }, (_, i) => first + i)
  assert.deepEqual(values, expected, 'each item is accepted once')
  return log
}

/** Every page takes the lock as many times; never two at once, every time with another token. */
export async function shareLock(pages, times) {
  const at = performance.now()
  const logs = (await Promise.all(pages.map((page) => page.call('hold', times)))).flat()
  logs.sort((a, b) => a.n - b.n)
  assert.equal(new Set(logs.map(({ n }) => n)).size, pages.length * times, 'each grant has a token of its own')
  for (const [i, { from }] of logs.entries()) {
    if (i > 0) assert.ok(logs[i - 1].to <= from, 'two hold the lock at once')
  }
  return performance.now() - at
}
