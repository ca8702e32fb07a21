/** Making a worker where the page takes trusted addresses only. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type TrustScope, withTrustedUrl } from '../../lib/trusted-worker.ts'

/** A page, whose workers take trusted addresses only if `demands` says so. */
function page(demands: boolean, takesPolicies = true) {
  const made: string[] = []
  const policies: string[] = []
  class PageWorker {
    constructor(url: unknown, options: WorkerOptions) {
      if (demands && typeof (url as { trusted?: string }).trusted !== 'string') throw new TypeError('TrustedScriptURL')
      made.push(`${(url as { trusted?: string }).trusted ?? String(url)} ${options.type}`)
    }
  }
  const scope = {
    Worker: PageWorker as unknown as typeof Worker,
    trustedTypes: {
      createPolicy(name: string, { createScriptURL }: { createScriptURL: (url: string) => string }) {
        if (!takesPolicies) throw new TypeError(`Policy "${name}" disallowed.`)
        policies.push(name)
        return { createScriptURL: (url: string) => ({ trusted: createScriptURL(url) }) }
      },
    },
  }
  const make = (): Worker => new scope.Worker(new URL('https://host/worker.js'), { type: 'module' })
  return { scope: scope as TrustScope, make, made, policies, original: scope.Worker }
}

test('trusted worker › where addresses need no trust, the page is left alone', () => {
  const { scope, make, made, policies } = page(false)
  withTrustedUrl(make, scope)
  assert.deepEqual([made, policies], [['https://host/worker.js module'], []])
})

test('trusted worker › where they do, the same worker is made by the policy "tutti", asked for once; Worker is as it was', () => {
  const { scope, make, made, policies, original } = page(true)
  withTrustedUrl(make, scope)
  withTrustedUrl(make, scope)
  assert.deepEqual(made, ['https://host/worker.js module', 'https://host/worker.js module'])
  assert.deepEqual(policies, ['tutti'])
  assert.equal(scope.Worker, original)
})

test('trusted worker › a page that lists other policies refuses, and Worker is as it was', () => {
  const { scope, make, made, original } = page(true, false)
  assert.throws(() => withTrustedUrl(make, scope), /Policy "tutti" disallowed/)
  assert.equal(scope.Worker, original)
  assert.deepEqual(made, [])
})

test('trusted worker › other failures are told as they are, and nothing is tried again', () => {
  const { scope, policies } = page(true)
  let tries = 0
  const failing = (error: Error) => () => {
    tries += 1
    throw error
  }
  assert.throws(() => withTrustedUrl(failing(new SyntaxError('not an address')), scope), SyntaxError)
  const { trustedTypes: _, ...old } = scope
  assert.throws(() => withTrustedUrl(failing(new TypeError('no')), old), TypeError)
  assert.deepEqual([tries, policies], [2, []])
})
