/**
 * Leader: one conducts at a time. Each term is signed off in an audit log, with its token, so that one can see them rise;
 * a trigger on that log acts once for every third term, whoever judges it.
 */
import { compareTokens, type Token } from 'tutti'
import { byId, KeyedList, make, setText, soon } from '../dom.ts'
import { count, type Panel, type Toolbox } from './panel.ts'

/** How a term began. */
interface Term {
  readonly token: Token
}

const TERMS_SHOWN = 4
const FIRINGS_SHOWN = 3
const FIRES_EVERY = 3

/** Shows who leads from now on, and lets this tab stand. */
export async function openLeader({ space, people }: Toolbox, panel: Panel): Promise<void> {
  const [chief, log] = await Promise.all([space.leaderOf('conductor'), space.audit<Term>('conductors', { keep: 200 })])
  /** Makes the task of this tab's term fail; null: it does not lead. */
  let fail: ((error: Error) => void) | null = null

  panel.switch('leader-stand', async (signal) => {
    while (!signal.aborted) await chief.whenLeader((term) => conduct(term), { signal })
  })
  const failing = panel.button('leader-fail', () => fail?.(new Error('the conductor dropped the score')))
  async function conduct({ signal, token }: { signal: AbortSignal; token: Token }): Promise<void> {
    try {
      await log.append({ token }, { signal })
      await new Promise<void>((resolve, reject) => {
        fail = reject
        if (signal.aborted) resolve()
        signal.addEventListener('abort', () => resolve())
        draw()
      })
    } finally {
      fail = null
      draw()
    }
  }

  // All tabs watch: one judges, the others stand by.
  log
    .watch('applause', {
      when: ({ position }) => position % FIRES_EVERY === 0,
      run: ({ author }) => `for ${people.name(author)}`,
    })
    .catch((error: unknown) => {
      if (space.status !== 'closed') panel.show(error)
    })

  const now = byId('leader-now', HTMLElement)
  const list = new KeyedList<(typeof log.entries)[number]>(byId('leader-terms', HTMLElement), {
    key: ({ position }) => String(position),
    make: ({ position, author, value }) =>
      make('li', {}, make('span', {}, `${position}. `, people.tag(author)), make('code', {}, tokenText(value.token))),
    update: () => undefined,
  })
  const draw = (): void => {
    const { leader } = chief
    now.replaceChildren(...(leader === null ? ['Nobody conducts.'] : [people.tag(leader), ' conducts.']))
    failing.disabled = fail === null
    list.show(log.entries.slice(-TERMS_SHOWN).reverse())
    setText(byId('leader-check', HTMLElement), checkOf(log.entries.map(({ value }) => value.token)))
    const firings = log.firings.slice(-FIRINGS_SHOWN).map(({ position }) => position)
    const by = log.firings.at(-1)?.by
    const applause = firings.length === 0 ? '' : `Applause after terms ${firings.join(', ')}: each once`
    setText(byId('leader-firings', HTMLElement), by === undefined ? '' : `${applause}, the last by ${people.name(by)}.`)
  }
  const drawSoon = soon(draw)
  chief.subscribe(drawSoon)
  log.subscribe(drawSoon)
  draw()
}

/** What the tokens of all terms say, in the order in which they were signed off. */
function checkOf(tokens: readonly Token[]): string {
  if (tokens.length === 0) return ''
  const late = tokens.filter((token, i) => {
    const before = tokens[i - 1]
    return before !== undefined && before[0] === token[0] && compareTokens(before, token) >= 0
  })
  const terms = count(tokens.length, 'term')
  if (late.length > 0)
    return `✗ ${terms} signed off, ${late.length} under a token that is not higher than the one before.`
  return `✓ ${terms} signed off, each under a higher token than the one before.`
}

/** The parts of a token that change: epoch and number of its view, and its number in that. The line's name is long. */
function tokenText([, view, n]: Token): string {
  return `token ${Number.parseInt(view, 10)}.${view.slice(view.lastIndexOf('.') + 1)}.${n}`
}
