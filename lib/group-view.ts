/**
 * A view of a group as objects are told of it.
 */
import type { ViewInfo } from './kernel/api.ts'
import type { GroupView } from './objects/replica.ts'

/** What objects need of a view of the kernel's. */
export function toGroupView(view: ViewInfo): GroupView {
  return Object.freeze({
    id: view.id,
    members: Object.freeze(view.members.map((member) => member.id)),
    primary: view.primary,
    line: view.line,
    missing: view.missing,
    joined: view.joined,
    left: view.left,
    dead: view.dead,
    expelled: view.away.length === 0 ? view.expelled : [...view.expelled, ...view.away.map(({ id }) => id)],
    ...(view.quietMs === undefined ? {} : { quietMs: view.quietMs }),
  })
}

/**
 * The view for a state that has seen it already, at whoever gave it: where it is, who is there. Who has come and gone is
 * another thing at each member that comes from another view, and told again it would take effect here alone.
 */
export function withoutNews(view: GroupView): GroupView {
  const { quietMs: _, ...rest } = view
  return { ...rest, joined: [], left: [], dead: [], expelled: [] }
}
