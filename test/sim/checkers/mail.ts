/** Direct messages by name, and what became of each: shared by the checkers of D1 to D3. */
import { pushTo } from './collections.ts'
import type { Located } from './model.ts'
import type { Run } from './run.ts'

/** One direct message. */
export interface Mailed {
  readonly post: Located<'post'>
  /** Its sender's kernel has put the last of it on the link. */
  dispatch: Located<'dispatch'> | null
  readonly gets: Located<'get'>[]
  readonly ends: Located<'postEnd'>[]
}

/** All of a run. */
export interface MailOf {
  readonly byName: ReadonlyMap<string, Mailed>
  /** By sender and receiver, in the order in which they were sent. */
  readonly byPair: ReadonlyMap<string, Mailed[]>
  /** Of what nobody has sent. */
  readonly strays: readonly Located<'get'>[]
}

/** Gathers them. */
export function mailOf(run: Run): MailOf {
  const byName = new Map<string, Mailed>()
  const byPair = new Map<string, Mailed[]>()
  const strays: Located<'get'>[] = []
  for (const post of run.of('post')) {
    const mailed: Mailed = { post, dispatch: null, gets: [], ends: [] }
    byName.set(post.data.m, mailed)
    pushTo(byPair, `${post.data.p} ${post.data.to}`, mailed)
  }
  for (const dispatch of run.of('dispatch')) {
    const mailed = byName.get(dispatch.data.m)
    if (mailed !== undefined) mailed.dispatch ??= dispatch
  }
  for (const get of run.of('get')) {
    const mailed = byName.get(get.data.m)
    if (mailed === undefined) strays.push(get)
    else mailed.gets.push(get)
  }
  for (const end of run.of('postEnd')) byName.get(end.data.m)?.ends.push(end)
  return { byName, byPair, strays }
}
