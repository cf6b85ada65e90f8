/**
 * Every form of stored password hash that can be checked, recognised by how it begins: our own and those that
 * come along when people move here (PHC strings, passlib, Django, Werkzeug). Each is one row of the table.
 *
 * A hash may come from an import, so its cost is input: what would take too much memory or time is refused
 * before anything is computed.
 */
import { createHash, pbkdf2, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { verify as argon2Verify, parseOptions as readArgon2 } from '@node-rs/argon2'
import { verify as bcryptVerify, parseOptions as readBcrypt } from '@node-rs/bcrypt'

export interface Bounds {
  /** The most memory one check may take. */
  memoryKib: number
  /** Argon2: memory × passes. */
  argon2Work: number
  bcryptCost: number
}
/** Far above what anybody configures for sign-ins, far below what hurts: about two seconds and 256 MiB. */
export const BOUNDS: Bounds = { memoryKib: 262_144, argon2Work: 2_097_152, bcryptCost: 16 }
const PBKDF2_ITERATIONS = 5_000_000
/** scrypt's N × r × p; its work is this times 128 bytes, twice. */
const SCRYPT_WORK = 4_194_304

export interface Readable {
  /** Algorithm and cost in one word, to compare with the configured one. */
  cost: string
  check(password: string): Promise<boolean>
}

export const argon2Cost = (memoryKib: number, passes: number): string =>
  `argon2id 19 m=${memoryKib},t=${passes},p=1`
export const bcryptCost = (cost: number): string => `bcrypt ${cost}`

interface Form {
  pattern: RegExp
  /** null: has the form, but is damaged or beyond the bounds. May throw for the same. */
  read(groups: Readonly<Record<string, string>>, stored: string, bounds: Bounds): Readable | null
}

const derive = {
  pbkdf2: promisify(pbkdf2),
  scrypt: promisify<Buffer, Buffer, number, object, Buffer>(scrypt),
}
const DIGESTS: Readonly<Record<string, string>> = {
  '': 'sha1',
  sha1: 'sha1',
  sha256: 'sha256',
  sha512: 'sha512',
}
const ARGON2_KINDS = ['argon2d', 'argon2i', 'argon2id'] as const

/** Base64 as PHC strings write it (no padding) and as passlib does ('.' for '+'). */
const fromBase64 = (text: string): Buffer => Buffer.from(text.replaceAll('.', '+'), 'base64')
const isKey = (key: Buffer): boolean => key.length >= 16 && key.length <= 128

function argon2(stored: string, bounds: Bounds): Readable | null {
  const { algorithm, version, memoryCost, timeCost, parallelism, outputLen } = readArgon2(stored)
  if (memoryCost > bounds.memoryKib || memoryCost * timeCost > bounds.argon2Work || parallelism > 64)
    return null
  if (outputLen < 16 || outputLen > 128) return null
  const cost = `${ARGON2_KINDS[algorithm]} ${version === 1 ? 19 : 16} m=${memoryCost},t=${timeCost},p=${parallelism}`
  return { cost, check: (password) => argon2Verify(stored, password) }
}

function bcrypt(stored: string, bounds: Bounds): Readable | null {
  const { cost } = readBcrypt(stored)
  // bcrypt reads 72 bytes and ignores the rest: a foreign hash of a longer password has to go on matching
  return cost > bounds.bcryptCost
    ? null
    : { cost: bcryptCost(cost), check: (password) => bcryptVerify(password, stored) }
}

function scryptOf(
  log2N: number,
  r: number,
  p: number,
  salt: Buffer,
  key: Buffer,
  bounds: Bounds,
): Readable | null {
  const N = 2 ** log2N
  const memory = 128 * N * r
  if (!Number.isInteger(log2N) || log2N < 1 || r < 1 || p < 1 || !isKey(key)) return null
  if (memory > bounds.memoryKib * 1024 || N * r * p > SCRYPT_WORK) return null
  return {
    cost: `scrypt ${log2N},${r},${p}`,
    async check(password) {
      const options = { N, r, p, maxmem: memory + 128 * r * p + 1_048_576 }
      return timingSafeEqual(await derive.scrypt(Buffer.from(password), salt, key.length, options), key)
    },
  }
}

function pbkdf2Of(digest: string | undefined, rounds: number, salt: Buffer, key: Buffer): Readable | null {
  if (!digest || rounds < 1 || rounds > PBKDF2_ITERATIONS || !isKey(key)) return null
  return {
    cost: `pbkdf2 ${digest} ${rounds}`,
    check: async (password) =>
      timingSafeEqual(await derive.pbkdf2(password, salt, rounds, key.length, digest), key),
  }
}

const B64 = '[A-Za-z0-9+/.]+={0,2}'
const form = (pattern: string, read: Form['read']): Form => ({ pattern: new RegExp(`^${pattern}$`), read })

// biome-ignore format: a table
const FORMS: readonly Form[] = [
  form('\\$argon2(?:id|i|d)\\$.+',                                              (_, stored, bounds) => argon2(stored, bounds)),
  form('\\$2[abxy]\\$.+',                                                       (_, stored, bounds) => bcrypt(stored, bounds)),
  // PHC: https://github.com/P-H-C/phc-string-format
  form(`\\$scrypt\\$ln=(?<ln>\\d{1,2}),r=(?<r>\\d{1,5}),p=(?<p>\\d{1,5})\\$(?<salt>${B64})\\$(?<key>${B64})`,
    (g, _, bounds) => scryptOf(Number(g.ln), Number(g.r), Number(g.p), fromBase64(g.salt ?? ''), fromBase64(g.key ?? ''), bounds)),
  // PHC writes i=…,l=…; passlib the bare number of rounds
  form(`\\$pbkdf2-?(?<digest>\\w*)\\$(?:i=)?(?<rounds>\\d{1,9})(?:,l=\\d+)?\\$(?<salt>${B64})\\$(?<key>${B64})`,
    (g) => pbkdf2Of(DIGESTS[g.digest ?? ''], Number(g.rounds), fromBase64(g.salt ?? ''), fromBase64(g.key ?? ''))),
  // Django: its salts are text
  form(`pbkdf2_(?<digest>sha\\d+)\\$(?<rounds>\\d{1,9})\\$(?<salt>[^$]+)\\$(?<key>${B64})`,
    (g) => pbkdf2Of(DIGESTS[g.digest ?? ''], Number(g.rounds), Buffer.from(g.salt ?? ''), fromBase64(g.key ?? ''))),
  form(`scrypt\\$(?<n>\\d{1,9})\\$(?<salt>[^$]+)\\$(?<r>\\d{1,5})\\$(?<p>\\d{1,5})\\$(?<key>${B64})`,
    (g, _, bounds) => scryptOf(Math.log2(Number(g.n)), Number(g.r), Number(g.p), Buffer.from(g.salt ?? ''), fromBase64(g.key ?? ''), bounds)),
  form('argon2(?<inner>\\$argon2.+)',                                           (g, _, bounds) => wrapped('django', argon2(g.inner ?? '', bounds))),
  form('bcrypt\\$(?<inner>\\$2.+)',                                             (g, _, bounds) => wrapped('django', bcrypt(g.inner ?? '', bounds))),
  form('bcrypt_sha256\\$(?<inner>\\$2.+)',                                      (g, _, bounds) => wrapped('django', bcrypt(g.inner ?? '', bounds),
    (password) => createHash('sha256').update(password).digest('hex'))),
  // Werkzeug (Flask): keys in hexadecimal
  form('pbkdf2:(?<digest>sha\\d+):(?<rounds>\\d{1,9})\\$(?<salt>[^$]+)\\$(?<key>[0-9a-f]+)',
    (g) => pbkdf2Of(DIGESTS[g.digest ?? ''], Number(g.rounds), Buffer.from(g.salt ?? ''), Buffer.from(g.key ?? '', 'hex'))),
  form('scrypt:(?<n>\\d{1,9}):(?<r>\\d{1,5}):(?<p>\\d{1,5})\\$(?<salt>[^$]+)\\$(?<key>[0-9a-f]+)',
    (g, _, bounds) => scryptOf(Math.log2(Number(g.n)), Number(g.r), Number(g.p), Buffer.from(g.salt ?? ''), Buffer.from(g.key ?? '', 'hex'), bounds)),
]

/** A hash of ours inside another's form: checks alike, and is never up to date. */
function wrapped(
  by: string,
  inner: Readable | null,
  prepare = (password: string) => password,
): Readable | null {
  return inner && { cost: `${by} ${inner.cost}`, check: (password) => inner.check(prepare(password)) }
}

/** @returns null where the text is no hash we know, is damaged, or would cost more than the bounds allow */
export function readHash(stored: string, bounds: Bounds): Readable | null {
  if (stored.length > 1024) return null
  for (const { pattern, read } of FORMS) {
    const match = pattern.exec(stored)
    if (!match) continue
    try {
      return read(match.groups ?? {}, stored, bounds)
    } catch {
      return null
    }
  }
  return null
}
