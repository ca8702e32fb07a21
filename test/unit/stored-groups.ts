/** What tests of stored groups begin with: a primary view of these members, and where a state that has acted comes from. */
import type { GroupView } from '../../lib/objects/replica.ts'
import type { Acted } from '../../lib/storage/standing.ts'

export function viewOf(...members: string[]): GroupView {
  const nobody: readonly string[] = []
  return {
    ...{ id: '9.x.0', members, primary: true, line: 'l' },
    ...{ missing: nobody, joined: nobody, left: nobody, dead: nobody, expelled: nobody },
  }
}

export function actedIn(view: string, index: number, ...holders: string[]): Acted {
  return { standing: { hasActed: true, era: 0, view, index }, holders }
}
