/**
 * SHA-crypt: crypt(3) with SHA-256 and SHA-512, `$5$` and `$6$`, as in the shadow file of Linux
 * (https://www.akkadia.org/drepper/SHA-crypt.txt). Each check runs in a thread.
 */
import type * as Crypto from 'node:crypto'
import { crypt64, inThread } from './thread.ts'

export interface ShaCrypt {
  digest: 'sha256' | 'sha512'
  rounds: number
  /** At most 16 characters. */
  salt: string
}

/** @returns the last field of the hash, in the encoding of crypt(3) */
export async function shaCrypt(password: string, how: ShaCrypt): Promise<string> {
  const result = await inThread(compute, { password, ...how })
  const at = (index: number): number => result[index] ?? 0
  const third = Math.floor(result.length / 3)
  const ordered: number[] = []
  let [a, b, c] = [0, third, 2 * third]
  for (let i = 0; i < third; i++) {
    ordered.push(at(c), at(b), at(a))
    ;[a, b, c] = how.digest === 'sha512' ? [b + 1, c + 1, a + 1] : [c + 1, a + 1, b + 1]
  }
  ordered.push(...(how.digest === 'sha512' ? [at(63)] : [at(30), at(31)]))
  return crypt64(Uint8Array.from(ordered))
}

/** Serialized to text for the thread. */
function compute(
  { createHash }: typeof Crypto,
  { password, digest, rounds, salt }: ShaCrypt & { password: string },
): Uint8Array {
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
  return result
}
