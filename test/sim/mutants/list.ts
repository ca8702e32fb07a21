/** Protocol bugs, planted one at a time to prove that the checkers bite. */
import type { Mutant } from './mutant.ts'
import { callMutants } from './of-calls.ts'
import { castingMutants } from './of-casting.ts'
import { clientMutants } from './of-clients.ts'
import { coverageMutants } from './of-coverage.ts'
import { dealMutants } from './of-deals.ts'
import { deliveryMutants } from './of-delivery.ts'
import { detectorMutants } from './of-detector.ts'
import { domainMutants } from './of-domains.ts'
import { engineMutants } from './of-engines.ts'
import { foldingMutants } from './of-folding.ts'
import { groupsMutants } from './of-groups.ts'
import { leaseMutants } from './of-leases.ts'
import { linkMutants } from './of-link.ts'
import { membershipMutants } from './of-membership.ts'
import { primaryMutants } from './of-primary.ts'
import { queueMutants } from './of-queues.ts'
import { snapshotMutants } from './of-snapshots.ts'
import { storageMutants } from './of-storage.ts'
import { toolMutants } from './of-tools.ts'
import { transferMutants } from './of-transfer.ts'

/** All planted bugs, from the bottom up. */
export const MUTANTS: readonly Mutant[] = [
  ...linkMutants,
  ...detectorMutants,
  ...membershipMutants,
  ...primaryMutants,
  ...groupsMutants,
  ...castingMutants,
  ...deliveryMutants,
  ...engineMutants,
  ...domainMutants,
  ...coverageMutants,
  ...transferMutants,
  ...foldingMutants,
  ...leaseMutants,
  ...queueMutants,
  ...toolMutants,
  ...dealMutants,
  ...callMutants,
  ...clientMutants,
  ...snapshotMutants,
  ...storageMutants,
]
