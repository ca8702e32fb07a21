/**
 * The source tree as a map from path to text, for the house tests.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The repository's root folder. */
export const root = fileURLToPath(new URL('../../', import.meta.url))

/** Text by path from the root, with `/`. */
export type FileMap = ReadonlyMap<string, string>

/** The TypeScript and JavaScript files under the folders; a folder that is missing is an error. */
export function readTree(folders: readonly string[]): FileMap {
  const files = new Map<string, string>()
  for (const folder of folders) {
    for (const entry of readdirSync(join(root, folder), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !/\.(ts|mjs)$/.test(entry.name)) continue
      const full = join(entry.parentPath ?? entry.path, entry.name)
      const path = relative(root, full).split(sep).join('/')
      if (path.startsWith('demo/dist/')) continue
      files.set(path, readFileSync(full, 'utf8'))
    }
  }
  return files
}
