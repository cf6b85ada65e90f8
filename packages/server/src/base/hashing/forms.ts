/**
 * The formats of stored password hashes, recognized by their prefix: our format and those of imported accounts (PHC
 * strings, passlib, Django, Werkzeug, crypt(3), Firebase). Each is one row of the table.
 *
 * Imported hashes are untrusted input, including their cost: a hash that would take too much memory or time is refused
 * before anything is computed.
 */
import { createCipheriv, createHash, pbkdf2, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { loadArgon2, loadBcrypt, NativeMissing } from './native.ts'
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
const PBKDF2_ITERATIONS = 5_000_000
/** N × r × p of scrypt; its work is this times 128 bytes, twice. */
const SCRYPT_WORK = 4_194_304
const SHA_CRYPT_ROUNDS = 1_000_000
/** Rounds × bytes of the password, which every second round reads: 128 bytes with a million rounds. */
const SHA_CRYPT_WORK = 128_000_000

export interface Readable {
  /** Algorithm and cost in one word, to compare with the configured one. */
  cost: string
  check(password: string): Promise<boolean>
}

export const argon2Cost = (memoryKib: number, passes: number): string =>
  `argon2id 19 m=${memoryKib},t=${passes},p=1`
export const bcryptCost = (cost: number): string => `bcrypt ${cost}`

type Groups = Readonly<Record<string, string>>

interface Form {
  pattern: RegExp
  /** @returns null where the hash is malformed or exceeds the bounds; may throw instead */
  read(groups: Groups, stored: string, bounds: HashBounds): Readable | null | Promise<Readable | null>
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

/** Base64 of PHC strings (no padding) and of passlib ('.' for '+'). */
const fromBase64 = (text: string): Buffer => Buffer.from(text.replaceAll('.', '+'), 'base64')
const isKey = (key: Buffer): boolean => key.length >= 16 && key.length <= 128

async function argon2(stored: string, bounds: HashBounds): Promise<Readable | null> {
  const { parseOptions, verify } = await loadArgon2()
  const { algorithm, version, memoryCost, timeCost, parallelism, outputLen } = parseOptions(stored)
  if (memoryCost > bounds.memoryKib || memoryCost * timeCost > bounds.argon2Work || parallelism > 64)
    return null
  if (outputLen < 16 || outputLen > 128) return null
  const cost = `${ARGON2_KINDS[algorithm]} ${version === 1 ? 19 : 16} m=${memoryCost},t=${timeCost},p=${parallelism}`
  return { cost, check: (password) => verify(stored, password) }
}

/**
 * The versions 2a, 2x and 2y are computed as 2b: they differ by faults that other implementations once had.
 * bcrypt ignores all but the first 72 bytes: imported hashes of longer passwords must still match.
 */
async function bcrypt({ cost, salt, key }: Groups, bounds: HashBounds): Promise<Readable | null> {
  if (!key || Number(cost) < BCRYPT_LEAST_COST || Number(cost) > bounds.bcryptCost) return null
  const { hash } = await loadBcrypt()
  return {
    cost: bcryptCost(Number(cost)),
    async check(password) {
      const computed = await hash(Buffer.from(password), `$2b$${cost}$${salt}`)
      return timingSafeEqual(Buffer.from(computed.slice(-key.length)), Buffer.from(key))
    },
  }
}

/** The expected value of a derived key. */
interface Expected {
  length: number
  matches(key: Buffer): boolean
}

/** Compares with a stored key. @throws Error for a key of the wrong length */
function exactly(key: Buffer): Expected {
  if (!isKey(key)) throw new Error('the length of the key is out of bounds')
  return { length: key.length, matches: (derived) => timingSafeEqual(derived, key) }
}

function scryptOf(
  log2N: number,
  r: number,
  p: number,
  salt: Buffer,
  expected: Expected,
  bounds: HashBounds,
): Readable | null {
  const N = 2 ** log2N
  const memory = 128 * N * r
  if (!Number.isInteger(log2N) || log2N < 1 || r < 1 || p < 1) return null
  if (memory > bounds.memoryKib * 1024 || N * r * p > SCRYPT_WORK) return null
  return {
    cost: `scrypt ${log2N},${r},${p}`,
    async check(password) {
      const options = { N, r, p, maxmem: memory + 128 * r * p + 1_048_576 }
      return expected.matches(await derive.scrypt(Buffer.from(password), salt, expected.length, options))
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

/** crypt(3) uses at least 1000 rounds, and 16 characters of the salt. */
function shaCryptOf(kind: string | undefined, rounds: number, salt: string, key: string): Readable | null {
  const digest = kind === '5' ? 'sha256' : 'sha512'
  if (rounds > SHA_CRYPT_ROUNDS || key.length !== (kind === '5' ? 43 : 86)) return null
  const how = { digest, rounds: Math.max(1000, rounds), salt: salt.slice(0, 16) } as const
  return {
    cost: `${digest}-crypt ${rounds}`,
    async check(password) {
      // a longer password cannot match, and takes the time of the longest that can
      const affordable = password.slice(0, Math.floor(SHA_CRYPT_WORK / how.rounds))
      const found = Buffer.from(await shaCrypt(affordable, how))
      return timingSafeEqual(found, Buffer.from(key)) && affordable === password
    },
  }
}

/**
 * The modified scrypt of Firebase: the stored value is the signer key of the project, encrypted with the key that is
 * derived from the password. https://firebaseopensource.com/projects/firebase/scrypt/
 */
function firebaseOf(
  log2N: number,
  r: number,
  p: number,
  salt: Buffer,
  signer: Buffer,
  stored: Buffer,
  bounds: HashBounds,
): Readable | null {
  if (stored.length !== signer.length || !isKey(stored)) return null
  const cipherText = (key: Buffer): Buffer =>
    createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(signer)
  const inner = scryptOf(
    log2N,
    r,
    p,
    salt,
    { length: 32, matches: (key) => timingSafeEqual(cipherText(key), stored) },
    bounds,
  )
  return inner && { cost: `firebase ${inner.cost}`, check: inner.check }
}

const B64 = '[A-Za-z0-9+/.]+={0,2}'
// 128 bits of salt in 22 characters: the last one holds two of them
const BCRYPT = '\\$2[abxy]\\$(?<cost>\\d\\d)\\$(?<salt>[./A-Za-z0-9]{21}[.Oeu])(?<key>[./A-Za-z0-9]{31})'
const form = (pattern: string, read: Form['read']): Form => ({ pattern: new RegExp(`^${pattern}$`), read })

// biome-ignore format: a table
const FORMS: readonly Form[] = [
  form('\\$argon2(?:id|i|d)\\$.+',                                              (_, stored, bounds) => argon2(stored, bounds)),
  form(BCRYPT,                                                                  (g, _, bounds) => bcrypt(g, bounds)),
  // PHC: https://github.com/P-H-C/phc-string-format
  form(`\\$scrypt\\$ln=(?<ln>\\d{1,2}),r=(?<r>\\d{1,5}),p=(?<p>\\d{1,5})\\$(?<salt>${B64})\\$(?<key>${B64})`,
    (g, _, bounds) => scryptOf(Number(g.ln), Number(g.r), Number(g.p), fromBase64(g.salt ?? ''), exactly(fromBase64(g.key ?? '')), bounds)),
  // PHC has i=…,l=…; passlib only the number of rounds
  form(`\\$pbkdf2-?(?<digest>\\w*)\\$(?:i=)?(?<rounds>\\d{1,9})(?:,l=\\d+)?\\$(?<salt>${B64})\\$(?<key>${B64})`,
    (g) => pbkdf2Of(DIGESTS[g.digest ?? ''], Number(g.rounds), fromBase64(g.salt ?? ''), fromBase64(g.key ?? ''))),
  // Django: its salts are text
  form(`pbkdf2_(?<digest>sha\\d+)\\$(?<rounds>\\d{1,9})\\$(?<salt>[^$]+)\\$(?<key>${B64})`,
    (g) => pbkdf2Of(DIGESTS[g.digest ?? ''], Number(g.rounds), Buffer.from(g.salt ?? ''), fromBase64(g.key ?? ''))),
  form(`scrypt\\$(?<n>\\d{1,9})\\$(?<salt>[^$]+)\\$(?<r>\\d{1,5})\\$(?<p>\\d{1,5})\\$(?<key>${B64})`,
    (g, _, bounds) => scryptOf(Math.log2(Number(g.n)), Number(g.r), Number(g.p), Buffer.from(g.salt ?? ''), exactly(fromBase64(g.key ?? '')), bounds)),
  form('argon2(?<inner>\\$argon2.+)',                                           (g, _, bounds) => wrapped('django', argon2(g.inner ?? '', bounds))),
  form(`bcrypt\\$${BCRYPT}`,                                                    (g, _, bounds) => wrapped('django', bcrypt(g, bounds))),
  form(`bcrypt_sha256\\$${BCRYPT}`,                                             (g, _, bounds) => wrapped('django', bcrypt(g, bounds),
    (password) => createHash('sha256').update(password).digest('hex'))),
  // crypt(3), https://www.akkadia.org/drepper/SHA-crypt.txt
  form('\\$(?<kind>[56])\\$(?:rounds=(?<rounds>\\d{1,9})\\$)?(?<salt>[^$:\\n]*)\\$(?<key>[A-Za-z0-9./]+)',
    (g) => shaCryptOf(g.kind, Number(g.rounds ?? 5000), g.salt ?? '', g.key ?? '')),
  // Firebase, in the format of other servers' imports: each hash contains the parameters and signer key of the project
  form(`\\$fbscrypt\\$v=1,n=(?<ln>\\d{1,2}),r=(?<r>\\d{1,5}),p=(?<p>\\d{1,5})(?:,ss=(?<separator>${B64}))?,sk=(?<signer>${B64})\\$(?<salt>${B64})\\$(?<key>${B64})`,
    (g, _, bounds) => firebaseOf(Number(g.ln), Number(g.r), Number(g.p), Buffer.concat([fromBase64(g.salt ?? ''), fromBase64(g.separator ?? '')]),
      fromBase64(g.signer ?? ''), fromBase64(g.key ?? ''), bounds)),
  // Werkzeug (Flask): keys in hexadecimal
  form('pbkdf2:(?<digest>sha\\d+):(?<rounds>\\d{1,9})\\$(?<salt>[^$]+)\\$(?<key>[0-9a-f]+)',
    (g) => pbkdf2Of(DIGESTS[g.digest ?? ''], Number(g.rounds), Buffer.from(g.salt ?? ''), Buffer.from(g.key ?? '', 'hex'))),
  form('scrypt:(?<n>\\d{1,9}):(?<r>\\d{1,5}):(?<p>\\d{1,5})\\$(?<salt>[^$]+)\\$(?<key>[0-9a-f]+)',
    (g, _, bounds) => scryptOf(Math.log2(Number(g.n)), Number(g.r), Number(g.p), Buffer.from(g.salt ?? ''), exactly(Buffer.from(g.key ?? '', 'hex')), bounds)),
]

/** A hash inside another format: verified alike, and always outdated. */
async function wrapped(
  by: string,
  reading: Promise<Readable | null>,
  prepare = (password: string) => password,
): Promise<Readable | null> {
  const inner = await reading
  return inner && { cost: `${by} ${inner.cost}`, check: (password) => inner.check(prepare(password)) }
}

/**
 * @returns null where the format is unknown, the hash is malformed, or its cost exceeds the bounds
 * @throws NativeMissing where its algorithm cannot be loaded
 */
export async function readHash(stored: string, bounds: HashBounds): Promise<Readable | null> {
  if (stored.length > 1024) return null
  for (const { pattern, read } of FORMS) {
    const match = pattern.exec(stored)
    if (!match) continue
    try {
      return await read(match.groups ?? {}, stored, bounds)
    } catch (error) {
      if (error instanceof NativeMissing) throw error
      return null
    }
  }
  return null
}
