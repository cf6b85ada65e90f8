/**
 * Password hashing behind a bounded queue: at most as many at once as cores, and 503 when too many wait.
 *
 * Owns: our own hashes (argon2id or bcrypt), the check of hashes made elsewhere (forms.ts), the one place
 * where a password is brought into its canonical spelling, and equal time for accounts that do not exist.
 * Leaves to the passwords feature: policies, and writing the new hash when one is `outdated`.
 */
import { availableParallelism } from 'node:os'
import { invalid } from '../errors.ts'
import type { Log } from '../log/index.ts'
import { argon2Cost, BOUNDS, bcryptCost, type Readable, readHash } from './forms.ts'
import { loadArgon2, loadBcrypt, NativeMissing } from './native.ts'
import { createGate } from './queue.ts'

export { loadArgon2, loadBcrypt } from './native.ts'

export interface Hashing {
  /**
   * Hashes with the configured algorithm and cost.
   * @throws Problem UNAVAILABLE when the queue is full
   * @throws Problem VALIDATION_ERROR over 1024 bytes, or over 72 with bcrypt, which would ignore the rest
   */
  hash(password: string): Promise<string>
  /**
   * Checks a password. With `stored` null a dummy of the same cost is checked, so that an unknown account
   * takes the same time as a known one; the verdict is then always false.
   * `outdated`: it matches, but the hash is of another algorithm or cost and should be replaced.
   */
  verify(stored: string | null, password: string): Promise<{ matches: boolean; outdated: boolean }>
  /** How many run and wait now; for /metrics and tests. */
  load(): { running: number; waiting: number }
}

export interface HashingOptions {
  algorithm: 'argon2id' | 'bcrypt'
  argon2MemoryKib: number
  argon2Passes: number
  bcryptCost: number
  /** How many may wait. */
  queue: number
  /** How many run at once; default one a core. They run on libuv's threads (UV_THREADPOOL_SIZE, 4). */
  concurrency?: number
  /** Warned of stored hashes that cannot be read. */
  log?: Pick<Log, 'warn'>
}

const LONGEST = 1024
const BCRYPT_LONGEST = 72

/** @throws NativeMissing where the configured algorithm cannot be loaded */
export async function createHashing(options: HashingOptions): Promise<Hashing> {
  const gate = createGate(options.concurrency ?? availableParallelism(), options.queue)
  const own = await (options.algorithm === 'argon2id' ? argon2id(options) : bcrypt(options))
  const bounds = {
    memoryKib: Math.max(BOUNDS.memoryKib, options.argon2MemoryKib),
    argon2Work: Math.max(BOUNDS.argon2Work, options.argon2MemoryKib * options.argon2Passes),
    bcryptCost: Math.max(BOUNDS.bcryptCost, options.bcryptCost),
  }
  // made now, so that the first unknown account takes no longer than the second
  const dummy = own.make('a password that nobody has').then((hash) => readHash(hash, bounds))
  dummy.catch(() => undefined)

  // what cannot be loaded here must answer as a wrong password does, or it would tell that the account exists
  const read = async (stored: string | null): Promise<{ hash: Readable | null; fault?: NativeMissing }> => {
    try {
      return { hash: stored === null ? null : await readHash(stored, bounds) }
    } catch (fault) {
      if (fault instanceof NativeMissing) return { hash: null, fault }
      throw fault
    }
  }
  const readable = async (stored: string | null): Promise<{ hash: Readable | null; counts: boolean }> => {
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
      return gate.run(() => own.make(canonical))
    },
    async verify(stored, password) {
      if (Buffer.byteLength(password) > LONGEST) return { matches: false, outdated: false }
      const { hash, counts } = await readable(stored)
      const found = hash ? await gate.run(() => matchesAnySpelling(hash, password)) : null
      if (!counts || !hash || !found) return { matches: false, outdated: false }
      return { matches: true, outdated: found === 'raw' || hash.cost !== own.cost }
    },
    load: gate.load,
  }
}

/** NIST SP 800-63B §5.1.1.2: Unicode is normalised before hashing, or the same word typed elsewhere would not match. */
const canonicalPassword = (password: string): string => password.normalize('NFKC')

/** Hashes made elsewhere may hold the password as it was typed: that is tried second, where the two differ. */
async function matchesAnySpelling(hash: Readable, password: string): Promise<'canonical' | 'raw' | null> {
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
