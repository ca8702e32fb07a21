/** Plants a protocol bug in a copy of the sources. */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Mutant } from './mutant.ts'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..')

/** Returns the folder of the copy with the bug in it, under `.cache/<place>`; whoever asked for it removes it. */
export function plant({ name, also, ...first }: Mutant, place: string): string {
  const folder = join(root, '.cache', place, name)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  for (const part of ['lib', 'test/sim', 'package.json', 'tsconfig.json', 'tsconfig.base.json']) {
    cpSync(join(root, part), join(folder, part), { recursive: true })
  }
  for (const { file, find, replace } of also === undefined ? [first] : [first, also]) {
    const path = join(folder, file)
    const source = readFileSync(path, 'utf8')
    const pieces = source.split(find)
    if (pieces.length !== 2) throw new Error(`mutant ${name}: "${find}" occurs ${pieces.length - 1} times in ${file}`)
    writeFileSync(path, pieces.join(replace))
  }
  return folder
}
