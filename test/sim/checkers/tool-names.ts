/** The names of groups in the workload `tools`: that of a tool, and whatever tells two of one kind apart. */

/** Of which tool is the group? */
export function modelNameOf(group: string): string {
  return group.split('-', 1)[0] ?? ''
}
