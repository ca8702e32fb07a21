/** The store in IndexedDB, on a database that fails as browsers' do. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openIdbStorage } from '../../../adapters/idb-keyval/store.ts'

type Handler = (() => void) | null

/** As much of a request or a transaction as the store listens to. */
class Fake {
  result: unknown
  error: DOMException | null = null
  onsuccess: Handler = null
  onerror: Handler = null
  oncomplete: Handler = null
  onabort: Handler = null
}

/** Opens a database in which each put fails by itself, with this error. */
function failingDatabase(error: DOMException): unknown {
  const transact = (): Fake => {
    const transaction = new Fake()
    const put = (): Fake => {
      const request = new Fake()
      setImmediate(() => {
        request.error = error
        request.onerror?.()
        // The event bubbles: the transaction is told before it aborts, and has no error yet.
        transaction.onerror?.()
        transaction.error = error
        setImmediate(() => transaction.onabort?.())
      })
      return request
    }
    return Object.assign(transaction, { objectStore: () => ({ transaction, put }) })
  }
  return {
    open() {
      const request = new Fake()
      request.result = { transaction: transact, close: () => undefined }
      setImmediate(() => request.onsuccess?.())
      return request
    },
  }
}

test('idb-keyval › a write for which there is no room says so', async () => {
  const page = globalThis as { indexedDB?: unknown }
  page.indexedDB = failingDatabase(new DOMException('the disk is full', 'QuotaExceededError'))
  const storage = openIdbStorage({}, { self: 'me' })
  await assert.rejects(storage.write({ guards: [], remove: [], put: [['k', new Uint8Array(1)]] }), {
    reason: 'quota',
    message: /the disk is full/,
  })
  storage.close()
})
