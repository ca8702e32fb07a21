/**
 * Finds Firefox for `npm run test:reach`; on Debian as root, installs it.
 */
import { existsSync } from 'node:fs'
import { apt, findExecutable } from './executables.mjs'

const names = ['firefox-esr', 'firefox']
const elsewhere = ['/Applications/Firefox.app/Contents/MacOS/firefox']

/**
 * The path of a Firefox: `FIREFOX_PATH`, else the first on the path; where there is none and this is Debian as root,
 * installs `firefox-esr` first.
 * @returns {string | null} null after a message that says what to do
 */
export function ensureFirefox() {
  const find = () => findExecutable('FIREFOX_PATH', names, elsewhere)
  const found = find()
  if (found !== null) return found
  if (!process.env.FIREFOX_PATH && existsSync('/etc/debian_version') && process.getuid?.() === 0) {
    console.log('Installing Firefox (apt-get install firefox-esr) …')
    apt(['update'])
    apt(['install', '-y', '--no-install-recommends', 'firefox-esr'])
    const installed = find()
    if (installed !== null) return installed
  }
  console.error(
    'The tests of reach need Firefox: install firefox-esr or firefox, or set FIREFOX_PATH to the file to run.',
  )
  return null
}
