/**
 * T15 Clients: what a client casts, or asks, is told once, in its order and without holes, and the same at all members that move
 * together from a view to the next; after what the client was told before it made it, in causal and total groups. What a
 * client is told is what the member that serves it was told: each once, in an order of the group, and between two views all
 * that the member was told there, unless the client is told of a gap. In a consistent group what it is told to be held by all
 * does not go with a part that does not act.
 *
 * Where a member's state is replaced, its past is not the group's: what it was told then may come again. So it may to a client:
 * but what fell in a gap before something that it was told of that sender is not told behind that (seed 22038).
 */
import { type Checker, type Result, Verdict } from './checker.ts'
import { getOrMake } from './collections.ts'
import type { Located } from './model.ts'
import { isAtRest, restOf } from './rest.ts'
import type { Run } from './run.ts'

type Line = Located<'heard'> | Located<'fed'>

/** What one member, or one client, was told from its beginning to its end. */
interface Story {
  readonly p: string
  readonly obj: string
  readonly isMember: boolean
  readonly isDeaf: boolean
  /** The line at which it begins: a client, as it is first told something. What came before in the view that it then is told of is told to it neither then nor later. */
  from: number
  readonly lines: Line[]
}

/** What it was told in one view; of a member, requests of clients among it. */
interface Chapter {
  readonly story: Story
  /** Null: before the first. */
  readonly view: string | null
  readonly casts: Line[]
  /** The view that comes next; null: none. */
  next: Line | null
  /** A state, or a gap, or the beginning, comes in it, or just before it: it need not be all. */
  isBroken: boolean
  /** No other part's state is awaited at its end: until then it knows of its own part's clients alone. */
  isUnited: boolean
}

/** What came before a cast, in the view in which it was made: per sender the highest number. */
interface Past {
  readonly view: string | null
  readonly told: ReadonlyMap<string, number>
}

export const checker: Checker = {
  property: 'T15',
  check(run: Run): Result {
    const verdict = new Verdict('T15')
    const stories = storiesOf(run)
    if (stories.length === 0) return verdict
    const made = new Map(run.of('made').map(({ data }) => [`${data.obj} ${data.p} ${data.n}`, data.value]))
    const cast = new Set(
      stories.filter(({ isMember }) => isMember).flatMap(({ lines }) => lines.map(({ data }) => idOf(data))),
    )
    const ended = endedBadly(run)
    const requests = new Set(
      run.of('heard').flatMap(({ data }) => (data.k === 'ask' ? [`${data.obj} ${data.from} ${data.n}`] : [])),
    )
    const given = new Map<string, number>()
    for (const { data, line } of run.of('heard'))
      if (data.k === 'ask') getOrMake(given, `${data.obj} ${data.p} ${data.from} ${data.n}`, () => line)
    const pasts = pastsOf(run)
    const chapters = stories.flatMap((story) => chaptersOf(run, story))
    const toldIn = movesOfTellers(chapters)
    for (const story of stories) {
      checkOnce(story, verdict, { made, cast, ended, toldIn, requests, given })
      if (isCausal(run, story.obj)) checkPast(story, verdict, pasts)
    }
    checkAgreement(run, verdict, chapters)
    checkFeeds(run, verdict, chapters)
    checkReturns(run, verdict, stories)
    checkRest(run, verdict, chapters)
    return verdict
  },
}

function storiesOf(run: Run): Story[] {
  const open = new Map<string, Story>()
  const all: Story[] = []
  for (const line of [...run.of('heard'), ...run.of('fed')].sort((a, b) => a.line - b.line)) {
    const { p, obj, e, k } = line.data
    const key = `${e} ${p} ${obj}`
    const isMember = e === 'heard'
    if (k === 'begin' || !open.has(key)) {
      const story = { p, obj, isMember, isDeaf: line.data.deaf === true, from: line.line, lines: [] }
      open.set(key, story)
      all.push(story)
    }
    if (k === 'begin') continue
    const story = open.get(key)
    if (story === undefined) continue
    if (!isMember && story.lines.length === 0) story.from = line.line
    story.lines.push(line)
  }
  return all
}

/** The number of a cast, with who numbers it. */
function senderOf({ from, via }: Line['data']): string {
  return via === null || via === undefined ? `${from}` : `client ${from}`
}

function idOf(data: Line['data']): string {
  return `${data.obj} ${senderOf(data)} ${data.n} ${data.value}`
}

/** Casts and requests of clients that did not end well: they may be told, or not. */
function endedBadly(run: Run): ReadonlySet<string> {
  const values = new Map(run.of('made').map(({ data }) => [`${data.p} ${data.value}`, data]))
  const asked = new Map(run.of('invoke').map(({ data }) => [`${data.p} ${data.id}`, data]))
  const ended = new Set<string>()
  for (const { data } of run.of('return')) {
    const call = asked.get(`${data.p} ${data.id}`)
    if ((call?.f !== 'castAsClient' && call?.f !== 'askAsClient') || data.ok) continue
    const made = values.get(`${data.p} ${(call.args as [number])[0]}`)
    if (made !== undefined) ended.add(`${made.obj} ${made.p} ${made.n}`)
  }
  return ended
}

interface Known {
  readonly made: ReadonlyMap<string, number>
  readonly cast: ReadonlySet<string>
  readonly ended: ReadonlySet<string>
  /** Requests: clients are not told of those. */
  readonly requests: ReadonlySet<string>
  /** By process and request, the line at which it was first given that: it is not again, though it joins again, or its state is replaced. */
  readonly given: ReadonlyMap<string, number>
  /** By cast of a client, from which view to which its tellers went. */
  readonly toldIn: ReadonlyMap<string, ReadonlySet<string>>
}

function movesOfTellers(chapters: readonly Chapter[]): Map<string, Set<string>> {
  const moves = new Map<string, Set<string>>()
  for (const { story, view, casts, next } of chapters)
    for (const { data } of casts)
      if (story.isMember && typeof data.via === 'string')
        getOrMake(moves, `${data.obj} ${data.from} ${data.n}`, () => new Set<string>()).add(
          `${view}>${next?.data.view ?? ''}`,
        )
  return moves
}

/** Real casts, each once, in the order of their sender; of clients without holes. */
function checkOnce(
  { p, obj, isMember, lines }: Story,
  verdict: Verdict,
  { made, cast, ended, toldIn, requests, given }: Known,
): void {
  const last = new Map<string, number>()
  /** Of those whose numbers follow on. */
  const dense = new Map<string, number>()
  const moves = new Set<string>()
  let view = ''
  /** Told by members that this one has not gone with from the view to the next: in another part. */
  const isElsewhere = (cast: string): boolean => {
    const told = toldIn.get(cast)
    return told !== undefined && [...told].every((move) => !moves.has(move) && move !== `${view}>`)
  }
  const who = isMember ? p : `client ${p}`
  for (const { data, line } of lines) {
    if (data.k === 'state' && data.replaced === true) last.clear()
    if (data.k === 'state' || data.k === 'gap') dense.clear()
    if (data.k === 'view') {
      moves.add(`${view}>${data.view}`)
      view = data.view ?? ''
    }
    if (data.k !== 'cast' && data.k !== 'ask') continue
    const { from = '', n = 0, value = 0 } = data
    const sender = senderOf(data)
    const isReal = sender === from ? cast.has(idOf(data)) : made.get(`${obj} ${from} ${n}`) === value
    verdict.expect(isReal, () => `${who} is told ${sender}#${n}, which is not what was cast`, line)
    const before = last.get(sender) ?? 0
    verdict.expect(n > before, () => `${who} is told ${sender}#${n} after #${before}`, line)
    last.set(sender, Math.max(n, before))
    const start = dense.get(sender)
    dense.set(sender, n)
    // A client hears of others from where it begins.
    if (sender === from || start === undefined) continue
    for (let hole = start + 1; hole < n; hole += 1)
      verdict.expect(
        ended.has(`${obj} ${from} ${hole}`) ||
          (isMember
            ? (given.get(`${obj} ${p} ${from} ${hole}`) ?? line) < line
            : requests.has(`${obj} ${from} ${hole}`)) ||
          isElsewhere(`${obj} ${from} ${hole}`),
        () => `${who} is told ${sender}#${n} after #${start}, without #${hole}`,
        line,
      )
  }
}

function isCausal(run: Run, obj: string): boolean {
  const order = run.groups.find(({ name }) => name === obj)?.options?.order
  return order === 'causal' || order === 'total'
}

/** What each client was told before it made a cast, and each member before it cast. */
function pastsOf(run: Run): Map<string, Past> {
  const told = new Map<string, { view: string | null; told: Map<string, number> }>()
  const pasts = new Map<string, Past>()
  const all = [...run.of('heard'), ...run.of('fed'), ...run.of('made')].sort((a, b) => a.line - b.line)
  for (const { data } of all) {
    const { p, obj } = data
    const now = getOrMake(told, `${data.e === 'heard' ? 'heard' : 'fed'} ${p} ${obj}`, () => ({
      view: null as string | null,
      told: new Map<string, number>(),
    }))
    if (data.e === 'made') {
      pasts.set(`${obj} client ${p} ${data.n}`, { view: now.view, told: new Map(now.told) })
      continue
    }
    if (data.k === 'cast') now.told.set(senderOf(data), data.n ?? 0)
    if (data.k !== 'begin' && data.k !== 'view') continue
    now.view = data.view ?? null
    now.told = new Map()
  }
  return pasts
}

/** Nothing comes after what it came before, in the view in which that was made. */
function checkPast({ p, obj, isMember, lines }: Story, verdict: Verdict, pasts: ReadonlyMap<string, Past>): void {
  /** Up to this number of a sender all must have come, if it comes at all; and because of what. */
  const due = new Map<string, readonly [n: number, because: string]>()
  for (const { data, line } of lines) {
    if (data.k === 'view' || data.k === 'gap') due.clear()
    if (data.k !== 'cast' && data.k !== 'ask') continue
    const sender = senderOf(data)
    const [n, because] = due.get(sender) ?? [0, '']
    verdict.expect(
      (data.n ?? 0) > n,
      () => `${isMember ? p : `client ${p}`} is told ${sender}#${data.n} after ${because}, which was made after it`,
      line,
    )
    const past = pasts.get(`${obj} ${sender} ${data.n}`)
    if (past === undefined || past.view !== data.view) continue
    for (const [before, highest] of past.told)
      if (highest > (due.get(before)?.[0] ?? 0)) due.set(before, [highest, `${sender}#${data.n}`])
  }
}

function chaptersOf(run: Run, story: Story): Chapter[] {
  const group = run.groups.find(({ name }) => name === story.obj)
  // In a consistent one the state is that of the primary component.
  const views = group?.options?.consistency === 'consistent' ? undefined : group?.views
  let chapter: Chapter = { story, view: null, casts: [], next: null, isBroken: true, isUnited: true }
  const chapters = [chapter]
  // A client begins in the middle.
  let isBroken = !story.isMember
  for (const line of story.lines) {
    const { k, view = null } = line.data
    if (k === 'cast' || k === 'ask') {
      chapter.casts.push(line)
      isBroken = false
      // Casts that waited for a state which then was not needed come after the view that came meanwhile.
      if (view !== chapter.view)
        for (const each of chapters) if (each === chapter || each.view === view) each.isBroken = true
    } else if (k === 'view') {
      chapter.next = line
      const isMerge = (views?.get(view ?? '')?.first?.subviews?.length ?? 0) > 1
      const isUnited = chapter.isUnited && !isMerge
      const isFirst = !story.isMember && chapter.view === null
      chapter = { story, view, casts: [], next: null, isBroken: isBroken || isFirst, isUnited }
      chapters.push(chapter)
      isBroken = false
    } else if (k === 'state' && line.data.replaced !== true) chapter.isUnited = true
    else if (k === 'gap' || (story.isMember && line.data.replaced === true)) {
      chapter.isBroken = true
      isBroken = true
    }
  }
  return chapters
}

/** Members that go from a view to the next together are told the same casts of clients in it, in a total group in one order. */
function checkAgreement(run: Run, verdict: Verdict, chapters: readonly Chapter[]): void {
  const again = askedAgain(chapters)
  const firsts = new Map<string, readonly [p: string, told: string]>()
  for (const { story, view, casts, next, isBroken, isUnited } of chapters) {
    const { p, obj, isMember } = story
    if (!isMember || view === null || next === null || isBroken || !isUnited) continue
    const all = casts
      .filter(({ data }) => typeof data.via === 'string' && !again.has(idOf(data)))
      .map(({ data }) => `${data.from}#${data.n}`)
    if (!isTotal(run, obj)) all.sort()
    const told = all.join()
    const [first, theirs] = getOrMake(firsts, `${obj} ${view} ${next.data.view}`, () => [p, told] as const)
    verdict.expect(
      told === theirs,
      () =>
        `of clients in ${view}, before ${next.data.view}, ${p} is told ${diff(told, theirs)}, ${first} ${diff(theirs, told)}`,
      next.line,
    )
  }
}

/** Requests that were delivered in several views, because it was lost, or replaced, that they were: not to all of whom both times. */
function askedAgain(chapters: readonly Chapter[]): ReadonlySet<string> {
  const views = new Map<string, string | null>()
  const again = new Set<string>()
  for (const { view, casts } of chapters)
    for (const { data } of casts) {
      if (data.k !== 'ask') continue
      if ((views.get(idOf(data)) ?? view) !== view) again.add(idOf(data))
      views.set(idOf(data), view)
    }
  return again
}

/** Of what a chapter has, what is told to clients as well. */
function castsIn(casts: readonly Line[]): Line[] {
  return casts.filter(({ data }) => data.k === 'cast')
}

/** The first that is in one list and not in the other. */
function diff(a: string, b: string): string {
  const other = b.split(',')
  return a.split(',').find((each) => !other.includes(each)) ?? 'nothing more'
}

function isTotal(run: Run, obj: string): boolean {
  return run.groups.find(({ name }) => name === obj)?.options?.order === 'total'
}

/** Between two views a client is told what the member was told that tells it of the second, and in a total group in its order. */
function checkFeeds(run: Run, verdict: Verdict, chapters: readonly Chapter[]): void {
  const byMember = new Map<string, Chapter>()
  for (const chapter of chapters) {
    const { story, view, next } = chapter
    if (story.isMember && next !== null) byMember.set(`${story.obj} ${story.p} ${view} ${next.data.view}`, chapter)
  }
  const before = new Map<Story, Set<string>>()
  const highest = new Map<Story, Map<string, number>>()
  const heard = new Map<string, number>()
  for (const { story, casts } of chapters)
    for (const { data, line } of casts)
      if (story.isMember && typeof data.via === 'string')
        heard.set(idOf(data), Math.min(line, heard.get(idOf(data)) ?? line))
  for (const { story, view, casts, next, isBroken } of chapters) {
    if (story.isMember || story.isDeaf) continue
    const told = getOrMake(before, story, () => new Set<string>())
    const last = getOrMake(highest, story, () => new Map<string, number>())
    const mine = casts.map(({ data }) => idOf(data))
    const theirs =
      next === null || isBroken
        ? undefined
        : byMember.get(`${story.obj} ${next.data.sponsor} ${view} ${next.data.view}`)
    if (theirs !== undefined && !theirs.isBroken) {
      // What was lost with another member, and was cast again, it was told then, or came before it began.
      const isNew = (id: string): boolean => !told.has(id) && (heard.get(id) ?? story.from) >= story.from
      const wanted = castsIn(theirs.casts)
        .filter((line) => isBeyond(last, line))
        .map(({ data }) => idOf(data))
        .filter(isNew)
      const order = isTotal(run, story.obj) ? (ids: string[]) => ids : (ids: string[]) => [...ids].sort()
      const isSame = order(mine.filter(isNew)).join() === order(wanted).join()
      verdict.expect(
        isSame,
        () => {
          const missing = wanted.filter((id) => !mine.includes(id))
          const extra = mine.filter((id) => !wanted.includes(id))
          return `client ${story.p} is told ${mine.length} casts in ${view}, and ${next?.data.sponsor} ${wanted.length}: without ${missing[0]}, with ${extra[0]}`
        },
        next?.line,
      )
    }
    for (const id of mine) told.add(id)
    reach(last, casts)
  }
}

/** Has nothing that its sender cast later been told before? */
function isBeyond(last: ReadonlyMap<string, number>, { data }: Line): boolean {
  return (data.n ?? 0) > (last.get(senderOf(data)) ?? 0)
}

function reach(last: Map<string, number>, casts: readonly Line[]): void {
  for (const { data } of casts) {
    const sender = senderOf(data)
    last.set(sender, Math.max(data.n ?? 0, last.get(sender) ?? 0))
  }
}

/**
 * What is said to be held by all has been told somewhere; and in a consistent group it is told to whoever was a member before
 * anybody was told it, and is one at the end, in the primary component, by a state that was never replaced: it has not gone with
 * a part that did not act. Unless there was another line, or what others have was given up.
 */
function checkReturns(run: Run, verdict: Verdict, stories: readonly Story[]): void {
  const isOneLine = run.of('found').length <= 1 && run.of('lineLost').length === 0 && run.of('refound').length === 0
  const told = new Map<string, number>()
  for (const { data, line } of run.of('heard'))
    if (data.k === 'cast' && typeof data.via === 'string') {
      const key = `${data.obj} ${data.value}`
      if (!told.has(key)) told.set(key, line)
    }
  const asked = new Map(run.of('invoke').map(({ data }) => [`${data.p} ${data.id}`, data]))
  for (const { data, line } of run.of('return')) {
    const call = asked.get(`${data.p} ${data.id}`)
    if (call?.f !== 'castAsClient' || !data.ok) continue
    const [value] = call.args as [number]
    verdict.expect(
      (told.get(`${call.obj} ${value}`) ?? line) < line,
      () => `${data.p} is told that all hold its cast of ${value}, which nobody has been told`,
      line,
    )
    const first = told.get(`${call.obj} ${value}`)
    if (first === undefined || !isOneLine || !isConsistent(run, call.obj)) continue
    const without = stories.find(
      (story) => goesOnFrom(run, story, call.obj, first) && story.lines.every((each) => each.data.value !== value),
    )
    verdict.expect(
      without === undefined,
      () => `${data.p} is told that all hold its cast of ${value}, which ${without?.p} is never told`,
      line,
    )
  }
}

function isConsistent(run: Run, obj: string): boolean {
  return run.groups.find(({ name }) => name === obj)?.options?.consistency === 'consistent'
}

/** Is that the story of a member from before that line to the end of the run, in the primary component then, whose state was never replaced since? */
function goesOnFrom(run: Run, story: Story, obj: string, from: number): boolean {
  const { p, isMember, lines } = story
  if (!isMember || story.obj !== obj || (lines[0]?.line ?? from) >= from) return false
  if (lines.some(({ data, line }) => line > from && data.k === 'state' && data.replaced === true)) return false
  const process = run.processes.find(({ id }) => id === p)
  const group = run.groups.find(({ name }) => name === obj)
  if (process === undefined || group === undefined || !isAtRest(run, process)) return false
  const last = run.last(process, group)
  return last?.data.primary === true && last.view.id === lines.findLast(({ data }) => data.k === 'view')?.data.view
}

/** At rest, a client has been told what a member of its part has been told in the last view, that view included. */
function checkRest(run: Run, verdict: Verdict, chapters: readonly Chapter[]): void {
  const rest = restOf(run)
  if (rest === null) return
  const last = new Map<string, Chapter>()
  const stories = new Map<string, Story>()
  for (const chapter of chapters) {
    const { story } = chapter
    const key = `${story.isMember} ${story.p} ${story.obj}`
    stories.set(key, story)
    last.set(key, chapter)
  }
  for (const [key, { story, casts, view, isBroken }] of last) {
    if (story.isMember || story.isDeaf || stories.get(key) !== story) continue
    const process = run.processes.find(({ id }) => id === story.p)
    if (process === undefined || !isAtRest(run, process)) continue
    const group = run.groups.find(({ name }) => name === story.obj)
    if (group === undefined) continue
    // Those that are members, and have been for long.
    const members = [...last.values()].filter(({ story: other, view: theirs }) => {
      const member = run.processes.find(({ id }) => id === other.p)
      if (!other.isMember || other.obj !== story.obj || member?.part !== process.part) return false
      const install = isAtRest(run, member) ? run.last(member, group) : null
      return install !== null && install.view.id === theirs && install.at.t + rest.bounds.tSettle <= rest.end.t
    })
    if (members.length === 0) continue
    const isThere = members.some((member) => member.view === view)
    verdict.expect(isThere, () => `client ${story.p} ends in ${view}, the members of its part in ${members[0]?.view}`)
    const mine = new Set(casts.map(({ data }) => idOf(data)))
    const old = ({ t }: Line): boolean => Math.max(t, rest.quiet.t) + rest.bounds.tSettle <= rest.end.t
    if (!isThere || isBroken) continue
    const all = story.lines.map(({ data }) => idOf(data))
    const before = new Map<string, number>()
    const earlier = castsIn(story.lines).filter((line) => !casts.includes(line))
    reach(before, earlier)
    const missing = castsIn(members[0]?.casts ?? [])
      .filter((line) => old(line) && isBeyond(before, line))
      .find(({ data }) => !mine.has(idOf(data)) && !all.includes(idOf(data)))
    verdict.expect(missing === undefined, () => `client ${story.p} is never told ${missing && idOf(missing.data)}`)
  }
}
