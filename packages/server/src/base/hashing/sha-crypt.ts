/**
 * SHA-crypt: crypt(3) with SHA-256 and SHA-512, `$5$` and `$6$`, as in the shadow file of Linux
 * (https://www.akkadia.org/drepper/SHA-crypt.txt). It computes thousands of digests, which node:crypto offers only
 * synchronously; therefore each check runs in a worker thread. The queue of base/hashing bounds their number.
 */
import type * as Crypto from 'node:crypto'
import { Worker } from 'node:worker_threads'

export interface ShaCrypt {
  digest: 'sha256' | 'sha512'
  rounds: number
  /** At most 16 characters. */
  salt: string
}

/** @returns the last field of the hash, in the encoding of crypt(3) */
export function shaCrypt(password: string, how: ShaCrypt): Promise<string> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(PROGRAM, {
      eval: true,
      workerData: { password, ...how },
      // the worker inherits nothing that it does not need: no loaders, no environment
      env: {},
      execArgv: [],
    })
    worker.once('error', reject)
    worker.once('exit', () => reject(new Error('the SHA-crypt worker exited without a result')))
    worker.once('message', (text: string) => {
      resolve(text)
      void worker.terminate()
    })
  })
}

/** Serialized to text for the worker: it must not reference anything outside of itself. */
function compute(
  { createHash }: typeof Crypto,
  { password, digest, rounds, salt }: ShaCrypt & { password: string },
): string {
  const hash = (...parts: Uint8Array[]): Buffer => {
    const state = createHash(digest)
    for (const part of parts) state.update(part)
    return state.digest()
  }
  const stretched = (piece: Buffer, length: number): Buffer => Buffer.alloc(length, piece)
  const word = Buffer.from(password)
  const grain = Buffer.from(salt)

  const inner = hash(word, grain, word)
  const parts = [word, grain, ...(word.length > 0 ? [stretched(inner, word.length)] : [])]
  for (let bits = word.length; bits > 0; bits >>>= 1) parts.push(bits & 1 ? inner : word)
  let result = hash(...parts)
  const p = word.length > 0 ? stretched(hash(stretched(word, word.length ** 2)), word.length) : word
  const times = 16 + (result[0] ?? 0)
  const s = grain.length > 0 ? stretched(hash(stretched(grain, grain.length * times)), grain.length) : grain
  for (let round = 0; round < rounds; round++) {
    const odd = round % 2 === 1
    const mixed = [odd ? p : result]
    if (round % 3 !== 0) mixed.push(s)
    if (round % 7 !== 0) mixed.push(p)
    mixed.push(odd ? result : p)
    result = hash(...mixed)
  }

  const letters = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
  const letter = (bits: number, count: number): string => {
    let text = ''
    for (let i = 0; i < count; i++) text += letters[(bits >>> (6 * i)) & 63]
    return text
  }
  const at = (index: number): number => result[index] ?? 0
  const third = Math.floor(result.length / 3)
  let text = ''
  let [a, b, c] = [0, third, 2 * third]
  for (let i = 0; i < third; i++) {
    text += letter((at(a) << 16) | (at(b) << 8) | at(c), 4)
    ;[a, b, c] = digest === 'sha512' ? [b + 1, c + 1, a + 1] : [c + 1, a + 1, b + 1]
  }
  return text + (digest === 'sha512' ? letter(at(63), 2) : letter((at(31) << 8) | at(30), 3))
}

/** `__name`: tsx adds calls of it to functions. */
const PROGRAM = `
const __name = (made) => made
const { parentPort, workerData } = require('node:worker_threads')
parentPort.postMessage((${compute})(require('node:crypto'), workerData))
`
