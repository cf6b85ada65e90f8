/**
 * The password method: checks a password and hands back a Proof, no more. The same statements run and the same
 * number of hashes is computed for known and unknown accounts: one where the password is the owner's, two
 * where it is not, because somebody who registered the identifier and has not verified it is told so whether
 * or not it has an owner already. That telling counts as a guess at the owner's password, which it is.
 */
import type { Call } from '../../../base/call.ts'
import type { Statements, Tx } from '../../../base/db/types.ts'
import { type Problem, problem } from '../../../base/errors.ts'
import type { Tools } from '../../../core/tools.ts'
import { findNamed, lockUser, type User } from '../../identity/users/index.ts'
import {
  type Advanced,
  advance,
  assertUnlocked,
  beginAttempt,
  countAttempt,
  failAttempt,
  findCallersDevice,
  type Guess,
  guessAt,
  type Proof,
  type SignedIn,
  unlockAfterSuccess,
} from '../door/index.ts'
import {
  heldPassword,
  isExpired,
  type StoredPassword,
  storedPassword,
  storedPasswords,
  upgradeHash,
} from './passwords.ts'

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
  const { guess, owner, pending } = await candidates(tools, call, wish.identifier)
  await assertUnlocked(tools, call, guess)
  const { matches, outdated } = await tools.hashing.verify(owner?.stored.hash ?? null, wish.password)
  if (matches && owner) {
    if (outdated) await upgradeHash(tools, owner.user.id, owner.stored.hash, wish.password)
    return completed(await prove(tools, call, { ...owner, guess, wish, settle: unlockAfterSuccess }))
  }
  const unproven = await tools.hashing.verify(pending?.stored.hash ?? null, wish.password)
  if (!unproven.matches || !pending) throw await failAttempt(tools, call, guess, 'wrong_password')
  const settle = (tx: Tx) => countAttempt(tools, tx, call, guess)
  return completed(await prove(tools, call, { ...pending, guess, wish, settle }))
}

interface Candidate {
  user: User
  stored: StoredPassword
}

/** Whom the identifier names, with their passwords, and what is counted: single look-ups, because all is looked at again. */
async function candidates(
  tools: PasswordTools,
  call: Call,
  identifier: string,
): Promise<{ guess: Guess; owner: Candidate | null; pending: Candidate | null }> {
  const db: Statements = tools.db.hot
  const [{ owner, pending }, device] = await Promise.all([
    findNamed(db, identifier),
    findCallersDevice(db, call),
  ])
  const ids = [owner, pending].flatMap((user) => user?.id ?? [])
  const [stored, guess] = await Promise.all([
    storedPasswords(db, ids),
    guessAt(tools, db, call, { identifier, owner, device }),
  ])
  const candidate = (user: User | null): Candidate | null => {
    const password = user && stored.get(user.id)
    return password ? { user, stored: password } : null
  }
  return { guess, owner: candidate(owner), pending: candidate(pending) }
}

async function prove(
  tools: PasswordTools,
  call: Call,
  checked: Candidate & {
    guess: Guess
    wish: PasswordSignIn
    /** What becomes of the counted failures. @returns why the way is closed all the same */
    settle: (tx: Tx, call: Call, guess: Guess) => Promise<Problem | null>
  },
): Promise<Advanced> {
  const { guess, stored, wish } = checked
  return await tools.db.tx('system', async (tx) => {
    // looked up again: what was true before the hash may have changed during it. And held: whoever disables the
    // account or changes the password after this waits, and then finds the session that has to end
    const [, { owner, pending }, current] = await Promise.all([
      lockUser(tx, checked.user.id),
      findNamed(tx, wish.identifier),
      heldPassword(tx, checked.user.id),
    ])
    const user = [owner, pending].find((one) => one?.id === checked.user.id)
    if (!user || current?.changedAt.getTime() !== stored.changedAt.getTime()) {
      return { refused: problem('AUTHENTICATION_FAILED') }
    }
    const locked = await checked.settle(tx, call, guess)
    if (locked) return { refused: locked }
    const attempt = beginAttempt({ remember: wish.remember, returnTo: wish.returnTo }, call.now)
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
  const db: Statements = tools.db.hot
  const [stored, device] = await Promise.all([storedPassword(db, user.id), findCallersDevice(db, call)])
  const guess = await guessAt(tools, db, call, { identifier: user.id, owner: user, device })
  await assertUnlocked(tools, call, guess)
  const { matches } = await tools.hashing.verify(stored?.hash ?? null, password)
  if (!matches || !stored) throw await failAttempt(tools, call, guess, 'wrong_password')
  const locked: Problem | null = await tools.db.tx('system', (tx) => unlockAfterSuccess(tx, call, guess))
  if (locked) throw locked
  return stored
}
