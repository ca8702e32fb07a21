/**
 * How one text became another, as far as can be seen from the two: for what a person types, and for where the caret goes.
 */

/** What makes one text of another: of it, `removed` characters from `at` on are replaced by `added`. */
export interface Edit {
  readonly at: number
  readonly removed: number
  readonly added: string
}

/** The one place in which two texts differ. Characters beyond U+FFFF, such as emoji, stay whole. */
export function editOf(before: string, after: string): Edit {
  const most = Math.min(before.length, after.length)
  let at = 0
  while (at < most && before[at] === after[at]) at += 1
  if (/[\uD800-\uDBFF]/.test(before[at - 1] ?? '')) at -= 1
  let same = 0
  while (same < most - at && before.at(-1 - same) === after.at(-1 - same)) same += 1
  if (/[\uDC00-\uDFFF]/.test(before[before.length - same] ?? '')) same -= 1
  return { at, removed: before.length - at - same, added: after.slice(at, after.length - same) }
}

/** Where a place in the text is after an edit. */
export function moved(place: number, { at, removed, added }: Edit): number {
  if (place <= at) return place
  return Math.max(at, place - removed) + (place >= at + removed ? added.length : 0)
}
