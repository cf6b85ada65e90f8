/**
 * The password method: checks a password and hands back a Proof, no more. Whoever asks, and however it ends,
 * the same statements run and one hash is computed, so that known and unknown accounts take the same time.
 */
import type { Call } from '../../base/call.ts'
import { type Problem, problem } from '../../base/errors.ts'
import type { Tools } from '../../base/tools.ts'
import {
  type Advanced,
  advance,
  assertUnlocked,
  beginAttempt,
  failAttempt,
  type Guess,
  guessAt,
  type Proof,
  type SignedIn,
  unlockAfterSuccess,
} from '../signin/index.ts'
import { findByIdentifier, type User } from '../users/index.ts'
import { isExpired, type StoredPassword, storedPassword, upgradeHash } from './passwords.ts'

type PasswordTools = Pick<Tools, 'config' | 'db' | 'hashing' | 'jobs' | 'keyring' | 'log'>

export interface PasswordSignIn {
  identifier: string
  password: string
  remember: boolean
  returnTo: string | null
}

/**
 * Signs somebody in by password.
 * @throws Problem AUTHENTICATION_FAILED, ACCOUNT_LOCKED, EMAIL_NOT_VERIFIED, ACCOUNT_DISABLED, UNAVAILABLE
 */
export async function signInByPassword(
  tools: PasswordTools,
  call: Call,
  wish: PasswordSignIn,
): Promise<SignedIn> {
  const { guess, user, stored } = await tools.db.tx('system', async (tx) => {
    const user = await findByIdentifier(tx, wish.identifier)
    // an id that exists nowhere keeps the statements the same for unknown accounts
    const stored = await storedPassword(tx, user?.id ?? 'usr_none')
    return { user, stored, guess: await guessAt(tools, tx, call, wish.identifier, user) }
  })
  await assertUnlocked(tools, call, guess)
  const { matches, outdated } = await tools.hashing.verify(stored?.hash ?? null, wish.password)
  if (!matches || !user || !stored) throw await failAttempt(tools, call, guess, 'wrong_password')
  if (outdated) await upgradeHash(tools, user.id, stored.hash, wish.password)
  return completed(await prove(tools, call, { guess, user, stored, wish }))
}

async function prove(
  tools: PasswordTools,
  call: Call,
  checked: { guess: Guess; user: User; stored: StoredPassword; wish: PasswordSignIn },
): Promise<Advanced> {
  const { guess, stored, wish } = checked
  return await tools.db.tx('system', async (tx) => {
    // looked up again: what was true before the hash may have changed during it
    const user = await findByIdentifier(tx, wish.identifier)
    const current = user && (await storedPassword(tx, user.id))
    if (!user || user.id !== checked.user.id || current?.changedAt.getTime() !== stored.changedAt.getTime()) {
      return { refused: problem('AUTHENTICATION_FAILED') }
    }
    const locked = await unlockAfterSuccess(tx, call, guess)
    if (locked) return { refused: locked }
    const attempt = await beginAttempt(tx, { remember: wish.remember, returnTo: wish.returnTo }, call.now)
    return await advance(tools, tx, call, attempt, {
      user,
      device: guess.device,
      proof: passwordProof(tools, user, stored, call.now),
    })
  })
}

const passwordProof = (
  tools: Pick<Tools, 'config'>,
  user: User,
  stored: StoredPassword,
  now: Date,
): Proof => ({
  method: 'password',
  amr: ['pwd'],
  subject: user.id,
  strength: 'single',
  phishing_resistant: false,
  must_change: isExpired(tools.config, stored.changedAt, now),
  at: now.toISOString(),
})

function completed(outcome: Advanced): SignedIn {
  if ('refused' in outcome) throw outcome.refused
  return outcome.done
}

/**
 * Asks a signed-in person for the password once more, before something that matters. Counts as a guess.
 * @throws Problem AUTHENTICATION_FAILED, ACCOUNT_LOCKED
 */
export async function confirmPassword(
  tools: PasswordTools,
  call: Call,
  user: User,
  password: string,
): Promise<StoredPassword> {
  const { guess, stored } = await tools.db.tx('system', async (tx) => ({
    stored: await storedPassword(tx, user.id),
    guess: await guessAt(tools, tx, call, user.id, user),
  }))
  await assertUnlocked(tools, call, guess)
  const { matches } = await tools.hashing.verify(stored?.hash ?? null, password)
  if (!matches || !stored) throw await failAttempt(tools, call, guess, 'wrong_password')
  const locked: Problem | null = await tools.db.tx('system', (tx) => unlockAfterSuccess(tx, call, guess))
  if (locked) throw locked
  return stored
}
