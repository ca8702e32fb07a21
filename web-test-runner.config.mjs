/**
 * Browser tests: test files run in Chromium, each in a browser context of its own, and drive further pages
 * through `test/browser/tabs.ts`.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { esbuildPlugin } from '@web/dev-server-esbuild'
import { summaryReporter } from '@web/test-runner'
import { chromeLauncher } from '@web/test-runner-chrome'
import { ensureChromium } from './scripts/chromium.mjs'
import { bundlesMiddleware, tabsPlugin } from './test/browser/tabs-plugin.mjs'

const executablePath = ensureChromium()
if (executablePath === null) process.exit(1)

const args = [
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // Chromium's sandbox refuses to run as root (containers, CI).
  ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
]

export default {
  files: ['test/browser/**/*.test.ts'],
  nodeResolve: { exportConditions: ['tutti-source', 'browser', 'development'] },
  hostname: '127.0.0.1',
  concurrency: 1,
  middleware: [bundlesMiddleware],
  plugins: [esbuildPlugin({ ts: true, target: 'es2022', tsconfig: './tsconfig.json' }), tabsPlugin()],
  browsers: [
    chromeLauncher({
      launchOptions: { executablePath, args },
      createBrowserContext: ({ browser }) => browser.createBrowserContext(),
    }),
  ],
  testFramework: { config: { ui: 'bdd', timeout: 60_000 } },
  browserStartTimeout: 60_000,
  testsStartTimeout: 60_000,
  testsFinishTimeout: 600_000,
  reporters: [summaryReporter(), countReporter()],
}

/** Leaves how many tests passed and failed in `.cache/browser-tests.json`, for `test/run.mjs`. */
function countReporter() {
  return {
    onTestRunFinished({ sessions }) {
      let passed = 0
      let failed = 0
      for (const session of sessions) {
        const tests = session.testResults ? [...testsIn(session.testResults)] : []
        passed += tests.filter((test) => test.passed && !test.skipped).length
        const failedTests = tests.filter((test) => !test.passed && !test.skipped).length
        // A file that did not load, or broke outside its tests.
        failed += failedTests === 0 && !session.passed ? 1 : failedTests
      }
      mkdirSync('.cache', { recursive: true })
      writeFileSync('.cache/browser-tests.json', `${JSON.stringify({ passed, failed })}\n`)
    },
  }
}

function* testsIn(suite) {
  yield* suite.tests
  for (const inner of suite.suites) yield* testsIn(inner)
}
