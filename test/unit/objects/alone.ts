/** One copy of an object on a port that a test drives by hand: it says what is delivered, and which views come. */
import assert from 'node:assert/strict'
import { BusyError } from '../../../lib/errors.ts'
import type { GroupPort, ObjectKind, Replica } from '../../../lib/objects/replica.ts'
import { decodeValue, encodeValue } from '../../../lib/values.ts'
import { noMail } from './no-mail.ts'

/** See above. */
export class Alone<Handle, Options> {
  readonly self: string
  readonly handle: Handle
  readonly replica: Replica
  /** What it has cast. */
  readonly casts: unknown[] = []
  readonly faults: string[] = []
  /** Whether there is no room for a cast. */
  isBusy = false

  constructor(kind: ObjectKind<Handle, Options>, options: Options, self = 'a') {
    this.self = self
    const port: GroupPort = {
      ...noMail,
      name: 'g',
      self,
      opening: 0,
      view: null,
      phase: 'open',
      isWhole: true,
      isWritable: true,
      cast: (op) => {
        if (this.isBusy) throw new BusyError('no room')
        this.casts.push(op)
        return { n: this.casts.length, delivered: Promise.resolve(), stable: Promise.resolve() }
      },
      now: () => 0,
      after: () => () => undefined,
      leaseStart: () => null,
      heardAt: () => 0,
      fault: (code) => this.faults.push(code),
      close: () => Promise.resolve(),
    }
    const { replica, handle } = kind.create(port, options)
    this.replica = replica
    this.handle = handle
  }

  /** A view of the space, primary unless it follows none of the line. */
  view(space: string, after: string | null, members: readonly string[], isSettled = true, primary = true): void {
    const none = { missing: [], joined: [], left: [], dead: [], expelled: [] }
    this.replica.view({ id: space, members, primary, line: null, ...none }, { space, after, isSettled })
  }

  deliver(op: unknown, author = this.self): void {
    assert.ok(this.replica.apply(op, { author, local: author === this.self, n: 1, view: 'v', index: 1 }))
  }

  /** What it would hand on, as it travels. */
  save(): unknown {
    return decodeValue(encodeValue(this.replica.save()))
  }

  /** Another part's state came. */
  unite(saved: unknown): void {
    this.replica.merge?.(saved)
    this.replica.united?.()
  }
}
