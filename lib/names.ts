/**
 * Checks of names, and that options are an object.
 */
import { UsageError } from './errors.ts'
import { isWellFormed } from './values-tags.ts'

/** The longest name of a space, a group or a domain, in UTF-16 code units: what a control frame takes. */
const NAME_MAX = 256

/** What the names of Tutti's own groups start with. */
const OWN_PREFIX = 'tutti:'

/** Throws a UsageError for the name of a group that Tutti keeps for itself. */
export function checkNotOwn(name: string): void {
  if (name.startsWith(OWN_PREFIX)) throw new UsageError(`names of groups that start with "${OWN_PREFIX}" are taken`)
}

/** Throws a UsageError unless `name` is a string of 1 to 256 characters. */
export function checkName(what: 'space' | 'group' | 'domain', name: unknown): asserts name is string {
  if (typeof name !== 'string') throw new UsageError(`the name of a ${what} is a string, not ${typeof name}`)
  if (name.length < 1 || name.length > NAME_MAX) {
    throw new UsageError(
      `the name of a ${what} has 1 to ${NAME_MAX} characters, not ${name.length}: shorten or hash it`,
    )
  }
  if (!isWellFormed(name)) throw new UsageError(`the name of a ${what} has a lone surrogate`)
}

/** Throws a UsageError unless the options of what is opened under `name` are an object. */
export function checkOptions(name: string, options: unknown): asserts options is object {
  if (typeof options === 'object' && options !== null) return
  const given = options === undefined ? 'and none were given' : `not ${options === null ? 'null' : typeof options}`
  throw new UsageError(`the options of "${name}" are an object, ${given}; {} if it needs none`)
}
