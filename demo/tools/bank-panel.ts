/**
 * The bank: accounts in two total maps and a vault in a bounded counter, with transfers from all tabs at once. Each is one
 * transaction over the objects that it touches, so the sum is kept, whoever is killed in the middle.
 */
import { type BoundedCounter, ConflictError, OutOfBoundsError, type TotalMap, type Transact } from 'tutti'
import { byId, KeyedList, make, setText, soon } from '../dom.ts'
import { count, type Panel, type Toolbox, wait } from './panel.ts'

const SUM = 1_000
const EACH = 250
const VAULT = 'Vault'
const AMOUNT_MAX = 60
const TRANSFERS = 20
/** Between two looks at all accounts as of one moment. */
const LOOK_MS = 1_000

/** Names of the objects, for whoever reads a snapshot. */
export const BANK: { readonly maps: readonly [string, string]; readonly vault: string; readonly sum: number } = {
  maps: ['bank east', 'bank west'],
  vault: 'bank vault',
  sum: SUM,
}

interface Account {
  readonly name: string
  /** What it holds, as delivered here. */
  look(): number
  /** In a transaction. */
  held(tx: Transact): number
  add(tx: Transact, amount: number): void
}

/** Shows the bank from now on. */
export async function openBank({ space, people, bench }: Toolbox, panel: Panel): Promise<void> {
  const how = { consistency: 'total', atomic: true } as const
  const [east, west, vault] = await Promise.all([
    space.map<number>(BANK.maps[0], how),
    space.map<number>(BANK.maps[1], how),
    space.counter(BANK.vault, { min: 0, atomic: true }),
  ])
  const accounts = [
    accountIn(east, 'Ada'),
    accountIn(east, 'Ben'),
    accountIn(west, 'Cleo'),
    accountIn(west, 'Dov'),
    accountOf(vault),
  ]
  await space.once('bank opened', () =>
    space.transact((tx) => {
      for (const account of accounts) {
        if (account.name !== VAULT && account.held(tx) === 0) account.add(tx, EACH)
      }
    }),
  )

  const tally = { bankDone: 0, bankRefused: 0, bankAgain: 0 }
  const transfer = async (): Promise<void> => {
    let calls = 0
    const [from, to] = drawTwo(accounts)
    const amount = 1 + Math.floor(Math.random() * AMOUNT_MAX)
    try {
      await space.transact((tx) => {
        calls += 1
        // A map takes any number; the counter refuses by itself.
        if (from.name !== VAULT && from.held(tx) < amount) throw new RangeError('not enough')
        from.add(tx, -amount)
        to.add(tx, amount)
      })
      tally.bankDone += 1
    } catch (error) {
      // Nothing has taken effect.
      const isRefused =
        error instanceof RangeError || error instanceof OutOfBoundsError || error instanceof ConflictError
      if (!isRefused) throw error
      tally.bankRefused += 1
    }
    tally.bankAgain += Math.max(0, calls - 1)
    bench.tell(tally)
  }
  const transferMany = async (): Promise<void> => {
    for (let i = 0; i < TRANSFERS; i += 1) await transfer()
  }
  bench.on('transfer', () => void panel.run(transferMany))
  panel.button('bank-go', () => bench.all('transfer'))

  const looks = { atOnce: 0, kept: 0, oneByOne: 0, torn: 0 }
  const lookOneByOne = (): number => accounts.reduce((sum, account) => sum + account.look(), 0)
  const list = byId('bank-accounts', HTMLElement)
  const rows = new KeyedList<Account>(list, {
    key: ({ name }) => name,
    make: ({ name }) => make('li', {}, make('span', {}, name), make('span', { class: 'bar' }), make('output', {})),
    update: (row, account) => {
      const held = account.look()
      row.style.setProperty('--part', String(Math.max(0, held) / SUM))
      if (row.lastElementChild !== null) setText(row.lastElementChild, held.toLocaleString())
    },
  })
  const tabs = new KeyedList<string>(byId('bank-tabs', HTMLElement), {
    key: (id) => id,
    make: (id) => make('li', {}, people.tag(id), make('span', { class: 'work' })),
    update: (row, id) => {
      const { bankDone = 0, bankRefused = 0, bankAgain = 0 } = reportOf(id)
      const text = `${bankDone} done, ${bankRefused} refused, ${bankAgain} tried again`
      if (row.lastElementChild !== null) setText(row.lastElementChild, text)
    },
  })
  const reportOf = (id: string) => bench.reports().find(([each]) => each === id)?.[1] ?? {}
  const draw = (): void => {
    rows.show(accounts)
    tabs.show(bench.tabs.filter((id) => reportOf(id)['bankDone'] !== undefined))
    const { atOnce, kept, oneByOne, torn } = looks
    const sign = atOnce === kept ? '✓' : '✗'
    const found = atOnce === 0 ? 'Not looked yet' : `${sign} ${SUM} in ${kept} of ${count(atOnce, 'look')}`
    setText(byId('bank-sum', HTMLElement), `At one moment, by a transaction: ${found}.`)
    const off =
      oneByOne === 0
        ? ''
        : `Object by object: ${lookOneByOne()} now; another sum in ${torn} of ${count(oneByOne, 'look')}.`
    setText(byId('bank-torn', HTMLElement), off)
  }
  const drawSoon = soon(draw)
  let isChanged = true
  const changed = (): void => {
    isChanged = true
    looks.oneByOne += 1
    if (lookOneByOne() !== SUM) looks.torn += 1
    drawSoon()
  }
  for (const object of [east, west, vault]) object.subscribe(changed)
  bench.subscribe(drawSoon)
  const readAll = (): Promise<number> =>
    space.transact((tx) => accounts.reduce((all, account) => all + account.held(tx), 0))
  const look = async (): Promise<void> => {
    for (; space.status !== 'closed'; await wait(LOOK_MS)) {
      if (!isChanged || document.visibilityState !== 'visible') continue
      isChanged = false
      try {
        const sum = await readAll()
        looks.atOnce += 1
        if (sum === SUM) looks.kept += 1
      } catch (error) {
        // So much is transferred that no moment could be had: look again.
        if (!(error instanceof ConflictError)) throw error
        isChanged = true
      }
      draw()
    }
  }
  look().catch((error: unknown) => {
    if (space.status !== 'closed') panel.show(error)
  })
  draw()
}

function accountIn(map: TotalMap<number>, name: string): Account {
  const held = (tx: Transact): number => tx.of(map).get(name) ?? 0
  return {
    name,
    look: () => map.get(name) ?? 0,
    held,
    add: (tx, amount) => void tx.of(map).set(name, held(tx) + amount),
  }
}

function accountOf(vault: BoundedCounter): Account {
  return {
    name: VAULT,
    look: () => vault.value,
    held: (tx) => tx.of(vault).value,
    add: (tx, amount) => tx.of(vault).add(amount),
  }
}

/** Two different ones. */
function drawTwo(accounts: readonly Account[]): [Account, Account] {
  const at = Math.floor(Math.random() * accounts.length)
  const other = (at + 1 + Math.floor(Math.random() * (accounts.length - 1))) % accounts.length
  return [accounts[at] as Account, accounts[other] as Account]
}
