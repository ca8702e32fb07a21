/**
 * Bugs that the simulator found and that were mended, to be planted again: each by taking back what its mending rests on.
 * They are too rare for `mutants/list.ts`, whose bugs any thousand seeds must find; their plans find them.
 */
import type { Mutant } from '../mutants/mutant.ts'

/** All of them, by the name that plans give as `mutant`. */
export const MENDED: readonly Mutant[] = [
  {
    name: 'promise-of-another-line',
    about: 'who holds a promise to an attempt, and is in another line yet, can tell nothing of it (eb2a2d1)',
    file: 'lib/kernel/attempts.ts',
    find: 'if (row.votes.attempt?.id === attempt.id) return true\n',
    replace: '',
    properties: ['L10'],
  },
  {
    name: 'another-parts-view-is-awaited',
    about:
      'a member casts nothing for a client that was told a later view, though it is of a part that is no more (771a371)',
    file: 'lib/tools/sponsored-casts.ts',
    find: ' && isOf(view, this.#context.port.mail.view?.id)',
    replace: '',
    properties: ['L9'],
  },
  {
    name: 'told-again-before-what-was-kept',
    about:
      "a view comes again before what was kept with a consistent group's state, and hides what was told in it (a701146)",
    file: 'lib/group.ts',
    find: '    if (view.id === this.#toldView) return\n',
    replace: '',
    also: {
      file: 'lib/group-state.ts',
      find: 'if (view.id !== this.#lastView?.id) this.#tell(view)',
      replace: 'this.#tell(view)\n    if (view.id !== this.#lastView?.id) return',
    },
    properties: ['T15'],
  },
  {
    name: 'newcomer-has-forgotten',
    about: 'a newcomer that has promised nothing has no voice for what was before it entered the line (00f7283)',
    file: 'lib/kernel/install.ts',
    find: 'if (oldLine === null && attempt === null) return 0',
    replace: '',
    properties: ['L10'],
  },
  {
    name: 'heard-if-new',
    about:
      "what a client has heard, as another member's cast of the same request says, counts only where that comes first (9ac3bc2)",
    file: 'lib/tools/client-table.ts',
    find: '    if (known !== undefined) {\n      known.born',
    replace: '    if (known !== undefined && n > known.last) {\n      known.born',
    properties: ['T2'],
  },
  {
    name: 'reached-in-one-group',
    about:
      'at a cut, what somebody who enters a group has delivered in others of its domain counts for nothing (68c79ba)',
    file: 'lib/kernel/cut.ts',
    find: 'if (domain === undefined) continue\n    const all',
    replace: "if (domain !== '') continue\n    const all",
    properties: ['O9'],
  },
  {
    name: 'nobody-is-asked',
    about: 'in the first primary view of a stored group nobody is asked what it has: who has nothing acts (191024a)',
    file: 'lib/restoration.ts',
    find: 'if (this.#asks !== null && (members.length > 1 || this.#asks())) this.#unheard = new Set(members)',
    replace: '',
    properties: ['T11'],
  },
  {
    name: 'missing-at-once',
    about: 'who is missing is said before all who are here have said what they have (2bc472b)',
    file: 'lib/restoration.ts',
    find: 'this.#isForced || this.#unheard.size > 0) return []',
    replace: 'this.#isForced) return []',
    properties: ['T11'],
  },
  {
    name: 'brought-and-not-stored',
    about:
      'what comes of a consistent object outside the primary component is stored once it is back in it only (3abb8fe)',
    file: 'lib/app-group.ts',
    find: 'this.#isBrought = isReplacing && this.#view?.primary === false\n',
    replace: '',
    properties: ['T11'],
  },
  {
    name: 'looked-once',
    about: 'who has found nothing, since another page had it all, says so also when that has left it (e5a345c)',
    file: 'lib/offering.ts',
    find: "if (this.#look === 'unused') this.#look = 'due'",
    replace: '',
    properties: ['T11'],
  },
  {
    name: 'moved-is-broken',
    about: 'a copy that somebody takes over while it is read passes for a broken one (e5fc8cc)',
    file: 'lib/storage/copies.ts',
    find: "const hasMoved = copy.fault === 'missing' && ",
    replace: "const hasMoved = copy.fault === 'missing' && keys.length === 0 && ",
    properties: ['T11'],
  },
  {
    name: 'batch-left-behind',
    about: 'whoever takes a copy over does not see that its log has gone on since it was read (be9a8b6)',
    file: 'lib/storage/copies.ts',
    find: '{ ...copy, guards: [guard, [batchKey(prefix, generation, batches), null]], content, fault }',
    replace: '{ ...copy, content, fault }',
    properties: ['T11'],
  },
  {
    name: 'found-is-not-stored',
    about: 'what was found where nobody can decide about it keeps from being stored what goes on (be9a8b6)',
    file: 'lib/app-group.ts',
    find: '(this.#view?.primary !== true || !this.#offering.isPending)',
    replace: '!this.#offering.isPending',
    properties: ['T11'],
  },
  {
    name: 'adopted-uncovered',
    about: 'who has what a copy holds removes it, and does not stand for its writer, for whom others wait (c572b3e)',
    file: 'lib/storage/group-log.ts',
    find: 'if (this.#context.isAgreed) this.#covers = [...new Set([...this.#covers, ...coveredBy(copies)])].slice(-COVERS_MAX)',
    replace: '',
    properties: ['T11'],
  },
  {
    name: 'asked-when-cast-again',
    about: 'a lease counts from when its call was last cast, though what answers it may be a cast of long before',
    file: 'lib/objects/machine-replica.ts',
    find: '(open.casts === 0 || this.sessions.isActingIn(this.port.view))',
    replace: 'open.casts >= 0',
    properties: ['P3'],
  },
  {
    name: 'silent-leader-is-gone',
    about: 'who has just got the cut of a leader, and says READY, takes it for gone since no heartbeat came (bccdaff)',
    file: 'lib/kernel/membership.ts',
    find: '    this.detector.handleLeader(from)\n',
    replace: '',
    properties: ['L5'],
  },
  {
    name: 'begun-anew-is-delivered',
    about: 'whoever begins a group anew that all have left tells that what was before it was delivered (6b2692b)',
    file: 'lib/kernel/cut.ts',
    find: 'if (entered.members.every((id) => entered.joined.includes(id))) return entered.gn',
    replace: 'if (entered.members.every((id) => entered.joined.includes(id))) return 0',
    properties: ['F2'],
  },
  {
    name: 'looks-while-it-awaits',
    about: 'whoever awaits a state looks for what is of before it, and gives back what was granted since',
    file: 'lib/objects/stray-sweep.ts',
    find: '      this.#suspects = new Set()\n      return this.soon()',
    replace: '      for (const giveBack of this.#strays.find().values()) giveBack()\n      return',
    properties: ['P3'],
  },
  {
    name: 'strays-forgotten',
    about: 'a group begins anew when its last holders are dead, though one who was cut off before has an older state',
    file: 'lib/kernel/acted.ts',
    find: 'noted.strays.some((id) => !here.has(id) && !departed.has(id))',
    replace: 'noted.strays.length < 0',
    properties: ['F1'],
  },
  {
    name: 'said-of-later-ones',
    about: 'who is fenced says of what it gets later the stamp that it had for what came before',
    file: 'lib/kernel/domain.ts',
    find: 'state.toSay.length === 0 || core.lamport > state.stamp',
    replace: 'state.toSay.length === 0',
    properties: ['M3'],
  },
  {
    name: 'sweeps-what-is-new',
    about:
      'who has taken over a state gives back the lock that it was granted in the same moment, and uses it all the same',
    file: 'lib/objects/stray-sweep.ts',
    find: 'if (known.has(key)) giveBack()',
    replace: 'giveBack()',
    properties: ['P3'],
  },
  {
    name: 'own-for-any-whole',
    about: 'who awaits a later state of its line takes any whole one that comes along, of a newcomer or a lost line',
    file: 'lib/kernel/state-plan.ts',
    find: '(whole === undefined || c.acted > whole.acted)',
    replace: 'whole === undefined',
    properties: ['T5'],
  },
  {
    name: 'waits-for-given-up',
    about:
      'who gave its row for a proposal that is given up waits for it, and all members of a view stop waiting at once',
    file: 'lib/kernel/leading.ts',
    find: `(isFirst ? 0 : this.core.limits.flushTimeoutMs / 4)
  }

  /**
   * Is its leader, a stranger, in another view meanwhile? Then it has given that proposal up, and who was asked is not
   * told. Who is to be taken in waits for the next one.
   */
  private isGivenUp({ ballot, parts, phase }: Flush): boolean {
`,
    replace: `(isFirst ? 0 : 0)
  }

  /**
   * Is its leader, a stranger, in another view meanwhile? Then it has given that proposal up, and who was asked is not
   * told. Who is to be taken in waits for the next one.
   */
  private isGivenUp({ ballot, parts, phase }: Flush): boolean {
    if (phase === 'row') return false
`,
    properties: ['L1'],
  },
  {
    name: 'unclear-acknowledged',
    about: 'a cast is acknowledged whose past may be for others, by a view of a group that is not known yet',
    file: 'lib/kernel/receiving.ts',
    find: 'if (!this.isClear(dependency)) link.holdUnclear(dependency)',
    replace: 'if (no < 0 && !this.isClear(dependency)) link.holdUnclear(dependency)',
    properties: ['F1'],
  },
  {
    name: 'left-and-back',
    about: 'who has left a group in this space view, and joined it again, is said to have left when it is cut off',
    file: 'lib/kernel/start-groups.ts',
    find: '    for (const id of members) gone.delete(id)\n',
    replace: '',
    properties: ['S5'],
  },
  {
    name: 'departed-record-ignored',
    about: 'a primary view that only a departed record tells of is not completed before going on from it (ebaa07d)',
    file: 'lib/kernel/primary.ts',
    find: 'if (primary && adopt === null && last !== null && !rows.some(',
    replace: 'if (primary && adopt === null && last !== null && rows.length === 0 && !rows.some(',
    properties: ['P1'],
  },
  {
    name: 'numbers-used-twice',
    about: 'a counter that is closed and opened again reuses the numbers of its operations (0a89630)',
    file: 'lib/app-group.ts',
    find: 'this.opening = context.castsMade()',
    replace: 'this.opening = context.castsMade() * 0',
    properties: ['T2'],
  },
  {
    name: 'released-after-signal',
    about: 'what somebody had delivered of a uniform group without positions comes after the signal (a5bd6bf)',
    file: 'lib/kernel/delivery.ts',
    find: 'return seq <= (released.last.get(held.rank) ?? 0) || this.isStableToMover(held)',
    replace: 'return false',
    properties: ['M7'],
  },
  {
    name: 'record-of-another-line',
    about: 'the record of one who died in another line takes its vote out of the base of this one (da9a41b)',
    file: 'lib/kernel/primary.ts',
    find: 'return (record.last?.line ?? record.attempt?.line ?? line) === line',
    replace: 'return true',
    properties: ['P1'],
  },
  {
    name: 'lost-record-loses-nothing',
    about: 'what was cast after an order record was seen is kept at a cut that lacks the record (424c016)',
    file: 'lib/kernel/cut.ts',
    find: 'if (stream % 2 === 1 && stream >> 1 === entry.cast.gid) continue',
    replace: 'if (stream % 2 === 1) continue',
    properties: ['M3'],
  },
  {
    name: 'forwarded-out-of-order',
    about: 'what a sender cast before something that was forwarded is held behind that (ee1e2ef)',
    file: 'lib/kernel/delivery.ts',
    find: '    if (era.forwarded.size > 0) list?.sort(bySeq)\n',
    replace: '',
    properties: ['O3', 'O8'],
    workload: 'uniform',
  },
  {
    name: 'joins-wait-for-each-other',
    about: 'who holds casts back for its joins does not ask what is decided (f3ebec6)',
    file: 'lib/kernel/joins.ts',
    find: "core.tell(coordinator, { k: 'groupSync', view: era.id })",
    replace: '',
    properties: ['L7'],
  },
  {
    name: 'holders-go-first',
    about: "all who have a group's state may leave it while those who stay await it (9a0bb32)",
    file: 'lib/kernel/rounds.ts',
    find: 'if (kept !== null) {',
    replace: 'if (kept !== null && kept.length === 0) {',
    properties: ['F1'],
  },
  {
    name: 'past-unknown',
    about:
      'at a cut, what came before the view of a group with which one who is here entered it is owed to it (9156b8e)',
    file: 'lib/kernel/cut.ts',
    find: 'seq <= (past[i + 2] ?? 0)) return members',
    replace: 'seq < 0) return members',
    properties: ['F1'],
  },
  {
    name: 'lost-ack-is-not-repeated',
    about: 'an acknowledgement that is lost with its path is not said again on the next one (c9a718b)',
    file: 'lib/kernel/link.ts',
    find: 'if (this.gotData > 0) this.needAck(this.core.now + this.core.limits.ackDelayMs)',
    replace: '',
    properties: ['L4'],
  },
  {
    name: 'gbcast-released-when-held',
    about: 'at a cut, a gbcast that all hold passes for released, whatever it waits for (2444c71)',
    file: 'lib/kernel/delivery.ts',
    find: '    if (isGbcast) return false\n',
    replace: '',
    properties: ['O8'],
    workload: 'gbcast',
  },
  {
    name: 'open-before-placed',
    about: 'at a cut, what is open of a uniform group of a domain may come before what has got its place (0b1be05)',
    file: 'lib/kernel/domain.ts',
    find: 'if (said >= group.members.length && place >= floor)',
    replace: 'if (said < 0 && place >= floor)',
    properties: ['T5'],
  },
  {
    name: 'released-for-the-heir',
    about: 'what a line had not released is released under its name by another that takes its place (2e12e5a)',
    file: 'lib/kernel/primary.ts',
    find: '(line !== null && line !== decision.line)',
    replace: '(line !== null && line !== decision.heirOf)',
    properties: ['T5'],
  },
  {
    name: 'lease-outlives-its-line',
    about: 'what was heard in a line that is lost is a lease in the one that goes on (853efd9)',
    file: 'lib/objects/leases.ts',
    find: '    if (!isLost) return\n',
    replace: '    if (isLost || !isLost) return\n',
    properties: ['P3'],
  },
  {
    name: 'goodbye-is-not-passed-on',
    about: "who hears, after its row, that somebody leaves who is in none of its part's views tells nobody (29afa8a)",
    file: 'lib/kernel/departures.ts',
    find: 'if (departed.isDead || !era.ranks.has(departed.id)) this.tell',
    replace: 'if (departed.isDead) this.tell',
    properties: ['L10'],
  },
  {
    name: 'no-votes-say-nothing',
    about: 'who died before it had voted is taken for one whose record nobody has (3edde63)',
    file: 'lib/kernel/primary.ts',
    find: 'record.attempt?.line ?? line) === line',
    replace: "record.attempt?.line ?? '') === line",
    properties: ['L10'],
  },
  {
    name: 'time-from-when-it-was-heard',
    about:
      'who is granted an item counts the time for the work from when its page hears of that, however late (4819a08)',
    file: 'lib/objects/queue-hands.ts',
    find: 'this.#watchLimit(item.grant, grantedAt)',
    replace: 'this.#watchLimit(item.grant)',
    properties: ['P3'],
    workload: 'queue',
  },
  {
    name: 'countdowns-of-any-line',
    about:
      'a countdown of a queue is taken for one of another line that goes on from the same view; so its model says (97e01eb)',
    file: 'lib/objects/queue-machine.ts',
    find: 'ms: number, { line, view }',
    replace: 'ms: number, { view: line, view }',
    also: {
      file: 'test/sim/tools/jobs-model.ts',
      find: 'ms: number, { line, view, at }',
      replace: 'ms: number, { view: line, view, at }',
    },
    properties: ['T12'],
    workload: 'queue',
  },
  {
    name: 'overtaken-one-by-one',
    about: 'transactions of one process that have overtaken each other are tried again each by itself (b5371af)',
    file: 'lib/objects/total-map.ts',
    find: '(await this.#overtaken.add(fn, options.signal)).result',
    replace: 'this.transaction(fn, options)',
    properties: ['L9'],
  },
  {
    name: 'strays-only-with-the-state',
    about:
      'what was settled in a line that is lost, and comes again with what was kept for a state, is nobody’s (02dec75)',
    file: 'lib/objects/machine-replica.ts',
    find: '      else this.#maybeStrays ||= !this.#isAboutOpen(op as readonly unknown[])\n',
    replace: '',
    properties: ['L9'],
  },
]
