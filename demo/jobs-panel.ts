/**
 * The job queue: who works, what waits, who has taken what, what is done.
 *
 * The queue itself is the object `jobs`; the map `workers` only says who has switched on, so that all can see it.
 */
import type { SharedMap, SharedQueue, Space } from 'tutti'
import { byId, KeyedList, make, setAttribute, setText, soon } from './dom.ts'
import type { People } from './people.ts'

/** A job as the queue holds it. */
export interface Job {
  readonly title: string
  /** How long its work takes. */
  readonly seconds: number
}

/** What the panel needs. */
export interface JobsPanelParts {
  readonly space: Space
  readonly people: People
  readonly jobs: SharedQueue<Job>
  readonly workers: SharedMap<boolean>
}

/** One line of the list. */
interface Row {
  readonly key: string
  readonly title: string
  readonly seconds: number
  readonly state: 'waiting' | 'delayed' | 'taken' | 'done' | 'dead'
  readonly who: string | null
  readonly attempts: number
}

const TITLE_MAX = 120
const SECONDS_MIN = 2
const SECONDS_MAX = 5
const ROWS_MAX = 30
const DONE_MAX = 8
const DEAD_MAX = 8
const PARTS = ['flute', 'oboe', 'clarinet', 'horn', 'trumpet', 'timpani', 'harp', 'violin', 'viola', 'cello', 'bass']

/** Shows the queue from now on. */
export function showJobs({ space, people, jobs, workers }: JobsPanelParts): void {
  const done: Row[] = []
  let doneCount = 0
  let addsUnderWay = 0
  /** Titles of jobs that have left the queue are gone from it: remembered from before. */
  let known = new Map<string, Row>()
  const counts = byId('job-counts', HTMLElement)
  const hint = byId('jobs-hint', HTMLElement)
  const rows = new KeyedList<Row>(byId('jobs', HTMLElement), {
    key: ({ key }) => key,
    make: makeRow,
    update: updateRow,
  })
  const players = new KeyedList<string>(byId('workers', HTMLElement), {
    key: (id) => id,
    make: (id) => make('li', {}, people.tag(id), make('span', { class: 'work' })),
    update: (row, id) => updateWorker(row, workOf(id)),
  })

  const workOf = (id: string): string => {
    const taken = jobs.items.filter((item) => item.taker === id)
    if (taken.length > 0) return readJob(taken[0]?.value).title
    return workers.get(id) === true ? 'ready' : 'off'
  }
  const draw = (): void => {
    const now = jobs.items.map(({ id, value, state, taker, attempts }): Row => {
      return { ...readJob(value), key: id, state, who: taker, attempts }
    })
    known = new Map(now.map((row) => [row.key, row]))
    const open = now.toSorted((a, b) => Number(b.state === 'taken') - Number(a.state === 'taken'))
    const dead = jobs.dead.slice(0, DEAD_MAX).map(({ id, value, attempts }): Row => {
      return { ...readJob(value), key: id, state: 'dead', who: null, attempts }
    })
    rows.show([...open.slice(0, ROWS_MAX), ...dead, ...done])
    const taken = now.filter(({ state }) => state === 'taken').length
    const given = jobs.dead.length > 0 ? ` · ${jobs.dead.length} given up` : ''
    setText(counts, `${now.length - taken} waiting · ${taken} taken · ${doneCount} done${given}`)
    const isCutOff = space.status === 'degraded'
    const adds = addsUnderWay === 0 ? '' : `${addsUnderWay} of your jobs not yet accepted. `
    const more = open.length > ROWS_MAX ? `${open.length - ROWS_MAX} more not shown. ` : ''
    setText(hint, `${more}${adds}${isCutOff ? 'Nothing is taken or finished here until the majority is back.' : ''}`)
    players.show(space.view.members.slice(0, ROWS_MAX).map(({ id }) => id))
  }
  const drawSoon = soon(draw)
  const who = (row: Row): string => people.name(row.who ?? '')

  function makeRow(): HTMLElement {
    return make(
      'li',
      { class: 'job' },
      make('span', { class: 'job-title' }),
      make('span', { class: 'job-state' }),
      make('span', { class: 'progress', 'aria-hidden': 'true' }),
    )
  }
  function updateRow(element: HTMLElement, row: Row): void {
    const [title, state] = element.children
    if (title === undefined || state === undefined) return
    setText(title, row.title)
    setAttribute(element, 'data-state', row.state)
    const again = row.attempts > 1 ? ` (try ${row.attempts})` : ''
    if (row.state === 'dead') setText(state, `given up after ${row.attempts} tries`)
    else setText(state, row.who === null ? `${row.state}${again}` : `${row.state} by ${who(row)}${again}`)
    element.style.setProperty('--hue', people.hue(row.who ?? ''))
    element.style.setProperty('--seconds', String(row.seconds))
  }

  jobs.addEventListener('settled', (event) => {
    if (event.outcome !== 'done') return
    const { seconds, title, attempts } = known.get(event.id) ?? { title: `Job ${event.id}`, seconds: 0, attempts: 1 }
    done.unshift({ key: event.id, title, seconds, state: 'done', who: event.by, attempts })
    doneCount += 1
    done.length = Math.min(done.length, DONE_MAX)
    drawSoon()
  })
  jobs.subscribe(drawSoon)
  workers.subscribe(drawSoon)
  for (const type of ['view', 'status'] as const) space.addEventListener(type, drawSoon)

  const add = (title: string): void => {
    addsUnderWay += 1
    const seconds = SECONDS_MIN + Math.floor(Math.random() * (SECONDS_MAX - SECONDS_MIN + 1))
    jobs
      .add({ title: title.slice(0, TITLE_MAX), seconds })
      .catch((error: unknown) => setText(byId('jobs-error', HTMLElement), `“${title}”: ${String(error)}`))
      .finally(() => {
        addsUnderWay -= 1
        drawSoon()
      })
    drawSoon()
  }
  const input = byId('new-job-text', HTMLInputElement)
  byId('new-job', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault()
    add(input.value.trim() || drawTitle())
    input.value = ''
  })
  byId('five-jobs', HTMLButtonElement).addEventListener('click', () => {
    for (let i = 0; i < 5; i += 1) add(drawTitle())
  })

  wireSwitch({ space, people, jobs, workers })
  draw()
}

/** The switch that lets this tab work. */
function wireSwitch({ space, people, jobs, workers }: JobsPanelParts): void {
  const button = byId('worker', HTMLButtonElement)
  let stop: AbortController | null = null
  const say = (): void => {
    const isOn = stop !== null
    setAttribute(button, 'aria-checked', String(isOn))
    if (space.status !== 'closed' && (workers.get(people.self) === true) !== isOn) {
      if (isOn) workers.set(people.self, true)
      else workers.delete(people.self)
    }
  }
  button.addEventListener('click', () => {
    if (stop === null) {
      const own = new AbortController()
      stop = own
      jobs
        .process((job, { signal }) => work(readJob(job), signal), { signal: own.signal })
        .catch((error: unknown) => setText(byId('jobs-error', HTMLElement), `The worker stopped: ${String(error)}`))
        .finally(() => {
          if (stop === own) stop = null
          say()
        })
    } else {
      stop.abort()
      stop = null
    }
    say()
  })
  space.addEventListener('view', ({ view }) => {
    // Whoever is surely gone needs no entry; the most senior member clears up.
    if (view.members[0]?.id !== people.self) return
    for (const id of [...view.left, ...view.dead]) if (workers.has(id)) workers.delete(id)
  })
  say()
}

/** The work: time passes. Throws when the job is no longer this tab's. */
function work(job: Job, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(job.title), job.seconds * 1000)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      reject(signal.reason)
    })
  })
}

function updateWorker(row: HTMLElement, work: string): void {
  const state = row.lastElementChild
  if (state === null) return
  setText(state, work)
  setAttribute(row, 'data-work', work === 'off' || work === 'ready' ? work : 'busy')
}

/** A peer may have put anything into the queue. */
function readJob(value: unknown): Job {
  const { title, seconds } = (typeof value === 'object' && value !== null ? value : {}) as Partial<
    Record<string, unknown>
  >
  const isTime = typeof seconds === 'number' && seconds >= 0 && seconds <= 60
  return { title: typeof title === 'string' ? title : String(value).slice(0, TITLE_MAX), seconds: isTime ? seconds : 1 }
}

function drawTitle(): string {
  return `Copy the ${PARTS[Math.floor(Math.random() * PARTS.length)] ?? 'harp'} part`
}
