/**
 * For a worker of your own, with transports of your own in it. Public entry `tutti/worker`.
 */
export { startWorker, type WorkerHalf, type WorkerHalves, type WorkerScope } from './start.ts'
