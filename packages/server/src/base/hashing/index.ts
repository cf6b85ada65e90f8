/**
 * Password hashing behind a bounded queue: at most one hash per core at a time, and 503 when too many wait.
 *
 * Owns: new hashes (argon2id or bcrypt), the verification of imported hashes (forms.ts), the normalization of
 * passwords, and equal time for accounts that do not exist. Leaves to the passwords feature: policies, and storing a
 * new hash when one is `outdated`.
 */
import { scrypt } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { promisify } from 'node:util'
import { invalid } from '../errors.ts'
import type { Log } from '../log/index.ts'
import {
  argon2Cost,
  BCRYPT_LONGEST,
  BOUNDS,
  bcryptCost,
  isReadByBcrypt,
  type ReadableHash,
} from './algorithms.ts'
import { formOf, readHash } from './forms.ts'
import { loadArgon2, loadBcrypt, NativeMissing } from './native.ts'
import { lowerPoolPriority } from './priority.ts'
import { createGate, type GateObserver } from './queue.ts'
import { HashRefused } from './refusal.ts'

export { loadArgon2, loadBcrypt } from './native.ts'
export { HashRefused } from './refusal.ts'

export interface Hashing {
  /**
   * Hashes with the configured algorithm and cost.
   * @throws Problem UNAVAILABLE when the queue is full
   * @throws Problem VALIDATION_ERROR over 1024 bytes; with bcrypt over 72 bytes, or with a NUL, which it would not read
   */
  hash(password: string): Promise<string>
  /**
   * Verifies a password. With `stored` null a dummy of the same cost is verified, so that an unknown account
   * takes the same time as a known one; the verdict is then always false.
   * `outdated`: it matches, but the hash has another algorithm or cost and should be replaced.
   */
  verify(stored: string | null, password: string): Promise<{ matches: boolean; outdated: boolean }>
  /**
   * Hashes a code that the server has generated, with a salt that its set shares, so that one hash finds it in the set.
   * @returns 32 bytes. @throws Problem UNAVAILABLE when the queue is full
   */
  hashCode(code: string, salt: Buffer): Promise<Buffer>
  /**
   * Reads a hash that comes from elsewhere, without computing anything.
   * @returns its form, and whether many guesses a second at it are possible
   * @throws HashRefused where it can never be verified, with the reason
   */
  examine(stored: string): Promise<{ form: string; weak: boolean }>
  /** Refuses early what would be refused later, after other work. @throws Problem UNAVAILABLE when the queue is full */
  assertRoom(): void
  /** The number of running and waiting tasks; for /metrics and tests. */
  load(): { running: number; waiting: number }
}

export interface HashingOptions {
  algorithm: 'argon2id' | 'bcrypt'
  argon2MemoryKib: number
  argon2Passes: number
  bcryptCost: number
  /** The largest number of waiting tasks for each concurrent one. */
  queue: number
  /** The number of concurrent tasks; one per core by default. They run on libuv's threads (UV_THREADPOOL_SIZE, 4). */
  concurrency?: number
  /** Receives a warning for each stored hash that cannot be read. */
  log?: Pick<Log, 'warn'>
  /** Observes the tasks, for metrics. */
  observer?: GateObserver
}

const LONGEST = 1024

/** scrypt for codes: 16 MiB and about 30 ms, because one of eight digits has 26 bits only. */
const CODE_HASH = { cost: 16_384, bytes: 32 }
const scryptHash = promisify<string, Buffer, number, { N: number }, Buffer>(scrypt)

/** @throws NativeMissing where the configured algorithm cannot be loaded */
export async function createHashing(options: HashingOptions): Promise<Hashing> {
  const concurrency = options.concurrency ?? availableParallelism()
  const gate = createGate(concurrency, options.queue * concurrency, options.observer)
  const own = await (options.algorithm === 'argon2id' ? argon2id(options) : bcrypt(options))
  const bounds = {
    memoryKib: Math.max(BOUNDS.memoryKib, options.argon2MemoryKib),
    argon2Work: Math.max(BOUNDS.argon2Work, options.argon2MemoryKib * options.argon2Passes),
    bcryptCost: Math.max(BOUNDS.bcryptCost, options.bcryptCost),
  }
  // made at startup, so that the first unknown account takes no longer than others
  const dummy = own.make('the password of no account').then((hash) => readHash(hash, bounds))
  dummy.then(lowerPoolPriority, () => undefined)

  // what cannot be loaded here must answer as a wrong password does, or it would tell that the account exists
  const read = async (
    stored: string | null,
  ): Promise<{ hash: ReadableHash | null; fault?: NativeMissing }> => {
    try {
      return { hash: stored === null ? null : await readHash(stored, bounds) }
    } catch (fault) {
      if (fault instanceof NativeMissing) return { hash: null, fault }
      if (fault instanceof HashRefused) return { hash: null }
      throw fault
    }
  }
  const readable = async (stored: string | null): Promise<{ hash: ReadableHash | null; counts: boolean }> => {
    const { hash, fault } = await read(stored)
    if (hash) return { hash, counts: true }
    if (stored !== null)
      options.log?.warn(
        { form: /^[$\w]{0,12}/.exec(stored)?.[0], ...(fault ? { err: fault } : {}) },
        'stored password hash cannot be read',
      )
    return { hash: await dummy, counts: false }
  }

  return {
    async hash(password) {
      const canonical = canonicalPassword(password)
      const longest = options.algorithm === 'bcrypt' ? BCRYPT_LONGEST : LONGEST
      if (Buffer.byteLength(canonical) > longest)
        throw invalid('password', 'too_long', 'The password is too long.')
      if (options.algorithm === 'bcrypt' && !isReadByBcrypt(Buffer.from(canonical)))
        throw invalid('password', 'invalid', 'The password contains a character that cannot be used.')
      return gate.run(() => own.make(canonical))
    },
    async verify(stored, password) {
      if (Buffer.byteLength(password) > LONGEST) return { matches: false, outdated: false }
      const { hash, counts } = await readable(stored)
      const found = hash ? await gate.run(() => matchesAnySpelling(hash, password)) : null
      // an imported hash may be cheaper than that of an unknown account; a success pays for the new hash
      const unknown = hash && counts && !found && hash.cost !== own.cost ? await dummy : null
      if (unknown) await gate.run(() => unknown.check(password))
      if (!counts || !hash || !found) return { matches: false, outdated: false }
      return { matches: true, outdated: found === 'raw' || hash.cost !== own.cost }
    },
    hashCode: (code, salt) => gate.run(() => scryptHash(code, salt, CODE_HASH.bytes, { N: CODE_HASH.cost })),
    async examine(stored) {
      const { weak } = await readHash(stored, bounds)
      return { form: formOf(stored)?.name ?? '', weak }
    },
    assertRoom: gate.assertRoom,
    load: gate.load,
  }
}

/** NIST SP 800-63B §5.1.1.2: Unicode is normalized before hashing, because input methods encode the same text differently. */
const canonicalPassword = (password: string): string => password.normalize('NFKC')

/** Imported hashes may be of the password without normalization: that is checked second, where the two differ. */
async function matchesAnySpelling(hash: ReadableHash, password: string): Promise<'canonical' | 'raw' | null> {
  const canonical = canonicalPassword(password)
  if (await hash.check(canonical)) return 'canonical'
  return canonical !== password && (await hash.check(password)) ? 'raw' : null
}

interface Own {
  cost: string
  make(password: string): Promise<string>
}
async function argon2id({
  argon2MemoryKib: memoryCost,
  argon2Passes: timeCost,
}: HashingOptions): Promise<Own> {
  const { hash } = await loadArgon2()
  return {
    cost: argon2Cost(memoryCost, timeCost),
    make: (password) => hash(password, { memoryCost, timeCost, parallelism: 1 }),
  }
}
async function bcrypt({ bcryptCost: cost }: HashingOptions): Promise<Own> {
  const { hash } = await loadBcrypt()
  return { cost: bcryptCost(cost), make: (password) => hash(Buffer.from(password), cost) }
}
