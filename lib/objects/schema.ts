/**
 * Standard Schema (https://standardschema.dev), as far as objects use it: any library that speaks it can type an object.
 */
import { SchemaError, type SchemaIssue, UsageError } from '../errors.ts'

/** A schema of any library that implements version 1 of the standard. */
export interface StandardSchemaV1<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

/** What a schema answers: the value, or what is wrong with it. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaProblem[] }

/** One complaint, in the standard's own form. */
export interface SchemaProblem {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/**
 * What to write for `value`: the schema's output. Throws a `SchemaError` if it does not fit, a `UsageError` for a
 * schema that is asynchronous or does not accept its own output (readers could not validate what was written).
 */
export function validateForWrite(schema: StandardSchemaV1 | undefined, value: unknown): unknown {
  if (schema === undefined) return value
  const result = validate(schema, value)
  if (result.issues !== undefined) throw new SchemaError('value does not fit the schema', result.issues.map(toIssue))
  if (result.value !== value && validate(schema, result.value).issues !== undefined) {
    throw new UsageError('a schema of a shared object must accept its own output: leave transforms out')
  }
  return result.value
}

/** Does a delivered value fit? Never throws: a schema that does, or that is asynchronous, fits nothing. */
export function fits(schema: StandardSchemaV1 | undefined, value: unknown): boolean {
  if (schema === undefined) return true
  try {
    return validate(schema, value).issues === undefined
  } catch {
    return false
  }
}

function validate(schema: StandardSchemaV1, value: unknown): SchemaResult<unknown> {
  const result = schema['~standard'].validate(value)
  if (result instanceof Promise) {
    result.catch(() => undefined)
    throw new UsageError('a schema of a shared object must be synchronous')
  }
  return result
}

function toIssue({ message, path = [] }: SchemaProblem): SchemaIssue {
  const steps = path.map((step) => (typeof step === 'object' ? step.key : step))
  const text = steps.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('')
  return { message, path: text }
}
