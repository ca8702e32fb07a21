/** Nothing is committed half merged: what compilers do not read would keep the marks. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { root } from './tree.ts'

const MARK = /^(?:<{7} |={7}$|>{7} )/m

test('house › no document has the marks of a merge that was not finished', () => {
  const folders = ['.', 'docs', 'docs/decisions', '.ci']
  const files = folders.flatMap((folder) =>
    readdirSync(join(root, folder), { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => join(folder, name)),
  )
  assert.ok(files.length > 60)
  for (const file of files) assert.doesNotMatch(readFileSync(join(root, file), 'utf8'), MARK, file)
})
