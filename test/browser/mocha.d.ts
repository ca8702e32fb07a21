/** What of Mocha's interface the browser tests use. web-test-runner provides it. */
interface MochaTest {
  /** Milliseconds until the test counts as failed. */
  timeout(ms: number): void
  /** Times a failed test is run again. */
}
declare function describe(name: string, fn: () => void): void
declare function it(name: string, fn: (this: MochaTest) => void | Promise<void>): void
declare function before(fn: (this: MochaTest) => void | Promise<void>): void
declare function after(fn: (this: MochaTest) => void | Promise<void>): void
declare function beforeEach(fn: (this: MochaTest) => void | Promise<void>): void
declare function afterEach(fn: (this: MochaTest) => void | Promise<void>): void
