/**
 * Making a worker where the page's policy demands trusted addresses (`require-trusted-types-for 'script'`).
 *
 * Bundlers find the worker by its literal `new Worker(new URL(…, import.meta.url))`, which leaves no room for a call of a
 * policy around the address. So the literal runs as it stands; only where it was refused it runs once more, with a `Worker`
 * of ours in the global's place, synchronously, which passes the same address through a policy (docs/decisions/036).
 */

/** The name of the policy: what a page's `trusted-types` directive must list, if it has one. */
const policyName = 'tutti'

interface Policy {
  createScriptURL(url: string): unknown
}

/** What this file needs of a page. TypeScript's DOM library has no trusted types yet. */
export interface TrustScope {
  readonly trustedTypes?: {
    createPolicy(name: string, rules: { readonly createScriptURL: (url: string) => string }): Policy
  }
  Worker: typeof Worker
}

/** A page takes one policy of a name: made at the first need. */
const policies = new WeakMap<TrustScope, Policy>()

/**
 * Runs `make`, which makes a worker; where that takes a trusted address, again with one.
 * @throws what `make` throws, or TypeError if the page allows no policy of this name.
 */
export function withTrustedUrl(make: () => Worker, scope: TrustScope = globalThis): Worker {
  try {
    return make()
  } catch (error) {
    if (!(error instanceof TypeError) || scope.trustedTypes === undefined) throw error
    const policy = policies.get(scope) ?? scope.trustedTypes.createPolicy(policyName, { createScriptURL: (url) => url })
    policies.set(scope, policy)
    const { Worker: PlainWorker } = scope
    scope.Worker = class extends PlainWorker {
      constructor(url: string | URL, options?: WorkerOptions) {
        super(policy.createScriptURL(String(url)) as string, options)
      }
    }
    try {
      return make()
    } finally {
      scope.Worker = PlainWorker
    }
  }
}
