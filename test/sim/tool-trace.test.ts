/** What the watch of a machine writes as granted. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MachineReplica } from '../../lib/objects/machine-replica.ts'
import type { GroupPort, ObjectKind } from '../../lib/objects/replica.ts'
import type { Token } from '../../lib/objects/token.ts'
import { LEADER_OP, LeaderMachine } from '../../lib/tools/leader-machine.ts'
import { TotalCluster } from '../unit/objects/total-cluster.ts'
import { watchMachine } from './tool-trace.ts'
import type { Holds } from './tools/tool.ts'
import type { RawLine } from './trace.ts'

type Leaders = MachineReplica<LeaderMachine>

/** The opening of the object that is watched; there was one before. */
const OPENING = 5

const holds: Holds = {
  granted: (body, value) => {
    const [op, name] = body as [number, string]
    return op === LEADER_OP.stand ? { lock: name, token: value as Token, mode: 'exclusive' } : null
  },
  released: () => null,
}

test('watch › what an earlier opening is granted is not what the present one asks for under the same number', async () => {
  const lines: RawLine[] = []
  const ports = new Map<string, GroupPort>()
  const kind: ObjectKind<Leaders, object> = {
    kind: 'leaders',
    order: 'total',
    uniform: true,
    consistency: 'consistent',
    create(real) {
      const reopened = new Proxy(real, {
        get: (target, name) => (name === 'opening' ? OPENING : (Reflect.get(target, name, target) as unknown)),
      })
      const watch = watchMachine(reopened, (line) => real.self === 'p0' && lines.push(line), holds)
      const settings = { what: 'leaders', whenNotPrimary: 'wait', leaseMs: 10_000 } as const
      const replica: Leaders = new MachineReplica(watch.port, new LeaderMachine(), settings, {
        toError: (code, message) => new TypeError(`${code}: ${message}`),
      })
      watch.attach(replica)
      ports.set(real.self, real)
      return { replica, handle: replica }
    },
  }
  const cluster = new TotalCluster(kind, {}, 2, 1)
  const replica = cluster.primary.find(({ id }) => id === 'p0')?.handle
  assert.ok(replica)
  // Cast before the object was opened again, and delivered only now.
  ports.get('p0')?.cast([0, OPENING - 1, 1, 1, [], 0, 1, [LEADER_OP.stand, 'n1']])
  const asked = replica.call([LEADER_OP.stand, 'n0'])
  await cluster.advance(200)
  await asked
  assert.deepEqual(
    lines.filter(({ e }) => e === 'grant').map(({ lock }) => lock),
    ['object/n0'],
  )
  assert.equal(lines.filter(({ e, by }) => e === 'exec' && by === 'p0').length, 2, 'both were carried out')
})
