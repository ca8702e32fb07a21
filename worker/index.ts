/**
 * For a worker of your own, with transports of your own in it. Public entry `tutti/worker`.
 */
export {
  type StorageHalf,
  type StorageHalves,
  startWorker,
  type WorkerHalf,
  type WorkerHalves,
  type WorkerScope,
} from './start.ts'
