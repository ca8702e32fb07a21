/**
 * The real kernel and its bytes, for whoever starts a host.
 */

import { decodeFrame, encodeFrame } from './kernel/codec.ts'
import { Kernel } from './kernel/kernel.ts'
import { defaultLimits } from './kernel/limits.ts'
import { JOINED_BYTES_MAX } from './pieces.ts'
import type { KernelParts } from './start-host.ts'

/** A frame that came in pieces may be as large as pieces join to. */
const wireLimits = { ...defaultLimits, frameBytesMax: JOINED_BYTES_MAX }

/** What runs everywhere but in tests of the host. */
export const kernelParts: KernelParts = {
  makeKernel: (env, options) => new Kernel(env, options),
  codec: { encode: encodeFrame, decode: (bytes) => decodeFrame(bytes, wireLimits) },
}
