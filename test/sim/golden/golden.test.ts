/** The transcripts say what happens: a change of the protocol shows in them, to be read before it is accepted. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { goldens, record } from './transcripts.ts'

for (const golden of goldens) {
  test(`golden › the ${golden.name} goes as in ${golden.name}.txt (npm run sim:golden -- --update writes it anew)`, async () => {
    assert.equal(await record(golden), readFileSync(new URL(`${golden.name}.txt`, import.meta.url), 'utf8'))
  })
}
