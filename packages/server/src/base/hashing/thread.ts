/**
 * A pure function in a worker thread: for password hashes that are thousands of digests, which node:crypto offers only
 * synchronously. The queue of base/hashing bounds their number.
 */
import type * as Crypto from 'node:crypto'
import { Worker } from 'node:worker_threads'

/**
 * Runs `compute` in a thread. It is serialized to text: it must not reference anything outside of itself.
 * @returns the bytes that it returns
 */
export function inThread<Input>(
  compute: (crypto: typeof Crypto, input: Input) => Uint8Array,
  input: Input,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(program(compute), {
      eval: true,
      workerData: input,
      // the worker inherits nothing that it does not need: no loaders, no environment
      env: {},
      execArgv: [],
    })
    worker.once('error', reject)
    worker.once('exit', () => reject(new Error('the thread exited without a result')))
    worker.once('message', (bytes: Uint8Array) => {
      resolve(Buffer.from(bytes))
      void worker.terminate()
    })
  })
}

/** `__name`: tsx adds calls of it to functions. */
const program = (compute: unknown): string => `
const __name = (made) => made
const { parentPort, workerData } = require('node:worker_threads')
parentPort.postMessage((${compute})(require('node:crypto'), workerData))
`

const LETTERS = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** The base64 of crypt(3): the lowest bits first. */
export function crypt64(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 3) {
    const group = bytes.subarray(at, at + 3)
    const bits = (group[0] ?? 0) | ((group[1] ?? 0) << 8) | ((group[2] ?? 0) << 16)
    for (let i = 0; i <= group.length; i++) text += LETTERS[(bits >>> (6 * i)) & 63]
  }
  return text
}

/** The number that a letter of crypt(3) means; -1 for none. */
export const crypt64Digit = (letter: string): number => LETTERS.indexOf(letter)
