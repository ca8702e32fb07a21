/**
 * docs/track-record.md tells of every plan that is kept, and each row says what finds the bug and what mended it.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readPlan } from '../sim/plans/plan.ts'
import { root } from './tree.ts'

const folder = join(root, 'test', 'sim', 'regressions')
const page = readFileSync(join(root, 'docs', 'track-record.md'), 'utf8')
const [mended = ''] = page.split('\n## Open\n')
/** The cells of each row that names a commit. */
const rows = [...mended.matchAll(/^\| (.+) \| (.+) \| (.+) \| ([^|]+) \|$/gm)]
  .map(([, about = '', shown = '', found = '', commit = '']) => ({ about, shown, found, commit }))
  .filter(({ commit }) => commit !== 'mended by')

test('track record › each row names properties, a seed or plan, and a commit', () => {
  assert.ok(rows.length >= 12)
  for (const { about, shown, found, commit } of rows) {
    assert.match(commit, /^[0-9a-f]{7}$/, about)
    assert.match(shown, /^(–|[A-Z]\d+(, [A-Z]\d+)*)$/, about)
    assert.match(found, /seeds? (\d+|noted)/, about)
  }
})

test('track record › each plan that is kept has its row, with the commit that its note names', () => {
  const links = rows.flatMap(({ found, shown, commit }) =>
    [...found.matchAll(/\[seed (\d+)\]\(\.\.\/test\/sim\/regressions\/([a-z0-9-]+\.json)\)/g)].map(
      ([, seed, file = '']) => ({ seed, file, shown, commit }),
    ),
  )
  assert.deepEqual(links.map(({ file }) => file).sort(), readdirSync(folder).sort())
  for (const { seed, file, shown, commit } of links) {
    const plan = readPlan(join(folder, file))
    assert.equal(String(plan.seed), seed)
    assert.ok(shown.split(', ').includes(plan.property ?? ''), file)
    assert.ok(plan.note?.endsWith(`Mended by ${commit}.`), file)
  }
})
