/** The bytes of a tick travel in one buffer, those of direct messages among them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AppEvent, Command } from '../../lib/kernel/api.ts'
import { packCommands, packEvents } from '../../lib/port-messages.ts'

const bytes = (...values: readonly number[]): Uint8Array => Uint8Array.from(values)

test('port › casts and direct messages of one tick share a fresh buffer, each with its own bytes', () => {
  const commands: readonly Command[] = [
    { type: 'cast', group: 'g', n: 1, payload: bytes(1, 2) },
    { type: 'send', to: 'b', group: 'x', n: 1, payload: bytes(3) },
    { type: 'busy', busy: true },
  ]
  const packed = packCommands(commands)
  assert.deepEqual(packed.commands, commands)
  const buffers = packed.commands.flatMap((command) => ('payload' in command ? [command.payload.buffer] : []))
  assert.deepEqual([buffers.length, new Set(buffers).size, packed.transfer.length], [2, 1, 1])
  assert.equal(packed.transfer[0], buffers[0])
  assert.equal(packed.transfer[0]?.byteLength, 3)
})

test('port › so do deliveries and messages', () => {
  const events: readonly AppEvent[] = [
    { type: 'message', from: 'a', group: 'x', n: 4, payload: bytes(9, 8, 7) },
    { type: 'deliver', group: 'g', from: 'a', n: 1, view: '1.a.0', payload: bytes(6) },
    { type: 'mailed', count: 1 },
  ]
  const packed = packEvents(events)
  assert.deepEqual(packed.events, events)
  assert.equal(packed.transfer[0]?.byteLength, 4)
})
