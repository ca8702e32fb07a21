/**
 * Delta debugging (Zeller, Hildebrandt, "Simplifying and isolating failure-inducing input", 2002): from a list that
 * fails to one from which no single item can be left out.
 */

/** Leaves out what is not needed for `fails` to be true of the list; true of `items` itself is taken for granted. */
export async function ddmin<Item>(
  items: readonly Item[],
  fails: (items: readonly Item[]) => Promise<boolean>,
): Promise<readonly Item[]> {
  let left = items
  if (left.length > 0 && (await fails([]))) return []
  let parts = 2
  while (left.length >= 2) {
    const size = Math.ceil(left.length / parts)
    let isSmaller = false
    for (let at = 0; at < left.length; at += size) {
      const without = [...left.slice(0, at), ...left.slice(at + size)]
      if (without.length === 0 || !(await fails(without))) continue
      left = without
      parts = Math.max(parts - 1, 2)
      isSmaller = true
      break
    }
    if (isSmaller) continue
    if (size === 1) break
    parts = Math.min(left.length, parts * 2)
  }
  return left
}
