/**
 * Runs one command of the tool chain and waits for its end. Never reads from the terminal.
 */
import { spawn } from 'node:child_process'
import { root } from './setup.mjs'

/**
 * Runs a program with the terminal's output.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ timeoutMs?: number, env?: Record<string, string | undefined> }} [options] `undefined` takes a variable away
 * @returns {Promise<number>} its exit code; 1 if it was killed, ran out of time or could not be started
 */
export function run(command, args, { timeoutMs = 20 * 60_000, env = {} } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, ...env },
    })
    const timer = setTimeout(() => {
      console.error(`${command} ${args.join(' ')}: not done after ${timeoutMs / 1000} s, killed`)
      // The first lets it end its own children.
      child.kill('SIGTERM')
      setTimeout(() => child.kill('SIGKILL'), 5000).unref()
    }, timeoutMs)
    child.on('error', (error) => {
      console.error(`${command}: ${error.message}`)
      clearTimeout(timer)
      resolve(1)
    })
    child.on('exit', (code) => {
      clearTimeout(timer)
      resolve(code ?? 1)
    })
  })
}

/** Runs an installed package's program by its file, without a shell. */
export function runTool(file, args, options) {
  return run(process.execPath, [`node_modules/${file}`, ...args], options)
}

/** What `node` needs to run TypeScript and to find `tutti` in the sources. */
export const nodeFlags = ['--conditions=tutti-source', '--import', 'tsx']
