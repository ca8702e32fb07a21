/** All scenarios. */
import { flush } from './flush.ts'
import { merge } from './merge.ts'
import { primary } from './primary.ts'
import type { Script } from './script.ts'
import { views } from './views.ts'

/** By area. */
export const scripts: readonly Script[] = [...views, ...flush, ...merge, ...primary]
