/**
 * The algorithms of stored password hashes, each with its bounds: imported hashes are untrusted input, including their
 * cost, and one that would take too much memory or time is refused before anything is computed. Derived keys are
 * compared in constant time.
 */
import { createCipheriv, createHash, pbkdf2, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { loadArgon2, loadBcrypt } from './native.ts'
import { iterated, type Md5Crypt, md5Crypt } from './php-crypt.ts'
import { HashRefused } from './refusal.ts'
import { shaCrypt } from './sha-crypt.ts'

export interface HashBounds {
  /** The memory limit of a check. */
  memoryKib: number
  /** Argon2: memory × passes. */
  argon2Work: number
  bcryptCost: number
}
/** Above any reasonable configuration, below a denial of service: about two seconds and 256 MiB. */
export const BOUNDS: HashBounds = { memoryKib: 262_144, argon2Work: 2_097_152, bcryptCost: 16 }
/** What the algorithm demands. */
const BCRYPT_LEAST_COST = 4
/** bcrypt reads no byte after these. */
export const BCRYPT_LONGEST = 72
/** Rounds × blocks of the derived key. */
const PBKDF2_WORK = 5_000_000
/** N × r × p of scrypt; its work is this times 128 bytes, twice. */
const SCRYPT_WORK = 4_194_304
const DIGEST_ROUNDS = 1_048_576
/** Rounds × bytes of the password, which the rounds read: 128 bytes with a million rounds. */
const DIGEST_WORK = 128_000_000

/** A hash that can be verified. */
export interface ReadableHash {
  /** Algorithm and cost in one word, to compare with the configured one. */
  cost: string
  /** Whether many guesses a second are possible, so that a stolen table of such hashes is soon read. */
  weak: boolean
  check(password: string): Promise<boolean>
}

export const argon2Cost = (memoryKib: number, passes: number): string =>
  `argon2id 19 m=${memoryKib},t=${passes},p=1`
export const bcryptCost = (cost: number): string => `bcrypt ${cost}`

const derive = {
  pbkdf2: promisify(pbkdf2),
  scrypt: promisify<Buffer, Buffer, number, object, Buffer>(scrypt),
}
const DIGEST_LENGTHS = { sha1: 20, sha224: 28, sha256: 32, sha384: 48, sha512: 64 } as const
export type Digest = keyof typeof DIGEST_LENGTHS
const isDigest = (name: string): name is Digest => Object.hasOwn(DIGEST_LENGTHS, name)

const ARGON2_KINDS = ['argon2d', 'argon2i', 'argon2id'] as const

export function refuseUnless(holds: boolean, code: HashRefused['code']): asserts holds {
  if (!holds) throw new HashRefused(code)
}
/** 389 Directory Server derives 256 bytes. */
const isKey = (key: Buffer): boolean => key.length >= 16 && key.length <= 256

const equal = (a: Buffer | string, b: Buffer | string): boolean => {
  const [one, other] = [Buffer.from(a), Buffer.from(b)]
  return one.length === other.length && timingSafeEqual(one, other)
}

export async function argon2(stored: string, bounds: HashBounds): Promise<ReadableHash> {
  const { parseOptions, verify } = await loadArgon2()
  const { algorithm, version, memoryCost, timeCost, parallelism, outputLen } = parseOptions(stored)
  refuseUnless(
    memoryCost <= bounds.memoryKib && memoryCost * timeCost <= bounds.argon2Work && parallelism <= 64,
    'too_costly',
  )
  refuseUnless(outputLen >= 16 && outputLen <= 128, 'malformed')
  const cost = `${ARGON2_KINDS[algorithm]} ${version === 1 ? 19 : 16} m=${memoryCost},t=${timeCost},p=${parallelism}`
  return { cost, weak: memoryCost * timeCost < 4096, check: (password) => verify(stored, password) }
}

export interface BcryptFields {
  cost: number
  /** 22 characters. */
  salt: string
  /** 31 characters. */
  key: string
}

/**
 * The versions 2a and 2y are computed as 2b: they differ by faults that other implementations once had.
 * bcrypt ignores what follows byte 72, and repeats a shorter password with a NUL between: such passwords never match,
 * because another one would as well.
 * @param prepare what its system makes of the password before
 */
export async function bcrypt(
  { cost, salt, key }: BcryptFields,
  bounds: HashBounds,
  prepare = (password: string): string => password,
): Promise<ReadableHash> {
  refuseUnless(cost >= BCRYPT_LEAST_COST, 'malformed')
  refuseUnless(cost <= bounds.bcryptCost, 'too_costly')
  const { hash } = await loadBcrypt()
  const setting = `$2b$${String(cost).padStart(2, '0')}$${salt}`
  return {
    cost: bcryptCost(cost),
    weak: cost < 8,
    async check(password) {
      const prepared = Buffer.from(prepare(password))
      // computed in any case: a refusal takes as long as an answer
      const computed = await hash(prepared.subarray(0, BCRYPT_LONGEST), setting)
      return equal(computed.slice(-key.length), key) && isReadByBcrypt(prepared)
    },
  }
}

/** Whether bcrypt distinguishes the password from every other. */
export const isReadByBcrypt = (password: Buffer): boolean =>
  password.length <= BCRYPT_LONGEST && !password.includes(0)

/** The expected value of a derived key. */
interface ExpectedKey {
  length: number
  matches(key: Buffer): boolean
}

function exactly(key: Buffer): ExpectedKey {
  refuseUnless(isKey(key), 'malformed')
  return { length: key.length, matches: (derived) => equal(derived, key) }
}

export interface ScryptCost {
  N: number
  r: number
  p: number
}

export const scryptHash = (cost: ScryptCost, salt: Buffer, key: Buffer, bounds: HashBounds): ReadableHash =>
  scryptOf(cost, salt, exactly(key), bounds)

function scryptOf(
  { N, r, p }: ScryptCost,
  salt: Buffer,
  expected: ExpectedKey,
  bounds: HashBounds,
): ReadableHash {
  const log2N = Math.log2(N)
  const memory = 128 * N * r
  refuseUnless(Number.isInteger(log2N) && log2N >= 1 && r >= 1 && p >= 1, 'malformed')
  refuseUnless(memory <= bounds.memoryKib * 1024 && N * r * p <= SCRYPT_WORK, 'too_costly')
  return {
    cost: `scrypt ${log2N},${r},${p}`,
    weak: N * r * p < 65_536,
    async check(password) {
      const options = { N, r, p, maxmem: memory + 128 * r * p + 1_048_576 }
      return expected.matches(await derive.scrypt(Buffer.from(password), salt, expected.length, options))
    },
  }
}

/**
 * The modified scrypt of Firebase: the stored value is the signer key of the project, encrypted with the key that is
 * derived from the password. https://firebaseopensource.com/projects/firebase/scrypt/
 */
export function firebase(
  cost: ScryptCost,
  salt: Buffer,
  signer: Buffer,
  stored: Buffer,
  bounds: HashBounds,
): ReadableHash {
  refuseUnless(stored.length === signer.length && isKey(stored), 'malformed')
  const cipherText = (key: Buffer): Buffer =>
    createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(signer)
  const expected = { length: 32, matches: (key: Buffer) => equal(cipherText(key), stored) }
  const inner = scryptOf(cost, salt, expected, bounds)
  return { ...inner, cost: `firebase ${inner.cost}` }
}

export function pbkdf2Hash(digest: string, rounds: number, salt: Buffer, key: Buffer): ReadableHash {
  refuseUnless(isDigest(digest), 'unknown')
  refuseUnless(rounds >= 1 && isKey(key), 'malformed')
  refuseUnless(rounds * Math.ceil(key.length / DIGEST_LENGTHS[digest]) <= PBKDF2_WORK, 'too_costly')
  return {
    cost: `pbkdf2 ${digest} ${rounds}`,
    weak: rounds < 10_000,
    check: async (password) => equal(await derive.pbkdf2(password, salt, rounds, key.length, digest), key),
  }
}

/** One digest of password and salt. */
export function saltedDigest(
  digest: string,
  key: Buffer,
  salt: Buffer,
  position: 'prefix' | 'suffix' = 'suffix',
): ReadableHash {
  refuseUnless(isDigest(digest), 'unsound')
  refuseUnless(key.length === DIGEST_LENGTHS[digest] && salt.length <= 128, 'malformed')
  refuseUnless(salt.length > 0, 'unsound')
  return {
    cost: `salted ${digest}`,
    weak: true,
    async check(password) {
      const word = Buffer.from(password)
      const parts = position === 'prefix' ? [salt, word] : [word, salt]
      return equal(createHash(digest).update(Buffer.concat(parts)).digest(), key)
    },
  }
}

/** crypt(3) uses at least 1000 rounds, and 16 characters of the salt. */
export function shaCryptHash(kind: '5' | '6', stated: number, salt: string, key: string): ReadableHash {
  const digest = kind === '5' ? 'sha256' : 'sha512'
  refuseUnless(stated <= DIGEST_ROUNDS, 'too_costly')
  refuseUnless(key.length === (kind === '5' ? 43 : 86), 'malformed')
  const rounds = Math.max(1000, stated)
  return {
    cost: `${digest}-crypt ${stated}`,
    weak: rounds < 5000,
    check: within(rounds, async (password) =>
      equal(await shaCrypt(password, { digest, rounds, salt: salt.slice(0, 16) }), key),
    ),
  }
}

export const md5CryptHash = (how: Md5Crypt, key: string): ReadableHash => ({
  cost: 'md5-crypt',
  weak: true,
  check: within(1000, async (password) => equal(await md5Crypt(password, how), key)),
})

/** @param key the hash in the encoding of crypt(3), as much of it as its system stores */
export function phpassHash(digest: 'md5' | 'sha512', log2: number, salt: string, key: string): ReadableHash {
  refuseUnless(log2 >= 7, 'malformed')
  const rounds = 2 ** log2
  refuseUnless(rounds <= DIGEST_ROUNDS, 'too_costly')
  return {
    cost: `phpass ${digest} ${log2}`,
    weak: digest === 'md5' || log2 < 14,
    check: within(rounds, async (password) =>
      equal((await iterated(password, { digest, rounds, salt })).slice(0, key.length), key),
    ),
  }
}

/** A longer password than the rounds can read in bounded time matches nothing, and takes the time of the longest that may. */
const within =
  (rounds: number, check: (password: string) => Promise<boolean>) =>
  async (password: string): Promise<boolean> => {
    const most = Math.floor(DIGEST_WORK / rounds)
    const isAffordable = Buffer.byteLength(password) <= most
    // a character has at most three bytes for each of its units
    return (await check(isAffordable ? password : password.slice(0, Math.floor(most / 3)))) && isAffordable
  }

/** A hash inside another format, of what its system makes of the password: verified alike, and always outdated. */
export async function wrapped(
  by: string,
  reading: ReadableHash | Promise<ReadableHash>,
  prepare = (password: string): string => password,
): Promise<ReadableHash> {
  const inner = await reading
  return { ...inner, cost: `${by} ${inner.cost}`, check: (password) => inner.check(prepare(password)) }
}
