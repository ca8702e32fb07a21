/** Ballots: one decision, whoever dies meanwhile. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import {
  BusyError,
  ClosedError,
  GroupMismatchError,
  UnknownOutcomeError,
  UsageError,
  ValueError,
} from '../../../lib/errors.ts'
import type { MachineContext } from '../../../lib/objects/state-machine.ts'
import { VoteError } from '../../../lib/tool-errors.ts'
import {
  type Ballot,
  type BallotSurroundings,
  type Ballots,
  type BallotTerms,
  ballotsKind,
  type Decision,
} from '../../../lib/tools/ballot.ts'
import { BALLOT_OP, BALLOTS_MAX, BallotMachine } from '../../../lib/tools/ballot-machine.ts'
import { makeRandom, pick } from '../objects/cluster.ts'
import { TotalCluster, type TotalMember } from '../objects/total-cluster.ts'

type Member = TotalMember<Ballots>

/** What a promise has come to by now. */
interface Watched<T> {
  value?: T
  error?: unknown
}

function watch<T>(promise: Promise<T>): Watched<T> {
  const seen: Watched<T> = {}
  promise.then(
    (value) => Object.assign(seen, { value }),
    (error: unknown) => Object.assign(seen, { error }),
  )
  return seen
}

const lunch: BallotTerms = { question: 'where?', choices: ['here', 'there'] }

function made(count: number, seed = 1) {
  const followers: ((gone: readonly string[]) => void)[] = []
  const surroundings: BallotSurroundings = {
    electorate: () => cluster.primary.map(({ id }) => id),
    follow: (fn) => followers.push(fn),
  }
  const cluster = new TotalCluster<Ballots, BallotSurroundings>(ballotsKind, surroundings, count, seed)
  /** What the views of the space tell. */
  const tell = (gone: readonly string[]): void => {
    for (const fn of followers) fn(gone)
  }
  const at = (rank: number): Member => {
    const member = cluster.primary[rank]
    assert.ok(member)
    return member
  }
  /** Opens a ballot at all members. */
  const openAll = async (terms: BallotTerms = lunch, name = 'lunch'): Promise<Ballot[]> => {
    const opened = cluster.primary.map(({ handle }) => watch(handle.open(name, terms, {})))
    await cluster.rest()
    return opened.map(({ value, error }) => {
      assert.ok(value, String(error))
      return value
    })
  }
  return { cluster, at, openAll, tell }
}

function vote(ballots: readonly Ballot[], voter: number, choice: string): Watched<void> {
  const ballot = ballots[voter]
  assert.ok(ballot)
  return watch(ballot.vote(choice))
}

function decisions(ballots: readonly Ballot[]): (Decision | null)[] {
  return ballots.map(({ snapshot }) => snapshot.decision)
}

/** The one decision of all. */
function decided(ballots: readonly Ballot[]): Decision {
  const [first, ...others] = decisions(ballots)
  assert.ok(first)
  for (const other of others) assert.deepEqual(other, first)
  return first
}

test('ballot › a majority of the electorate decides, and what comes later is refused', async () => {
  const { cluster, openAll } = made(4)
  const ballots = await openAll()
  assert.deepEqual(ballots[3]?.electorate, ['p0', 'p1', 'p2', 'p3'])
  const promised = watch(ballots[2]?.decision ?? Promise.reject())
  vote(ballots, 0, 'here')
  vote(ballots, 1, 'here')
  await cluster.rest()
  assert.deepEqual(decisions(ballots), [null, null, null, null])
  assert.deepEqual(ballots[3]?.snapshot.votes, { p0: 'here', p1: 'here' })
  vote(ballots, 2, 'here')
  await cluster.rest()
  const late = vote(ballots, 3, 'there')
  await cluster.rest()
  assert.deepEqual(decided(ballots), {
    outcome: 'here',
    votes: { p0: 'here', p1: 'here', p2: 'here' },
    view: cluster.primary[0]?.view.id,
  })
  assert.equal(promised.value, ballots[2]?.snapshot.decision)
  assert.ok(late.error instanceof VoteError && late.error.reason === 'decided' && late.error.definite)
  assert.deepEqual([late.error.name, late.error.docs], ['VoteError', 'docs/errors.md#vote'])
  assert.match(readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8'), /\n## vote\n`VoteError`/)
})

test('ballot › where no choice can have a majority any more, none has', async () => {
  const { cluster, openAll } = made(4)
  const ballots = await openAll({ choices: ['a', 'b', 'c'] })
  vote(ballots, 0, 'a')
  vote(ballots, 1, 'b')
  await cluster.rest()
  assert.equal(decisions(ballots)[0], null)
  vote(ballots, 2, 'c')
  await cluster.rest()
  assert.equal(decided(ballots).outcome, null)
})

test('ballot › a second vote, a foreign one and a malformed one are refused', async () => {
  const { cluster, openAll } = made(3)
  const ballots = await openAll()
  const first = vote(ballots, 0, 'here')
  await cluster.rest()
  const second = vote(ballots, 0, 'there')
  await cluster.rest()
  assert.ok('value' in first)
  assert.ok(second.error instanceof VoteError && second.error.reason === 'voted')
  const newcomer = cluster.join('p9')
  const joined = watch(newcomer.handle.open('lunch', undefined, {}))
  await cluster.rest()
  const foreign = watch(joined.value?.vote('here') ?? Promise.reject())
  await cluster.rest()
  assert.ok(foreign.error instanceof VoteError && foreign.error.reason === 'no-vote')
  await assert.rejects(ballots[1]?.vote('nowhere') ?? Promise.resolve(), UsageError)
  assert.deepEqual(ballots[1]?.snapshot.votes, { p0: 'here' })
})

test('ballot › unanimity is of those who remain', async () => {
  const { cluster, at, openAll, tell } = made(4)
  const ballots = await openAll({ choices: ['yes', 'no'], rule: 'unanimity' })
  for (const voter of [0, 1]) vote(ballots, voter, 'yes')
  await cluster.rest()
  cluster.end(at(3), 'dead')
  tell(['p3'])
  await cluster.advance(1_000)
  assert.equal(decisions(ballots)[0], null)
  vote(ballots, 2, 'yes')
  await cluster.rest()
  assert.equal(decided(ballots.slice(0, 3)).outcome, 'yes')
  const second = await openAll({ choices: ['yes', 'no'], rule: 'unanimity' }, 'second')
  vote(second, 0, 'yes')
  vote(second, 1, 'no')
  await cluster.rest()
  assert.equal(decided(second).outcome, null)
})

test('ballot › a majority stays one of the original electorate, and the dead abstain', async () => {
  const { cluster, at, openAll, tell } = made(4)
  const ballots = await openAll()
  vote(ballots, 0, 'here')
  vote(ballots, 1, 'here')
  await cluster.rest()
  cluster.end(at(3), 'dead')
  tell(['p3'])
  await cluster.advance(1_000)
  assert.equal(decisions(ballots)[0], null, 'two of four are no majority, though three are left')
  cluster.end(at(2), 'left')
  tell(['p2'])
  await cluster.advance(1_000)
  assert.equal(decided(ballots.slice(0, 2)).outcome, null)
})

test('ballot › a quorum is so many votes', async () => {
  const { cluster, openAll, at } = made(4)
  const ballots = await openAll({ choices: ['a', 'b'], rule: { quorum: 2 } })
  vote(ballots, 0, 'a')
  vote(ballots, 1, 'b')
  await cluster.rest()
  assert.equal(decisions(ballots)[0], null)
  vote(ballots, 2, 'b')
  await cluster.rest()
  assert.equal(decided(ballots).outcome, 'b')
  await assert.rejects(at(0).handle.open('x', { choices: ['a'], rule: { quorum: 5 } }, {}), UsageError)
})

test('ballot › the deadline is told by the most senior member, once, or by the next one', async () => {
  const { cluster, at, openAll } = made(3)
  const ballots = await openAll({ ...lunch, deadlineMs: 5_000 })
  vote(ballots, 1, 'here')
  await cluster.advance(4_990)
  assert.equal(decisions(ballots)[0], null)
  const before = at(1).casts
  await cluster.advance(20)
  assert.deepEqual(decided(ballots).votes, { p1: 'here' })
  assert.equal(decided(ballots).outcome, null)
  assert.equal(at(1).casts, before)
  const second = await openAll({ ...lunch, deadlineMs: 5_000 }, 'second')
  // It is there, and says nothing.
  at(0).handle.handleEnd()
  await cluster.advance(5_100)
  assert.equal(decisions(second)[1], null)
  await cluster.advance(200)
  assert.equal(decided(second.slice(1)).outcome, null)
})

test('ballot › it outlives whoever opened it, and a newcomer reports the same decision', async () => {
  const { cluster, at } = made(3)
  const opened = watch(at(0).handle.open('lunch', lunch, {}))
  await cluster.rest()
  assert.ok(opened.value)
  cluster.end(at(0), 'dead')
  const others = cluster.primary.map(({ handle }) => watch(handle.open('lunch', undefined, {})))
  await cluster.rest()
  for (const { value } of others) watch(value?.vote('there') ?? Promise.reject())
  await cluster.rest()
  const late = watch(cluster.join('p9').handle.open('lunch', undefined, {}))
  await cluster.rest()
  const ballots = [...others, late].map(({ value }) => value as Ballot)
  assert.equal(decided(ballots).outcome, 'there')
  assert.equal((await ballots[2]?.decision)?.outcome, 'there')
})

test('ballot › whoever names none waits for it; other terms are refused; the same handle for the same name', async () => {
  const { cluster, at } = made(2)
  const controller = new AbortController()
  const waits = watch(at(1).handle.open('lunch', undefined, {}))
  const gaveUp = watch(at(1).handle.open('lunch', undefined, { signal: controller.signal }))
  await cluster.rest()
  assert.deepEqual(waits, {})
  controller.abort('enough')
  await cluster.rest()
  assert.deepEqual(gaveUp, { error: 'enough' })
  const opened = watch(at(0).handle.open('lunch', lunch, {}))
  await cluster.rest()
  assert.deepEqual(waits.value?.choices, ['here', 'there'])
  const others = [
    { ...lunch, question: 'when?' },
    { ...lunch, rule: { quorum: 1 } },
    { ...lunch, deadlineMs: 5 },
    { ...lunch, choices: ['there', 'here'] },
  ].map((terms) => watch(at(1).handle.open('lunch', terms, {})))
  const same = watch(at(0).handle.open('lunch', { ...lunch, rule: 'majority', electorate: ['p0'] }, {}))
  await cluster.rest()
  for (const { error } of others) assert.ok(error instanceof GroupMismatchError)
  assert.equal(same.value, opened.value)
})

test('ballot › malformed terms are a UsageError', async () => {
  const { at } = made(1)
  for (const terms of [
    { choices: [] },
    { choices: [''] },
    { choices: ['a', 'a'] },
    { choices: Array.from({ length: 101 }, (_, i) => `${i}`) },
    { choices: ['a'], deadlineMs: -1 },
    { choices: ['a'], question: 'x'.repeat(1_025) },
    { choices: ['a'], rule: { quorum: 0 } },
    { choices: ['a'], rule: 'most' as 'majority' },
    { choices: ['a'], electorate: [] },
    { choices: ['a'], electorate: ['p0', 'p0'] },
    {},
    null,
    { choices: null },
    { choices: 'ab' },
    { choices: ['a'], electorate: 1 },
    { choices: ['a'], rule: null },
  ]) {
    await assert.rejects(at(0).handle.open('x', terms as BallotTerms, {}), UsageError, JSON.stringify(terms))
  }
  await assert.rejects(at(0).handle.open('', lunch, {}), UsageError)
})

test('ballot › a change is told once, and closing rejects what is awaited', async () => {
  const { cluster, openAll, at } = made(3)
  const ballots = await openAll()
  let changes = 0
  ballots[1]?.subscribe(() => {
    changes += 1
  })
  const { snapshot } = ballots[1] as Ballot
  vote(ballots, 0, 'here')
  await cluster.rest()
  assert.equal(changes, 1)
  assert.notEqual(ballots[1]?.snapshot, snapshot)
  await openAll(lunch, 'other')
  assert.equal(changes, 1)
  const awaited = watch(ballots[1]?.decision ?? Promise.reject())
  const waiting = watch(at(1).handle.open('none', undefined, {}))
  at(1).handle.handleEnd()
  await cluster.rest()
  assert.ok(awaited.error instanceof ClosedError)
  assert.ok(waiting.error instanceof ClosedError)
})

test('ballot › a vote whose fate was unknown counts once, and one of a lost line has no decision', async () => {
  const { cluster, openAll, at } = made(3)
  const ballots = await openAll()
  at(0).loses = 2
  const voted = vote(ballots, 0, 'here')
  await cluster.rest()
  await cluster.advance(300)
  assert.ok('value' in voted)
  const awaited = watch(ballots[2]?.decision ?? Promise.reject())
  const empty = new TotalCluster<Ballots, BallotSurroundings>(
    ballotsKind,
    { electorate: () => ['p0'], follow: () => undefined },
    1,
    1,
  )
  at(2).replica.load(empty.primary[0]?.replica.save())
  at(2).replica.settle()
  await cluster.rest()
  // What was kept with that state may still open it.
  assert.deepEqual(Object.keys(awaited), [])
  at(2).replica.view(at(2).view)
  at(2).replica.settle()
  await cluster.rest()
  assert.ok(awaited.error instanceof UnknownOutcomeError)
})

/** The members go over to another line, in which somebody has opened ballots. */
async function goOver(cluster: ReturnType<typeof made>['cluster'], ...opened: [name: string, terms: BallotTerms][]) {
  const other = made(1, 7)
  other.cluster.cutOff(other.cluster.join('p8'))
  for (const [name, terms] of opened) watch(other.at(0).handle.open(name, terms, {}))
  await other.cluster.rest()
  const saved = other.at(0).replica.save()
  for (const { replica, view } of cluster.primary) {
    replica.load(saved)
    replica.view(view)
    replica.settle()
  }
  await cluster.rest()
}

test('ballot › of a lost line: a vote counts in no other of that name, and none is said to be decided', async () => {
  const { cluster, openAll, at } = made(3)
  const ballots = await openAll()
  const awaited = watch(ballots[0]?.decision ?? Promise.reject())
  // Under way when the line is lost, and after that.
  const early = vote(ballots, 0, 'here')
  await goOver(cluster, ['lunch', { choices: ['soup', 'here'], electorate: ['p0', 'p1'], rule: { quorum: 1 } }])
  const late = vote(ballots, 1, 'there')
  await cluster.rest()
  for (const { error } of [awaited, early, late]) assert.ok(error instanceof UnknownOutcomeError)
  assert.equal(ballots[0]?.snapshot.decision, null)
  const anew = watch(at(0).handle.open('lunch', undefined, {}))
  await cluster.rest()
  const ballot = anew.value as Ballot
  assert.deepEqual(ballot.choices, ['soup', 'here'])
  assert.deepEqual([ballot.snapshot.votes, ...decisions([ballot])], [{}, null])
  const counted = watch(ballot.vote('here'))
  await cluster.rest()
  assert.ok('value' in counted)
  assert.equal(decided([ballot]).outcome, 'here')
})

test('ballot › of a lost line: what was decided stays told, and who opens it anew has that of this line', async () => {
  const { cluster, openAll, at } = made(2)
  const ballots = await openAll()
  for (const voter of [0, 1]) vote(ballots, voter, 'here')
  await cluster.rest()
  const { snapshot } = ballots[0] as Ballot
  assert.equal(decided(ballots).outcome, 'here')
  await goOver(cluster, ['lunch', { ...lunch, electorate: ['p0'] }])
  assert.equal(ballots[0]?.snapshot, snapshot)
  const late = vote(ballots, 0, 'there')
  const anew = watch(at(0).handle.open('lunch', lunch, {}))
  await cluster.rest()
  assert.ok(late.error instanceof UnknownOutcomeError)
  const ballot = anew.value as Ballot
  assert.notEqual(ballot, ballots[0])
  assert.deepEqual(decisions([ballot]), [null])
  const counted = watch(ballot.vote('there'))
  await cluster.rest()
  assert.ok('value' in counted)
  assert.equal(decided([ballot]).outcome, 'there')
})

test('ballot › of a lost line: that its time is over is said of no other of that name', async () => {
  const { cluster, openAll } = made(2)
  await openAll({ ...lunch, deadlineMs: 1_000 })
  await cluster.advance(900)
  await goOver(cluster, ['lunch', { ...lunch, deadlineMs: 1_000, electorate: ['p0'] }])
  const anew = await openAll({ ...lunch, deadlineMs: 1_000 })
  await cluster.advance(900)
  assert.deepEqual(decisions(anew), [null, null])
  await cluster.advance(200)
  assert.equal(decided(anew).outcome, null)
})

/** A machine without a group. */
function bare() {
  const machine = new BallotMachine()
  const context: MachineContext = {
    view: '1.p0.0',
    line: 'line',
    isPrimary: true,
    members: new Set(['p0', 'p1', 'p2']),
    ranked: ['p0', 'p1', 'p2'],
    nextToken: () => ['line', '1.p0.0', 1],
    answer: () => undefined,
  }
  const ask = (process: string, body: unknown) => machine.apply(body, { process, call: 1 }, context)
  const open = (name: string) => ask('p0', [BALLOT_OP.open, name, '', ['a', 'b'], 'majority', null, ['p0', 'p1', 'p2']])
  return { machine, ask, open }
}

test('ballot › the machine remembers so many, forgets the oldest decided, and refuses what is malformed', () => {
  const { machine, ask, open } = bare()
  for (let i = 0; i < BALLOTS_MAX; i += 1) assert.deepEqual(open(`ballot ${i}`), [true, null])
  assert.deepEqual(open('one more')?.slice(0, 2), [false, 'busy'])
  const id = machine.ballot('ballot 3')?.id
  ask('p0', [BALLOT_OP.vote, 'ballot 3', id, 'a'])
  ask('p1', [BALLOT_OP.vote, 'ballot 3', id, 'a'])
  ask('p2', [BALLOT_OP.gone, 'ballot 4', id, ['p2', 'p9']])
  assert.equal(machine.ballot('ballot 3')?.outcome?.choice, 'a')
  assert.deepEqual([...(machine.ballot('ballot 4')?.gone ?? [])], ['p2'])
  assert.deepEqual(open('one more'), [true, null])
  assert.equal(machine.ballot('ballot 3'), null)
  const before = machine.save()
  for (const body of [
    null,
    [0, 'x'],
    [0, 'x', '', ['a'], 'majority', null, []],
    [0, 'x', '', ['a'], 'majority', null, ['p0', 'p0']],
    [0, 'x', 3, ['a'], 'majority', null, ['p0']],
    [0, 'x', '', ['a'], { quorum: 1.5 }, null, ['p0']],
    [1, 'ballot 5', id, 'c'],
    [1, 'ballot 5', id, 3],
    [1, 'ballot 5', 'a'],
    [2, 'ballot 5', id, 'p0'],
    [3, 'ballot 5', id, 1],
    [3, 'ballot 5', 1],
    [4, 'ballot 5', id],
  ]) {
    assert.equal(ask('p0', body), null, JSON.stringify(body))
  }
  assert.deepEqual(ask('p0', [BALLOT_OP.vote, 'unknown', id, 'a'])?.slice(0, 2), [false, 'unknown'])
  assert.deepEqual(machine.save(), before)
  const copy = new BallotMachine()
  copy.load(before)
  assert.deepEqual(copy.save(), before)
  const terms = ['x', 'id', '', ['a'], 'majority', null, ['p0']]
  for (const saved of [
    null,
    [[...terms, [], [], [null]]],
    [[...terms, [['p0', 'b']], [], null]],
    [[...terms, [['p1', 'a']], [], null]],
    [[...terms, [], [3], null]],
    [[...terms, [], [], ['b', 'v']]],
  ]) {
    assert.throws(() => copy.load(saved), ValueError, JSON.stringify(saved))
  }
  assert.deepEqual(copy.save(), before)
})

test('ballot › what cannot be said for too many calls is said later', async () => {
  const { cluster, at, openAll } = made(2)
  const ballots = await openAll({ ...lunch, deadlineMs: 1_000 })
  const [member, other] = [at(0), at(1)]
  other.handle.handleEnd()
  cluster.cutOff(member)
  for (let i = 0; i < 1_024; i += 1) watch(member.handle.open(`${i}`, lunch, {}))
  await cluster.advance(1_100)
  cluster.join(member)
  await cluster.advance(1_000)
  assert.equal(decisions(ballots)[0]?.outcome, null)
})

test('ballot › too many undecided ones are a BusyError', async () => {
  const { cluster, at } = made(1)
  const opened = Array.from({ length: BALLOTS_MAX }, (_, i) => watch(at(0).handle.open(`${i}`, { choices: ['a'] }, {})))
  await cluster.rest()
  assert.ok(opened.every(({ value }) => value !== undefined))
  const more = watch(at(0).handle.open('more', { choices: ['a'] }, {}))
  await cluster.rest()
  assert.ok(more.error instanceof BusyError)
})

test('ballot › in any order of losses, states and views all report one decision, which the votes bear out', async () => {
  for (let seed = 1; seed <= 60; seed += 1) {
    const { cluster, tell } = made(4, seed)
    const random = makeRandom(seed * 13)
    const names = ['a', 'b', 'c', 'd']
    const rules = ['majority', 'unanimity', { quorum: 2 }, 'majority'] as const
    const termsOf = (name: string): BallotTerms => ({
      choices: ['x', 'y'],
      rule: rules[names.indexOf(name)] ?? 'majority',
      ...(name === 'd' ? { deadlineMs: 8_000 } : {}),
    })
    const held: { name: string; member: Member; opened: Watched<Ballot> }[] = []
    const votes: { name: string; by: string; choice: string; voted: Watched<void> }[] = []
    const away: Member[] = []
    const ended = new Set<Member>()
    for (let round = 0; round < 120; round += 1) {
      const dice = random()
      const member = pick(random, cluster.primary)
      if (random() < 0.1) member.loses = 1
      if (random() < 0.1) member.drops = 1
      if (dice < 0.2) {
        const name = pick(random, names)
        held.push({ name, member, opened: watch(member.handle.open(name, termsOf(name), {})) })
      } else if (dice < 0.45) {
        const each = pick(random, [...held, null])
        const choice = pick(random, ['x', 'y'])
        if (each?.opened.value) {
          votes.push({ name: each.name, by: each.member.id, choice, voted: watch(each.opened.value.vote(choice)) })
        }
      } else if (dice < 0.52 && cluster.primary.length > 2) {
        away.push(member)
        cluster.cutOff(member)
      } else if (dice < 0.58 && cluster.primary.length > 2) {
        const how = pick(random, ['left', 'dead', 'expelled'] as const)
        member.handle.handleEnd()
        ended.add(member)
        cluster.end(member, how)
        if (how !== 'expelled') tell([member.id])
      } else if (dice < 0.7) {
        const back = away.pop()
        if (back) cluster.join(back)
        else if (cluster.primary.length < 6) cluster.join(`j${round}`)
      } else if (dice < 0.8) await cluster.advance(random() * 2_000)
      for (let i = random() * 8; i > 0; i -= 1) cluster.step()
      if (random() < 0.6) await new Promise((resolve) => setImmediate(resolve))
    }
    for (const member of away) cluster.join(member)
    await cluster.advance(10_000)
    // Who vanished for good is proven dead at last, and all who may vote do.
    tell([...ended].map(({ id }) => id))
    await cluster.advance(3_000)
    const all = cluster.primary.flatMap((member) => names.map((name) => ({ name, member })))
    const last = all.map(({ name, member }) => ({
      name,
      member,
      opened: watch(member.handle.open(name, termsOf(name), {})),
    }))
    await cluster.rest()
    await cluster.advance(1_000)
    for (const { opened } of last) {
      assert.ok(opened.value, `seed ${seed}`)
      watch(opened.value.vote(pick(random, ['x', 'y'])))
    }
    await cluster.rest()
    await cluster.advance(12_000)
    for (const name of names) {
      const found = [...held, ...last].filter((each) => each.name === name && !ended.has(each.member))
      const ballots = found.flatMap(({ opened }) => opened.value ?? [])
      assert.equal(ballots.length, found.length, `seed ${seed}: ${name} is not open`)
      const decision = decided(ballots)
      const ballot = ballots[0] as Ballot
      const counts = ['x', 'y'].map((choice) => Object.values(decision.votes).filter((each) => each === choice).length)
      const [x = 0, y = 0] = counts
      if (decision.outcome !== null) {
        const won = decision.outcome === 'x' ? x : y
        const needed = { a: ballot.electorate.length / 2 + 0.5, b: x + y, c: 2, d: ballot.electorate.length / 2 + 0.5 }
        assert.ok(won >= (needed[name as 'a'] ?? 0), `seed ${seed}: ${name} was won by ${won} votes`)
      }
      for (const { by, choice, voted } of votes.filter((each) => each.name === name)) {
        if ('value' in voted) assert.equal(decision.votes[by], choice, `seed ${seed}: a vote is lost`)
        else if (voted.error instanceof VoteError && voted.error.reason === 'no-vote') {
          assert.ok(!ballot.electorate.includes(by), `seed ${seed}`)
        }
      }
    }
    assert.equal(new Set(cluster.states()).size, 1, `seed ${seed}: states differ`)
    assert.deepEqual(cluster.faults, [], `seed ${seed}`)
  }
})
