/**
 * The iterated digests of older PHP and Unix systems: MD5-crypt (`$1$`, and `$apr1$` of Apache) and the portable hashes
 * of phpass (`$P$`, `$H$`), which Drupal 7 computes with SHA-512 (`$S$`). Each check runs in a thread.
 */
import type * as Crypto from 'node:crypto'
import { crypt64, inThread } from './thread.ts'

export interface Md5Crypt {
  magic: string
  /** At most 8 characters. */
  salt: string
}

/** @returns the last field of the hash */
export async function md5Crypt(password: string, how: Md5Crypt): Promise<string> {
  const result = await inThread(computeMd5, { password, ...how })
  const order = [12, 6, 0, 13, 7, 1, 14, 8, 2, 15, 9, 3, 5, 10, 4, 11]
  return crypt64(Uint8Array.from(order, (index) => result[index] ?? 0))
}

/** Serialized to text for the thread. */
function computeMd5(
  { createHash }: typeof Crypto,
  { password, magic, salt }: Md5Crypt & { password: string },
): Uint8Array {
  const hash = (...parts: Uint8Array[]): Buffer => {
    const state = createHash('md5')
    for (const part of parts) state.update(part)
    return state.digest()
  }
  const word = Buffer.from(password)
  const grain = Buffer.from(salt)
  const inner = hash(word, grain, word)
  const parts = [word, Buffer.from(magic), grain, Buffer.alloc(word.length, inner)]
  for (let bits = word.length; bits > 0; bits >>>= 1)
    parts.push(bits & 1 ? Buffer.alloc(1) : word.subarray(0, 1))
  let result = hash(...parts)
  for (let round = 0; round < 1000; round++) {
    const odd = round % 2 === 1
    const mixed = [odd ? word : result]
    if (round % 3 !== 0) mixed.push(grain)
    if (round % 7 !== 0) mixed.push(word)
    mixed.push(odd ? result : word)
    result = hash(...mixed)
  }
  return result
}

export interface Iterations {
  digest: 'md5' | 'sha512'
  rounds: number
  salt: string
}

/** digest(… digest(digest(salt, password), password) …, password), in the encoding of crypt(3). */
export const iterated = async (password: string, how: Iterations): Promise<string> =>
  crypt64(await inThread(computeIterated, { password, ...how }))

/** Serialized to text for the thread. */
function computeIterated(
  { createHash }: typeof Crypto,
  { password, digest, rounds, salt }: Iterations & { password: string },
): Uint8Array {
  const word = Buffer.from(password)
  let result = createHash(digest).update(salt).update(word).digest()
  for (let round = 0; round < rounds; round++)
    result = createHash(digest).update(result).update(word).digest()
  return result
}
