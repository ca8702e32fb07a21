/** Waits for an event after which something is so. */

/** Resolves once `isTrue`, looked at after every event of the type. */
export function until(target: EventTarget, type: string, isTrue: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (!isTrue()) return
      target.removeEventListener(type, look)
      resolve()
    }
    target.addEventListener(type, look)
    look()
  })
}
