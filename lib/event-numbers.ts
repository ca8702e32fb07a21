/**
 * Numbers for the events of a space, and those who follow them.
 *
 * The numbers come from this side of the port, not from the kernel: what waits for a state is told later than the kernel
 * delivered it, and an application counts what it is told.
 */

/** An event that has its place among all that this process was told in its space. */
export interface NumberedEvent {
  /**
   * 1 for the first; grows with every event of any group of the space and with every view of the space, in the order in
   * which this process is told of them. Other members count for themselves.
   */
  readonly number: number
}

/** The counter of one space, over all its groups. */
export class EventNumbers {
  #last = 0

  /** The number of the event that is told now. */
  next(): number {
    this.#last += 1
    return this.#last
  }
}

/** Those who are told of every event of one source, after its listeners. */
export class Followers<Event extends NumberedEvent> {
  /** Whose numbers the events bear. */
  readonly numbers: EventNumbers
  /** With what is called when the source has ended. */
  readonly #followers = new Map<(event: Event) => void, () => void>()

  constructor(numbers: EventNumbers) {
    this.numbers = numbers
  }

  /** Adds a function that never throws, and what is called at the end of the source; returns what takes both out. */
  add(tell: (event: Event) => void, ended: () => void): () => void {
    this.#followers.set(tell, ended)
    return () => this.#followers.delete(tell)
  }

  /** Tells all of one event. */
  tell(event: Event): void {
    // A copy: whoever is added meanwhile begins with the next event.
    if (this.#followers.size > 0) for (const fn of [...this.#followers.keys()]) fn(event)
  }

  /** The source has ended. */
  end(): void {
    const ended = [...this.#followers.values()]
    this.#followers.clear()
    for (const fn of ended) fn()
  }
}

/** What a region can follow: a group, or the space for its views. */
export interface NumberedSource<Event extends NumberedEvent> {
  /** @internal */
  readonly followers: Followers<Event>
}
