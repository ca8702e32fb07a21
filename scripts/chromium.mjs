/**
 * Finds Chromium for the browser tests; on Debian as root, installs it.
 */
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
const elsewhere = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
]

/**
 * The path of a Chromium: `CHROME_PATH`, else the first on the path.
 * @returns {string | null}
 */
export function findChromium() {
  const named = process.env.CHROME_PATH
  if (named) {
    if (isExecutable(named)) return named
    console.error(`CHROME_PATH is ${named}, which is not an executable file.`)
    return null
  }
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    for (const name of names) if (isExecutable(join(folder, name))) return join(folder, name)
  }
  return elsewhere.find(isExecutable) ?? null
}

/**
 * As {@link findChromium}; where there is none and this is Debian as root, installs it first.
 * @returns {string | null} null after a message that says what to do
 */
export function ensureChromium() {
  const found = findChromium()
  if (found !== null) return found
  if (!process.env.CHROME_PATH && existsSync('/etc/debian_version') && process.getuid?.() === 0) {
    console.log('Installing Chromium (apt-get install chromium) …')
    apt(['update'])
    apt(['install', '-y', '--no-install-recommends', 'chromium'])
    const installed = findChromium()
    if (installed !== null) return installed
  }
  console.error(
    'The browser tests need Chromium: install chromium or google-chrome, or set CHROME_PATH to the file to run.',
  )
  return null
}

function apt(args) {
  spawnSync('apt-get', args, {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  })
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
