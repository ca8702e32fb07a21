/**
 * What is open in a space, by name: the same name opened twice is one handle, counted.
 */
import type { AppGroup } from './app-group.ts'
import type { AppSide } from './app-port.ts'
import { ClosedError, GroupMismatchError, KindMismatchError } from './errors.ts'
import { FOLDING, type GroupOptions } from './kernel/api.ts'
import { checkName, checkNotOwn, checkOptions } from './names.ts'
import type { ObjectKind } from './objects/replica.ts'
import { unlessAborted } from './objects/unless-aborted.ts'
import { scratchPort } from './storage/restoring.ts'

/** One call of `open`. */
export interface OpenRequest<Handle, Options extends object> {
  readonly kind: ObjectKind<Handle, Options>
  readonly name: string
  readonly options: Options & { readonly signal?: AbortSignal }
  /** Newcomers get a state. */
  readonly hasState: boolean
  /** The group is one of Tutti's own, under a name that applications cannot open. */
  readonly isOwn?: boolean
}

/** A handle that follows its group's life. */
interface GroupListener {
  handleEnd?(error: Error | null): void
  handleWritable?(isWritable: boolean): void
}

interface Entry {
  readonly group: AppGroup
  readonly groupOptions: GroupOptions
  readonly options: object
  readonly handle: unknown
  /** Resolves when the object is whole; rejects if its group ends before. */
  readonly whole: Promise<void>
}

/** The handles of one space. */
export class Registry {
  readonly #app: AppSide
  readonly #entries = new Map<string, Entry>()

  constructor(app: AppSide) {
    this.#app = app
  }

  /** Opens or shares a handle; resolves when it is whole. */
  async open<Handle, Options extends object>(request: OpenRequest<Handle, Options>): Promise<Handle> {
    checkName('group', request.name)
    if (request.isOwn !== true) checkNotOwn(request.name)
    checkOptions(request.name, request.options)
    const { signal } = request.options
    signal?.throwIfAborted()
    const entry = await this.#entryFor(request, signal)
    try {
      await unlessAborted(entry.whole, signal)
    } catch (error) {
      void entry.group.close()
      throw error
    }
    return entry.handle as Handle
  }

  /** What is open under a name and whole, as it is; null if nothing is. It is not counted as one more user. */
  held(name: string): { readonly kind: string; readonly handle: object } | null {
    const entry = this.#entries.get(name)
    if (entry === undefined || entry.group.phase !== 'open' || !entry.group.isWhole) return null
    return { kind: entry.groupOptions.kind, handle: entry.handle as object }
  }

  async #entryFor<Handle, Options extends object>(
    request: OpenRequest<Handle, Options>,
    signal: AbortSignal | undefined,
  ): Promise<Entry> {
    for (;;) {
      const entry = this.#entries.get(request.name)
      if (entry === undefined) return this.#make(request)
      if (entry.group.phase !== 'leaving') {
        checkSame(entry, request)
        entry.group.retain()
        return entry
      }
      // The last user has closed it and the group has not let go yet: join it anew after that.
      await unlessAborted(entry.group.close(), signal)
    }
  }

  #make<Handle, Options extends object>(request: OpenRequest<Handle, Options>): Entry {
    const { kind, name, options, hasState } = request
    const groupOptions: GroupOptions = {
      order: kind.order,
      uniform: kind.uniform,
      strong: kind.strong ?? false,
      consistency: kind.consistency,
      state: hasState,
      kind: identityOf(kind, options),
      ...(kind.engine === undefined || kind.engine === 'sequencer' ? {} : { engine: kind.engine }),
      ...(kind.strict === true ? { strict: true } : {}),
      ...(kind.domain === undefined ? {} : { domain: kind.domain }),
    }
    const waiters = { resolve: (): void => undefined, reject: (_error: Error): void => undefined }
    const whole = new Promise<void>((resolve, reject) => {
      waiters.resolve = resolve
      waiters.reject = reject
    })
    // Whoever gave up waiting has been told already.
    whole.catch(() => undefined)
    let handle: Handle | null = null
    const group = this.#app.openGroup(
      name,
      groupOptions,
      (port) => {
        const made = kind.create(port, options)
        handle = made.handle
        return made.replica
      },
      {
        whole: () => waiters.resolve(),
        ...(this.#isStored(request)
          ? { scratch: () => kind.create(scratchPort(this.#app, name), options).replica }
          : {}),
        ended: (error) => {
          this.#entries.delete(name)
          waiters.reject(error ?? new ClosedError(`group "${name}" is closed`))
          ;(handle as GroupListener | null)?.handleEnd?.(error)
        },
        writable: (isWritable) => (handle as GroupListener | null)?.handleWritable?.(isWritable),
      },
    )
    const entry: Entry = { group, groupOptions, options, handle, whole }
    this.#entries.set(name, entry)
    return entry
  }

  /**
   * Is it stored, if anything is? Not what says who is present; what folds, of which a part can be united with the whole at
   * views alone; a plain group, whose casts only the application understands; nor what tools open for themselves.
   */
  #isStored<Handle, Options extends object>({ kind, options, hasState, isOwn }: OpenRequest<Handle, Options>): boolean {
    if (!hasState || isOwn === true || kind.isPassing === true) return false
    return kind.kind !== 'group' && !identityOf(kind, options).endsWith(FOLDING)
  }
}

function identityOf<Handle, Options>(kind: ObjectKind<Handle, Options>, options: Options): string {
  return kind.kind + (kind.variant?.(options) ?? '')
}

function checkSame<Handle, Options extends object>(entry: Entry, request: OpenRequest<Handle, Options>): void {
  const { kind, name, options, hasState } = request
  const open = entry.groupOptions
  const identity = identityOf(kind, options)
  if (identity !== open.kind) {
    throw new KindMismatchError(`"${name}" is open here as a ${open.kind}: open the ${identity} under another name`)
  }
  const isSame =
    kind.order === open.order &&
    kind.uniform === open.uniform &&
    (kind.strong ?? false) === open.strong &&
    kind.consistency === open.consistency &&
    hasState === open.state &&
    (kind.engine ?? 'sequencer') === (open.engine ?? 'sequencer') &&
    (kind.strict ?? false) === (open.strict ?? false) &&
    kind.domain === open.domain &&
    hasSameFields(entry.options, options, ['signal', ...(kind.terms ?? [])])
  if (!isSame) {
    throw new GroupMismatchError(`"${name}" is open here with other options: use the same ones, or share the handle`)
  }
}

/** The options of one call against those of another, field by field, but for some: a signal is no property of the object. */
function hasSameFields(a: object, b: object, but: readonly string[]): boolean {
  const left = new Map(Object.entries(a))
  const right = new Map(Object.entries(b))
  for (const key of new Set([...left.keys(), ...right.keys()])) {
    if (!but.includes(key) && !Object.is(left.get(key), right.get(key))) return false
  }
  return true
}
