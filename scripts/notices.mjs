/**
 * Writes `THIRD-PARTY-NOTICES.md`: the licences of the packages whose code is in files that we hand out bundled
 * (the standalone worker and the demo). `node scripts/notices.mjs`; a house test fails while the file is out of date.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root } from './setup.mjs'

/** Bundled packages; simple-peer's browser file has its own dependencies inside. The demo has those of Yjs. */
export const bundledPackages = ['cborg', 'idb-keyval', 'lib0', 'simple-peer', 'y-protocols', 'yjs']

/** The text of the notices, from the installed packages. */
export function makeNotices() {
  const sections = [...closure(bundledPackages)].sort().map((name) => {
    const folder = join(root, 'node_modules', name)
    const { version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each))
    const text = file === undefined ? `(no licence file; ${license})` : readFileSync(join(folder, file), 'utf8').trim()
    return `## ${name} ${version} (${license})\n\n\`\`\`text\n${text.replaceAll('\r', '')}\n\`\`\`\n`
  })
  return [
    '# Third-party notices',
    '',
    'Bundled into `dist/worker.js` or the demo. The other published files import these packages and contain none of their code.',
    'Written by `node scripts/notices.mjs`.',
    '',
    ...sections,
  ].join('\n')
}

/** The packages and what they depend on. cborg and idb-keyval have no dependencies. */
function closure(names) {
  const seen = new Set(names)
  for (const name of seen) {
    const manifest = JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8'))
    for (const each of Object.keys(manifest.dependencies ?? {})) seen.add(each)
  }
  return seen
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  writeFileSync(join(root, 'THIRD-PARTY-NOTICES.md'), makeNotices())
}
