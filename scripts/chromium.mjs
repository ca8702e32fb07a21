/**
 * Finds Chromium for the browser tests; on Debian as root, installs it.
 */
import { existsSync } from 'node:fs'
import { apt, findExecutable } from './executables.mjs'

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
  return findExecutable('CHROME_PATH', names, elsewhere)
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
