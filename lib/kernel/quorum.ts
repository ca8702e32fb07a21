/**
 * Votes and their weights: what a quorum is. Pure.
 *
 * A process chooses the weight of its vote when it starts, for good. A view's record names the weights of its members,
 * so whoever is missing from the next one is counted with what was agreed in that view. Where nobody is left who has a
 * vote, because all of them said goodbye or are proven dead, heads are counted: else nobody could go on.
 *
 * Source: Gifford 1979 (weighted voting); Yeger Lotem, Keidar, Dolev 1997. Differs: where no vote is left, heads count.
 */
import type { PrimaryRecord, ProcessId, VoteRecord } from './api.ts'
import type { Row } from './frame.ts'

/** One vote of a base. */
export interface Voter {
  readonly id: ProcessId
  readonly weight: number
}

/**
 * More than half of the weight of the base, or exactly half with the most senior that has any. An empty base has no
 * quorum.
 * @param base by seniority.
 */
export function hasQuorum(base: readonly Voter[], present: Pick<ReadonlySet<ProcessId>, 'has'>): boolean {
  const isByHeads = base.every(({ weight }) => weight === 0)
  const weigh = ({ weight }: Voter): number => (isByHeads ? 1 : weight)
  let total = 0
  let votes = 0
  for (const voter of base) {
    total += weigh(voter)
    if (present.has(voter.id)) votes += weigh(voter)
  }
  const senior = base.find((voter) => weigh(voter) > 0)
  if (senior === undefined) return false
  return votes * 2 > total || (votes * 2 === total && present.has(senior.id))
}

/** The weights of all who are named, by what the records and the present themselves say. */
export function weightsIn(rows: readonly Row[], records: readonly VoteRecord[]): Map<ProcessId, number> {
  const weights = new Map<ProcessId, number>()
  for (const { last, attempt } of records) {
    for (const record of [last, attempt]) {
      record?.weights?.forEach((weight, rank) => {
        const id = record.members[rank]
        if (id !== undefined) weights.set(id, weight)
      })
    }
  }
  for (const { from, weight } of rows) weights.set(from, weight)
  return weights
}

/** The record of a view that those who gave these rows are to be in. */
export function recordOf({ line, id, members }: Omit<PrimaryRecord, 'weights'>, rows: readonly Row[]): PrimaryRecord {
  const byId = new Map(rows.map(({ from, weight }) => [from, weight]))
  const weights = members.map((member) => byId.get(member) ?? 1)
  return weights.every((weight) => weight === 1) ? { line, id, members } : { line, id, members, weights }
}

/**
 * The members of a new view by seniority: part by part, each in its order. Witnesses come behind all others, so that
 * none leads, orders or breaks a tie while another can.
 */
export function bySeniority(
  parts: readonly { readonly members: readonly ProcessId[] }[],
  rows: readonly Row[],
): readonly ProcessId[] {
  const witnesses = new Set(rows.flatMap(({ from, isWitness }) => (isWitness ? [from] : [])))
  const all = parts.flatMap((part) => part.members)
  if (witnesses.size === 0) return all
  return [...all.filter((id) => !witnesses.has(id)), ...all.filter((id) => witnesses.has(id))]
}
