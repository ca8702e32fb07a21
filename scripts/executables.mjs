/**
 * Finding the browsers that the tests run.
 */
import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/**
 * The path of a program: what the variable names, else the first of the names on the path, else the first of the other files.
 * @param {string} variable
 * @param {readonly string[]} names
 * @param {readonly string[]} elsewhere
 * @returns {string | null}
 */
export function findExecutable(variable, names, elsewhere) {
  const named = process.env[variable]
  if (named) {
    if (isExecutable(named)) return named
    console.error(`${variable} is ${named}, which is not an executable file.`)
    return null
  }
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    for (const name of names) if (isExecutable(join(folder, name))) return join(folder, name)
  }
  return elsewhere.find(isExecutable) ?? null
}

/** Runs `apt-get` with the terminal's output. */
export function apt(args) {
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
