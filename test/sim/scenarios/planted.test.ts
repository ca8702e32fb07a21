/** Plants what the scenarios of covered dependencies are about: then they fail. So they show why it is not done (decision 019). */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { test } from 'node:test'
import { coverageMutants } from '../mutants/of-coverage.ts'
import { plant } from '../mutants/plant.ts'
import { coverage } from './coverage.ts'

/** What is lost there is for others than those who get the answer, who lose nothing by it (decision 021). */
const OF_OTHERS = 'a uniform cast is not released before all hold'

/** The bug, and the scenarios that it does not show in. */
const cases = [
  {
    name: 'covered-dependencies',
    isSpared: (scenario: string) =>
      scenario.includes('a fifo cast that has come first') || scenario.includes(OF_OTHERS),
  },
  { name: 'covered-by-fifo', isSpared: (scenario: string) => scenario.includes(OF_OTHERS) },
] as const

for (const { name, isSpared } of cases) {
  test(`scenarios › dependencies that are pruned by coverage break what is promised: ${name}`, () => {
    const mutant = coverageMutants.find((each) => each.name === name)
    assert.ok(mutant, name)
    const copy = plant(mutant, 'scenarios')
    const args = ['--conditions=tutti-source', '--import', 'tsx', '--test', '--test-reporter=tap']
    const { stdout } = spawnSync(
      process.execPath,
      [...args, '--test-name-pattern', 'coverage, ', 'test/sim/scenarios/scenarios.test.ts'],
      { cwd: copy, encoding: 'utf8', env: { ...process.env, NODE_TEST_CONTEXT: undefined } },
    )
    rmSync(copy, { recursive: true })
    const outcomes = stdout.split('\n').filter((line) => /^ *(not )?ok /.test(line))
    for (const scenario of coverage) {
      const found = outcomes.find((line) => line.includes(scenario.name)) ?? ''
      assert.equal(/^ *not ok /.test(found), !isSpared(scenario.name), `${scenario.name}: ${found}`)
      assert.ok(found !== '', stdout)
    }
  })
}
