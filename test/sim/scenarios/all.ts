/** All scenarios. */
import { away } from './away.ts'
import { coverage } from './coverage.ts'
import { domains } from './domains.ts'
import { engines } from './engines.ts'
import { flush } from './flush.ts'
import { folding } from './folding.ts'
import { freeze } from './freeze.ts'
import { gbcast } from './gbcast.ts'
import { join } from './join.ts'
import { lagging } from './lagging.ts'
import { merge } from './merge.ts'
import { order } from './order.ts'
import { primary } from './primary.ts'
import { queue } from './queue.ts'
import type { Script } from './script.ts'
import { strict } from './strict.ts'
import { strong } from './strong.ts'
import { suspect } from './suspect.ts'
import { transfer } from './transfer.ts'
import { uniform } from './uniform.ts'
import { views } from './views.ts'
import { votes } from './votes.ts'

/** By area. */
export const scripts: readonly Script[] = [
  ...views,
  ...suspect,
  ...flush,
  ...merge,
  ...primary,
  ...votes,
  ...transfer,
  ...order,
  ...engines,
  ...domains,
  ...strict,
  ...coverage,
  ...uniform,
  ...strong,
  ...gbcast,
  ...queue,
  ...folding,
  ...freeze,
  ...away,
  ...lagging,
  ...join,
]
